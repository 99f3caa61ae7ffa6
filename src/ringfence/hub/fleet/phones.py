"""Phones: which one stands where."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from ringfence.hub.errors import BadName, BadSelection, DuplicateMac, UnknownPhone
from ringfence.hub.fleet import sites
from ringfence.hub.fleet.change import Change
from ringfence.hub.store.models import Phone, PhoneSetting, Site
from ringfence.phones.families import family as family_of
from ringfence.phones.mac import Mac
from ringfence.phones.setting_types import is_printable

LONGEST_DESCRIPTION = 200


def add(change: Change, mac: Mac, site_id: str, family: str, description: str) -> Phone:
    """Add a phone to a site; DuplicateMac says where a phone with this address stands already."""
    site = sites.get(change.session, site_id)
    family_id = family_of(family).id
    existing = change.session.get(Phone, mac.bare)
    if existing is not None:
        where = sites.get(change.session, existing.site_id)
        raise DuplicateMac(
            f"phone {mac} exists already",
            where=f"site {where.name}",
            to_do=f"Move it: ringfence phone change {mac} --site {site_id}."
            if where.id != site_id
            else "Nothing is to be done, or check the address on the label.",
        )
    phone = Phone(
        mac=mac.bare,
        site_id=site.id,
        family=family_id,
        description=_described(description),
        created_at=change.now,
        lines=[],
    )
    change.session.add(phone)
    change.note("phone.add", str(mac), f"{family_id} at {site.id}")
    return phone


def get(session: Session, mac: Mac) -> Phone:
    """Return a phone; UnknownPhone where no site has it."""
    phone = session.get(Phone, mac.bare, options=[selectinload(Phone.lines)])
    if phone is None:
        raise UnknownPhone(f"there is no phone {mac}", to_do="`ringfence phone list` shows all.")
    return phone


def find(session: Session, site_id: str | None) -> Sequence[Phone]:
    """Return the phones of a site, or all of them, in the order of their addresses."""
    chosen = select(Phone).options(selectinload(Phone.lines)).order_by(Phone.mac)
    if site_id is not None:
        chosen = chosen.where(Phone.site_id == sites.get(session, site_id).id)
    return session.scalars(chosen).all()


def change(change: Change, mac: Mac, *, site_id: str | None, family: str | None, description: str | None) -> Phone:
    """Move a phone, correct its family or describe it anew; None leaves a part as it is."""
    phone = get(change.session, mac)
    if site_id is not None and site_id != phone.site_id:
        target: Site = sites.get(change.session, site_id)
        change.note("phone.move", str(mac), f"{phone.site_id} → {target.id}")
        phone.site_id = target.id
    if family is not None and family != phone.family:
        _check_settings(change.session, phone, family)
        change.note("phone.family", str(mac), f"{phone.family} → {family}")
        phone.family = family
    if description is not None and description != phone.description:
        phone.description = _described(description)
        change.note("phone.describe", str(mac), phone.description)
    return phone


def remove(change: Change, mac: Mac) -> None:
    """Remove a phone with its lines and settings."""
    phone = get(change.session, mac)
    change.session.delete(phone)
    change.note("phone.remove", str(mac), f"from {phone.site_id}")


def _check_settings(session: Session, phone: Phone, family: str) -> None:
    known = family_of(family)
    names = session.scalars(select(PhoneSetting.name).where(PhoneSetting.mac == phone.mac)).all()
    lost = sorted(name for name in names if name not in known.settings)
    if lost:
        raise BadSelection(
            f"a {known.id} does not know {', '.join(lost)}, which this phone has set", to_do="Unset it first."
        )
    beyond = [line.index for line in phone.lines if line.index > known.line_keys.value]
    if beyond:
        raise BadSelection(
            f"a {known.id} has {known.line_keys.value} line keys, and this phone has line {beyond[0]}",
            to_do="Remove that line first.",
        )


def _described(description: str) -> str:
    description = description.strip()
    if len(description) > LONGEST_DESCRIPTION or not is_printable(description):
        raise BadName(
            f"a description has at most {LONGEST_DESCRIPTION} characters, none of them a control character",
            where=repr(description[:60]),
        )
    return description
