"""Who edited what a publish brings, by the audit log."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.publishing import edits_since, releases
from ringfence.hub.store.models import AuditEntryRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow
from ringfence.phones.mac import Mac

_AT_ONCE = 1000
"""How many sites a query names at most."""


@dataclass(frozen=True, slots=True)
class Edited:
    """Who edited what a site's files are made from, and what the newest edit's trace goes on from."""

    actors: list[str]
    trace: str


@dataclass(frozen=True, slots=True)
class _Edit:
    number: int
    at: float
    actor: str
    subject: str
    trace: str


def find(session: Session, ids: Sequence[str]) -> Mapping[str, Edited]:
    """Return for each of these sites who edited its phones, its groups or what is everybody's since its newest release.

    After a roll-back that is since the release whose content it repeats: those edits come back.
    """
    newest, sites_of = _newest_and_sites(session, ids)
    found: dict[str, dict[str, None]] = {site_id: {} for site_id in ids}
    traced: dict[str, _Edit] = {}
    of_all: dict[str, _Edit] = {}
    traced_of_all: _Edit | None = None
    for edit in _edits(session, [newest.get(site_id) for site_id in ids]):
        whose = edits_since.whose(edit.subject)
        for site_id in sites_of.get(whose, ()):
            if releases.is_without(newest.get(site_id), edit.number, edit.at):
                found[site_id][edit.actor] = None
                if edit.trace:
                    traced[site_id] = edit
        if not whose:
            of_all[edit.actor] = edit
            traced_of_all = edit if edit.trace else traced_of_all
    for site_id, actors in found.items():
        release = newest.get(site_id)
        actors |= {actor: None for actor, edit in of_all.items() if releases.is_without(release, edit.number, edit.at)}
        if traced_of_all and releases.is_without(release, traced_of_all.number, traced_of_all.at):
            traced[site_id] = max(traced.get(site_id, traced_of_all), traced_of_all, key=lambda edit: edit.number)
    return {
        site_id: Edited(list(actors), traced[site_id].trace if site_id in traced else "")
        for site_id, actors in found.items()
    }


def _newest_and_sites(
    session: Session, ids: Sequence[str]
) -> tuple[Mapping[str, ReleaseRow], Mapping[str, Collection[str]]]:
    """Return each site's newest release, and which of the sites an entry may be about, by whose it is."""
    newest: dict[str, ReleaseRow] = {}
    sites_of: dict[str, set[str]] = {f"site {site_id}": {site_id} for site_id in ids}
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        is_newest = (SiteRow.id == ReleaseRow.site_id) & (SiteRow.newest_release == ReleaseRow.number)
        made = select(ReleaseRow).join(SiteRow, is_newest).where(SiteRow.id.in_(part))
        newest |= {release.site_id: release for release in session.scalars(made)}
        phones = select(PhoneRow.mac, PhoneRow.site_id, PhoneRow.group_id).where(PhoneRow.site_id.in_(part))
        for mac, site_id, group_id in session.execute(phones):
            for name in (str(Mac(mac)), f"group {group_id}"):
                sites_of.setdefault(name, set()).add(site_id)
    return newest, sites_of


def _edits(session: Session, newest: Sequence[ReleaseRow | None]) -> Iterator[_Edit]:
    """Yield the edits that one of the releases may lack, the oldest first."""
    entry = AuditEntryRow
    chosen = select(entry.id, entry.at, entry.actor, entry.subject, entry.trace)
    chosen = chosen.where(edits_since.is_edit()).order_by(entry.id)
    there = [release for release in newest if release is not None]
    if len(there) == len(newest):
        numbers = [release.entries_through for release in there if release.entries_through is not None]
        times = [release.made_at for release in there if release.entries_through is None]
        after = [entry.id > min(numbers)] if numbers else []
        since = [entry.at >= min(times)] if times else []
        chosen = chosen.where(or_(false(), *after, *since))
    for row in session.execute(chosen):
        yield _Edit(row.id, row.at, row.actor, row.subject, row.trace)
