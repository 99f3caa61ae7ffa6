"""HTTP digest as SIP and HTTP use it: challenges and answers, read and made, and HA1 (RFC 7616, 3261 section 22, 8760).

Randomness is an argument. MD5 is what the phones speak; SHA-256 is preferred where a challenge offers it.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from ringfence.phones.errors import BadSipMessage
from ringfence.secret import Secret

_PARAMETER = re.compile(r'\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))\s*(?:,|$)')
_HASHES: Mapping[str, Callable[[bytes], "hashlib._Hash"]] = MappingProxyType(
    {
        # The protocol's own hash; what it protects is replaced by TLS where that can be had.
        "MD5": lambda data: hashlib.md5(data, usedforsecurity=False),
        "SHA-256": hashlib.sha256,
    }
)
_PREFERRED = ("SHA-256", "MD5")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One digest challenge; ``qop`` is ``auth`` or empty."""

    realm: str
    nonce: str
    algorithm: str = "MD5"
    opaque: str = ""
    qop: str = ""
    stale: bool = False


def parse_challenge(value: str) -> Challenge:
    """Return what a WWW-Authenticate or Proxy-Authenticate header says.

    Raises:
        BadSipMessage: It is not a digest challenge.
    """
    found = _parameters(value)
    algorithm = found.get("algorithm", "MD5").upper()
    if algorithm not in _HASHES or "realm" not in found or "nonce" not in found:
        raise BadSipMessage("the challenge lacks realm or nonce, or has an unknown algorithm")
    qops = [qop.strip() for qop in found.get("qop", "").split(",")]
    if found.get("qop") and "auth" not in qops:
        raise BadSipMessage("the challenge asks for more than authentication")
    qop = "auth" if "auth" in qops else ""
    stale = found.get("stale", "").lower() == "true"
    return Challenge(found["realm"], found["nonce"], algorithm, found.get("opaque", ""), qop, stale)


def _parameters(value: str) -> dict[str, str]:
    scheme, _space, rest = value.partition(" ")
    if scheme.lower() != "digest":
        raise BadSipMessage("the scheme is not digest", where=repr(scheme[:40]))
    found: dict[str, str] = {}
    at = 0
    while at < len(rest):
        part = _PARAMETER.match(rest, at)
        if part is None:
            raise BadSipMessage("the header's parameters can't be read", where=repr(rest[at : at + 40]))
        found[part[1].lower()] = re.sub(r"\\(.)", r"\1", part[2]) if part[2] is not None else part[3]
        at = part.end()
    return found


@dataclass(frozen=True, slots=True)
class DigestAnswer:
    """What a client answers to a challenge that asks for MD5 and ``qop=auth``, with the request's method."""

    method: str
    user: str
    realm: str
    nonce: str
    uri: str
    count: int
    cnonce: str
    response: str

    def is_made_with(self, first: Secret) -> bool:
        """Return, in constant time, whether it was made with the password behind an HA1."""
        counted = f"{self.nonce}:{self.count:08x}:{self.cnonce}:auth"
        second = _hashed("MD5", f"{self.method}:{self.uri}")
        right = _hashed("MD5", f"{first.reveal()}:{counted}:{second}")
        return hmac.compare_digest(right.encode(), self.response.encode())


def parse_answer(value: str, method: str) -> DigestAnswer:
    """Return what an Authorization header says.

    Raises:
        BadSipMessage: It is not an answer to a digest challenge with ``qop=auth``.
    """
    found = _parameters(value)
    if found.get("qop", "").lower() != "auth" or found.get("algorithm", "MD5").upper() != "MD5":
        raise BadSipMessage("the answer is not one to qop=auth with MD5")
    try:
        return DigestAnswer(
            method, found["username"], found["realm"], found["nonce"], found["uri"], int(found["nc"], 16),
            found["cnonce"], found["response"],
        )  # fmt: skip
    except (KeyError, ValueError):
        raise BadSipMessage("the answer lacks a part, or its count is not a number") from None


def best_challenge(values: Sequence[str]) -> Challenge:
    """Return the strongest of several challenges that can be answered.

    Raises:
        BadSipMessage: None can.
    """
    found: list[Challenge] = []
    for value in values:
        try:
            found.append(parse_challenge(value))
        except BadSipMessage:
            continue
    if not found:
        raise BadSipMessage("there is no challenge that can be answered")
    return min(found, key=lambda challenge: _PREFERRED.index(challenge.algorithm))


def ha1(user: str, realm: str, password: Secret, algorithm: str = "MD5") -> Secret:
    """Return the hash that replaces a password in one realm; as secret as the password there."""
    return Secret(_hashed(algorithm, f"{user}:{realm}:{password.reveal()}"))


def authorization(
    challenge: Challenge, *, user: str, password: Secret, method: str, uri: str, cnonce: str, count: int = 1
) -> str:
    """Return the Authorization header's value that answers ``challenge``; ``cnonce`` is a fresh random text."""
    first = ha1(user, challenge.realm, password, challenge.algorithm).reveal()
    second = _hashed(challenge.algorithm, f"{method}:{uri}")
    parts = [
        f'username="{_quoted(user)}"',
        f'realm="{_quoted(challenge.realm)}"',
        f'nonce="{_quoted(challenge.nonce)}"',
        f'uri="{uri}"',
        f"algorithm={challenge.algorithm}",
    ]
    if challenge.qop:
        counted = f"{challenge.nonce}:{count:08x}:{cnonce}:{challenge.qop}"
        parts += [f"qop={challenge.qop}", f"nc={count:08x}", f'cnonce="{cnonce}"']
    else:
        counted = challenge.nonce
    if challenge.opaque:
        parts.append(f'opaque="{_quoted(challenge.opaque)}"')
    parts.append(f'response="{_hashed(challenge.algorithm, f"{first}:{counted}:{second}")}"')
    return "Digest " + ", ".join(parts)


def _hashed(algorithm: str, text: str) -> str:
    return _HASHES[algorithm](text.encode()).hexdigest()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
