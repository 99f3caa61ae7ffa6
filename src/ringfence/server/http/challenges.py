"""Challenges by HTTP digest (RFC 7616): nonces without any state, each good for one address, for a minute.

An answer that has let a file go is good no more: a nonce's count must grow (section 3.4). That is all that is kept, and
only right answers make something be kept, so a flood of wrong ones pushes nothing out.
"""

import hashlib
import hmac
import itertools

from cachetools import FIFOCache

from ringfence.phones.credentials import REALM
from ringfence.phones.errors import BadSipMessage
from ringfence.phones.sip.digest import DigestAnswer, parse_answer
from ringfence.server.http.requests import Answer, unauthorized

GOOD_FOR_S = 60.0
_MOST_USED = 4096
_PROOF_CHARACTERS = 32


class Challenges:
    """Makes challenges with a random ``key``, and reads what answers them."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._serials = itertools.count()
        self._used: FIFOCache[str, int] = FIFOCache(_MOST_USED)

    def make(self, host: str, now: float, *, is_stale: bool) -> Answer:
        """Return a challenge for an address; ``is_stale``: what it answered was too old, but may have been right."""
        stale = ", stale=true" if is_stale else ""
        nonce = self.nonce(host, now)
        return unauthorized(f'Digest realm="{REALM}", qop="auth", algorithm=MD5, nonce="{nonce}"{stale}')

    def nonce(self, host: str, now: float) -> str:
        """Return a nonce that no other challenge has."""
        made = f"{int(now * 1000):x}.{next(self._serials):x}"
        return f"{made}.{self._proof(made, host)}"

    def read(self, value: bytes, method: bytes, target: bytes, host: str, now: float) -> DigestAnswer | None:
        """Return the answer that an Authorization header is; None for one to no challenge that is still good.

        Whether its password is right is the guard's business.
        """
        try:
            answer = parse_answer(value.decode("ascii"), method.decode("ascii"))
        except (BadSipMessage, UnicodeDecodeError):
            return None
        is_ours = answer.realm == REALM and answer.uri.encode("ascii") == target
        return answer if is_ours and self._is_good(answer, host, now) else None

    def use_up(self, answer: DigestAnswer) -> None:
        """Let an answer, which was right, be good no more."""
        self._used[answer.nonce] = answer.count

    def _is_good(self, answer: DigestAnswer, host: str, now: float) -> bool:
        made, _dot, proof = answer.nonce.rpartition(".")
        if not hmac.compare_digest(proof.encode(), self._proof(made, host).encode()):
            return False
        made_at = int(made.partition(".")[0], 16) / 1000
        return now - made_at <= GOOD_FOR_S and answer.count > self._used.get(answer.nonce, 0)

    def _proof(self, made: str, host: str) -> str:
        return hmac.new(self._key, f"{made} {host}".encode(), hashlib.sha256).hexdigest()[:_PROOF_CHARACTERS]
