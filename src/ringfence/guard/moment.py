"""One moment on two clocks, read once and handed down, so that code that decides reads no clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Moment:
    """``mono`` counts seconds from some beginning and never jumps; ``wall`` is Unix time, which may."""

    mono: float
    wall: float
