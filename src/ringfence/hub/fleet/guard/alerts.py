"""Alerts: things that need a person's attention. At most one is open for a site, kind and subject; it has a count."""

import difflib
from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.guard.findings import Finding
from ringfence.hub.errors import NameRefused, UnknownAlert
from ringfence.hub.fleet import alert_notices, sites
from ringfence.hub.store import pages
from ringfence.hub.store.base import MOST_COUNTED
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardAlertRow
from ringfence.hub.store.pages import Page, Paged

EDGE_MOVED = "edge-moved"
NEW_PHONE = "new-phone"
UNKNOWN_PHONE = "unknown-phone"
TWO_SITES = "two-sites"
TWO_HOLDERS = "two-holders"
FOREIGN_REPORTS = "foreign-reports"
REPORT_FLOOD = "report-flood"
EDGE_AWAY = "edge-away"
EDGE_BEHIND = "edge-behind"
CERTIFICATE_ENDS = "certificate-ends"
EDGE_PROBLEM = "edge-problem"
EDGE_CLOCK = "edge-clock"
ROTATION_STUCK = "rotation-stuck"
PHONE_REJECTS = "phone-rejects"
PHONE_LOOPS = "phone-loops"
PHONE_FOREIGN_LIST = "phone-foreign-list"
PHONE_ASKS_UNSIGNED = "phone-asks-unsigned"
PHONE_LEFT_HTTPS = "phone-left-https"
ROLLOUT_PAUSED = "rollout-paused"
BACKUP_OLD = "backup-old"
BOX_COLLISION = "box-collision"
BOX_OTHER_DHCP_SERVER = "box-other-dhcp-server"
BOX_UNKNOWN_DEVICE = "box-unknown-device"
BOX_SEVERAL_PHONES = "box-several-phones"
BOX_KEY_REFUSED = "box-key-refused"
BOX_NO_KEY = "box-no-key"
BOX_PROBLEM = "box-problem"
BOX_WITHOUT_SUBNET = "box-without-subnet"
BOX_KEY_CHANGED = "box-key-changed"
TUNNEL_DOWN = "tunnel-down"
JOB_WAITING = "job-waiting"
JOB_REFUSED = "job-refused"
PHONE_KEY_REFUSED = "phone-key-refused"
PHONE_CERTIFICATE_ENDS = "phone-certificate-ends"
CONCENTRATOR_AWAY = "concentrator-away"
CONCENTRATOR_CERTIFICATE = "concentrator-certificate"
TRUST_RECOVERY = "trust-recovery"
TRUST_CERTIFICATE = "trust-certificate"
TRUST_PBX = "trust-pbx"
TRUST_LATE = "trust-late"
HTTPS_ENUMERATION = "https-enumeration"
VPN_CERTIFICATE = "vpn-certificate"
BUNDLE_ENDS = "bundle-ends"
PHONES_CERTIFICATE = "phones-certificate"
HUB_KEY = "hub-key"
ENUMERATES = "enumerates"
BANNED = "banned"
SOMEBODY_ELSE = frozenset({
    Finding.OTHER_MAC, Finding.TWO_MACS, Finding.OTHER_FRAME, Finding.TWO_ADDRESSES, Finding.OTHER_LINK,
    Finding.TWO_SITES, Finding.OTHER_LEASE, Finding.WINDOW_TAKEN, Finding.BEHAVIOUR,
    Finding.WRONG_CREDENTIAL, Finding.OTHER_CERTIFICATE,
})  # fmt: skip
"""Findings which mean that somebody else asks for a phone's file."""
OF_SOURCES = frozenset({ENUMERATES, BANNED})
"""Findings about an address rather than a phone."""
KINDS = SOMEBODY_ELSE | OF_SOURCES | frozenset({
    EDGE_MOVED, NEW_PHONE, UNKNOWN_PHONE, TWO_SITES, TWO_HOLDERS, FOREIGN_REPORTS, REPORT_FLOOD, EDGE_AWAY, EDGE_BEHIND,
    CERTIFICATE_ENDS, EDGE_PROBLEM, EDGE_CLOCK, ROTATION_STUCK, PHONE_REJECTS, PHONE_LOOPS,
    PHONE_FOREIGN_LIST, PHONE_ASKS_UNSIGNED, PHONE_LEFT_HTTPS, TRUST_LATE,
    ROLLOUT_PAUSED, BACKUP_OLD, BOX_COLLISION, BOX_OTHER_DHCP_SERVER, BOX_UNKNOWN_DEVICE, BOX_SEVERAL_PHONES,
    BOX_KEY_REFUSED, BOX_NO_KEY, BOX_PROBLEM, BOX_WITHOUT_SUBNET, BOX_KEY_CHANGED, TUNNEL_DOWN,
    CONCENTRATOR_AWAY, CONCENTRATOR_CERTIFICATE, TRUST_RECOVERY, TRUST_CERTIFICATE, TRUST_PBX,
    JOB_WAITING, JOB_REFUSED,
    PHONE_KEY_REFUSED, PHONE_CERTIFICATE_ENDS, HTTPS_ENUMERATION, VPN_CERTIFICATE,
    BUNDLE_ENDS, PHONES_CERTIFICATE, HUB_KEY,
})  # fmt: skip
WAITING = (NEW_PHONE, UNKNOWN_PHONE)
"""Kinds that end with a person's approval, or with a block."""
KEPT_FOR_S = 365 * 86_400


def check_kind(word: str) -> None:
    """Raise NameRefused where a word is no kind of alert."""
    if word not in KINDS:
        near = difflib.get_close_matches(word, KINDS, n=1)
        raise NameRefused(
            f"there is no kind of alert {word[:40]!r}",
            to_do=f"Similar: {near[0]}." if near else f"There are: {', '.join(sorted(KINDS))}.",
        )


def open_subjects(session: Session, kind: str, subjects: Collection[str], site_ids: Collection[str]) -> frozenset[str]:
    """Return those of these subjects about which an alert of a kind is open at one of these sites."""
    chosen = select(GuardAlertRow.subject).where(
        GuardAlertRow.site_id.in_(sorted(site_ids)), GuardAlertRow.kind == kind, GuardAlertRow.closed_at.is_(None),
        GuardAlertRow.subject.in_(subjects),
    )  # fmt: skip
    return frozenset(session.scalars(chosen))


def raise_alert(
    change: Change, site_id: str | None, kind: str, subject: str, sentence: str, *, peer: str = "", model: str = "",
    count: int = 1,
) -> GuardAlertRow:  # fmt: skip
    """Open an alert of a site, or of the hub, or count it on the open one; the newest sentence is kept."""
    alert = open_one(change.session, site_id, kind, subject)
    is_new = alert is None
    if alert is None:
        alert = GuardAlertRow(
            site_id=site_id, kind=kind, subject=subject, first_at=change.now, count=0, model="", peer="",
            closed_at=None, closed_by="",
        )  # fmt: skip
        change.session.add(alert)
    alert.last_at, alert.sentence = change.now, sentence
    alert.count = min(alert.count + max(count, 1), MOST_COUNTED)
    alert.peer, alert.model = peer[:64] or alert.peer, model[:40] or alert.model
    change.session.flush()
    if is_new:
        alert_notices.add_opened(change, alert)
    return alert


def open_one(session: Session, site_id: str | None, kind: str, subject: str) -> GuardAlertRow | None:
    """Return the open alert of a site, or of the hub, about a subject, if there is one."""
    return session.scalar(
        select(GuardAlertRow).where(
            GuardAlertRow.site_id == site_id,
            GuardAlertRow.kind == kind,
            GuardAlertRow.subject == subject,
            GuardAlertRow.closed_at.is_(None),
        )
    )


def find(
    session: Session, page: Page, *, site_id: str | None, closed_too: bool = False, kinds: Collection[str] = ()
) -> Paged[GuardAlertRow]:
    """Return a page of alerts by when they last happened, the newest or the oldest first as the page says."""
    chosen = select(GuardAlertRow)
    if site_id is not None:
        chosen = chosen.where(GuardAlertRow.site_id == sites.get(session, site_id).id)
    if kinds:
        chosen = chosen.where(GuardAlertRow.kind.in_(sorted(kinds)))
    if not closed_too:
        chosen = chosen.where(GuardAlertRow.closed_at.is_(None))
    return pages.read(
        session, chosen, page, GuardAlertRow.last_at, GuardAlertRow.id, newest_first=not page.is_oldest_first
    )


def count_open(session: Session) -> list[tuple[str, str, int]]:
    """Return how many alerts are open, by site and kind; those of the hub have an empty site."""
    chosen = (
        select(GuardAlertRow.site_id, GuardAlertRow.kind, func.count())
        .where(GuardAlertRow.closed_at.is_(None))
        .group_by(GuardAlertRow.site_id, GuardAlertRow.kind)
        .order_by(GuardAlertRow.site_id, GuardAlertRow.kind)
    )
    return [(site or "", kind, count) for site, kind, count in session.execute(chosen)]


def close(change: Change, alert_id: int) -> GuardAlertRow:
    """Close an alert, as somebody has looked at it. A new one opens if the same happens again."""
    alert = change.session.get(GuardAlertRow, alert_id)
    if alert is None:
        raise unknown(alert_id)
    if alert.closed_at is None:
        end(change, alert)
        change.note("guard.close-alert", str(alert.id), f"{alert.kind} {alert.subject} at {alert.site_id or 'the hub'}")
    return alert


def unknown(alert_id: int) -> UnknownAlert:
    """Return the error that there is no such alert."""
    return UnknownAlert(f"there is no alert {alert_id}", to_do="`ringfence guard alerts --all` shows all.")


def close_about(change: Change, subject: str, kinds: Collection[str]) -> None:
    """Close the open alerts about a subject, at every site, because a person has just dealt with them."""
    chosen = select(GuardAlertRow).where(
        GuardAlertRow.subject == subject, GuardAlertRow.kind.in_(sorted(kinds)), GuardAlertRow.closed_at.is_(None)
    )
    for alert in change.session.scalars(chosen):
        end(change, alert)


def open_of_kind(session: Session, kind: str, subject: str) -> Sequence[GuardAlertRow]:
    """Return the open alerts of a kind about a subject, at whichever site."""
    chosen = select(GuardAlertRow).where(
        GuardAlertRow.kind == kind, GuardAlertRow.subject == subject, GuardAlertRow.closed_at.is_(None)
    )
    return session.scalars(chosen).all()


def end(change: Change, alert: GuardAlertRow) -> None:
    """End an alert that is open."""
    alert.closed_at, alert.closed_by = change.now, change.who
    alert_notices.add_closed(change, alert)
