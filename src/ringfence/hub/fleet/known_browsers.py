"""Browsers in which somebody signed in before: a sealed cookie says who, so that others' guesses don't hold them up.

It lets nobody in. It only says that refusals elsewhere are not this browser's (OWASP: "device cookies").
"""

import base64
import binascii
import secrets
from dataclasses import dataclass

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.secret import Secret

COOKIE = "__Host-ringfence-known"
KEPT_S = 365 * 86_400
MOST_PEOPLE = 8
_RECORD = "known-browser"
_LONGEST = 2000
_ID_BYTES = 12


@dataclass(frozen=True, slots=True)
class KnownBrowser:
    """A browser: an id that it was given, and the ids of the people who signed in there, the last one first."""

    id: str
    people: tuple[str, ...] = ()

    def with_person(self, person_id: str) -> "KnownBrowser":
        """Return it after somebody signed in there."""
        others = (each for each in self.people if each != person_id)
        return KnownBrowser(self.id, (person_id, *others)[:MOST_PEOPLE])


def read(sealer: Sealer, cookie: str) -> KnownBrowser:
    """Return the browser that a cookie is of; a new one if this hub did not make the cookie."""
    try:
        sealed = base64.urlsafe_b64decode(cookie[:_LONGEST])
        identity, *people = sealer.open(sealed, _RECORD).reveal().split()
    except (SealBroken, ValueError, binascii.Error):
        return KnownBrowser(secrets.token_urlsafe(_ID_BYTES))
    return KnownBrowser(identity, tuple(people))


def write(sealer: Sealer, browser: KnownBrowser) -> str:
    """Return the cookie of a browser."""
    sealed = sealer.seal(Secret(" ".join((browser.id, *browser.people))), _RECORD)
    return base64.urlsafe_b64encode(sealed).decode()
