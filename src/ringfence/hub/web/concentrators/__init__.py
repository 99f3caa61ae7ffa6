"""Pages about concentrators: the other ends of boxes' tunnels."""
