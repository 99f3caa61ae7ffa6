"""API tokens: the people's way in. Only a token's SHA-256 is kept, so that the database lets nobody in."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import or_, select, true
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection, NameRefused, UnknownToken
from ringfence.hub.fleet import access_scopes
from ringfence.hub.sign_in_errors import NotSignedIn
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.models import ApiTokenRow
from ringfence.secret import Secret

PREFIX = "rft_"
USE_NOTED_EVERY_S = 60
LONGEST_NAME = 80
OWNER = "owner"
_SECRET_BYTES = 32
_LONGEST_S = 10 * 366 * 86_400


def create(
    change: Change,
    name: str,
    role: str = OWNER,
    ends_at: float | None = None,
    *,
    is_hubwide: bool = False,
    limited_to: access_scopes.Stored | None = None,
    created_by_id: str = "",
) -> tuple[ApiTokenRow, Secret]:
    """Create a token; its text is returned only here.

    Args:
        change: The change that it is part of.
        name: Who or what it is for.
        role: What it is for, as ``hub/people/rights.py`` names it.
        ends_at: Until when it is accepted, in Unix seconds; None: without an end.
        is_hubwide: Whether it is for every organisation of the hub.
        limited_to: The part of its organisation that it is for (``access_scopes.checked``); None: all of it.
        created_by_id: The person or token that creates it; empty for the hub's machine.

    Raises:
        BadSelection: What it is limited to does not go with its role, or with the whole hub.
        NameRefused: The name can't be one, or the end is in the past.
    """
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NameRefused(
            "a token's name must have 1 to 80 printable characters", to_do="Name the person or program that it is for."
        )
    if ends_at is not None and not change.now < ends_at <= change.now + _LONGEST_S:
        raise NameRefused("a token's end must be in the future, and within ten years", to_do="Give a later day.")
    access_scopes.check_fits(role, is_hubwide=is_hubwide, limited_to=limited_to)
    text = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    token = ApiTokenRow(
        id=new_id("key"), name=name, token_hash=_hash(text), created_at=change.now, created_by=change.who,
        created_by_id=created_by_id, role=role, ends_at=ends_at, is_hubwide=is_hubwide, limited_to=limited_to,
        last_used_at=None, revoked_at=None,
    )  # fmt: skip
    change.session.add(token)
    until = "" if ends_at is None else f", until {datetime.fromtimestamp(ends_at, UTC):%Y-%m-%d %H:%M} UTC"
    of_what = "" if limited_to is None else f", {access_scopes.in_words(limited_to)}"
    change.note("api-token.create", token.id, f"{name} ({role}{until}{of_what})")
    return token, Secret(text)


def authenticate(session: Session, text: str, now: float) -> ApiTokenRow:
    """Return the token that ``text`` is, in a session for all organisations; NotSignedIn says why it lets nobody in.

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


def find(session: Session, *, hubwide_too: bool) -> Sequence[ApiTokenRow]:
    """Return an organisation's tokens, the oldest first; with ``hubwide_too`` also those for the whole hub."""
    chosen = select(ApiTokenRow).where(true() if hubwide_too else ApiTokenRow.is_hubwide.is_(False))
    return session.scalars(chosen.order_by(ApiTokenRow.created_at, ApiTokenRow.id)).all()


def get(session: Session, token_id: str, *, hubwide_too: bool) -> ApiTokenRow:
    """Return a token; UnknownToken if there is none, or it is for the whole hub and those are not asked for."""
    token = session.get(ApiTokenRow, token_id)
    if token is None or (token.is_hubwide and not hubwide_too):
        raise UnknownToken(f"there is no API token {token_id[:40]!r}", to_do="`ringfence access list` shows all.")
    return token


def with_creators(session: Session, holder_id: str) -> list[str]:
    """Return somebody's id, and if they are a token, the ids of who created it, of who created that, and so on."""
    found = [holder_id]
    while (token := session.get(ApiTokenRow, found[-1])) is not None and token.created_by_id:
        found.append(token.created_by_id)
    return found


def made_by(session: Session, holder_id: str, now: float, *, hubwide_too: bool) -> Sequence[ApiTokenRow]:
    """Return the tokens of a session's organisation that somebody made, or a token of theirs, and that work still.

    The oldest come first. They outlive who made them: programs use them.
    """
    makers, found = {holder_id}, dict[str, ApiTokenRow]()
    while makers:
        made = session.scalars(select(ApiTokenRow).where(ApiTokenRow.created_by_id.in_(makers)))
        new = {token.id: token for token in made if token.id not in found}
        found |= new
        makers = set(new)
    working = [
        token
        for token in found.values()
        if token.revoked_at is None
        and (token.ends_at is None or token.ends_at > now)
        and (hubwide_too or not token.is_hubwide)
    ]
    return sorted(working, key=lambda token: (token.created_at, token.id))


def revoke(change: Change, token: ApiTokenRow) -> None:
    """Revoke a token; the last valid one of an owner stays, or nobody could get in again."""
    if token.revoked_at is not None:
        return
    others = change.session.scalars(
        select(ApiTokenRow.id)
        .where(
            ApiTokenRow.revoked_at.is_(None),
            ApiTokenRow.id != token.id,
            ApiTokenRow.role == OWNER,
            ApiTokenRow.is_hubwide.is_(token.is_hubwide),
            or_(ApiTokenRow.ends_at.is_(None), ApiTokenRow.ends_at > change.now),
        )
        .limit(1)
    ).all()
    if token.role == OWNER and not others:
        raise BadSelection(
            "this is the last valid token of an owner",
            to_do="Create another one first: ringfence access create NAME.",
        )
    token.revoked_at = change.now
    change.note("api-token.revoke", token.id, token.name)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
