"""Which phones hold the newest list of their organisation, as far as is known.

What phones took is reported by their edges. A rotation asks here before its next step, so that no phone is left behind.
"""

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from ringfence.hub.store.phone_trust_models import PhoneTrustRow
from ringfence.hub.store.trust_models import TrustListRow
from ringfence.phones.mac import Mac


def phones_without_last_list(session: Session) -> Sequence[str]:
    """Return the phones, by MAC address, that hold a list and are not known to hold the newest one.

    One that never took any takes the newest as its first, and one that was let go takes any.
    """
    newest = session.scalar(select(TrustListRow.id).order_by(TrustListRow.id.desc()).limit(1))
    if newest is None:
        return ()
    behind = (
        select(PhoneTrustRow.mac)
        .where(
            PhoneTrustRow.taken_digest != "",
            PhoneTrustRow.released_at.is_(None),
            or_(PhoneTrustRow.list_number < newest, PhoneTrustRow.taken_digest != PhoneTrustRow.list_digest),
        )
        .order_by(PhoneTrustRow.mac)
    )
    return [str(Mac(mac)) for mac in session.scalars(behind)]
