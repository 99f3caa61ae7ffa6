"""How many, in words for people."""


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 file``, ``2 files``."""
    return f"1 {noun}" if count == 1 else f"{count} {noun}s"
