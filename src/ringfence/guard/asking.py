"""Who asks for what: a request as evidence is gathered for it, whatever the protocol."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Protocol = Literal["tftp", "http"]
TFTP: Final = "tftp"
HTTP: Final = "http"
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)


@dataclass(frozen=True, slots=True)
class Asking:
    """A request: ``name`` as it came, TFTP's ``options`` in lower case, its datagram's ``ttl`` where that is known."""

    name: str
    host: str
    port: int
    protocol: Protocol = TFTP
    ttl: int | None = None
    options: tuple[str, ...] = ()
    user_agent: str = ""
    holds_key: bool = False
    """Whether its sender has shown the key of the phone whose file it is (level L4)."""
    is_beyond_budget: bool = False
    """Whether it may only be answered with its file: a refusal would tell that the phone it names is there."""
