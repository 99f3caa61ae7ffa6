"""What each phone is doing, from what edges reported and what its PBX says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.fleet import phones
from ringfence.hub.store.models import EdgeReportRow, PhoneOrderRow, PhoneRow
from ringfence.hub.store.release_models import ReleaseTargetRow
from ringfence.phones.diagnosis.activity import (
    ActivitySentence,
    Known,
    Seen,
    observe,
)
from ringfence.phones.diagnosis.running_load import Running, running_load
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

MOST_REPORTS = 400
LOOKED_BACK_S = 7 * 86_400
_KINDS: Mapping[str, bool] = {
    ReportKind.FILE_SERVED: True,
    ReportKind.FILE_REFUSED: False,
    ReportKind.FILE_HELD_BACK: False,
    ReportKind.TRANSFER_FAILED: False,
}


@dataclass(frozen=True, slots=True)
class ObservedPhone:
    """A phone, and what there is to say about it."""

    phone: PhoneRow
    sentences: Sequence[ActivitySentence]


def observe_all(hub: Hub, session: Session, site_id: str | None) -> list[ObservedPhone]:
    """Return what there is to say about the phones of a site, or all phones; PBXes are not asked."""
    found = [
        ObservedPhone(phone, _observe(hub, session, phone, registered=None)) for phone in phones.find(session, site_id)
    ]
    return sorted(found, key=lambda each: (each.sentences[0].urgency, each.phone.mac))


def observe_one(hub: Hub, mac: Mac, *, registered: bool | None) -> ObservedPhone:
    """Return what there is to say about a phone; ``registered`` is what its PBX says, None if it says nothing."""
    with hub.database.reading() as session:
        phone = phones.get(session, mac)
        return ObservedPhone(phone, _observe(hub, session, phone, registered=registered))


def running(session: Session, phone: PhoneRow) -> Running | None:
    """Return which load a phone was seen to run, None if its requests do not show it."""
    now = session.scalar(select(func.max(EdgeReportRow.received_at)))
    if now is None:
        return None
    return running_load(Mac(phone.mac), _seen(session, phone, now), _known(session, phone, registered=None), now)


def _observe(hub: Hub, session: Session, phone: PhoneRow, *, registered: bool | None) -> list[ActivitySentence]:
    now, mac = hub.clock(), Mac(phone.mac)
    seen, known = _seen(session, phone, now), _known(session, phone, registered=registered)
    told = observe(mac, seen, known, now)
    runs = running_load(mac, seen, known, now)
    return [*told, runs.in_words(now)] if runs is not None else told


def _known(session: Session, phone: PhoneRow, *, registered: bool | None) -> Known:
    current = _current_release(session, phone)
    return Known(current, registered, phone.named_load, _told(session, phone, current))


def _told(session: Session, phone: PhoneRow, release: int) -> str:
    """Return the outcome of telling a phone of this release or a later one through its PBX."""
    order = session.get(PhoneOrderRow, phone.mac)
    report = session.get(EdgeReportRow, order.report_id) if order is not None else None
    return order.detail if order is not None and report is not None and report.release >= release else ""


def _seen(session: Session, phone: PhoneRow, now: float) -> list[Seen]:
    """Return what a phone did lately, in order of time, by the hub's clock."""
    peers = session.scalars(
        select(EdgeReportRow.peer).where(
            EdgeReportRow.owner == phone.mac, EdgeReportRow.kind == ReportKind.FILE_SERVED,
            EdgeReportRow.site_id == phone.site_id,
        ).order_by(EdgeReportRow.id.desc()).limit(1)
    ).all()  # fmt: skip
    about = [EdgeReportRow.owner == phone.mac, EdgeReportRow.name.contains(phone.mac)]
    if peers:
        about.append((EdgeReportRow.peer == peers[0]) & (EdgeReportRow.owner == ""))
    chosen = (
        select(EdgeReportRow)
        .where(
            EdgeReportRow.site_id == phone.site_id,
            EdgeReportRow.kind.in_(sorted(_KINDS)),
            EdgeReportRow.received_at >= now - LOOKED_BACK_S,
            or_(*about),
        )
        .order_by(EdgeReportRow.id.desc())
        .limit(MOST_REPORTS)
    )
    rows = sorted(session.scalars(chosen), key=lambda row: row.at)
    seen = [Seen(row.at, row.name, _KINDS[row.kind], row.release, row.size_bytes) for row in rows if row.name]
    # Edges' clocks may be wrong: the last thing that was seen is as old as its report's way here says.
    skew = max((row.received_at - row.at for row in rows[-1:]), default=0.0)
    return [Seen(each.at + skew, each.name, each.was_served, each.release, each.size_bytes) for each in seen]


def _current_release(session: Session, phone: PhoneRow) -> int:
    """Return the release since which the phone's own file has not changed; 0 if it has none."""
    newest = session.execute(
        select(ReleaseTargetRow.name, ReleaseTargetRow.digest)
        .where(
            ReleaseTargetRow.site_id == phone.site_id,
            ReleaseTargetRow.owner == phone.mac,
            ReleaseTargetRow.kind == "configuration",
        )
        .order_by(ReleaseTargetRow.number.desc(), ReleaseTargetRow.reload_port.is_(None))
        .limit(1)
    ).first()
    if newest is None:
        return 0
    name, digest = newest
    other = select(func.max(ReleaseTargetRow.number)).where(
        ReleaseTargetRow.site_id == phone.site_id, ReleaseTargetRow.name == name, ReleaseTargetRow.digest != digest
    )
    last_other = session.scalar(other) or 0
    first = select(func.min(ReleaseTargetRow.number)).where(
        ReleaseTargetRow.site_id == phone.site_id,
        ReleaseTargetRow.name == name,
        ReleaseTargetRow.digest == digest,
        ReleaseTargetRow.number > last_other,
    )
    return session.scalar(first) or 0
