"""The guard as people see it: policy, decisions, alerts, first contact, operators' actions."""
