"""What organisations have of what whoever runs the hub may limit, and those limits."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import organisations
from ringfence.hub.store import organisation_limits
from ringfence.hub.store.change import Change
from ringfence.hub.store.organisation_limits import OrganisationLimit
from ringfence.hub.store.organisation_models import OrganisationRow

LARGEST = 1 << 53
"""More than any hub has, and exact in every program's numbers."""
LARGEST_COUNT = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class LimitUse:
    """How much of something an organisation has, and may have; None: without a limit."""

    limit: OrganisationLimit
    used: int
    most: int | None


def find(session: Session, organisation_id: str, now: float) -> list[LimitUse]:
    """Return what an organisation has and may have.

    Raises:
        UnknownOrganisation: There is none with this id.
    """
    row = session.get(OrganisationRow, organisation_id)
    if row is None or row.removed_at is not None:
        raise organisations.unknown(organisation_id)
    return [
        LimitUse(limit, limit.used(session, organisation_id, now), limit.most(row)) for limit in organisation_limits.ALL
    ]


def limit(change: Change, organisation_id: str, new: Mapping[str, int | None]) -> None:
    """Set limits by their words, in a session for all organisations; None ends one, and others stay as they are.

    What is there above a new limit stays.

    Raises:
        UnknownOrganisation: There is none with this id.
        BadSelection: A limit is less than 0, or more than any hub has.
    """
    row = organisations.get(change.session, organisation_id).organisation
    told = []
    for each in organisation_limits.ALL:
        if each.word not in new:
            continue
        most = new[each.word]
        largest = LARGEST if each is organisation_limits.STORAGE else LARGEST_COUNT
        if most is not None and not 0 <= most <= largest:
            raise BadSelection(f"a limit of {each.word} is from 0 to {largest:,}", to_do="Give another number.")
        setattr(row, each.column, most)
        told.append(f"{each.word} {'without a limit' if most is None else f'{most:,}'}")
    change.note("organisation.limit", row.id, ", ".join(told))
