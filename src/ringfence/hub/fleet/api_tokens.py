"""API tokens: the people's way in. Only a token's SHA-256 is kept, so that the database lets nobody in."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.errors import (
    BadSelection,
    NameRefused,
    NotSignedIn,
    UnknownToken,
)
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.models import ApiTokenRow
from ringfence.secret import Secret

PREFIX = "rft_"
USE_NOTED_EVERY_S = 60
LONGEST_NAME = 80
_SECRET_BYTES = 32


def create(change: Change, name: str) -> tuple[ApiTokenRow, Secret]:
    """Create a token; its text is returned only here."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NameRefused(
            "a token's name must have 1 to 80 printable characters", to_do="Name the person or program that it is for."
        )
    text = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    token = ApiTokenRow(
        id=new_id("key"), name=name, token_hash=_hash(text), created_at=change.now, created_by=change.who,
        last_used_at=None, revoked_at=None,
    )  # fmt: skip
    change.session.add(token)
    change.note("api-token.create", token.id, name)
    return token, Secret(text)


def authenticate(session: Session, text: str) -> ApiTokenRow:
    """Return the token that ``text`` is; NotSignedIn says why it lets nobody in.

    Tokens are found by their hash, so comparing takes no time that depends on a stored secret.
    """
    token = session.scalar(select(ApiTokenRow).where(ApiTokenRow.token_hash == _hash(text)))
    if token is None:
        raise NotSignedIn(
            "this hub does not know this API token", to_do="Log in with a token of this hub: ringfence login."
        )
    if token.revoked_at is not None:
        raise NotSignedIn("this API token was revoked", to_do="Ask an administrator for a new token.")
    return token


def note_use(session: Session, token_id: str, now: float) -> None:
    """Store when a token was last used."""
    token = session.get(ApiTokenRow, token_id)
    if token is not None:
        token.last_used_at = now


def find(session: Session) -> Sequence[ApiTokenRow]:
    """Return all tokens, the oldest first."""
    return session.scalars(select(ApiTokenRow).order_by(ApiTokenRow.created_at, ApiTokenRow.id)).all()


def revoke(change: Change, token_id: str) -> None:
    """Revoke a token; the last valid one stays, or nobody could get in again."""
    token = change.session.get(ApiTokenRow, token_id)
    if token is None:
        raise UnknownToken(f"there is no API token {token_id[:40]!r}", to_do="`ringfence access list` shows all.")
    if token.revoked_at is not None:
        return
    others = change.session.scalars(
        select(ApiTokenRow.id).where(ApiTokenRow.revoked_at.is_(None), ApiTokenRow.id != token_id).limit(1)
    ).all()
    if not others:
        raise BadSelection(
            "this is the last valid token", to_do="Create another one first: ringfence access create NAME."
        )
    token.revoked_at = change.now
    change.note("api-token.revoke", token_id, token.name)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
