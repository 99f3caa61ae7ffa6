"""Passwords: what one may be, and its argon2id hash, of which only two are made at once: each takes 64 MiB.

Whoever is known (who is signed in, or signed in from this browser before) does not wait behind strangers.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import BoundedSemaphore, Lock

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ringfence.hub.sign_in_errors import PasswordRefused, PasswordsBusy
from ringfence.secret import Secret

LEAST_CHARACTERS = 12
MOST_BYTES = 1024
MOST_WAITING = 8
"""How many of each kind of caller may wait: a waiting one holds a thread."""

HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
"""The cost, in one place (RFC 9106, section 4: the second choice, with one lane). A sign-in renews older hashes."""


class Lane:
    """Where hashes are made one after the other."""

    def __init__(self) -> None:
        self._places = BoundedSemaphore(1 + MOST_WAITING)
        self._lock = Lock()

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Wait for those before.

        Raises:
            PasswordsBusy: Too many wait already.
        """
        if not self._places.acquire(blocking=False):
            raise PasswordsBusy("the hub is checking too many passwords at the moment", to_do="Try again in a minute.")
        try:
            with self._lock:
                yield
        finally:
            self._places.release()


STRANGERS, KNOWN = Lane(), Lane()


def check(password: Secret, *names: str) -> None:
    """Check that a new password will do.

    Args:
        password: The password.
        names: What its owner is called; it must not contain any of them, nor be contained in one.

    Raises:
        PasswordRefused: It is too short or too long, or holds a name.
    """
    text = _normalised(password)
    folded = text.casefold()
    if len(text) < LEAST_CHARACTERS:
        raise PasswordRefused(
            f"the password has fewer than {LEAST_CHARACTERS} characters", to_do="Take several words; any characters do."
        )
    if len(text.encode()) > MOST_BYTES:
        raise PasswordRefused(f"the password has more than {MOST_BYTES} bytes", to_do="Take a shorter one.")
    if len(set(folded)) < _LEAST_DIFFERENT:
        raise PasswordRefused("the password repeats a few characters", to_do="Take several words.")
    for name in filter(None, (part for each in names for part in (each, each.partition("@")[0]))):
        if len(name) >= _SHORTEST_NAME and unicodedata.normalize("NFC", name).casefold() in folded:
            raise PasswordRefused("the password holds your name", to_do="Take one that nobody guesses from it.")


_LEAST_DIFFERENT = 4
_SHORTEST_NAME = 3


def hashed(password: Secret) -> str:
    """Return the hash of a password, to be kept."""
    with KNOWN.entered():
        return HASHER.hash(_normalised(password))


def is_right(kept: str, password: Secret, lane: Lane) -> bool:
    """Return whether a password is the one whose hash was kept; it takes as long where none was.

    Raises:
        PasswordsBusy: Too many others are being checked.
    """
    text = _normalised(password)
    if len(text.encode()) > MOST_BYTES:
        return False  # nobody has one; it is as quick for every name
    with lane.entered():
        try:
            return HASHER.verify(kept or _nobodys(), text) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False


def is_outdated(kept: str) -> bool:
    """Return whether a hash was made at another cost than today's."""
    return HASHER.check_needs_rehash(kept)


@cache
def _nobodys() -> str:
    """Return a hash that takes the place of one that there is not."""
    return HASHER.hash("")


def _normalised(password: Secret) -> str:
    """Return a password's text, the same from every keyboard (RFC 8265, section 4.2.2)."""
    return unicodedata.normalize("NFC", password.reveal())
