"""From settings and lines to the files that a phone fetches."""
