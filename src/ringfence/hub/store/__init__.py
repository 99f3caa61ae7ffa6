"""The hub's database: typed tables, sessions and migrations."""
