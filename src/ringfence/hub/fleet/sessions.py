"""Sessions: the browsers in which people are signed in. Only the SHA-256 of a session's secret is kept."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, select, true
from sqlalchemy.orm import Session

from ringfence.hub.fleet import browser_names
from ringfence.hub.sign_in_errors import NotSignedIn, UnknownSession
from ringfence.hub.store import pages
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.people_models import PersonRow, SessionRow
from ringfence.secret import Secret

PREFIX = "rfs_"
IDLE_S = 12 * 3600.0
"""After how long without a request a session ends."""
LONGEST_S = 7 * 86_400.0
"""After how long it ends in any case."""
MOST_AHEAD_S = 86_400.0
"""A session that began so much later than now began by a wrong clock, and its end is as wrong."""
SECOND_STEP_WITHIN_S = 600.0
CONFIRMED_FOR_S = 600.0
"""How long somebody who proved who they are may see secrets."""
USE_NOTED_EVERY_S = 60.0
MOST_OF_ONE = 20
"""How many sessions one person has; a further one ends the oldest."""
_SECRET_BYTES = 32


def start(
    change: Change,
    person: PersonRow,
    *,
    address: str,
    agent: str,
    awaits_second_step: bool = False,
    longest_s: float = LONGEST_S,
) -> tuple[SessionRow, Secret]:
    """Start a session; its secret is returned only here.

    Args:
        change: The change that it is part of.
        person: Who signs in.
        address: Where the browser is.
        agent: What the browser says that it is; kept in short.
        awaits_second_step: Whether only the password is known to be right.
        longest_s: After how long it ends in any case.
    """
    _tidy_up(change, person)
    text = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    row = SessionRow(
        id=new_id("session"), person_id=person.id, secret_hash=_hash(text), created_at=change.now,
        last_used_at=change.now, confirmed_at=change.now,
        ends_at=change.now + (SECOND_STEP_WITHIN_S if awaits_second_step else longest_s),
        address=address[:64], agent=browser_names.in_short(agent), awaits_second_step=awaits_second_step, tries=0,
    )  # fmt: skip
    change.session.add(row)
    return row, Secret(text)


def authenticate(session: Session, text: str, now: float) -> tuple[SessionRow, PersonRow]:
    """Return a cookie's session and its person, in a session for all organisations; one query by an indexed hash.

    Raises:
        NotSignedIn: It has ended, or its person may not sign in any more, or awaits the second step.
    """
    row, person = _by_secret(session, text, now)
    if row.awaits_second_step:
        raise NotSignedIn("the second step of this sign-in is missing", to_do="Sign in.")
    return row, person


def awaiting(session: Session, text: str, now: float) -> tuple[SessionRow, PersonRow]:
    """Return a cookie's session that awaits the second step, and its person; NotSignedIn if there is none."""
    row, person = _by_secret(session, text, now)
    if not row.awaits_second_step:
        raise _ended()
    return row, person


def _by_secret(session: Session, text: str, now: float) -> tuple[SessionRow, PersonRow]:
    found = session.execute(
        select(SessionRow, PersonRow)
        .join(
            PersonRow,
            (PersonRow.organisation_id == SessionRow.organisation_id) & (PersonRow.id == SessionRow.person_id),
        )
        .where(SessionRow.secret_hash == _hash(text))
    ).first()
    if found is None or not _is_open(found[0], now) or not found[1].can_sign_in:
        raise _ended()
    return found[0], found[1]


def note_use(session: Session, session_id: str, now: float) -> None:
    """Store when a session was last used."""
    if (row := session.get(SessionRow, session_id)) is not None:
        row.last_used_at = now


def form_token(text: str) -> str:
    """Return what forms in a session's pages send with them: it follows from the session's secret, and is not kept."""
    digest = hmac.digest(text.encode("utf-8", "surrogateescape"), b"ringfence form token", "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def find(session: Session, page: Page, now: float, *, person_id: str = "", hubwide_too: bool) -> Paged[SessionRow]:
    """Return a page of the sessions that are open, by their ids; of one person, or of all."""
    chosen = select(SessionRow).where(*_visible(person_id, hubwide_too=hubwide_too), *_open_at(now))
    return pages.read(session, chosen, page, SessionRow.id)


def of_person(session: Session, person_id: str, now: float) -> Sequence[SessionRow]:
    """Return somebody's open sessions, the last used first."""
    chosen = select(SessionRow).where(SessionRow.person_id == person_id, *_open_at(now))
    return session.scalars(chosen.order_by(SessionRow.last_used_at.desc(), SessionRow.id)).all()


def get(session: Session, session_id: str, *, person_id: str = "", hubwide_too: bool) -> SessionRow:
    """Return a session.

    Raises:
        UnknownSession: There is none, or it is another's than was asked for.
    """
    visible = _visible(person_id, hubwide_too=hubwide_too)
    row = session.scalar(select(SessionRow).where(SessionRow.id == session_id, *visible))
    if row is None:
        raise UnknownSession(
            f"there is no session {session_id[:40]!r}", to_do="`ringfence session list` shows those that are open."
        )
    return row


def end(change: Change, row: SessionRow) -> None:
    """End a session: its next request is a stranger's."""
    change.session.delete(row)
    change.note("session.end", row.id, row.person_id)


def end_all(change: Change, person: PersonRow, *, but: str = "") -> int:
    """End all sessions of somebody, or all but one, and return how many there were."""
    chosen = delete(SessionRow).where(SessionRow.person_id == person.id, SessionRow.id != but)
    ended = len(change.session.execute(chosen.returning(SessionRow.id)).all())
    if ended:
        change.note("session.end", person.id, f"{person.name}: {ended}")
    return ended


def _visible(person_id: str, *, hubwide_too: bool) -> list[ColumnElement[bool]]:
    """Return what the sessions have that a caller may see."""
    of_others = select(PersonRow.id).where(PersonRow.is_hubwide.is_(False))
    return [
        SessionRow.person_id == person_id if person_id else true(),
        true() if hubwide_too else SessionRow.person_id.in_(of_others),
    ]


def _open_at(now: float) -> list[ColumnElement[bool]]:
    return [
        SessionRow.ends_at > now,
        SessionRow.last_used_at > now - IDLE_S,
        SessionRow.created_at < now + MOST_AHEAD_S,
        SessionRow.awaits_second_step.is_(False),
    ]


def _is_open(row: SessionRow, now: float) -> bool:
    return row.ends_at > now and row.last_used_at > now - IDLE_S and row.created_at < now + MOST_AHEAD_S


def _tidy_up(change: Change, person: PersonRow) -> None:
    """Delete what has ended, and the oldest sessions of somebody who has too many."""
    session = change.session
    is_over = (SessionRow.ends_at <= change.now) | (SessionRow.created_at >= change.now + MOST_AHEAD_S)
    session.execute(delete(SessionRow).where(is_over))
    own = select(SessionRow.id).where(SessionRow.person_id == person.id)
    newest = session.scalars(own.order_by(SessionRow.created_at.desc()).limit(MOST_OF_ONE - 1)).all()
    session.execute(delete(SessionRow).where(SessionRow.person_id == person.id, SessionRow.id.not_in(newest)))


def _ended() -> NotSignedIn:
    return NotSignedIn("this session has ended", to_do="Sign in again.")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
