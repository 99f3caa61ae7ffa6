"""What phones ask an edge for, so that it can say in words what each is doing, even while the hub is unreachable.

It keeps the last requests of the release's phones in memory, and no others: a source that asks for a thousand MAC
addresses costs nothing. A request that names no phone counts for the phone that last took its own file at the same
address.
"""

import threading
from collections import deque
from collections.abc import Iterable

from ringfence.phones.diagnosis.activity import (
    ActivitySentence,
    Known,
    Seen,
    observe,
)
from ringfence.phones.filenames import owner_of
from ringfence.phones.mac import Mac

MOST_SEEN = 100
"""Requests of one phone; a boot has about ten."""


class WatchedPhones:
    """The phones of one release, and what each has asked for of late."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, deque[Seen]] = {}
        self._at: dict[str, str] = {}

    def expect(self, owners: Iterable[str]) -> None:
        """Watch these phones, by their bare addresses, and no others."""
        wanted = set(owners)
        with self._lock:
            self._seen = {owner: self._seen.get(owner, deque(maxlen=MOST_SEEN)) for owner in wanted}
            self._at = {host: owner for host, owner in self._at.items() if owner in wanted}

    def owners(self) -> list[str]:
        """Return the phones that are watched."""
        with self._lock:
            return sorted(self._seen)

    def served(self, host: str, name: str, owner: str | None, at: float, release: int, size_bytes: int) -> None:
        """Note that a file was sent completely; ``owner`` is the phone that it belongs to."""
        with self._lock:
            if owner is not None and owner in self._seen:
                self._at = {each: whose for each, whose in self._at.items() if whose != owner} | {host: owner}
            self._note(host, Seen(at, name, was_served=True, release=release, size_bytes=size_bytes))

    def refused(self, host: str, name: str, at: float) -> None:
        """Note that somebody did not get what he asked for."""
        with self._lock:
            self._note(host, Seen(at, name, was_served=False))

    def told(self, owner: str, newest: int, now: float) -> list[ActivitySentence]:
        """Return the sentences about a phone whose file last changed in release ``newest``; none before it asks."""
        with self._lock:
            seen = sorted(self._seen.get(owner, ()), key=lambda each: each.at)
        return observe(Mac(owner), seen, Known(current_release=newest), now) if seen else []

    def _note(self, host: str, seen: Seen) -> None:
        named = owner_of(seen.name)
        owner = named.bare if named is not None else self._at.get(host)
        if owner is not None and owner in self._seen:
            self._seen[owner].append(seen)
