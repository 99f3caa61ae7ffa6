"""What each kind of file needs to be given out, as an operator writes it: ``configuration=L3``."""

from collections.abc import Mapping, Sequence

from ringfence.content.release import TargetKind
from ringfence.edge.errors import BadNeed
from ringfence.guard.decision import Level

KINDS = tuple(kind.value for kind in TargetKind)
LEVELS = tuple(level.name for level in (Level.L0, Level.L3))
"""Those that an edge can prove by itself: an address in a network is no evidence on a wire that anybody may join."""


def read_needs(texts: Sequence[str]) -> Mapping[TargetKind, Level]:
    """Return the level for each kind that is named; BadNeed for what is none."""
    found: dict[TargetKind, Level] = {}
    for text in texts:
        kind, _equals, level = text.partition("=")
        if kind not in KINDS or level not in LEVELS:
            raise BadNeed(
                "this says of no kind of file what it needs", where=repr(text[:60]),
                to_do=f"Write KIND=LEVEL, of {', '.join(KINDS)} and {', '.join(LEVELS)}, such as configuration=L3.",
            )  # fmt: skip
        found[TargetKind(kind)] = Level[level]
    return found
