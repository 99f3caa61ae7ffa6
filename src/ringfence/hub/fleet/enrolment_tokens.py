"""Enrolment tokens: each lets one edge in, once."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.errors import EdgeRefused, UnknownToken
from ringfence.hub.fleet import sites
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.models import EnrolmentTokenRow
from ringfence.hub.store.organisation_models import FIRST
from ringfence.secret import Secret

DAY_S = 24 * 3600
LONGEST_DAYS = 30
"""A box that is sent by post begins with the token that was put on it."""

_SECRET_BYTES = 24

_ASK = "Ask for a new one: ringfence site token SITE."


def create(change: Change, site_id: str, days: int = 1) -> tuple[EnrolmentTokenRow, Secret]:
    """Create a token for one edge of a site, valid for 1 to LONGEST_DAYS days; its secret is returned only here."""
    site = sites.get(change.session, site_id)
    secret = Secret(secrets.token_urlsafe(_SECRET_BYTES))
    token = EnrolmentTokenRow(
        id=new_id("token"), site_id=site.id, secret_hash=_hash(secret), created_at=change.now, created_by=change.who,
        expires_at=float(int(change.now) + days * DAY_S), used_at=None, edge_id=None, revoked_at=None,
    )  # fmt: skip
    change.session.add(token)
    change.note("token.create", token.id, f"for site {site.id}, for {counted(days, 'day')}")
    return token, secret


def find(session: Session, site_id: str) -> Sequence[EnrolmentTokenRow]:
    """Return a site's tokens, the newest first."""
    chosen = select(EnrolmentTokenRow).where(EnrolmentTokenRow.site_id == sites.get(session, site_id).id)
    return session.scalars(chosen.order_by(EnrolmentTokenRow.created_at.desc(), EnrolmentTokenRow.id)).all()


def get(session: Session, token_id: str) -> EnrolmentTokenRow:
    """Return a token; UnknownToken where there is none."""
    token = session.get(EnrolmentTokenRow, token_id)
    if token is None:
        raise unknown(token_id)
    return token


def unknown(token_id: str) -> UnknownToken:
    """Return the error that there is no such token."""
    return UnknownToken(f"there is no token {token_id[:40]!r}", to_do="`ringfence site tokens SITE` shows them.")


def revoke(change: Change, token_id: str) -> None:
    """Revoke a token; once it has been used this has no effect, and its edge is revoked separately."""
    token = get(change.session, token_id)
    if token.revoked_at is None:
        token.revoked_at = change.now
        change.note("token.revoke", token_id, f"of site {token.site_id}")


def organisation_of(session: Session, secret: Secret) -> str:
    """Return whose token this is, in a session for all organisations; the first one's where it is no token."""
    chosen = select(EnrolmentTokenRow.organisation_id).where(EnrolmentTokenRow.secret_hash == _hash(secret))
    return session.scalar(chosen) or FIRST


def redeem(change: Change, secret: Secret) -> EnrolmentTokenRow:
    """Use a token up and return it; EdgeRefused says why it is not valid.

    One update decides which of two simultaneous requests gets it, on every database.
    """
    hashed = _hash(secret)
    token = change.session.scalar(select(EnrolmentTokenRow).where(EnrolmentTokenRow.secret_hash == hashed))
    if token is None or not hmac.compare_digest(token.secret_hash, hashed):
        raise EdgeRefused("token-wrong", "this hub has no such enrolment token", to_do=_ASK)
    if token.revoked_at is not None:
        raise EdgeRefused("token-revoked", "this enrolment token was revoked", to_do=_ASK)
    if token.used_at is None and change.now >= token.expires_at:
        raise EdgeRefused("token-expired", "this enrolment token has expired", to_do=_ASK)
    used = change.session.execute(
        update(EnrolmentTokenRow)
        .where(
            EnrolmentTokenRow.id == token.id,
            EnrolmentTokenRow.used_at.is_(None),
            EnrolmentTokenRow.revoked_at.is_(None),
        )
        .values(used_at=change.now)
        .returning(EnrolmentTokenRow.id)
    ).all()
    if not used:
        raise EdgeRefused(
            "token-used", "this enrolment token has been used; each token enrols one edge, once", to_do=_ASK
        )
    return token


def _hash(secret: Secret) -> str:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogateescape")).hexdigest()
