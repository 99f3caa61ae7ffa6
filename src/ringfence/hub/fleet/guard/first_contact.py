"""Approval by a person: a waiting phone is let in, replaces another phone, or is added.

A replaced phone's passwords and settings move to the new MAC address, sealed again for it; the old phone is removed.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import BadSelection, RotationRunning
from ringfence.hub.fleet import lines, phones
from ringfence.hub.fleet.guard import alerts, elsewhere
from ringfence.hub.fleet.rotation_stages import UNDER_WAY
from ringfence.hub.fleet.settings import Row, SettingPlace, sealed_again
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.pbx_models import RotationRow
from ringfence.hub.store.setting_models import LineSettingRow, PhoneSettingRow
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope


@dataclass(frozen=True, slots=True)
class Acceptance:
    """How a phone is approved: as a replacement (for a MAC address or description), or as a new one."""

    instead_of: str = ""
    model: str = ""
    site_id: str = ""
    description: str = ""


def accept(change: Change, sealer: Sealer, mac: Mac, acceptance: Acceptance) -> PhoneRow:
    """Approve a phone. UnknownPhone and BadSelection say what is missing."""
    known = change.session.get(PhoneRow, mac.bare)
    if known is not None:
        if acceptance != Acceptance():
            raise BadSelection(
                f"phone {mac} is already at site {known.site_id}, so it can't be given another place or model here",
                to_do=f"Approve it: ringfence guard accept {mac}. Or change it: ringfence phone change.",
            )
        if known.blocked:
            raise BadSelection(f"phone {mac} is blocked", to_do=f"Unblock it: ringfence guard unban {mac}.")
        phone = known
    elif acceptance.instead_of:
        phone = _replace(change, sealer, mac, acceptance)
    elif acceptance.model and acceptance.site_id:
        phone = phones.add(change, mac, acceptance.site_id, acceptance.model, acceptance.description)
    else:
        raise BadSelection(
            f"phone {mac} is at no site yet",
            to_do="Say which phone it replaces (--as OTHER), or its model and site (--model … --site …).",
        )
    phone.admitted_at = change.now
    elsewhere.end(change, mac)
    alerts.close_about(change, mac.bare, (*alerts.WAITING, alerts.TWO_SITES))
    change.note("guard.accept", str(mac), f"at {phone.site_id}")
    change.session.flush()
    return phone


def _find_replaced(session: Session, text: str) -> PhoneRow:
    """Return the phone with a MAC address or a description."""
    try:
        return phones.get(session, Mac.parse(text))
    except BadMac:
        wanted = text.strip().casefold()
    found = [row for row in session.scalars(select(PhoneRow)) if row.description.casefold() == wanted]
    if len(found) != 1:
        which = ", ".join(str(Mac(row.mac)) for row in found[:5])
        raise BadSelection(
            f"{len(found) or 'no'} phones have the description {text[:60]!r}",
            to_do=f"Use the MAC address of one: {which}." if found else "`ringfence phone list` shows all.",
        )
    return phones.get(session, Mac(found[0].mac))


def _replace(change: Change, sealer: Sealer, mac: Mac, acceptance: Acceptance) -> PhoneRow:
    session = change.session
    old = _find_replaced(session, acceptance.instead_of)
    old_mac = Mac(old.mac)
    running = session.get(RotationRow, old.mac)
    if running is not None and running.stage in UNDER_WAY:
        raise RotationRunning(f"the secrets of phone {old_mac} are being changed", to_do="ringfence sip rotations")
    if acceptance.site_id and acceptance.site_id != old.site_id:
        raise BadSelection(
            f"phone {old_mac} is at {old.site_id}, not at {acceptance.site_id[:40]}", to_do="Move it first."
        )
    if acceptance.model:
        phones.change(change, old_mac, phones.PhoneParts(model=acceptance.model))
    passwords = {line.index: lines.open_password(sealer, line) for line in old.lines}
    new = PhoneRow(
        mac=mac.bare, site_id=old.site_id, model=old.model, group_id=old.group_id,
        description=acceptance.description or old.description, created_at=change.now, running_load="", named_load="",
        admitted_at=None, blocked=False,
        lines=[lines.moved(sealer, line, mac, passwords[line.index]) for line in old.lines],
    )  # fmt: skip
    rows: list[Row] = [
        *session.scalars(select(PhoneSettingRow).where(PhoneSettingRow.mac == old.mac)),
        *session.scalars(select(LineSettingRow).where(LineSettingRow.mac == old.mac)),
    ]
    moved = [_moved(sealer, row, mac) for row in rows]
    phones.remove(change, old_mac)
    session.flush()
    session.add(new)
    session.flush()
    session.add_all(moved)
    change.note("phone.replace", str(mac), f"replaces {old_mac} at {new.site_id}")
    return new


def _moved(sealer: Sealer, row: Row, mac: Mac) -> PhoneSettingRow | LineSettingRow:
    if isinstance(row, LineSettingRow):
        place, after = SettingPlace(Scope.LINE, row.mac, row.index), SettingPlace(Scope.LINE, mac.bare, row.index)
        sealed = sealed_again(sealer, row, place, after)
        return LineSettingRow(mac=mac.bare, index=row.index, name=row.name, value=row.value, sealed=sealed)
    if not isinstance(row, PhoneSettingRow):
        raise TypeError("a setting of a phone or of its line")
    place, after = SettingPlace(Scope.PHONE, row.mac), SettingPlace(Scope.PHONE, mac.bare)
    return PhoneSettingRow(mac=mac.bare, name=row.name, value=row.value, sealed=sealed_again(sealer, row, place, after))
