"""Who edited what a publish brings, by the audit log."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import false, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.publishing import edits_since, releases
from ringfence.hub.store.models import AuditEntryRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow
from ringfence.phones.mac import Mac

_AT_ONCE = 1000
"""How many sites a query names at most."""


def find(session: Session, ids: Sequence[str]) -> Mapping[str, list[str]]:
    """Return for each of these sites who edited its phones, its groups or what is everybody's since its newest release.

    After a roll-back that is since the release whose content it repeats: those edits come back.
    """
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
    found: dict[str, dict[str, None]] = {site_id: {} for site_id in ids}
    of_all: dict[str, tuple[int, float]] = {}
    for entry, at, actor, subject in _edits(session, [newest.get(site_id) for site_id in ids]):
        whose = edits_since.whose(subject)
        for site_id in sites_of.get(whose, ()):
            if releases.is_without(newest.get(site_id), entry, at):
                found[site_id][actor] = None
        if not whose:
            of_all[actor] = entry, at
    for site_id, actors in found.items():
        actors |= {actor: None for actor, last in of_all.items() if releases.is_without(newest.get(site_id), *last)}
    return {site_id: list(actors) for site_id, actors in found.items()}


def _edits(session: Session, newest: Sequence[ReleaseRow | None]) -> Iterator[tuple[int, float, str, str]]:
    """Yield the edits that one of the releases may lack, the oldest first: number, time, who, and what of."""
    chosen = select(AuditEntryRow.id, AuditEntryRow.at, AuditEntryRow.actor, AuditEntryRow.subject)
    chosen = chosen.where(edits_since.is_edit()).order_by(AuditEntryRow.id)
    there = [release for release in newest if release is not None]
    if len(there) == len(newest):
        numbers = [release.entries_through for release in there if release.entries_through is not None]
        times = [release.made_at for release in there if release.entries_through is None]
        after = [AuditEntryRow.id > min(numbers)] if numbers else []
        since = [AuditEntryRow.at >= min(times)] if times else []
        chosen = chosen.where(or_(false(), *after, *since))
    for row in session.execute(chosen):
        yield row.id, row.at, row.actor, row.subject
