"""The messages of the device API, versioned, with no I/O."""
