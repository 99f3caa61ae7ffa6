"""People who come in by a sign-in provider: known by issuer and subject alone, whatever else it says of them.

A name or a mail address never leads to an account that is there: whoever may choose theirs at the provider would take
somebody's place here.
"""

import hashlib

from sqlalchemy import select

from ringfence.hub.fleet import access_scopes, people, sessions
from ringfence.hub.fleet.sign_in_providers import GroupMapping
from ringfence.hub.sign_in_errors import SignInRefused
from ringfence.hub.store.change import Change
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.store.sign_in_provider_models import SignInProviderRow
from ringfence.printable import REPLACEMENT, printable

_LONGEST_NAME = 60


def known(change: Change, provider: SignInProviderRow, subject: str) -> PersonRow | None:
    """Return whom a provider means; None for somebody who was never here."""
    chosen = select(PersonRow).where(PersonRow.issuer == provider.issuer, PersonRow.subject == subject)
    found: PersonRow | None = change.session.scalar(chosen)
    return found


def let_in(
    change: Change, provider: SignInProviderRow, subject: str, name: str, display_name: str, mapping: GroupMapping
) -> PersonRow:
    """Return whom a provider means, with the role and scope that their group has now; whoever is new is added.

    Args:
        change: The change that it is part of.
        provider: Who says so.
        subject: By what it knows them.
        name: What it calls them; where that is taken here, they get another name.
        display_name: What they are called.
        mapping: What their group is here.

    Raises:
        SignInRefused: They are disabled here.
        LastOwner: They would be one no more, and there is none beside them.
    """
    found = known(change, provider, subject)
    if found is None:
        own = _free_name(change, provider, subject, name)
        limited_to = mapping.limited_to
        found = people.add(
            change, own, _called(display_name, own), mapping.role, is_hubwide=False, limited_to=limited_to
        )
        found.issuer, found.subject = provider.issuer, subject
        change.session.flush()
        change.note("person.provider", found.id, f"{found.name}: {provider.id}")
        return found
    if found.disabled_at is not None:
        raise SignInRefused("this account is disabled", to_do="Ask an administrator.")
    if mapping.role == people.OWNER:
        access_scopes.change(change, found, None)
    people.change_role(change, found, mapping.role)
    access_scopes.change(change, found, mapping.limited_to)
    return found


def shut_out(change: Change, person: PersonRow) -> None:
    """End the sessions of somebody who is in no group any more that may come in."""
    sessions.end_all(change, person)


def _free_name(change: Change, provider: SignInProviderRow, subject: str, name: str) -> str:
    plain = "".join(each for each in printable(name, _LONGEST_NAME) if not each.isspace()).replace(REPLACEMENT, "")
    digest = hashlib.sha256(f"{provider.issuer}\0{subject}".encode()).hexdigest()[:12]
    for each in (plain, f"{plain}~{provider.id}", f"{provider.id}~{digest}"):
        if each and len(each) <= people.LONGEST_NAME and people.by_name(change.session, each) is None:
            return each
    return f"{provider.id}~{digest}~{hashlib.sha256(digest.encode()).hexdigest()[:12]}"


def _called(display_name: str, name: str) -> str:
    return printable(display_name, people.LONGEST_NAME).replace(REPLACEMENT, "").strip() or name
