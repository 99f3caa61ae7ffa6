"""Code that the command groups share."""
