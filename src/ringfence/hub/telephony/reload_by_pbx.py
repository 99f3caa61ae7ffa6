"""Telling phones through their PBX to fetch their files again.

After a release the edge tells its phones, when their policy says so (``edge/phones/reload_by_sip.py``). But a phone
that has registered takes no order without its REGISTER's Call-ID, and one that registered over TCP listens nowhere
else. Those refuse the edge's order or are silent, which the edge reports; the hub then has an order sent over the
connection by which they registered. If the PBX sees a phone behind NAT, and so would name another address than the
phone's own, which its firmware refuses, the edge gets the order again: with that Call-ID, to the phone's own contact,
both learnt from the PBX. What is told to people is what is known: that an order was sent. Each report is acted on
once, whichever replica comes to it first, and what came of it is kept for ``ringfence phone status``.

Phones without an edge get their orders as ``order_sending.py`` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from ringfence.addresses import host_port
from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import PhoneNotRegistered, UnknownPbx
from ringfence.hub.fleet import due_orders, pbxes, phones, room_orders
from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.store.due_order_models import DueOrderRow
from ringfence.hub.store.models import EdgeReportRow, PhoneRow
from ringfence.hub.store.pbx_models import PbxRow, PhoneOrderRow, RotationRow
from ringfence.hub.telephony import links
from ringfence.hub.telephony.pbx.port import PbxLink
from ringfence.phones.families import model as model_of
from ringfence.phones.family import ReloadEvent
from ringfence.phones.mac import Mac
from ringfence.phones.sip.notify import ServiceAction
from ringfence.wire.messages import ReportKind

LATEST_S = 1800.0
"""How old a report may be to be acted on: a hub that was down must not reload phones in the middle of the next day."""

_AUTHOR = "reloading"

_log = logs.get("reloading")


@dataclass(frozen=True, slots=True)
class PhoneReload:
    """Where an order was sent to, and by which PBX; with ``in_room`` its edge is to send it in the phone's room."""

    pbx: str
    contacts: Sequence[str]
    in_room: bool = False


@dataclass(frozen=True, slots=True)
class PhoneAtPbx:
    """The PBX that a phone registers with, and the users of its lines there."""

    pbx: PbxRow
    users: Sequence[str]


def tell(hub: Hub, mac: Mac, action: ServiceAction = "restart") -> PhoneReload:
    """Have a phone sent an order, and return where. UnknownPbx, PhoneNotRegistered, PbxUnavailable or PbxRefused.

    Phones that don't support service-control are told to look for a newer profile, whatever ``action`` says.
    """
    return tell_by(hub, mac, pbx_of(hub, mac), action)


def pbx_of(hub: Hub, mac: Mac) -> PhoneAtPbx:
    """Return the PBX that a phone registers with; UnknownPbx if there is none."""
    with hub.database.reading() as session:
        phone = phones.get(session, mac)
        pbx, sip_server = pbxes.of_phone(session, mac)
        users = [line.name for line in phone.lines]
    if pbx is None:
        raise UnknownPbx(
            f"there is no PBX for {sip_server or 'the SIP server'}, which phone {mac} registers with",
            to_do="Add it: ringfence pbx add.",
        )
    return PhoneAtPbx(pbx, users)


def tell_by(hub: Hub, mac: Mac, reached: PhoneAtPbx, action: ServiceAction = "restart") -> PhoneReload:
    """Have a phone sent an order through its PBX. PhoneNotRegistered, PbxUnavailable or PbxRefused."""
    sent = send(hub, mac, links.link(hub, reached.pbx), reached.pbx.id, reached.users, action)
    if sent is not None:
        return sent
    raise PhoneNotRegistered(
        f"phone {mac} is not registered at {reached.pbx.id}, so it can't be told anything over SIP",
        to_do="It takes its newest file at its next boot. See ringfence phone status.",
    )


def send(
    hub: Hub, mac: Mac, link: PbxLink, pbx_id: str, users: Sequence[str], action: ServiceAction = "restart"
) -> PhoneReload | None:
    """Send an order to each registration of a phone's first registered line; None if none is. As ``tell``."""
    with hub.database.reading() as session:
        family, _model = model_of(phones.get(session, mac).model)
    event = family.reload_event.value
    for user in users:
        contacts = link.contacts(user)
        if not contacts:
            continue
        behind = next((each for each in contacts if each.own is not None), None)
        if event is ReloadEvent.SERVICE_CONTROL and behind is not None and behind.own is not None:
            host, port = behind.own
            with hub.change(_AUTHOR) as change:
                room_orders.put(change, mac, host, port, action, behind.call_id)
                due_orders.note_told(change.session, mac, change.now, f"by its edge, as it is behind NAT at {pbx_id}")
            return PhoneReload(pbx_id, [host_port(host, port)], in_room=True)
        for contact in contacts:
            link.reload(user, contact, event, action)
        with hub.database.writing() as session:
            due_orders.note_told(session, mac, hub.clock(), f"through {pbx_id}")
        return PhoneReload(pbx_id, [contact.uri for contact in contacts])
    return None


def go_on(hub: Hub) -> int:
    """Tell the phones that their edges could not tell; return how many were told."""
    told = 0
    for mac, report_id in _due(hub).items():
        if not _claim(hub, mac, report_id):
            continue
        try:
            done = tell(hub, mac)
        except RingfenceError as fault:
            _note(hub, mac, f"The hub could not send it an order either: {fault.what}.")
            _log.info("phone not told", phone=str(mac), problem=str(fault))
        else:
            told += 1
            sentence = f"The hub sent it an order through {done.pbx}."
            if done.in_room:
                sentence = f"The hub gave its edge an order for it, as it is behind NAT at {done.pbx}."
            _note(hub, mac, sentence)
            _log.info("order sent", phone=str(mac), pbx=done.pbx, in_room=done.in_room)
    return told


def _due(hub: Hub) -> dict[Mac, int]:
    """Return the phones with a refusal that nobody has acted on, who have not fetched that release: phone → report.

    A fetch may have been reported first: by the time that an edge gives a phone up, somebody else may have told it.
    """
    refused = (
        select(
            EdgeReportRow.owner,
            func.max(EdgeReportRow.id).label("report_id"),
            func.max(EdgeReportRow.release).label("release"),
        )
        .where(
            EdgeReportRow.received_at >= hub.clock() - LATEST_S,
            EdgeReportRow.kind == ReportKind.PHONE_NOT_RELOADED,
            EdgeReportRow.release > 0,
        )
        .group_by(EdgeReportRow.owner)
        .subquery()
    )
    fetched = select(EdgeReportRow.id).where(
        EdgeReportRow.owner == refused.c.owner,
        EdgeReportRow.kind == ReportKind.FILE_SERVED,
        EdgeReportRow.release >= refused.c.release,
    )
    told = select(DueOrderRow.mac).where(
        DueOrderRow.mac == refused.c.owner, DueOrderRow.release >= refused.c.release
    )  # who told it itself waits for no edge
    rotating = select(RotationRow.mac).where(RotationRow.mac == PhoneRow.mac, RotationRow.stage.in_(UNDER_WAY))
    chosen = (
        select(PhoneRow.mac, refused.c.report_id)
        .join(refused, refused.c.owner == PhoneRow.mac)
        .outerjoin(PhoneOrderRow, PhoneOrderRow.mac == PhoneRow.mac)
        .where(
            func.coalesce(PhoneOrderRow.report_id, 0) < refused.c.report_id, ~fetched.exists(), ~rotating.exists(),
            ~told.exists(),
        )
    )  # fmt: skip
    with hub.database.reading() as session:
        if session.scalar(select(func.count()).select_from(PbxRow)) == 0:
            return {}
        due = {Mac(mac): report_id for mac, report_id in session.execute(chosen)}
        return {mac: report_id for mac, report_id in due.items() if pbxes.of_phone(session, mac)[0] is not None}


def _claim(hub: Hub, mac: Mac, report_id: int) -> bool:
    """Store that a report is being acted on; return False if somebody else has acted on it."""
    with hub.database.writing() as session:
        row = session.get(PhoneOrderRow, mac.bare)
        if row is None:
            if session.get(PhoneRow, mac.bare) is None:
                return False
            row = PhoneOrderRow(mac=mac.bare)
            session.add(row)
        elif row.report_id >= report_id:
            return False
        row.report_id, row.at, row.detail = report_id, hub.clock(), ""
        return True


def _note(hub: Hub, mac: Mac, detail: str) -> None:
    with hub.database.writing() as session:
        row = session.get(PhoneOrderRow, mac.bare)
        if row is not None:
            row.detail = detail[:300]
