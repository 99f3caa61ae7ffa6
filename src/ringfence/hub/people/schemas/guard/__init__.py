"""The people's API in words: the guard."""
