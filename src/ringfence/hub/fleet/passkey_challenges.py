"""What passkeys are asked to sign: at random, for one browser or session and one purpose, once, within minutes."""

import secrets
from enum import StrEnum

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.fleet.relying_party import WITHIN_S
from ringfence.hub.sign_in_errors import PasskeyRefused
from ringfence.hub.store.people_models import PasskeyChallengeRow

MOST = 10_000
"""How many there are at once in an organisation; a further one ends the oldest."""
_BYTES = 32


class Purpose(StrEnum):
    """What a signature is for; it is good for nothing else."""

    SIGN_IN = "sign-in"
    CONFIRM = "confirm"
    ADD = "add"


def create(session: Session, asker: str, purpose: Purpose, now: float, person_id: str | None = None) -> bytes:
    """Create a challenge, which takes the place of the one that this browser or session had.

    Args:
        session: Of the database.
        asker: The id of the browser or session, which brings it back.
        purpose: What the signature is for.
        now: Unix time.
        person_id: Whose session it is.
    """
    session.execute(
        delete(PasskeyChallengeRow).where((PasskeyChallengeRow.asker == asker) | (PasskeyChallengeRow.ends_at <= now))
    )
    if (session.scalar(select(func.count()).select_from(PasskeyChallengeRow)) or 0) >= MOST:
        oldest = select(PasskeyChallengeRow.asker).order_by(PasskeyChallengeRow.ends_at).limit(1)
        session.execute(delete(PasskeyChallengeRow).where(PasskeyChallengeRow.asker.in_(oldest)))
    challenge = secrets.token_bytes(_BYTES)
    session.add(
        PasskeyChallengeRow(
            asker=asker, purpose=purpose, person_id=person_id, challenge=challenge, ends_at=now + WITHIN_S
        )
    )
    return challenge


def use(session: Session, asker: str, purpose: Purpose, now: float) -> bytes:
    """Return the challenge of a browser or session, and end it, whatever comes of the answer.

    Raises:
        PasskeyRefused: There is none for this purpose: it was used, took too long, or never was.
    """
    chosen = delete(PasskeyChallengeRow).where(
        PasskeyChallengeRow.asker == asker,
        PasskeyChallengeRow.purpose == purpose,
        PasskeyChallengeRow.ends_at > now,
    )
    found = session.execute(chosen.returning(PasskeyChallengeRow.challenge)).scalar()
    if found is None:
        raise PasskeyRefused(
            "this was not asked for, was answered before, or took too long",
            to_do=f"Begin again; you have {int(WITHIN_S) // 60} minutes.",
        )
    return found
