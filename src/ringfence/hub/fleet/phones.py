"""Phones: which phone is where."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, false, or_, select
from sqlalchemy.orm import Session, selectinload

from ringfence.hub.errors import BadSelection, DuplicateMac, NameRefused, UnknownPhone
from ringfence.hub.fleet import groups, sites
from ringfence.hub.store.access_scope import beyond_scope
from ringfence.hub.store.change import Change
from ringfence.hub.store.dialect import contains_in_any_case
from ringfence.hub.store.models import LineRow, PhoneRow, SiteRow
from ringfence.hub.store.setting_models import PhoneSettingRow
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Model
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import is_patch
from ringfence.phones.settings.types import is_printable

LONGEST_DESCRIPTION = 200
_ADDRESS = re.compile(r"(?:SEP)?[0-9A-F:.-]+", re.IGNORECASE)
"""A part of a MAC address, in any usual notation."""


def add(change: Change, mac: Mac, site_id: str, model: str, description: str, *, is_free: bool = False) -> PhoneRow:
    """Add a phone to a site; DuplicateMac says where a phone with this address is already.

    ``is_free``: who calls it has seen in the same transaction that none has.
    """
    site = sites.get(change.session, site_id)
    _family, kind = model_of(model)
    if not is_free:
        _check_free(change.session, mac, site_id)
    phone = PhoneRow(
        mac=mac.bare,
        site_id=site.id,
        model=kind.name,
        group_id=None,
        running_load="",
        named_load="",
        admitted_at=None,
        blocked=False,
        description=described(description),
        created_at=change.now,
        lines=[],
    )
    change.session.add(phone)
    change.note("phone.add", str(mac), f"{kind.name} at {site.id}")
    return phone


def taken(session: Session, macs: Sequence[str]) -> set[str]:
    """Return those of the bare addresses that phones have, elsewhere than the session is limited to too."""
    return set(session.scalars(beyond_scope(select(PhoneRow.mac).where(PhoneRow.mac.in_(macs)))))


def _check_free(session: Session, mac: Mac, site_id: str) -> None:
    """Raise DuplicateMac where a phone has this address; one elsewhere than the session is limited to counts too."""
    there = session.scalar(beyond_scope(select(PhoneRow.site_id).where(PhoneRow.mac == mac.bare)))
    if there is None:
        return
    existing = session.get(PhoneRow, mac.bare)
    if existing is None:
        raise DuplicateMac(
            f"phone {mac} already exists",
            to_do="It is at none of your sites. Ask somebody whose access is for the whole organisation.",
        )
    where = sites.get(session, existing.site_id)
    raise DuplicateMac(
        f"phone {mac} already exists",
        where=f"site {where.name}",
        to_do=f"Move it: ringfence phone change {mac} --site {site_id}."
        if where.id != site_id
        else "It is already at this site. Did you mean another address? Check its label.",
    )


def get(session: Session, mac: Mac) -> PhoneRow:
    """Return a phone; UnknownPhone if no site has it."""
    phone = session.get(PhoneRow, mac.bare, options=[selectinload(PhoneRow.lines)])
    if phone is None:
        raise UnknownPhone(f"there is no phone {mac}", to_do="`ringfence phone list` shows all.")
    return phone


def find(session: Session, site_id: str | None = None, group_id: str | None = None) -> Sequence[PhoneRow]:
    """Return the phones of a site, of a group, or all of them, ordered by address."""
    return session.scalars(choose(session, site_id, group_id)).all()


def choose(
    session: Session, site_id: str | None = None, group_id: str | None = None, search: str | None = None
) -> Select[PhoneRow]:
    """Return the query for phones of a site, of a group or all, ordered by address.

    ``search`` finds parts of addresses, descriptions, models, and lines' names and labels, in any case.
    """
    chosen = select(PhoneRow).options(selectinload(PhoneRow.lines)).order_by(PhoneRow.mac)
    if site_id is not None:
        chosen = chosen.where(PhoneRow.site_id == sites.get(session, site_id).id)
    if group_id is not None:
        chosen = chosen.where(PhoneRow.group_id == groups.get(session, group_id).id)
    if search:
        in_line = or_(*(contains_in_any_case(column, search) for column in (LineRow.name, LineRow.label)))
        is_of_few = site_id is not None or group_id is not None
        # Of all phones: one look through all lines is quicker than one at each phone's.
        in_lines = PhoneRow.lines.any(in_line) if is_of_few else PhoneRow.mac.in_(select(LineRow.mac).where(in_line))
        texts = (PhoneRow.description, PhoneRow.model, PhoneRow.site_id)
        in_phone = [contains_in_any_case(column, search) for column in texts]
        if digits := re.sub(r"[^0-9A-F]", "", search.upper().removeprefix("SEP")):
            in_phone.append(PhoneRow.mac.contains(digits) if _ADDRESS.fullmatch(search) else false())
        chosen = chosen.where(or_(in_lines, *in_phone))
    return chosen


@dataclass(frozen=True, slots=True)
class PhoneParts:
    """Changes to a phone; None leaves a part as it is, and an empty group takes it out of its group."""

    site_id: str | None = None
    model: str | None = None
    description: str | None = None
    group_id: str | None = None
    running_load: str | None = None


def change(change: Change, mac: Mac, parts: PhoneParts) -> PhoneRow:
    """Change a phone's site, model, description, group or known firmware."""
    phone = get(change.session, mac)
    if parts.site_id is not None and parts.site_id != phone.site_id:
        target: SiteRow = sites.get(change.session, parts.site_id)
        old, phone.site_id = phone.site_id, target.id
        change.note("phone.move", str(mac), f"{old} → {target.id}")
    if parts.model is not None:
        _family, model = model_of(parts.model)
        if model.name != phone.model:
            _check_fits(change.session, phone, model)
            old, phone.model = phone.model, model.name
            change.note("phone.model", str(mac), f"{old} → {model.name}")
    if parts.group_id is not None and parts.group_id != (phone.group_id or ""):
        group = groups.get(change.session, parts.group_id).id if parts.group_id else None
        before, phone.group_id = phone.group_id, group
        change.note("phone.group", str(mac), f"{before or 'none'} → {group or 'none'}")
    if parts.running_load is not None and parts.running_load != phone.running_load:
        phone.running_load = described(parts.running_load)[:64]
        change.note("phone.running", str(mac), phone.running_load)
    if parts.description is not None and parts.description != phone.description:
        phone.description = described(parts.description)
        change.note("phone.describe", str(mac), phone.description)
    return phone


def remove(change: Change, mac: Mac) -> None:
    """Remove a phone with its lines and settings."""
    phone = get(change.session, mac)
    change.session.delete(phone)
    change.note("phone.remove", str(mac), f"from {phone.site_id}")


def _check_fits(session: Session, phone: PhoneRow, model: Model) -> None:
    """Raise if the phone has settings or lines that another model does not support."""
    names = session.scalars(select(PhoneSettingRow.name).where(PhoneSettingRow.mac == phone.mac)).all()
    lost = sorted(name for name in names if name not in model.settings and not is_patch(name))
    if lost:
        raise BadSelection(
            f"model {model.name} does not support {', '.join(lost)}, which this phone has set",
            to_do="Unset it first: ringfence set phone MAC --unset NAME.",
        )
    beyond = [line.index for line in phone.lines if line.index > model.line_keys.value]
    if beyond:
        raise BadSelection(
            f"model {model.name} has {model.line_keys.value} line keys, but this phone has line {beyond[0]}",
            to_do="Remove that line first.",
        )


def described(description: str) -> str:
    """Return a description without blanks around it; NameRefused if it is too long or holds what can't be shown."""
    description = description.strip()
    if len(description) > LONGEST_DESCRIPTION or not is_printable(description):
        raise NameRefused(
            f"a description can have at most {LONGEST_DESCRIPTION} characters, without control characters",
            where=repr(description[:60]),
        )
    return description
