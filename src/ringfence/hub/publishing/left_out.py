"""Phones that a publish leaves out, because their files can't be made: each keeps the files that it has, and is named.

They are kept in the database until a publish makes their files, so that their site stays due, and so that the phone's
status can say it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ringfence.errors import BadInput, ContentRefused, RingfenceError
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.release_models import LeftOutPhoneRow
from ringfence.phones.mac import Mac

FAULTS_OF_ONE_PHONE = (BadInput, ContentRefused)
"""What is wrong with one phone and harms no other: a value, a template, a secret that can't be opened."""


@dataclass(frozen=True, slots=True)
class LeftOutPhone:
    """One phone whose files can't be made, and why."""

    site_id: str
    mac: Mac
    fault: RingfenceError


def put(session: Session, site_ids: Sequence[str], phones: Collection[LeftOutPhone], now: float) -> None:
    """Store which phones of some sites were left out, in place of those before."""
    of_site = select(PhoneRow.mac).where(PhoneRow.site_id.in_(site_ids))
    macs = [phone.mac.bare for phone in phones]
    session.execute(
        delete(LeftOutPhoneRow)
        .where(LeftOutPhoneRow.mac.in_(of_site) | LeftOutPhoneRow.mac.in_(macs))
        .execution_options(synchronize_session=False)
    )
    if not phones:
        return
    there = set(session.scalars(select(PhoneRow.mac).where(PhoneRow.mac.in_(macs))))
    session.add_all(
        LeftOutPhoneRow(mac=phone.mac.bare, at=now, what=phone.fault.what[:1000], to_do=phone.fault.to_do[:1000])
        for phone in phones
        if phone.mac.bare in there  # one that was removed meanwhile is nobody's
    )


def sites_with(session: Session) -> Sequence[str]:
    """Return the sites with a phone that the last publish left out."""
    return session.scalars(select(PhoneRow.site_id).join(LeftOutPhoneRow).distinct()).all()
