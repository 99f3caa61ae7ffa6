"""What each phone is doing, from what edges reported and what its PBX says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.fleet import due_orders, phone_files, phone_trust, phones
from ringfence.hub.store.dialect import contains_in_any_case
from ringfence.hub.store.models import AuditEntryRow, EdgeReportRow, PhoneRow
from ringfence.hub.store.pbx_models import PhoneOrderRow
from ringfence.hub.store.release_models import LeftOutPhoneRow
from ringfence.phones.diagnosis.activity import (
    ActivitySentence,
    Known,
    Seen,
    Urgency,
    observe,
)
from ringfence.phones.diagnosis.running_load import Running, running_load
from ringfence.phones.filenames import owner_of
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

MOST_REPORTS = 400
MOST_REPORTS_OF_SITE = 20_000
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

    @property
    def is_problem(self) -> bool:
        """Whether something is wrong with it."""
        return any(sentence.urgency <= Urgency.WRONG for sentence in self.sentences)


def observe_all(hub: Hub, session: Session, found: Sequence[PhoneRow]) -> list[ObservedPhone]:
    """Return what there is to say about these phones; PBXes are not asked."""
    now = hub.clock()
    about = _Facts(session, found, now)
    return [about.observed(phone, registered=None) for phone in found]


def observe_one(hub: Hub, mac: Mac, *, registered: bool | None) -> ObservedPhone:
    """Return what there is to say about a phone; ``registered`` is what its PBX says, None if it says nothing."""
    with hub.database.reading() as session:
        phone = phones.get(session, mac)
        return _Facts(session, [phone], hub.clock()).observed(phone, registered=registered)


def running(session: Session, phone: PhoneRow) -> Running | None:
    """Return which load a phone was seen to run, None if its requests do not show it."""
    now = session.scalar(select(func.max(EdgeReportRow.received_at)))
    return None if now is None else _Facts(session, [phone], now).running(phone)


class _Facts:
    """What is known about some phones, read for all of them together."""

    def __init__(self, session: Session, found: Sequence[PhoneRow], now: float) -> None:
        self._now = now
        by_site: dict[str, list[PhoneRow]] = {}
        for phone in found:
            by_site.setdefault(phone.site_id, []).append(phone)
        self._seen = {
            mac: seen for site_id, there in by_site.items() for mac, seen in _seen_at(session, site_id, there, now)
        }
        macs = [phone.mac for phone in found]
        self._current = phone_files.changed_in(session, macs)
        self._told = _told(session, macs)
        left = select(LeftOutPhoneRow).where(LeftOutPhoneRow.mac.in_(macs))
        self._left_out = {row.mac: row for row in session.scalars(left)}
        self._trust = phone_trust.rows_of(session, macs)
        self._ordered: dict[str, list[float]] = {}
        self._due_orders = due_orders.of_phones(session, macs)
        by_hub = [(row.told_at, row.mac) for row in self._due_orders.values() if row.told_at is not None]
        for at, mac in (*_orders(session, macs, now), *by_hub):
            self._ordered.setdefault(mac, []).append(at)

    def observed(self, phone: PhoneRow, *, registered: bool | None) -> ObservedPhone:
        mac, seen, known = Mac(phone.mac), self._seen[phone.mac], self._known(phone, registered=registered)
        sentences = observe(mac, seen, known, self._now)
        runs = running_load(mac, seen, known, self._now)
        return ObservedPhone(phone, [*sentences, runs.in_words(self._now)] if runs is not None else sentences)

    def running(self, phone: PhoneRow) -> Running | None:
        known = self._known(phone, registered=None)
        return running_load(Mac(phone.mac), self._seen[phone.mac], known, self._now)

    def _known(self, phone: PhoneRow, *, registered: bool | None) -> Known:
        current = self._current.get(phone.mac, 0)
        told, release = self._told.get(phone.mac, ("", 0))
        order = self._due_orders.get(phone.mac)
        if order is not None and order.release >= max(current, release):
            told, release = due_orders.DueOrder(order, phone.site_id, None).sentence, order.release
        left = self._left_out.get(phone.mac)
        trust = self._trust.get(phone.mac)
        return Known(
            current_release=current,
            registered=registered,
            named_load=phone.named_load,
            told=told if release >= current else "",
            is_blocked=phone.blocked,
            left_out="" if left is None else f"{left.what}. {left.to_do}".strip(),
            took_list=trust is not None and trust.taken_digest != "",
            takes_signed=trust is not None and trust.signed_at is not None and trust.release_asked_at is None,
            ordered_at=tuple(self._ordered.get(phone.mac, ())),
        )


def _seen_at(session: Session, site_id: str, there: Sequence[PhoneRow], now: float) -> Iterator[tuple[str, list[Seen]]]:
    """Yield what each of a site's phones did lately, in order of time, by the hub's clock."""
    chosen = (
        select(EdgeReportRow)
        .where(
            EdgeReportRow.site_id == site_id,
            EdgeReportRow.kind.in_(sorted(_KINDS)),
            _is_late(now),
        )
        .order_by(EdgeReportRow.id.desc())
    )
    if len(there) == 1:
        chosen = chosen.where(_about(session, there[0]))
    by_owner: dict[str, list[EdgeReportRow]] = {}
    by_peer: dict[str, list[EdgeReportRow]] = {}
    for row in session.scalars(chosen.limit(min(MOST_REPORTS * len(there), MOST_REPORTS_OF_SITE))):
        owner = row.owner or getattr(owner_of(row.name), "bare", "")
        if owner:
            by_owner.setdefault(owner, []).append(row)
        else:
            by_peer.setdefault(row.peer, []).append(row)
    for phone in there:
        own = by_owner.get(phone.mac, [])
        peer = next((row.peer for row in own if row.kind == ReportKind.FILE_SERVED), None)
        rows = [*own, *(by_peer.get(peer, ()) if peer is not None else ())]
        newest = sorted(rows, key=lambda row: row.id)[-MOST_REPORTS:]
        yield phone.mac, _by_hubs_clock(sorted(newest, key=lambda row: row.at))


def _about(session: Session, phone: PhoneRow) -> ColumnElement[bool]:
    """Return the condition for the reports about one phone: its own, those that name it, and those of its address."""
    peer = session.scalar(
        select(EdgeReportRow.peer).where(
            EdgeReportRow.owner == phone.mac, EdgeReportRow.kind == ReportKind.FILE_SERVED,
            EdgeReportRow.site_id == phone.site_id,
        ).order_by(EdgeReportRow.id.desc()).limit(1)
    )  # fmt: skip
    about = [EdgeReportRow.owner == phone.mac, contains_in_any_case(EdgeReportRow.name, phone.mac)]
    if peer is not None:
        about.append((EdgeReportRow.peer == peer) & (EdgeReportRow.owner == ""))
    return or_(*about)


def _is_late(now: float) -> ColumnElement[bool]:
    """Return the condition for reports that are looked at.

    It is none that an index could serve: by the index of times SQLite would read all that any site reported lately,
    and not the few of one site or phone.
    """
    return EdgeReportRow.received_at + 0.0 >= now - LOOKED_BACK_S


def _by_hubs_clock(rows: Sequence[EdgeReportRow]) -> list[Seen]:
    # Edges' clocks may be wrong: the last thing that was seen is as old as its report's way here says.
    skew = max((row.received_at - row.at for row in rows[-1:]), default=0.0)
    return [Seen(row.at + skew, row.name, _KINDS[row.kind], row.release, row.size_bytes) for row in rows if row.name]


def _told(session: Session, macs: Sequence[str]) -> dict[str, tuple[str, int]]:
    """Return the outcome of telling each phone through its PBX, and the release that it was told of."""
    chosen = (
        select(PhoneOrderRow.mac, PhoneOrderRow.detail, EdgeReportRow.release)
        .join(EdgeReportRow, EdgeReportRow.id == PhoneOrderRow.report_id)
        .where(PhoneOrderRow.mac.in_(macs))
    )
    return {mac: (detail, release) for mac, detail, release in session.execute(chosen)}


def _orders(session: Session, macs: Sequence[str], now: float) -> list[tuple[float, str]]:
    """Return when which of these phones was told to reload or restart."""
    by_edge = select(EdgeReportRow.received_at, EdgeReportRow.owner).where(
        EdgeReportRow.owner.in_(macs),
        EdgeReportRow.kind == ReportKind.PHONE_RELOADED,
        _is_late(now),
    )
    by_pbx = select(PhoneOrderRow.at, PhoneOrderRow.mac).where(PhoneOrderRow.mac.in_(macs))
    names = {str(Mac(mac)): mac for mac in macs}
    by_hand = select(AuditEntryRow.at, AuditEntryRow.subject).where(
        AuditEntryRow.action == "phone.reload",
        AuditEntryRow.subject.in_(sorted(names)),
        AuditEntryRow.at >= now - LOOKED_BACK_S,
    )
    orders = [(at, mac) for chosen in (by_edge, by_pbx) for at, mac in session.execute(chosen)]
    return orders + [(at, names[subject]) for at, subject in session.execute(by_hand)]
