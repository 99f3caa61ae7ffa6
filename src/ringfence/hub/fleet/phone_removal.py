"""What a phone may still hold of an organisation when it leaves: whoever has it next could not use it."""

from sqlalchemy.orm import Session

from ringfence.hub.errors import StillTrusting
from ringfence.hub.fleet import phone_trust, profile_keys
from ringfence.phones.mac import Mac


def check(session: Session, mac: Mac) -> None:
    """Check that a phone asks for nothing that this organisation alone can give.

    Raises:
        StillTrusting: It may hold a trust list, or ask for its encrypted profile.
    """
    phone_trust.check_removal(session, mac)
    profile_keys.check_removal(session, mac)


def refusal(session: Session, mac: Mac) -> StillTrusting | None:
    """Return why a phone is not to be removed yet; None for one that may go."""
    try:
        check(session, mac)
    except StillTrusting as fault:
        return fault
    return None
