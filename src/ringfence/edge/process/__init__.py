"""The agent as a process: its privileges and addresses."""
