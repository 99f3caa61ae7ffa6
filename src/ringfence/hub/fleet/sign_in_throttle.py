"""How often signing in may be tried: refusals for a name or from a network make the next try wait, longer each time.

Nobody is locked out by others' guesses: a browser in which somebody signed in before (``known_browsers.py``) does not
wait for what others did, until it has guessed wrongly too often itself. Counts are one process's own, so of several
replicas each allows as much.
"""

import hashlib
import ipaddress
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from threading import Lock

from cachetools import LRUCache

from ringfence.hub.sign_in_errors import TooManySignIns

FORGOTTEN_AFTER_S = 3600.0
_MOST_COUNTED = 100_000


class Counted(Enum):
    """What refusals are counted by: how many are free, and the longest wait in seconds."""

    NAME = (5, 900)
    NETWORK = (20, 300)
    BROWSER = (10, 3600)
    ACTIVATION = (10, 900)
    CHALLENGE = (30, 300)

    @property
    def free(self) -> int:
        """How many refusals cost nothing."""
        return self.value[0]

    @property
    def longest_wait_s(self) -> int:
        """How long a wait grows."""
        return self.value[1]


_SHARED = frozenset({Counted.NETWORK, Counted.CHALLENGE})
"""What several people may be behind."""
Key = tuple[Counted, str]


@dataclass(slots=True)
class _Refusals:
    count: int
    last_at: float


class SignInThrottle:
    """Counts tries; several threads may use it at once."""

    def __init__(self) -> None:
        self._refusals: LRUCache[Key, _Refusals] = LRUCache(_MOST_COUNTED)
        self._lock = Lock()

    def begin(self, keys: Sequence[Key], now: float) -> None:
        """Count a try as refused until it is known to be right, so that many at once are counted, too.

        Raises:
            TooManySignIns: There were too many; this one is not to be looked at, and is not counted.
        """
        with self._lock:
            if wait_s := max((self._wait_s(key, now) for key in keys), default=0):
                raise TooManySignIns(
                    "too many sign-ins were refused",
                    wait_s=wait_s,
                    to_do=f"Try again in {wait_s} seconds, or use a browser in which you signed in before.",
                )
            for key in keys:
                self._refusals[key] = _Refusals(self._count(key, now) + 1, now)

    def succeeded(self, keys: Sequence[Key]) -> None:
        """Forget what was counted by a name or browser, as its owner came in; a network may hold others."""
        with self._lock:
            for key in keys:
                if key[0] in _SHARED:
                    if (found := self._refusals.get(key)) is not None:
                        found.count -= 1
                else:
                    self._refusals.pop(key, None)

    def has_too_many(self, key: Key, now: float) -> bool:
        """Return whether a try that is counted by this would have to wait."""
        with self._lock:
            return self._wait_s(key, now) > 0

    def _count(self, key: Key, now: float) -> int:
        found = self._refusals.get(key)
        return 0 if found is None or abs(now - found.last_at) > FORGOTTEN_AFTER_S else found.count  # clocks jump back

    def _wait_s(self, key: Key, now: float) -> int:
        over = self._count(key, now) - key[0].free
        if over < 0:
            return 0
        wait_s = min(2.0 ** min(over, 30), key[0].longest_wait_s)
        return max(0, math.ceil(self._refusals[key].last_at + wait_s - now))


def name_key(organisation_id: str, name_key: str) -> Key:
    """Return what refusals for a name are counted by, whether anybody has it or not."""
    return Counted.NAME, hashlib.sha256(f"{organisation_id}\0{name_key}".encode()).hexdigest()


def network_key(address: str, counted: Counted = Counted.NETWORK) -> Key:
    """Return what refusals from an address are counted by: its /24 or /64, as one caller may have all of either."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return counted, address
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    bits = 24 if isinstance(mapped, ipaddress.IPv4Address) else 64
    return counted, str(ipaddress.ip_network((mapped, bits), strict=False))
