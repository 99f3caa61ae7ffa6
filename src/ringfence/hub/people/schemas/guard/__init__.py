"""Schemas of the people's API: the guard."""
