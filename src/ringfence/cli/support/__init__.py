"""What the command groups share."""
