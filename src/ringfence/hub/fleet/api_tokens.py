"""API tokens: the people's way in. Only a token's SHA-256 is kept, so that the database lets nobody in."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import or_, select
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
ADMIN = "admin"
_SECRET_BYTES = 32
_LONGEST_S = 10 * 366 * 86_400


def create(change: Change, name: str, scope: str = ADMIN, ends_at: float | None = None) -> tuple[ApiTokenRow, Secret]:
    """Create a token; its text is returned only here.

    Args:
        change: The change that it is part of.
        name: Who or what it is for.
        scope: What it is for, as ``hub/people/scopes.py`` names it.
        ends_at: Until when it is accepted, in Unix seconds; None: without an end.

    Raises:
        NameRefused: The name can't be one, or the end is in the past.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NameRefused(
            "a token's name must have 1 to 80 printable characters", to_do="Name the person or program that it is for."
        )
    if ends_at is not None and not change.now < ends_at <= change.now + _LONGEST_S:
        raise NameRefused("a token's end must be in the future, and within ten years", to_do="Give a later day.")
    text = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    token = ApiTokenRow(
        id=new_id("key"), name=name, token_hash=_hash(text), created_at=change.now, created_by=change.who,
        scope=scope, ends_at=ends_at, last_used_at=None, revoked_at=None,
    )  # fmt: skip
    change.session.add(token)
    until = "" if ends_at is None else f", until {datetime.fromtimestamp(ends_at, UTC):%Y-%m-%d %H:%M} UTC"
    change.note("api-token.create", token.id, f"{name} ({scope}{until})")
    return token, Secret(text)


def authenticate(session: Session, text: str, now: float) -> ApiTokenRow:
    """Return the token that ``text`` is; NotSignedIn says why it lets nobody in.

    Tokens are found by their hash, so comparing takes no time that depends on a stored secret.
    """
    token = session.scalar(select(ApiTokenRow).where(ApiTokenRow.token_hash == _hash(text)))
    if token is None or (token.ends_at is not None and token.ends_at <= now):
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
    """Revoke a token; the last valid one of an administrator stays, or nobody could get in again."""
    token = change.session.get(ApiTokenRow, token_id)
    if token is None:
        raise UnknownToken(f"there is no API token {token_id[:40]!r}", to_do="`ringfence access list` shows all.")
    if token.revoked_at is not None:
        return
    others = change.session.scalars(
        select(ApiTokenRow.id)
        .where(
            ApiTokenRow.revoked_at.is_(None),
            ApiTokenRow.id != token_id,
            ApiTokenRow.scope == ADMIN,
            or_(ApiTokenRow.ends_at.is_(None), ApiTokenRow.ends_at > change.now),
        )
        .limit(1)
    ).all()
    if token.scope == ADMIN and not others:
        raise BadSelection(
            "this is the last valid token of an administrator",
            to_do="Create another one first: ringfence access create NAME.",
        )
    token.revoked_at = change.now
    change.note("api-token.revoke", token_id, token.name)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
