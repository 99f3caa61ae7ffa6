"""The agent: enrol, keep in touch with the hub, take over releases and rules."""
