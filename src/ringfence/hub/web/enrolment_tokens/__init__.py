"""Pages on which an edge joins a site."""
