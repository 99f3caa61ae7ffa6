"""The fleet: a module for each noun that people manage, on top of the store."""
