"""Windows: a phone may take its file once, from anywhere, within a short time. Each is audited."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection, NothingToEnd
from ringfence.hub.fleet import phones
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.guard_models import GuardWindowRow
from ringfence.hub.store.models import PhoneRow
from ringfence.phones.mac import Mac

LONGEST_WINDOW_S = 4 * 3600


def open_for(change: Change, mac: Mac, lasts_s: float) -> GuardWindowRow:
    """Open a window for a phone; an earlier one ends."""
    phone = phones.get(change.session, mac)
    if not 0 < lasts_s <= LONGEST_WINDOW_S:
        raise BadSelection(
            f"a window can be open for up to {LONGEST_WINDOW_S // 3600} hours, not for {lasts_s:.0f} s",
            to_do="Ten minutes is enough for a phone to boot.",
        )
    _check_not_blocked(phone)
    end_open(change, mac)
    window = GuardWindowRow(
        id=new_id("window"), site_id=phone.site_id, mac=mac.bare, who=change.who, opened_at=change.now,
        until=change.now + lasts_s, bound_to="", used_at=None, closed_at=None,
    )  # fmt: skip
    change.session.add(window)
    change.note("guard.open", str(mac), f"for {lasts_s:.0f} s")
    return window


def close(change: Change, mac: Mac) -> None:
    """Close a phone's window; NothingToEnd if none is open."""
    phones.get(change.session, mac)
    if not end_open(change, mac):
        raise NothingToEnd(f"no window is open for phone {mac}")
    change.note("guard.close", str(mac))


def end_open(change: Change, mac: Mac) -> bool:
    """End a phone's windows; return whether there were any."""
    rows = _open(change.session, mac, change.now)
    for row in rows:
        row.closed_at = change.now
    return bool(rows)


def find(session: Session, now: float) -> Sequence[GuardWindowRow]:
    """Return the windows that are open or were used and whose time has not ended."""
    chosen = select(GuardWindowRow).where(GuardWindowRow.until > now, GuardWindowRow.closed_at.is_(None))
    return session.scalars(chosen.order_by(GuardWindowRow.until)).all()


def _check_not_blocked(phone: PhoneRow) -> None:
    if phone.blocked:
        mac = Mac(phone.mac)
        raise BadSelection(f"phone {mac} is blocked", to_do=f"Unblock it first: ringfence guard unban {mac}.")


def _open(session: Session, mac: Mac, now: float) -> Sequence[GuardWindowRow]:
    return session.scalars(
        select(GuardWindowRow).where(
            GuardWindowRow.mac == mac.bare, GuardWindowRow.until > now, GuardWindowRow.closed_at.is_(None),
            GuardWindowRow.used_at.is_(None),
        )
    ).all()  # fmt: skip
