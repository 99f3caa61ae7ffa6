"""Configurations that somebody else wrote, read back."""
