"""The agent next to the phones: enrol, sync, cache, supervise, report."""
