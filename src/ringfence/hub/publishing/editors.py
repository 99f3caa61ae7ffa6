"""Who edited what a publish brings, by the audit log."""

import re
from collections.abc import Mapping, Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ringfence.hub.publishing.site_rows import SiteInput
from ringfence.hub.store.models import AuditEntryRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow
from ringfence.phones.mac import Mac

_AT_ONCE = 1000
"""How many sites a query names at most."""
_EDITS = ("setting.%", "line.%", "phone.%", "template.%", "asset.%", "bulk.%")
_NO_EDITS = frozenset({"line.reveal", "phone.reload"})
_MAC = re.compile(r"(?:[0-9A-F]{2}:){5}[0-9A-F]{2}")
_PLACE = re.compile(r"(site|group) ([a-z0-9-]+):")


def find(session: Session, sites: Sequence[SiteInput]) -> Mapping[str, list[str]]:
    """Return for each site who edited its phones, its groups or what is everybody's since its newest release."""
    ids = [site.site_id for site in sites]
    since: dict[str, float] = {}
    sites_of: dict[str, set[str]] = {f"site {site_id}": {site_id} for site_id in ids}
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        newest = (SiteRow.id == ReleaseRow.site_id) & (SiteRow.newest_release == ReleaseRow.number)
        made = select(ReleaseRow.site_id, ReleaseRow.made_at).join(SiteRow, newest).where(SiteRow.id.in_(part))
        since |= dict(iter(session.execute(made)))
        phones = select(PhoneRow.mac, PhoneRow.site_id, PhoneRow.group_id).where(PhoneRow.site_id.in_(part))
        for mac, site_id, group_id in session.execute(phones):
            for name in (str(Mac(mac)), f"group {group_id}"):
                sites_of.setdefault(name, set()).add(site_id)
    entries = (
        select(AuditEntryRow.at, AuditEntryRow.actor, AuditEntryRow.action, AuditEntryRow.subject)
        .where(or_(*(AuditEntryRow.action.like(pattern) for pattern in _EDITS)))
        .where(AuditEntryRow.at >= min((since.get(site_id, 0.0) for site_id in ids), default=0.0))
        .order_by(AuditEntryRow.id)
    )
    found: dict[str, dict[str, None]] = {site_id: {} for site_id in ids}
    of_all: dict[str, float] = {}
    for at, actor, action, subject in session.execute(entries):
        whose = "" if action in _NO_EDITS else _whose(subject)
        for site_id in sites_of.get(whose, ()):
            if at >= since.get(site_id, 0.0):
                found[site_id][actor] = None
        if not whose and action not in _NO_EDITS:
            of_all[actor] = at
    return {
        site_id: list(actors | {actor: None for actor, at in of_all.items() if at >= since.get(site_id, 0.0)})
        for site_id, actors in found.items()
    }


def _whose(subject: str) -> str:
    """Return what an entry is about: a phone, site or group; empty for what is everybody's."""
    if mac := _MAC.search(subject):
        return mac[0]
    place = _PLACE.match(subject)
    return f"{place[1]} {place[2]}" if place else ""
