"""Serving the site's phones, and telling them to reload."""
