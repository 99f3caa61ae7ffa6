"""Telling phones through their PBX to fetch their files again.

After a release the edge tells its phones, when their policy says so (``edge/phones/reload_by_sip.py``). But a phone
that has registered takes no order without its REGISTER's Call-ID, and one that registered over TCP listens nowhere
else. Those refuse the edge's order or are silent, which the edge reports; the hub then tells them over the connection
by which they registered. Each report is acted on once, whichever replica comes to it first, and what came of it is
kept for ``ringfence phone status``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import PhoneNotRegistered, UnknownPbx
from ringfence.hub.fleet import pbxes, phones
from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.store.models import EdgeReportRow, PbxRow, PhoneOrderRow, PhoneRow, RotationRow
from ringfence.hub.telephony import links
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.sip.notify import ServiceAction
from ringfence.wire.messages import ReportKind

LATEST_S = 1800.0
"""How old a report may be to be acted on: a hub that was down must not reload phones in the middle of the next day."""

_log = logs.get("reloading")


@dataclass(frozen=True, slots=True)
class PhoneReload:
    """Where a phone was told, and by which PBX."""

    pbx: str
    contacts: Sequence[str]


def tell(hub: Hub, mac: Mac, action: ServiceAction = "restart") -> PhoneReload:
    """Tell a phone through its PBX, and return where. UnknownPbx, PhoneNotRegistered, PbxUnavailable or PbxRefused.

    Phones that don't support service-control are told to look for a newer profile, whatever ``action`` says.
    """
    with hub.database.reading() as session:
        phone = phones.get(session, mac)
        pbx, sip_server = pbxes.of_phone(session, mac)
        family, _model = model_of(phone.model)
        users = [line.name for line in phone.lines]
    if pbx is None:
        raise UnknownPbx(
            f"there is no PBX for {sip_server or 'the SIP server'}, which phone {mac} registers with",
            to_do="Add it: ringfence pbx add.",
        )
    link = links.link(hub, pbx)
    for user in users:
        if contacts := link.contacts(user):
            for contact in contacts:
                link.reload(user, contact, family.reload_event.value, action)
            return PhoneReload(pbx.id, [contact.uri for contact in contacts])
    raise PhoneNotRegistered(
        f"phone {mac} is not registered at {pbx.id}, so it can't be told anything over SIP",
        to_do="It takes its newest file at its next boot. See ringfence phone status.",
    )


def go_on(hub: Hub) -> int:
    """Tell the phones that their edges could not tell; return how many were told."""
    told = 0
    for mac, report_id in _due(hub).items():
        if not _claim(hub, mac, report_id):
            continue
        try:
            done = tell(hub, mac)
        except RingfenceError as fault:
            _note(hub, mac, f"The hub could not tell it either: {fault.what}.")
            _log.info("phone not told", phone=str(mac), problem=str(fault))
        else:
            told += 1
            _note(hub, mac, f"The hub told it through {done.pbx}.")
            _log.info("phone told", phone=str(mac), pbx=done.pbx)
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
        .where(EdgeReportRow.received_at >= hub.clock() - LATEST_S, EdgeReportRow.kind == ReportKind.PHONE_NOT_RELOADED)
        .group_by(EdgeReportRow.owner)
        .subquery()
    )
    fetched = select(EdgeReportRow.id).where(
        EdgeReportRow.owner == refused.c.owner,
        EdgeReportRow.kind == ReportKind.FILE_SERVED,
        EdgeReportRow.release >= refused.c.release,
    )
    rotating = select(RotationRow.mac).where(RotationRow.mac == PhoneRow.mac, RotationRow.stage.in_(UNDER_WAY))
    chosen = (
        select(PhoneRow.mac, refused.c.report_id)
        .join(refused, refused.c.owner == PhoneRow.mac)
        .outerjoin(PhoneOrderRow, PhoneOrderRow.mac == PhoneRow.mac)
        .where(
            func.coalesce(PhoneOrderRow.report_id, 0) < refused.c.report_id, ~fetched.exists(), ~rotating.exists()
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
