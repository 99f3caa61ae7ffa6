"""Links that let somebody in once: an invitation, a way back in, and the way in for a hub's first person."""

import hashlib
import secrets

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadSelection
from ringfence.hub.sign_in_errors import SignInRefused
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.people_models import PersonRow, SignInLinkRow
from ringfence.secret import Secret

PATH = "/sign-in/link"
CODE = "code"
"""What the link's code is called in its query: no log and no Referer of the hub's pages has that."""
INVITATION_S = 7 * 86_400.0
AT_ONCE_S = 600.0
_SECRET_BYTES = 24


def create(change: Change, person: PersonRow | None, *, asks_password: bool, valid_s: float) -> Secret:
    """Create a link, which ends those that somebody had before, and return its code, which is not kept.

    Args:
        change: The change that it is part of.
        person: Whom it lets in; None for the first person, whom it makes.
        asks_password: Whether it lets them choose a password; otherwise it signs them in at once.
        valid_s: For how long.

    Raises:
        BadSelection: They sign in at a provider.
    """
    if person is not None and person.is_of_provider:
        raise BadSelection(
            f"{person.name} signs in at a provider, and has no password here",
            to_do="Invite somebody by another name, who has one.",
        )
    person_id = None if person is None else person.id
    session = change.session
    same = SignInLinkRow.person_id.is_(None) if person is None else SignInLinkRow.person_id == person_id
    session.execute(delete(SignInLinkRow).where(same))
    session.execute(delete(SignInLinkRow).where(SignInLinkRow.ends_at <= change.now))
    text = secrets.token_urlsafe(_SECRET_BYTES)
    row = SignInLinkRow(
        id=new_id("link"), secret_hash=_hash(text), person_id=person_id, asks_password=asks_password,
        created_at=change.now, created_by=change.who, ends_at=change.now + valid_s,
    )  # fmt: skip
    session.add(row)
    change.note("sign-in-link.create", person_id or "first person", "" if person is None else person.name)
    return Secret(text)


def get(session: Session, code: Secret, now: float) -> SignInLinkRow:
    """Return the link with a code.

    Raises:
        SignInRefused: It is over, was used, or never was; nobody learns which.
    """
    row = session.scalar(select(SignInLinkRow).where(SignInLinkRow.secret_hash == _hash(code.reveal())))
    if row is None or row.ends_at <= now:
        raise SignInRefused(
            "this link was used, has ended, or was replaced by a newer one", to_do="Ask whoever gave it to you."
        )
    return row


def use(change: Change, row: SignInLinkRow) -> None:
    """Use a link up."""
    change.session.delete(row)
    change.note("sign-in-link.use", row.person_id or "first person")


def at(url: str, code: Secret) -> str:
    """Return the link for people; ``url`` is where they find the hub."""
    return f"{url}{PATH}?{CODE}={code.reveal()}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
