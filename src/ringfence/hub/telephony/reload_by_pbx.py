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
from ringfence.hub.errors import NotRegistered, UnknownPbx
from ringfence.hub.fleet import pbxes, phones
from ringfence.hub.store.models import (
    EdgeReport,
    Pbx,
    Phone,
    PhoneOrder,
    Rotation,
)
from ringfence.hub.telephony.secret_rotation import UNDER_WAY
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.sip.notify import ServiceAction
from ringfence.wire.messages import ReportKind

LATEST_S = 1800.0
"""How old a report may be that is still acted on: a hub that was away tells no phone in the middle of the next day."""

_log = logs.get("reloading")


@dataclass(frozen=True, slots=True)
class Told:
    """Where a phone was told, and by which PBX."""

    pbx: str
    contacts: Sequence[str]


def tell(hub: Hub, mac: Mac, action: ServiceAction = "restart") -> Told:
    """Tell a phone through its PBX, and return where. UnknownPbx, NotRegistered, PbxUnavailable or PbxRefused.

    Phones that know no service-control are told to look for a newer profile, whatever ``action`` says.
    """
    with hub.database.reading() as session:
        phone = phones.get(session, mac)
        pbx, sip_server = pbxes.of_phone(session, mac)
        family, _model = model_of(phone.model)
        users = [line.name for line in phone.lines]
    if pbx is None:
        raise UnknownPbx(
            f"no PBX is known for {sip_server or 'its SIP server'}, which phone {mac} registers with",
            to_do="Add it: ringfence pbx add.",
        )
    link = pbxes.link(hub.sealer, pbx)
    for user in users:
        if contacts := link.contacts(user):
            for contact in contacts:
                link.reload(user, contact, family.reload_event.value, action)
            return Told(pbx.id, [contact.uri for contact in contacts])
    raise NotRegistered(
        f"phone {mac} is not registered at {pbx.id}, so nobody can tell it anything by SIP",
        to_do="It takes its newest file when it boots next. See ringfence phone status.",
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
            EdgeReport.owner,
            func.max(EdgeReport.id).label("report_id"),
            func.max(EdgeReport.release).label("release"),
        )
        .where(EdgeReport.received_at >= hub.clock() - LATEST_S, EdgeReport.kind == ReportKind.PHONE_NOT_RELOADED)
        .group_by(EdgeReport.owner)
        .subquery()
    )
    fetched = select(EdgeReport.id).where(
        EdgeReport.owner == refused.c.owner,
        EdgeReport.kind == ReportKind.FILE_SERVED,
        EdgeReport.release >= refused.c.release,
    )
    rotating = select(Rotation.mac).where(Rotation.mac == Phone.mac, Rotation.stage.in_(UNDER_WAY))
    chosen = (
        select(Phone.mac, refused.c.report_id)
        .join(refused, refused.c.owner == Phone.mac)
        .outerjoin(PhoneOrder, PhoneOrder.mac == Phone.mac)
        .where(
            func.coalesce(PhoneOrder.report_id, 0) < refused.c.report_id, ~fetched.exists(), ~rotating.exists()
        )
    )  # fmt: skip
    with hub.database.reading() as session:
        if session.scalar(select(func.count()).select_from(Pbx)) == 0:
            return {}
        due = {Mac(mac): report_id for mac, report_id in session.execute(chosen)}
        return {mac: report_id for mac, report_id in due.items() if pbxes.of_phone(session, mac)[0] is not None}


def _claim(hub: Hub, mac: Mac, report_id: int) -> bool:
    """Write down that a report is acted on now; say whether nobody else has."""
    with hub.database.writing() as session:
        row = session.get(PhoneOrder, mac.bare)
        if row is None:
            if session.get(Phone, mac.bare) is None:
                return False
            row = PhoneOrder(mac=mac.bare)
            session.add(row)
        elif row.report_id >= report_id:
            return False
        row.report_id, row.at, row.detail = report_id, hub.clock(), ""
        return True


def _note(hub: Hub, mac: Mac, detail: str) -> None:
    with hub.database.writing() as session:
        row = session.get(PhoneOrder, mac.bare)
        if row is not None:
            row.detail = detail[:300]
