"""Sign-in providers of an organisation: who may come in by one, and as what.

A provider belongs to one organisation, and lets nobody into another, nor makes anybody one of those who run the hub.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.fleet import access_scopes, sessions
from ringfence.hub.sign_in_errors import SignInProviderRefused, SignInProviderTaken, UnknownSignInProvider
from ringfence.hub.store import pages
from ringfence.hub.store.change import Change
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.sign_in_provider_models import SignInProviderRow
from ringfence.secret import Secret

MOST_OF_ONE = 5
MOST_MAPPINGS = 100
LONGEST_SESSION_HOURS = 168
USUAL_SESSION_HOURS = 12
USUAL_SCOPES = "profile email"
USUAL_GROUP_CLAIM = "groups"
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,18}[a-z0-9])?")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_LONGEST = {"name": 60, "issuer": 300, "client_id": 200, "group_claim": 100, "asked_scopes": 200, "group": 200}
_LONGEST_SECRET = 2000


@dataclass(frozen=True, slots=True)
class GroupMapping:
    """What those of a group are here."""

    group: str
    role: str
    limited_to: access_scopes.Stored | None = None


@dataclass(frozen=True, slots=True)
class ProviderValues:
    """All that is set of a provider but its secret."""

    name: str
    issuer: str
    client_id: str
    mappings: Sequence[GroupMapping]
    group_claim: str = USUAL_GROUP_CLAIM
    asked_scopes: str = USUAL_SCOPES
    session_hours: int = USUAL_SESSION_HOURS


def add(change: Change, sealer: Sealer, provider_id: str, values: ProviderValues, secret: Secret) -> SignInProviderRow:
    """Add a provider.

    Args:
        change: The change that it is part of.
        sealer: What seals the secret.
        provider_id: What it is called in commands.
        values: What is set of it.
        secret: The one that it gave the hub.

    Raises:
        SignInProviderRefused: A value can't be used, or there are too many.
        SignInProviderTaken: There is one of this id.
        BadSelection: A role does not go with its scope.
    """
    if _ID.fullmatch(provider_id) is None:
        raise SignInProviderRefused(
            "an id has 1 to 20 small letters, digits and hyphens", where="id", to_do="Choose one such as company."
        )
    if change.session.get(SignInProviderRow, provider_id) is not None:
        raise SignInProviderTaken(f"there is a sign-in provider {provider_id!r} already", to_do="Choose another id.")
    if (change.session.scalar(select(func.count()).select_from(SignInProviderRow)) or 0) >= MOST_OF_ONE:
        raise SignInProviderRefused(
            f"an organisation has at most {MOST_OF_ONE} sign-in providers", to_do="Remove one first."
        )
    row = SignInProviderRow(id=provider_id, created_at=change.now, created_by=change.who)
    _set(row, values)
    _set_secret(row, sealer, secret)
    change.session.add(row)
    change.session.flush()
    change.note("sign-in-provider.add", provider_id, f"{values.name}, {values.issuer}")
    return row


def set_values(change: Change, row: SignInProviderRow, values: ProviderValues) -> None:
    """Set all of a provider but its secret; people of another issuer than before do not come in by it any more.

    Raises:
        SignInProviderRefused: A value can't be used.
        BadSelection: A role does not go with its scope.
    """
    before = row.issuer
    _set(row, values)
    change.session.flush()
    if row.issuer != before:
        _end_sessions(change, before)
    change.note("sign-in-provider.set", row.id, f"{values.name}, {values.issuer}")


def set_secret(change: Change, sealer: Sealer, row: SignInProviderRow, secret: Secret) -> None:
    """Set the secret by which the provider knows the hub; SignInProviderRefused if it can't be one."""
    _set_secret(row, sealer, secret)
    change.note("sign-in-provider.secret", row.id, row.name)


def remove(change: Change, row: SignInProviderRow) -> None:
    """Remove a provider: its people's sessions end, and they come in no more; what they did stays."""
    change.session.delete(row)
    change.session.flush()
    _end_sessions(change, row.issuer)
    change.note("sign-in-provider.remove", row.id, row.name)


def find(session: Session, page: Page) -> Paged[SignInProviderRow]:
    """Return a page of the organisation's providers, by id."""
    return pages.read(session, select(SignInProviderRow), page, SignInProviderRow.id)


def of_organisation(session: Session) -> Sequence[SignInProviderRow]:
    """Return all providers of the organisation."""
    return session.scalars(select(SignInProviderRow).order_by(SignInProviderRow.name, SignInProviderRow.id)).all()


def of_issuer(session: Session, issuer: str | None) -> SignInProviderRow | None:
    """Return the provider by which people of an issuer come in; None if there is none any more."""
    chosen = select(SignInProviderRow).where(SignInProviderRow.issuer == issuer)
    return session.scalar(chosen.order_by(SignInProviderRow.id).limit(1))


def get(session: Session, provider_id: str) -> SignInProviderRow:
    """Return a provider; UnknownSignInProvider if there is none of this id."""
    row: SignInProviderRow | None = session.get(SignInProviderRow, provider_id)
    if row is None:
        raise UnknownSignInProvider(
            f"there is no sign-in provider {provider_id[:40]!r}", to_do="`ringfence sign-in-provider list` shows all."
        )
    return row


def secret_of(sealer: Sealer, row: SignInProviderRow) -> Secret:
    """Return the secret by which the provider knows the hub."""
    return sealer.open(row.sealed_client_secret, _record(row))


def mappings_of(row: SignInProviderRow) -> Sequence[GroupMapping]:
    """Return what the groups of a provider are here, in the order in which they count."""
    return [GroupMapping(each["group"], each["role"], each["limited_to"]) for each in row.mappings]


def mapped(row: SignInProviderRow, groups: Collection[str]) -> GroupMapping | None:
    """Return the first mapping of a group that somebody is in; None if they are in none of them."""
    return next((each for each in mappings_of(row) if each.group in groups), None)


def _set(row: SignInProviderRow, values: ProviderValues) -> None:
    row.name = _text("name", values.name)
    row.issuer = _checked_issuer(values.issuer)
    row.client_id = _text("client_id", values.client_id)
    row.group_claim = _text("group_claim", values.group_claim)
    row.asked_scopes = values.asked_scopes.strip()
    if len(row.asked_scopes) > _LONGEST["asked_scopes"] or (
        row.asked_scopes and not _SCOPE.fullmatch(row.asked_scopes)
    ):
        raise SignInProviderRefused("these are no scopes", where="scopes", to_do="Write them like: profile email")
    if not 1 <= values.session_hours <= LONGEST_SESSION_HOURS:
        raise SignInProviderRefused(
            f"a session lasts 1 to {LONGEST_SESSION_HOURS} hours", where="session_hours", to_do="Correct it."
        )
    row.session_hours = values.session_hours
    row.mappings = _checked_mappings(values.mappings)


def _checked_mappings(mappings: Sequence[GroupMapping]) -> list[dict[str, Any]]:  # Any: JSON
    if len(mappings) > MOST_MAPPINGS:
        raise SignInProviderRefused(f"there are more than {MOST_MAPPINGS} groups", where="groups")
    made: dict[str, Mapping[str, Any]] = {}
    for each in mappings:
        group = _text("group", each.group)
        if group in made:
            raise SignInProviderRefused(f"the group {group!r} is there twice", where="groups", to_do="Leave one out.")
        access_scopes.check_fits(each.role, is_hubwide=False, limited_to=each.limited_to)
        made[group] = {"group": group, "role": each.role, "limited_to": each.limited_to}
    return [dict(each) for each in made.values()]


def _set_secret(row: SignInProviderRow, sealer: Sealer, secret: Secret) -> None:
    if not 1 <= len(secret.reveal()) <= _LONGEST_SECRET:
        raise SignInProviderRefused(f"a client's secret has 1 to {_LONGEST_SECRET} characters", where="client_secret")
    row.sealed_client_secret = sealer.seal(secret, _record(row))


def _checked_issuer(issuer: str) -> str:
    issuer = issuer.strip()
    try:
        parts = urlsplit(issuer)
        is_good = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_good = False
    is_plain = issuer.isascii() and issuer.isprintable() and not set(" \\?#@") & set(issuer)
    if not is_good or not is_plain or len(issuer) > _LONGEST["issuer"]:
        raise SignInProviderRefused(
            "an issuer is an https address without a question mark",
            where="issuer", to_do="Copy it from the provider, such as https://login.example.org/realms/company.",
        )  # fmt: skip
    return issuer


def _text(name: str, text: str) -> str:
    text = text.strip()
    if not text or len(text) > _LONGEST[name] or not text.isprintable():
        raise SignInProviderRefused(
            f"{name.replace('_', ' ')} must have 1 to {_LONGEST[name]} printable characters", where=name
        )
    return text


def _end_sessions(change: Change, issuer: str) -> None:
    for person in change.session.scalars(select(PersonRow).where(PersonRow.issuer == issuer)).all():
        sessions.end_all(change, person)


def _record(row: SignInProviderRow) -> str:
    return f"sign-in-provider:{row.id}"
