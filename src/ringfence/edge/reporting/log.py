"""Where an edge's sentences for its operator go."""

from collections.abc import Callable

Log = Callable[[str, str], None]
"""Takes a level ("info", "warning") and a sentence."""
