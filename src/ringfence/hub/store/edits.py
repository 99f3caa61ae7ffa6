"""Which sites were edited since they were last rendered, kept by the session itself so that no edit forgets it.

Each site counts its edits; publishing remembers how many it has rendered. A count, and not a mark, because an edit may
come while a publish is at work: it must be due again afterwards.
"""

from sqlalchemy import event, inspect, select, update
from sqlalchemy.orm import Session

from ringfence.hub.store.models import (
    Asset,
    GroupSetting,
    Line,
    LineSetting,
    OrganisationSetting,
    OwnTemplate,
    Phone,
    PhoneSetting,
    Site,
    SiteSetting,
)


class EditCountingSession(Session):
    """A session that counts a site's edits with the rows that make them."""


@event.listens_for(EditCountingSession, "before_flush")
def _count_edits(session: Session, _context: object, _instances: object) -> None:
    touched: set[str] = set()
    for row in (*session.new, *session.dirty, *session.deleted):
        match row:
            case OrganisationSetting() | OwnTemplate() | Asset():
                session.execute(update(Site).values(edits=Site.edits + 1))
                return
            case SiteSetting():
                touched.add(row.site_id)
            case Phone():
                touched.add(row.site_id)
                touched.update(inspect(row).attrs.site_id.history.deleted or ())  # where it stood before
            case GroupSetting():
                members = select(Phone.site_id).where(Phone.group_id == row.group_id)
                touched.update(session.execute(members).scalars())
            case Line() | PhoneSetting() | LineSetting():
                phone = session.get(Phone, row.mac)
                touched.update(() if phone is None else (phone.site_id,))
            case _:
                continue
    if touched:
        session.execute(update(Site).where(Site.id.in_(sorted(touched))).values(edits=Site.edits + 1))
