"""Sending the orders that are due to phones without an edge (``fleet/due_orders.py``), through their PBXes.

Invariants:

- An order is claimed before it is sent, in one transaction with the count of those of the last minute: so many go out
  in a minute as hub.toml says (``phone_orders_a_minute``), however many hubs and restarts there are.
- An order that was sent is never sent again. One that was claimed by a hub that then died is, but for phones that have
  fetched their file meanwhile.
- A phone that is in a call is told when the call has ended, where its PBX tells of calls.
- A PBX that is away costs one question in a look. A phone is tried ``MOST_TRIES`` times, within a day.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.errors import PbxUnavailable, UnknownPbx
from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.store.due_order_models import DueOrderRow
from ringfence.hub.store.models import EdgeReportRow
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.telephony import calls, reload_by_pbx
from ringfence.phones.mac import Mac
from ringfence.wire.messages import ReportKind

MOST_TRIES = 5
AT_ONCE = 20
"""How many orders one look sends at most."""
IN_CALL_S = 60.0
PBX_AWAY_S = 300.0
_CLAIMED_S = 600.0
"""For so long nobody else sends an order that a hub is about to send."""
_FIRST_WAIT_S, _WAIT_GROWS = 60.0, 4.0
_MINUTE_S = 60.0

_log = logs.get("reloading")


@dataclass(frozen=True, slots=True)
class _ClaimedOrder:
    mac: Mac
    release: int
    tries: int


def go_on(hub: Hub) -> int:
    """Send what is due; return how many phones were told."""
    claimed = _claim(hub)
    if not claimed:
        return 0
    in_calls = calls.look(hub, [each.mac for each in claimed])
    away: dict[str, PbxUnavailable] = {}
    return sum(_send(hub, each, in_calls, away) for each in claimed)


def _send(hub: Hub, order: _ClaimedOrder, in_calls: Mapping[Mac, bool], away: dict[str, PbxUnavailable]) -> bool:
    """Send an order, or say when it is tried again; return whether it was sent."""
    mac, now = order.mac, hub.clock()
    if in_calls.get(mac, False):
        _postpone(hub, order, now + IN_CALL_S, "it is in a call, and is told when that has ended", counts=False)
        return False
    pbx_id = ""
    try:
        reached = reload_by_pbx.pbx_of(hub, mac)
        pbx_id = reached.pbx.id
        if pbx_id in away:
            raise away[pbx_id]
        sent = reload_by_pbx.tell_by(hub, mac, reached)
    except PbxUnavailable as fault:
        away[pbx_id] = fault
        _postpone(hub, order, now + PBX_AWAY_S, fault.what, counts=False)
    except UnknownPbx as fault:
        _postpone(hub, order, None, fault.what)
    except RingfenceError as fault:
        wait_s = _FIRST_WAIT_S * _WAIT_GROWS ** (order.tries - 1)
        _postpone(hub, order, now + wait_s if order.tries < MOST_TRIES else None, fault.what)
        _log.info("phone not told of its release", phone=str(mac), tries=order.tries, problem=str(fault))
    else:
        _log.info("phone told of its release", phone=str(mac), pbx=sent.pbx, in_room=sent.in_room)
        return True
    return False


def _claim(hub: Hub) -> Sequence[_ClaimedOrder]:
    """Return the orders that this hub is to send now, and end those that have no use any more."""
    now, most = hub.clock(), hub.config.phone_orders_a_minute
    with hub.database.reading() as session:
        if not most or session.scalar(select(DueOrderRow.mac).where(DueOrderRow.due_at <= now).limit(1)) is None:
            return ()
    with hub.database.writing() as session:
        lately = select(func.count()).where(DueOrderRow.claimed_at > now - _MINUTE_S, DueOrderRow.claimed_at <= now)
        room = min(AT_ONCE, most - (session.scalar(lately) or 0))
        if room <= 0:
            return ()
        due = select(DueOrderRow).where(DueOrderRow.due_at <= now).order_by(DueOrderRow.due_at, DueOrderRow.mac)
        rows = session.scalars(due.limit(room)).all()
        over = _without_use(session, rows, now)
        claimed = []
        for row in rows:
            if row.mac in over:
                row.due_at, row.detail = None, over[row.mac]
                continue
            row.tries, row.claimed_at, row.due_at = row.tries + 1, now, now + _CLAIMED_S
            claimed.append(_ClaimedOrder(Mac(row.mac), row.release, row.tries))
        return claimed


def _without_use(session: Session, rows: Sequence[DueOrderRow], now: float) -> Mapping[str, str]:
    """Return which phones are not told any more: bare address → why."""
    macs = [row.mac for row in rows]
    over = {row.mac: row.detail or "it could not be told in time" for row in rows if now > row.until}
    over |= {row.mac: row.detail or "nothing is known of the last try" for row in rows if row.tries >= MOST_TRIES}
    rotating = select(RotationRow.mac).where(RotationRow.mac.in_(macs), RotationRow.stage.in_(UNDER_WAY))
    over |= dict.fromkeys(session.scalars(rotating), "it is told with the change of its secrets")
    fetched = (
        select(EdgeReportRow.owner)
        .join(DueOrderRow, DueOrderRow.mac == EdgeReportRow.owner)
        .where(
            EdgeReportRow.owner.in_(macs), EdgeReportRow.kind == ReportKind.FILE_SERVED,
            EdgeReportRow.release >= DueOrderRow.release,
        )
        .distinct()
    )  # fmt: skip
    return over | dict.fromkeys(session.scalars(fetched), "it fetched that by itself")


def _postpone(hub: Hub, order: _ClaimedOrder, due_at: float | None, why: str, *, counts: bool = True) -> None:
    """Note why an order was not sent, and when it is tried again; a newer release's order is left as it is."""
    with hub.database.writing() as session:
        row = session.get(DueOrderRow, order.mac.bare)
        if row is None or row.release != order.release or row.told_at is not None:
            return
        row.due_at, row.detail = due_at, why[:300]
        row.tries = order.tries if counts else order.tries - 1
