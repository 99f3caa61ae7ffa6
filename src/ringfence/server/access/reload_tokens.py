"""Reload tokens: they confirm an order that the agent gives to a phone's web interface.

The phone asks whether the order's password is valid. It is, if the agent has just created it for this phone's address.
Without an order in progress, the question is answered like a request for an unknown file.
"""

import hmac
from dataclasses import dataclass, field

MOST = 4096
_PARAMETER = b"Password="


@dataclass(frozen=True, slots=True)
class ReloadToken:
    """One password, of letters and digits alone, good for questions of ``host`` for ``valid_s`` seconds."""

    host: str
    password: str = field(repr=False)
    valid_s: int


class ReloadTokens:
    """The tokens that are good now, one for each phone."""

    def __init__(self) -> None:
        self._by_host: dict[str, tuple[bytes, float]] = {}

    def add(self, token: ReloadToken, now: float) -> None:
        """Let a password be good from now on, in place of the phone's last one."""
        if len(self._by_host) >= MOST:
            self.forget_old(now)
        self._by_host[token.host] = (token.password.encode(), now + token.valid_s)

    def confirms(self, host: str, query: bytes, now: float) -> bool:
        """Return whether a question that came from ``host`` with ``query`` names the password of an order to it."""
        found = self._by_host.get(host)
        if found is None or now >= found[1]:
            return False
        asked = [part[len(_PARAMETER) :] for part in query.split(b"&") if part.startswith(_PARAMETER)]
        return len(asked) == 1 and hmac.compare_digest(asked[0], found[0])

    def forget_old(self, now: float) -> None:
        """Forget what is good no more."""
        self._by_host = {host: kept for host, kept in self._by_host.items() if now < kept[1]}
