"""Browsers in which somebody signs in, and the session that they get, whichever way they came."""

from dataclasses import dataclass

from ringfence.hub.fleet import sessions
from ringfence.hub.fleet.known_browsers import KnownBrowser
from ringfence.hub.store.change import Change
from ringfence.hub.store.people_models import PersonRow
from ringfence.secret import Secret


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser that signs in: its address, what it says that it is, and who signed in there before."""

    address: str
    agent: str
    browser: KnownBrowser


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a browser gets: the session's secret, and the browser as it is known from now on."""

    session: Secret
    browser: KnownBrowser
    awaits_second_step: bool = False


def start(
    change: Change,
    person: PersonRow,
    visitor: Visitor,
    *,
    awaits_second_step: bool = False,
    by: str = "",
    longest_s: float = sessions.LONGEST_S,
) -> SignedIn:
    """Start a session, which is a person's own only once there is no second step to come.

    Args:
        change: The change that it is part of.
        person: Who signs in.
        visitor: Where.
        awaits_second_step: Whether there is one to come.
        by: What they came by, for the audit log, if it is no password.
        longest_s: After how long the session ends in any case.
    """
    row, secret = sessions.start(
        change,
        person,
        address=visitor.address,
        agent=visitor.agent,
        awaits_second_step=awaits_second_step,
        longest_s=longest_s,
    )
    if awaits_second_step:
        return SignedIn(secret, visitor.browser, awaits_second_step=True)
    person.last_signed_in_at = change.now
    change.note("sign-in", person.id, f"{person.name}, {row.id}, {row.agent}" + (f", by {by}" if by else ""))
    return SignedIn(secret, visitor.browser.with_person(person.id))
