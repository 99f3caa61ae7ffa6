"""How the fleet is as a whole, in as many queries for ten thousand sites as for one."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet import site_states
from ringfence.hub.fleet.fleet_counts import SOON_S
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.fleet.site_states import EdgesState
from ringfence.hub.store.guard_models import AlertChannelRow, GuardAlertRow
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import LeftOutPhoneRow


@dataclass(frozen=True, slots=True)
class FleetHealth:
    """How the fleet is: counts of what was looked at, and nothing that is only believed."""

    sites: int
    sites_by_state: Mapping[EdgesState, int]
    sites_held: int
    sites_unpublished: int
    """Sites with edits that no release holds."""
    phones: int
    phones_blocked: int
    phones_left_out: int
    """Phones that the last publish left out."""
    certificates_ended: int
    certificates_ending: int
    """Certificates of edges that end within a week."""
    channels_failing: int
    open_alerts: Mapping[str, int]
    """By kind, the open alerts."""

    @property
    def phones_waiting(self) -> int:
        """How many phones wait for approval."""
        return sum(count for kind, count in self.open_alerts.items() if kind in alerts.WAITING)

    @property
    def alerts(self) -> int:
        """How many other alerts are open."""
        return sum(self.open_alerts.values()) - self.phones_waiting


def look(session: Session, now: float) -> FleetHealth:
    """Return how the fleet is now."""
    states = site_states.count(session, now)
    held, unpublished = (
        func.count().filter(SiteRow.held_at.is_not(None)),
        func.count().filter(site_states.is_unpublished()),
    )
    others = session.execute(select(held, unpublished).select_from(SiteRow)).one()
    phones = select(func.count(), func.count().filter(PhoneRow.blocked)).select_from(PhoneRow)
    all_phones, blocked = session.execute(phones).one()
    ended = func.count().filter(EdgeRow.certificate_ends_at < now)
    ending = func.count().filter(EdgeRow.certificate_ends_at.between(now, now + SOON_S))
    of_edges = select(ended, ending).select_from(EdgeRow).where(EdgeRow.revoked_at.is_(None))
    certificates = session.execute(of_edges).one()
    failing = select(func.count()).select_from(AlertChannelRow).where(AlertChannelRow.failing_since.is_not(None))
    kinds = (
        select(GuardAlertRow.kind, func.count()).where(GuardAlertRow.closed_at.is_(None)).group_by(GuardAlertRow.kind)
    )
    return FleetHealth(
        sites=sum(states.values()),
        sites_by_state=states,
        sites_held=others[0],
        sites_unpublished=others[1],
        phones=all_phones,
        phones_blocked=blocked,
        phones_left_out=session.scalar(select(func.count()).select_from(LeftOutPhoneRow)) or 0,
        certificates_ended=certificates[0],
        certificates_ending=certificates[1],
        channels_failing=session.scalar(failing) or 0,
        open_alerts={kind: count for kind, count in session.execute(kinds)},  # noqa: C416 - mypy knows no rows as tuples
    )
