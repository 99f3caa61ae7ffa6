"""What people order the guard to do with phones and addresses: open and close windows, block, ban. Each is audited."""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ringfence.guard.bans import LONGEST_BAN_S as LONGEST_OWN_BAN_S
from ringfence.guard.policy import plain_address
from ringfence.hub.errors import BadSelection, NothingToEnd
from ringfence.hub.fleet import phones, sites
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.guard_models import GuardBan, GuardElsewhere, GuardWindow
from ringfence.hub.store.models import EdgeReport, Phone
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import is_printable
from ringfence.wire.messages import ReportKind

LONGEST_WINDOW_S = 4 * 3600
LONGEST_BAN_S = 366 * 86_400
_LONGEST_WHY = 200


def open_window(change: Change, mac: Mac, lasts_s: float) -> GuardWindow:
    """Let one phone take its file once within some minutes; a window that it has already ends."""
    phone = phones.get(change.session, mac)
    if not 0 < lasts_s <= LONGEST_WINDOW_S:
        raise BadSelection(
            f"a window is open for up to {LONGEST_WINDOW_S // 3600} hours, not for {lasts_s:.0f} s",
            to_do="Ten minutes is enough for a phone to boot.",
        )
    _check_not_blocked(phone)
    for row in _open(change.session, mac, change.now):
        row.closed_at = change.now
    window = GuardWindow(
        id=new_id("window"), site_id=phone.site_id, mac=mac.bare, who=change.who, opened_at=change.now,
        until=change.now + lasts_s, bound_to="", used_at=None, closed_at=None,
    )  # fmt: skip
    change.session.add(window)
    change.note("guard.open", str(mac), f"for {lasts_s:.0f} s")
    return window


def close_window(change: Change, mac: Mac) -> None:
    """End the window of a phone; NothingToEnd where none is open."""
    phones.get(change.session, mac)
    rows = _open(change.session, mac, change.now)
    if not rows:
        raise NothingToEnd(f"no window is open for phone {mac}")
    for row in rows:
        row.closed_at = change.now
    change.note("guard.close", str(mac))


def windows(session: Session, now: float) -> Sequence[GuardWindow]:
    """Return the windows that are open or were used, until their time ends."""
    chosen = select(GuardWindow).where(GuardWindow.until > now, GuardWindow.closed_at.is_(None))
    return session.scalars(chosen.order_by(GuardWindow.until)).all()


def block(change: Change, mac: Mac) -> Phone:
    """Shut a phone out, wherever it asks; what it has taken it keeps."""
    phone = phones.get(change.session, mac)
    phone.blocked = True
    for row in _open(change.session, mac, change.now):
        row.closed_at = change.now
    alerts.close_about(change, mac.bare, alerts.WAITING)
    change.note("guard.block", str(mac))
    return phone


def unblock(change: Change, mac: Mac) -> None:
    """Let a phone in again that was blocked; NothingToEnd where it was not."""
    phone = phones.get(change.session, mac)
    if not phone.blocked:
        raise NothingToEnd(f"phone {mac} is not blocked")
    phone.blocked = False
    change.note("guard.unban", str(mac))


def ban(change: Change, host: str, site_id: str | None, lasts_s: float, why: str) -> GuardBan:
    """Leave an address unanswered, at one site or at all; an earlier ban of it there ends."""
    address = _address(host)
    if site_id is not None:
        site_id = sites.get(change.session, site_id).id
    if not 0 < lasts_s <= LONGEST_BAN_S:
        raise BadSelection(f"a ban lasts up to {LONGEST_BAN_S // 86_400} days, not {lasts_s:.0f} s")
    why = why.strip()
    if not why or len(why) > _LONGEST_WHY or not is_printable(why):
        raise BadSelection(
            f"a ban says why, in up to {_LONGEST_WHY} characters on one line", to_do="Give it: --why TEXT."
        )
    for row in _bans(change.session, address, change.now):
        if row.site_id == site_id:
            row.until = change.now
    made = GuardBan(
        host=address, site_id=site_id, made_at=change.now, until=change.now + lasts_s, why=why, who=change.who
    )
    change.session.add(made)
    change.session.flush()
    change.note("guard.ban", address, f"{site_id or 'everywhere'}, {lasts_s:.0f} s: {why}")
    return made


def unban(change: Change, host: str) -> None:
    """End the bans of an address, everywhere: people's, and those that gateways have made by themselves."""
    address = _address(host)
    rows = _bans(change.session, address, change.now)
    own = change.session.scalar(
        select(EdgeReport.id)
        .where(
            EdgeReport.kind == ReportKind.BANNED,
            EdgeReport.peer == address,
            EdgeReport.at > change.now - LONGEST_OWN_BAN_S,
        )
        .limit(1)
    )
    if not rows and own is None:
        raise NothingToEnd(f"nobody has shut {address} out", to_do="`ringfence guard bans` shows who is.")
    for row in rows:
        row.until = change.now
    change.session.add(
        GuardBan(host=address, made_at=change.now, until=change.now, why="let in again", who=change.who, site_id=None)
    )
    change.note("guard.unban", address)


def bans(session: Session, now: float) -> Sequence[GuardBan]:
    """Return the bans that people have set and that hold now."""
    return session.scalars(select(GuardBan).where(GuardBan.until > now).order_by(GuardBan.until)).all()


def end_elsewhere(change: Change, mac: Mac | None = None) -> None:
    """Forget where else a phone was served, or what of all phones' has ended."""
    ended = GuardElsewhere.until <= change.now
    for row in change.session.scalars(
        select(GuardElsewhere).where(ended if mac is None else or_(ended, GuardElsewhere.mac == mac.bare))
    ):
        change.session.delete(row)


def has_ended_elsewhere(session: Session, now: float) -> bool:
    """Say whether ``end_elsewhere`` has something to do."""
    return session.scalar(select(GuardElsewhere.mac).where(GuardElsewhere.until <= now).limit(1)) is not None


def _check_not_blocked(phone: Phone) -> None:
    if phone.blocked:
        mac = Mac(phone.mac)
        raise BadSelection(f"phone {mac} is blocked", to_do=f"Let it in first: ringfence guard unban {mac}.")


def _open(session: Session, mac: Mac, now: float) -> Sequence[GuardWindow]:
    return session.scalars(
        select(GuardWindow).where(
            GuardWindow.mac == mac.bare, GuardWindow.until > now, GuardWindow.closed_at.is_(None),
            GuardWindow.used_at.is_(None),
        )
    ).all()  # fmt: skip


def _bans(session: Session, host: str, now: float) -> Sequence[GuardBan]:
    return session.scalars(select(GuardBan).where(GuardBan.host == host, GuardBan.until > now)).all()


def _address(host: str) -> str:
    address = plain_address(host.strip())
    if address is None:
        raise BadSelection(f"{host[:60]!r} is no IP address", to_do="Give one like 192.0.2.7; a phone by its MAC.")
    return str(address)
