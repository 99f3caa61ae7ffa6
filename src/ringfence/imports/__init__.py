"""What an import asks of a hub, and what it tells: the same for the command line and for the pages."""
