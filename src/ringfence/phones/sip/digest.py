"""HTTP digest as SIP uses it: challenges read, answers made, HA1 for PBXes (RFC 7616, RFC 3261 section 22, RFC 8760).

Randomness is an argument. MD5 is what the phones speak; SHA-256 is preferred where a challenge offers it.
"""

import hashlib
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
    scheme, _space, rest = value.partition(" ")
    if scheme.lower() != "digest":
        raise BadSipMessage("the challenge is not a digest challenge", where=repr(value[:40]))
    found: dict[str, str] = {}
    at = 0
    while at < len(rest):
        part = _PARAMETER.match(rest, at)
        if part is None:
            raise BadSipMessage("the challenge can't be read", where=repr(rest[at : at + 40]))
        found[part[1].lower()] = re.sub(r"\\(.)", r"\1", part[2]) if part[2] is not None else part[3]
        at = part.end()
    algorithm = found.get("algorithm", "MD5").upper()
    if algorithm not in _HASHES or "realm" not in found or "nonce" not in found:
        raise BadSipMessage("the challenge lacks realm or nonce, or has an unknown algorithm")
    qops = [qop.strip() for qop in found.get("qop", "").split(",")]
    if found.get("qop") and "auth" not in qops:
        raise BadSipMessage("the challenge asks for more than authentication")
    qop = "auth" if "auth" in qops else ""
    stale = found.get("stale", "").lower() == "true"
    return Challenge(found["realm"], found["nonce"], algorithm, found.get("opaque", ""), qop, stale)


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
