"""Supervisor, launcher and worker, and what they say to each other."""
