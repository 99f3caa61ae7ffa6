"""How much a worker takes on at a time; apart from the engine, so that the parent need not load that."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Transfers under way at a time: from one source address, and in all."""

    sessions_per_source: int = 32
    sessions: int = 1000


DEFAULT_LIMITS = Limits()
