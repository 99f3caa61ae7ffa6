"""Counts with their nouns, and names in a row, as people read them."""

from collections.abc import Sequence


def counted(count: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun: ``1 file``, ``2 files``; ``plural`` is for nouns that don't just take an s."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def some(names: Sequence[str], most: int = 12) -> str:
    """Return names as a list, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {counted(more, 'more', 'more')}" if more > 0 else "")
