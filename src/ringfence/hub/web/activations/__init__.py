"""Pages of activation codes."""
