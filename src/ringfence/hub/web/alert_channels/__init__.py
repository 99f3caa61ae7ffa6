"""Pages of alert channels."""
