"""Counts with their nouns, as people read them."""


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``2 files``; ``plural`` is for nouns that don't just take an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"
