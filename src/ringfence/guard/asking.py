"""A request: who asks for what, over any protocol; evidence is gathered for it."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

from ringfence.phones.sip.digest import DigestAnswer

Protocol = Literal["tftp", "http"]
TFTP: Final = "tftp"
HTTP: Final = "http"
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


@dataclass(frozen=True, slots=True)
class Asking:
    """A request: ``name`` as it came, TFTP's ``options`` in lower case, its datagram's ``ttl`` if known."""

    name: str
    host: str
    port: int
    protocol: Protocol = TFTP
    ttl: int | None = None
    options: tuple[str, ...] = ()
    user_agent: str = ""
    holds_key: bool = False
    """Whether its sender has proved that it holds the key of the phone whose file it is (level L4)."""
    certificate_of: str = ""
    """The phone (bare address) whose certificate its sender has shown over TLS, with proof of its key."""
    known_by: str = ""
    """By what its sender is known to be of the site, in words, where that proves no key; empty if it is not."""
    credential: DigestAnswer | None = None
    """What it answers to a challenge; its nonce is ours, young, and used for the first time."""
    over_tls: bool = False
    """Whether it came to an edge by HTTPS, so that what goes out over HTTPS alone may be its answer."""
    is_beyond_budget: bool = False
    """Whether it may only be answered with its file: a refusal would reveal that the phone exists."""
