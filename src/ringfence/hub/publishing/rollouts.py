"""Rollouts: sites are published in waves, and the next wave comes only if the phones of this one are well.

A site of a later wave is held (``holds``) until it is its turn, so that no publish takes it along. Once a site is
published, its phones with changed files are waited for: each has to take its own file of that release, to ask for it no
more, and to be registered where a PBX tells. What somebody asks for in a phone's name proves nothing and stops nothing;
only what the phone has not done in time counts against it.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, NameRefused, NothingToEnd, UnknownRollout
from ringfence.hub.fleet import groups, quiet_hours, sites
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.publishing import holds
from ringfence.hub.publishing.site_rows import due_sites
from ringfence.hub.store import pages
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.models import PhoneRow, SiteRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.rollout_models import RolloutPhoneRow, RolloutRow, RolloutSiteRow
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import is_printable

RUNNING, PAUSED, DONE, CANCELLED = "running", "paused", "done", "cancelled"
WAITING, PUBLISHING, PUBLISHED = "waiting", "publishing", "published"
PASSED, FAILED, GONE = "passed", "failed", "gone"
DECIDED = frozenset({PASSED, FAILED, GONE})
DEFAULT_WAVES = ("1", "10%", "rest")
LONGEST_NAME = 80
MOST_WAVES = 20
_WAVE = re.compile(r"(?P<count>[1-9]\d{0,5})(?P<percent>%)?|site:(?P<site>\S+)|group:(?P<group>\S+)|(?P<rest>rest)")
_WHOLE = 100


@dataclass(frozen=True, slots=True)
class NewRollout:
    """What a rollout is to be."""

    name: str
    sites: Sequence[str] | None = None
    """Only these; None: all that are due."""
    waves: Sequence[str] = DEFAULT_WAVES
    """A number of sites, a share (10%), site:ID, group:ID (sites with phones of it), rest; one after the other."""
    gate_s: float = 1800.0
    most_failed_percent: int = 0
    hours: str = ""
    time_zone: str = ""
    when_idle: bool = False
    """Whether phones that are told by keys wait until nobody uses them; those in a call are never told in it."""


@dataclass(frozen=True, slots=True)
class RolloutProgress:
    """A rollout with its sites in the order of their waves, and its phones by state."""

    rollout: RolloutRow
    sites: Sequence[RolloutSiteRow]
    phones: dict[str, int]


def create(hub: Hub, who: str, new: NewRollout) -> RolloutProgress:
    """Create a rollout of the sites that are due, hold those of later waves, and begin.

    Raises:
        NameRefused, BadSelection: The name, a wave, a time, or a number can't be used, or nothing is due.
        UnknownSite, UnknownGroup: There is no such one.
    """
    _check(new)
    with hub.change(who) as change:
        session = change.session
        found, _asked = due_sites(session, hub.renderer_fingerprint, new.sites)
        held = {site.id for site in holds.find(session, found)}
        chosen = [site_id for site_id in found if site_id not in held]
        if not chosen:
            raise BadSelection("no site is due that is not held", to_do="Edit something first, or end the hold.")
        waves = _in_waves(session, chosen, new.waves)
        rollout = RolloutRow(
            id=new_id("rollout"), name=new.name.strip(), who=who, created_at=change.now, changed_at=change.now,
            state=RUNNING, why="", wave=1, waves=len(waves), gate_s=new.gate_s,
            most_failed_percent=new.most_failed_percent, hours=new.hours, time_zone=new.time_zone,
            when_idle=new.when_idle,
        )  # fmt: skip
        session.add(rollout)
        session.flush()
        for number, of_wave in enumerate(waves, 1):
            for site_id in of_wave:
                session.add(
                    RolloutSiteRow(
                        rollout_id=rollout.id, site_id=site_id, wave=number, state=WAITING, release=0,
                        published_at=None, problem="",
                    )
                )  # fmt: skip
                holds.put(change, site_id, _reason(rollout, number))
        change.note(
            "rollout.create",
            rollout.id,
            f"{rollout.name}: {counted(len(chosen), 'site')} in {counted(len(waves), 'wave')}",
        )
        return progress(session, rollout.id)


def find(session: Session, page: Page) -> Paged[RolloutRow]:
    """Return a page of the rollouts, the newest first."""
    return pages.read(session, select(RolloutRow), page, RolloutRow.created_at, RolloutRow.id, newest_first=True)


def get(session: Session, rollout_id: str) -> RolloutRow:
    """Return a rollout; UnknownRollout if there is none."""
    rollout = session.get(RolloutRow, rollout_id)
    if rollout is None:
        raise UnknownRollout(f"there is no rollout {rollout_id[:40]!r}", to_do="`ringfence rollout list` shows all.")
    return rollout


def progress(session: Session, rollout_id: str) -> RolloutProgress:
    """Return how far a rollout is; UnknownRollout if there is none."""
    rollout = get(session, rollout_id)
    return RolloutProgress(rollout, sites_of(session, rollout_id), phones_by_state(session, rollout_id))


def phones_by_state(session: Session, rollout_id: str) -> dict[str, int]:
    """Return how many phones of a rollout are in each state."""
    of_phones = (
        select(RolloutPhoneRow.state, func.count().label("phones"))
        .where(RolloutPhoneRow.rollout_id == rollout_id)
        .group_by(RolloutPhoneRow.state)
    )
    return {row.state: row.phones for row in session.execute(of_phones)}


def phones_that_failed(session: Session, rollout_id: str, most: int = 100) -> Sequence[RolloutPhoneRow]:
    """Return the phones that a rollout went wrong for, with why."""
    chosen = select(RolloutPhoneRow).where(RolloutPhoneRow.rollout_id == rollout_id, RolloutPhoneRow.state == FAILED)
    return session.scalars(chosen.order_by(RolloutPhoneRow.mac).limit(most)).all()


def pause(change: Change, rollout_id: str) -> RolloutRow:
    """Pause a rollout: no further site is published."""
    rollout = _in_state(change.session, rollout_id, RUNNING)
    pause_because(change, rollout, f"{change.who} has paused it")
    return rollout


def resume(change: Change, rollout_id: str) -> RolloutRow:
    """Go on with a rollout; a wave that went wrong counts as accepted."""
    rollout = _in_state(change.session, rollout_id, PAUSED)
    there = sites_of(change.session, rollout_id)
    if all(site.state in DECIDED for site in there if site.wave <= rollout.wave):
        next_wave(change, rollout)
    if rollout.state == PAUSED:
        rollout.state = RUNNING
    rollout.why, rollout.changed_at = "", change.now
    _end_alerts(change, rollout)
    change.note("rollout.resume", rollout.id, rollout.name)
    return rollout


def retry(change: Change, rollout_id: str) -> list[Mac]:
    """Wait once more for the phones that failed, and go on; return them: the hub tells them in portions."""
    session = change.session
    rollout = get(session, rollout_id)
    failed = phones_that_failed(session, rollout_id, most=1_000_000)
    again = [site for site in sites_of(session, rollout_id) if site.state == FAILED]
    if rollout.state == CANCELLED or not again:
        raise NothingToEnd(f"nothing has failed in rollout {rollout.name!r} that could be tried again")
    for phone in failed:
        phone.state, phone.problem, phone.tell_at = WAITING, "", change.now
    for site in again:
        # A site that could not be published is published again; one that was is waited for again.
        site.state = PUBLISHED if site.release else WAITING
        site.published_at, site.problem = (change.now if site.release else None), ""
    rollout.state, rollout.why, rollout.changed_at = RUNNING, "", change.now
    _end_alerts(change, rollout)
    change.note("rollout.retry", rollout.id, f"{rollout.name}: {counted(len(failed), 'phone')}")
    return [Mac(phone.mac) for phone in failed]


def cancel(change: Change, rollout_id: str) -> RolloutRow:
    """End a rollout: what is published stays, and sites of later waves are held no more."""
    rollout = _in_state(change.session, rollout_id, RUNNING, PAUSED)
    for site in sites_of(change.session, rollout_id):
        if site.state == WAITING:
            end_hold(change, rollout, site)
    rollout.state, rollout.why, rollout.changed_at = CANCELLED, "", change.now
    _end_alerts(change, rollout)
    change.note("rollout.cancel", rollout.id, rollout.name)
    return rollout


def sites_of(session: Session, rollout_id: str) -> Sequence[RolloutSiteRow]:
    """Return the sites of a rollout in the order of their waves."""
    chosen = select(RolloutSiteRow).where(RolloutSiteRow.rollout_id == rollout_id)
    return session.scalars(chosen.order_by(RolloutSiteRow.wave, RolloutSiteRow.site_id)).all()


def next_wave(change: Change, rollout: RolloutRow) -> None:
    """Begin the next wave, or end the rollout after the last."""
    rollout.changed_at = change.now
    if rollout.wave < rollout.waves:
        rollout.wave += 1
        return
    rollout.state, rollout.why = DONE, ""
    change.note("rollout.done", rollout.id, rollout.name)


def pause_because(change: Change, rollout: RolloutRow, why: str) -> None:
    """Pause a rollout."""
    rollout.state, rollout.why, rollout.changed_at = PAUSED, why[:500], change.now
    change.note("rollout.pause", rollout.id, f"{rollout.name}: {why}")


def end_hold(change: Change, rollout: RolloutRow, site: RolloutSiteRow) -> None:
    """End the hold of a site if it is the rollout's own: somebody else's stays, and publishing leaves the site out."""
    row = change.session.get(SiteRow, site.site_id)
    if row is not None and row.held_at is not None and row.held_why == _reason(rollout, site.wave):
        holds.end(change, site.site_id)


def _reason(rollout: RolloutRow, wave: int) -> str:
    return f"wave {wave} of rollout {rollout.id}"


def _end_alerts(change: Change, rollout: RolloutRow) -> None:
    for alert in alerts.open_of_kind(change.session, alerts.ROLLOUT_PAUSED, rollout.id):
        alerts.end(change, alert)


def _in_state(session: Session, rollout_id: str, *states: str) -> RolloutRow:
    rollout = get(session, rollout_id)
    if rollout.state not in states:
        raise NothingToEnd(
            f"rollout {rollout.name!r} is {rollout.state}", to_do=f"Look: ringfence rollout show {rollout.id}"
        )
    return rollout


def _check(new: NewRollout) -> None:
    name = new.name.strip()
    if not 1 <= len(name) <= LONGEST_NAME or not is_printable(name):
        raise NameRefused(f"a rollout's name must have 1 to {LONGEST_NAME} characters, without control characters")
    if not 1 <= len(new.waves) <= MOST_WAVES:
        raise BadSelection(f"a rollout has 1 to {MOST_WAVES} waves")
    for text in new.waves:
        _parsed(text)
    quiet_hours.parse(new.hours, new.time_zone)


def _in_waves(session: Session, chosen: Sequence[str], waves: Sequence[str]) -> list[list[str]]:
    """Return the sites of each wave; those that none names are a last one of their own."""
    left, found = list(chosen), []
    for text in waves:
        taken = _of_wave(session, _parsed(text), left, len(chosen))
        left = [site_id for site_id in left if site_id not in taken]
        if taken:
            found.append(taken)
    return [*found, left] if left else found


def _parsed(text: str) -> re.Match[str]:
    parts = _WAVE.fullmatch(text)
    if parts is None:
        raise BadSelection(
            f"{text[:40]!r} is no wave", to_do="Write a number of sites, 10%, site:ID, group:ID, or rest."
        )
    return parts


def _of_wave(session: Session, parts: re.Match[str], left: Sequence[str], of_all: int) -> list[str]:
    if parts["rest"]:
        return list(left)
    if parts["count"]:
        count = int(parts["count"])
        return list(left[: math.ceil(of_all * min(count, _WHOLE) / _WHOLE) if parts["percent"] else count])
    if parts["site"]:
        return [site_id for site_id in left if site_id == sites.get(session, parts["site"]).id]
    members = select(PhoneRow.site_id).where(PhoneRow.group_id == groups.get(session, parts["group"]).id).distinct()
    there = set(session.scalars(members))
    return [site_id for site_id in left if site_id in there]
