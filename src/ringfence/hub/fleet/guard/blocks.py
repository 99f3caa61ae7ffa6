"""Blocks: phones that people have shut out at every site. Each is audited."""

from ringfence.hub.errors import NothingToEnd
from ringfence.hub.fleet import phones
from ringfence.hub.fleet.guard import alerts, windows
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.phones.mac import Mac


def block(change: Change, mac: Mac) -> PhoneRow:
    """Block a phone at every site; it keeps the files that it already has."""
    phone = phones.get(change.session, mac)
    phone.blocked = True
    windows.end_open(change, mac)
    alerts.close_about(change, mac.bare, alerts.WAITING)
    change.note("guard.block", str(mac))
    return phone


def unblock(change: Change, mac: Mac) -> None:
    """Unblock a phone; NothingToEnd if it was not blocked."""
    phone = phones.get(change.session, mac)
    if not phone.blocked:
        raise NothingToEnd(f"phone {mac} is not blocked")
    phone.blocked = False
    change.note("guard.unban", str(mac))
