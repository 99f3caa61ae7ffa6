"""What an attack found out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Figure = int | float | str


class AttackOutcome(StrEnum):
    """Whether the server held."""

    HOLDS = "holds"
    GAVE_WAY = "gave way"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class AttackVerdict:
    """``did``, ``answered`` and ``because`` are sentences for people; ``figures`` have their units in their names."""

    attack: str
    outcome: AttackOutcome
    did: str
    answered: str = ""
    because: str = ""
    figures: Mapping[str, Figure] = field(default_factory=dict)


def judged(
    attack: str, *, holds: bool, did: str, answered: str, because: str, figures: Mapping[str, Figure]
) -> AttackVerdict:
    """Return a verdict from what was found to hold."""
    return AttackVerdict(
        attack, AttackOutcome.HOLDS if holds else AttackOutcome.GAVE_WAY, did, answered, because, figures
    )


def not_run(attack: str, why: str) -> AttackVerdict:
    """Return the verdict of an attack that this machine or target does not allow."""
    return AttackVerdict(attack, AttackOutcome.NOT_RUN, "Nothing.", because=why)
