"""Visits to a sign-in provider: who was sent there comes back once, in the same browser, within minutes."""

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.sign_in_provider_models import ProviderVisitRow

WITHIN_S = 900.0
MOST = 10_000
"""How many there are at once in an organisation; a further one ends the oldest."""
_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sent:
    """With what a browser is sent."""

    state: str
    nonce: str
    verifier: str


def begin(
    session: Session, provider_id: str, asker: str, onward: str, now: float, person: PersonRow | None = None,
    session_id: str = "",
) -> Sent:  # fmt: skip
    """Begin a visit.

    Args:
        session: Of the database.
        provider_id: Where to.
        asker: The browser's id.
        onward: The page on which they go on.
        now: Unix time.
        person: Who proves once more who they are; None for somebody who signs in.
        session_id: The session of whoever does.
    """
    session.execute(delete(ProviderVisitRow).where(ProviderVisitRow.ends_at <= now))
    if (session.scalar(select(func.count()).select_from(ProviderVisitRow)) or 0) >= MOST:
        oldest = select(ProviderVisitRow.state_hash).order_by(ProviderVisitRow.ends_at).limit(1)
        session.execute(delete(ProviderVisitRow).where(ProviderVisitRow.state_hash.in_(oldest)))
    sent = Sent(*(secrets.token_urlsafe(_BYTES) for _ in range(3)))
    row = ProviderVisitRow(
        state_hash=digest(sent.state), provider_id=provider_id, asker=asker, session_id=session_id, nonce=sent.nonce,
        person_id=None if person is None else person.id, verifier=sent.verifier, onward=onward, ends_at=now + WITHIN_S,
    )  # fmt: skip
    session.add(row)
    return sent


def find(session: Session, state: str, asker: str, now: float) -> ProviderVisitRow | None:
    """Return the visit that a browser comes back from, in a session for all organisations."""
    chosen = select(ProviderVisitRow).where(
        ProviderVisitRow.state_hash == digest(state), ProviderVisitRow.asker == asker, ProviderVisitRow.ends_at > now
    )
    found: ProviderVisitRow | None = session.scalar(chosen)
    return found


def end(session: Session, row: ProviderVisitRow) -> bool:
    """End a visit, and return whether it was not over already: of two who come back from one, one does."""
    chosen = delete(ProviderVisitRow).where(ProviderVisitRow.state_hash == row.state_hash)
    return bool(session.execute(chosen.returning(ProviderVisitRow.state_hash)).all())


def digest(state: str) -> str:
    """Return what a visit is found by."""
    return hashlib.sha256(state.encode("utf-8", "surrogateescape")).hexdigest()
