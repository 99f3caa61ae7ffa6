"""The fleet: a module for each thing that people keep here, on top of the store."""
