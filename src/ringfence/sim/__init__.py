"""Virtual phones."""
