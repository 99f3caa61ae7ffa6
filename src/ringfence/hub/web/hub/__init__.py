"""The page of the hub itself."""
