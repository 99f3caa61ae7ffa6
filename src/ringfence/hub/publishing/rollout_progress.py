"""How far a rollout is, in numbers by wave, and by name only what is of interest: little, however many sites it has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import pbxes, quiet_hours
from ringfence.hub.publishing import rollouts
from ringfence.hub.publishing.rollouts import DECIDED, FAILED, PUBLISHED, PUBLISHING, RUNNING, WAITING
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.hub.store.rollout_models import RolloutPhoneRow, RolloutRow, RolloutSiteRow

MOST_NAMED = 50
"""How many sites or phones are named of each kind."""


@dataclass(frozen=True, slots=True)
class RolloutWave:
    """The sites of a wave, counted by state."""

    number: int
    sites: Mapping[str, int]

    @property
    def count(self) -> int:
        """How many sites it has."""
        return sum(self.sites.values())

    @property
    def waiting(self) -> int:
        """How many sites nobody has begun to publish."""
        return self.sites.get(WAITING, 0)

    @property
    def decided(self) -> int:
        """How many sites need no more waiting."""
        return sum(number for state, number in self.sites.items() if state in DECIDED)


@dataclass(frozen=True, slots=True)
class RolloutSummary:
    """A rollout as people look at it."""

    rollout: RolloutRow
    waves: Sequence[RolloutWave]
    phones: Mapping[str, int]
    """By state."""
    at_work: Sequence[RolloutSiteRow]
    """Sites that are being published, or whose phones are waited for."""
    failed_sites: Sequence[RolloutSiteRow]
    failed_phones: Sequence[RolloutPhoneRow]
    waits_for_hours: bool
    """Whether sites wait for its hours alone."""
    to_tell: int
    """How many phones the hub has still to tell."""
    calls_are_told: bool
    """Whether there is a PBX that tells who is in a call."""

    @property
    def decided(self) -> int:
        """How many sites need no more waiting."""
        return sum(wave.decided for wave in self.waves)

    @property
    def count(self) -> int:
        """How many sites there are."""
        return sum(wave.count for wave in self.waves)


def summary(session: Session, rollout_id: str, now: float) -> RolloutSummary:
    """Return how far a rollout is at a moment; UnknownRollout if there is none."""
    rollout = rollouts.get(session, rollout_id)
    waves = _waves(session, rollout_id)
    at_work = _sites(session, rollout_id, RolloutSiteRow.state.in_((PUBLISHING, PUBLISHED)))
    is_due = any(wave.number <= rollout.wave and wave.waiting for wave in waves)
    hours = quiet_hours.parse(rollout.hours, rollout.time_zone)
    is_outside = hours is not None and hours.over(now) <= now
    return RolloutSummary(
        rollout,
        waves,
        rollouts.phones_by_state(session, rollout_id),
        at_work,
        _sites(session, rollout_id, RolloutSiteRow.state == FAILED),
        rollouts.phones_that_failed(session, rollout_id, MOST_NAMED),
        rollout.state == RUNNING and is_due and is_outside,
        _to_tell(session, rollout_id),
        session.scalar(select(PbxRow.id).where(PbxRow.kind.in_(pbxes.TELL_CALLS)).limit(1)) is not None,
    )


def _to_tell(session: Session, rollout_id: str) -> int:
    of = RolloutPhoneRow
    chosen = select(func.count()).where(of.rollout_id == rollout_id, of.state == WAITING, of.tell_at.is_not(None))
    return session.scalar(chosen) or 0


def _waves(session: Session, rollout_id: str) -> Sequence[RolloutWave]:
    of_sites = (
        select(RolloutSiteRow.wave, RolloutSiteRow.state, func.count().label("sites"))
        .where(RolloutSiteRow.rollout_id == rollout_id)
        .group_by(RolloutSiteRow.wave, RolloutSiteRow.state)
    )
    counts: dict[int, dict[str, int]] = {}
    for row in session.execute(of_sites):
        counts.setdefault(row.wave, {})[row.state] = row.sites
    return [RolloutWave(number, counts[number]) for number in sorted(counts)]


def _sites(session: Session, rollout_id: str, condition: ColumnElement[bool]) -> Sequence[RolloutSiteRow]:
    chosen = select(RolloutSiteRow).where(RolloutSiteRow.rollout_id == rollout_id, condition)
    return session.scalars(chosen.order_by(RolloutSiteRow.wave, RolloutSiteRow.site_id).limit(MOST_NAMED)).all()
