"""From settings to signed releases."""
