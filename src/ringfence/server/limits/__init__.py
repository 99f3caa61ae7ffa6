"""What a source, and all of them together, may cost."""
