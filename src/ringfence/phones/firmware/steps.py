"""Versions of loads, and which of them can't follow each other directly.

Sources: PHONES.md section 7 (79xx: below 8.3(3) through 8.5(2), by the 9.2 release notes; MPP: below 11.3(1)SR2 through
it) and section 4 (Wazo's limitations, which agree).
"""

import re
from dataclasses import dataclass

from ringfence.phones.settings.types import Mark

# SIP42.9-4-2SR3-1S, SIP41.8-3-3S, sip88xx.11-3-1-1MSR2-6, sip8821.11-0-6SR1-4, P0S3-08-12-00.
_VERSION = re.compile(r"[.-](\d{1,3})-(\d{1,3})-(\d{1,3})(?:-?(?:\d*M?SR(\d{1,2})))?")

Version = tuple[int, int, int, int]
"""Major, minor, maintenance, and the service release's number."""


@dataclass(frozen=True, slots=True)
class Step:
    """From below ``below``, a phone of ``family`` gets beyond ``through`` only by way of it."""

    family: str
    below: Version
    through: Version
    advice: str
    mark: Mark
    source: str


STEPS = (
    Step(
        "cisco-79xx",
        (8, 3, 3, 0),
        (8, 5, 2, 99),
        "bring it to 8.5(2) first, for example with SIP42.8-5-2S",
        Mark.CERTAIN,
        "PHONES.md section 7 (9.2 release notes)",
    ),
    Step(
        "cisco-mpp",
        (11, 3, 1, 2),
        (11, 3, 1, 99),
        "bring it to 11.3(1)SR2 first",
        Mark.LIKELY,
        "PHONES.md section 7 (Cisco's release notes, for some loads)",
    ),
)


def version_of(load: str) -> Version | None:
    """Return the version in a load's name, None if it has none."""
    found = _VERSION.search(load)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]), int(found[4] or 0))


def has_steps(family_id: str) -> bool:
    """Return whether a family has steps that must not be skipped."""
    return any(step.family == family_id for step in STEPS)


def step_between(family_id: str, running: str, wanted: str) -> Step | None:
    """Return the step that a phone would skip by going from one load to another; None if it may go directly."""
    old, new = version_of(running), version_of(wanted)
    if old is None or new is None:
        return None
    return next((step for step in STEPS if step.family == family_id and old < step.below and new > step.through), None)
