"""Bans: addresses that get no answer for a time. Each is audited."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.guard.bans import LONGEST_BAN_S as LONGEST_OWN_BAN_S
from ringfence.guard.policy import plain_address
from ringfence.hub.errors import BadSelection, NothingToEnd
from ringfence.hub.fleet import sites
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import GuardBanRow
from ringfence.hub.store.models import EdgeReportRow
from ringfence.phones.settings.types import is_printable
from ringfence.wire.messages import ReportKind

LONGEST_BAN_S = 366 * 86_400

_LONGEST_WHY = 200


def ban(change: Change, host: str, site_id: str | None, lasts_s: float, why: str) -> GuardBanRow:
    """Ban an address, at one site or at all; an earlier ban of it there ends."""
    address = _address(host)
    if site_id is not None:
        site_id = sites.get(change.session, site_id).id
    if not 0 < lasts_s <= LONGEST_BAN_S:
        raise BadSelection(f"a ban can last up to {LONGEST_BAN_S // 86_400} days, not {lasts_s:.0f} s")
    why = why.strip()
    if not why or len(why) > _LONGEST_WHY or not is_printable(why):
        raise BadSelection(
            f"a ban needs a reason of up to {_LONGEST_WHY} characters, on one line", to_do="Give it: --why TEXT."
        )
    for row in _bans(change.session, address, change.now):
        if row.site_id == site_id:
            row.until = change.now
    made = GuardBanRow(
        host=address, site_id=site_id, made_at=change.now, until=change.now + lasts_s, why=why, who=change.who
    )
    change.session.add(made)
    change.session.flush()
    change.note("guard.ban", address, f"{site_id or 'everywhere'}, {lasts_s:.0f} s: {why}")
    return made


def unban(change: Change, host: str) -> None:
    """End the bans of an address everywhere: people's, and those that gateways have set by themselves."""
    address = _address(host)
    rows = _bans(change.session, address, change.now)
    own = change.session.scalar(
        select(EdgeReportRow.id)
        .where(
            EdgeReportRow.kind == ReportKind.BANNED,
            EdgeReportRow.peer == address,
            EdgeReportRow.at > change.now - LONGEST_OWN_BAN_S,
        )
        .limit(1)
    )
    if not rows and own is None:
        raise NothingToEnd(
            f"address {address} is not banned", to_do="`ringfence guard bans` shows the banned addresses."
        )
    for row in rows:
        row.until = change.now
    change.session.add(
        GuardBanRow(
            host=address, made_at=change.now, until=change.now, why="let in again", who=change.who, site_id=None
        )
    )
    change.note("guard.unban", address)


def find(session: Session, now: float) -> Sequence[GuardBanRow]:
    """Return the bans that people have set and that hold now."""
    return session.scalars(select(GuardBanRow).where(GuardBanRow.until > now).order_by(GuardBanRow.until)).all()


def _bans(session: Session, host: str, now: float) -> Sequence[GuardBanRow]:
    return session.scalars(select(GuardBanRow).where(GuardBanRow.host == host, GuardBanRow.until > now)).all()


def _address(host: str) -> str:
    address = plain_address(host.strip())
    if address is None:
        raise BadSelection(
            f"{host[:60]!r} is not an IP address", to_do="Give an address such as 192.0.2.7, or a phone's MAC address."
        )
    return str(address)
