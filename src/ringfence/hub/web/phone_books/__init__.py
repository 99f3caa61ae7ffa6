"""Pages of phone books."""
