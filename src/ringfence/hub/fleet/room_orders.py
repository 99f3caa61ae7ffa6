"""Orders to phones that their edges send in their rooms, because the phones' PBX can't bring them there."""

import uuid

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.errors import PbxRefused
from ringfence.hub.fleet import phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import EdgeRow, PhoneRow
from ringfence.hub.store.pbx_models import RoomOrderRow
from ringfence.phones.mac import Mac
from ringfence.phones.sip.notify import ServiceAction
from ringfence.wire.messages import RoomOrder, RoomOrders

VALID_S = 120.0
"""How long an edge that is away for a moment may carry an order out."""


def put(change: Change, mac: Mac, host: str, port: int, action: ServiceAction, register_call_id: str) -> None:
    """Have a phone's edge send it an order; PbxRefused if its site has no edge. The phone's order before it is void."""
    site_id = phones.get(change.session, mac).site_id
    there = select(func.count()).where(EdgeRow.site_id == site_id, EdgeRow.revoked_at.is_(None))
    if not change.session.scalar(there):
        raise PbxRefused(
            f"phone {mac} is behind NAT at its PBX, where it would refuse an order, and its site has no edge",
            to_do="It takes its newest file at its next boot.",
        )
    row = change.session.get(RoomOrderRow, mac.bare) or RoomOrderRow(mac=mac.bare)
    row.number, row.host, row.port, row.action = uuid.uuid4().hex, host, port, action
    row.register_call_id, row.until = register_call_id, change.now + VALID_S
    change.session.add(row)


def compile_orders(session: Session, edge: EdgeRow, now: float, held: str = "") -> RoomOrders:
    """Return the orders that an edge may carry out now; none while it is held back."""
    if held:
        return RoomOrders()
    chosen = (
        select(RoomOrderRow)
        .join(PhoneRow, PhoneRow.mac == RoomOrderRow.mac)
        .where(PhoneRow.site_id == edge.site_id, RoomOrderRow.until > now)
        .order_by(RoomOrderRow.mac)
    )
    return RoomOrders(
        tuple(
            RoomOrder(row.number, row.mac, row.host, row.port, row.action, row.register_call_id, row.until)
            for row in session.scalars(chosen)
        )
    )
