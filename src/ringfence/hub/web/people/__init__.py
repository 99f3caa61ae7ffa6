"""People: list, invite, change, remove."""
