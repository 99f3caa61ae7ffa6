"""What pages look like, and the one script."""
