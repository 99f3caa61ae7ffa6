"""What the network helper and the process that checks phones' keys say to each other (SOCK_SEQPACKET, JSON)."""

import socket
from enum import StrEnum

from msgspec import Struct

from ringfence.secret import Secret
from ringfence.wire import codec


class KeyFault(StrEnum):
    """Why somebody at the port showed no key that counts."""

    FOREIGN = "foreign"
    EXPIRED = "expired"
    NOT_YET = "not-yet"
    OTHER_PHONE = "other-phone"
    NO_PHONE = "no-phone"
    NO_NAME = "no-name"
    OTHER = "other"


class CheckKeys(Struct, frozen=True, tag=True):
    """How keys are checked. ``certificate`` (PEM) and ``key`` are the box's own, ``secret`` is hostapd's and ours.

    ``offer`` is the EAP method that is offered first.
    """

    certificate: str
    key: Secret
    authorities: tuple[str, ...]
    phones: tuple[str, ...]
    secret: Secret
    offer: int = 13


class TakePhones(Struct, frozen=True, tag=True):
    """The site's phones from now on, as bare MAC addresses."""

    phones: tuple[str, ...]


class CheckerReady(Struct, frozen=True, tag=True):
    """Whoever is at the port may show a key from now on."""


class CheckerFailed(Struct, frozen=True, tag=True):
    """Keys can't be checked; the sentence says why."""

    why: str


class KeyShown(Struct, frozen=True, tag=True):
    """The phone at this MAC address has proved the key of its certificate, which is called ``name``."""

    mac: str
    name: str


class KeyRefused(Struct, frozen=True, tag=True):
    """Whoever has this MAC address has proved nothing; ``detail`` is a name or OpenSSL's words, as ``fault`` says."""

    mac: str
    fault: KeyFault
    detail: str = ""


ToChecker = CheckKeys | TakePhones
FromChecker = CheckerReady | CheckerFailed | KeyShown | KeyRefused
_TO_CHECKER: codec.Reader[ToChecker] = codec.Reader(ToChecker, "key checker")
_FROM_CHECKER: codec.Reader[FromChecker] = codec.Reader(FromChecker, "key checker")
_LONGEST_TO, _LONGEST_FROM = 192 * 1024, 4096


def read_for_checker(channel: socket.socket) -> ToChecker | None:
    """Return the helper's next message; None if it is gone. BadMessage."""
    data = channel.recv(_LONGEST_TO)
    return _TO_CHECKER.read(data) if data else None


def read_from_checker(channel: socket.socket) -> FromChecker | None:
    """Return the checker's next message; None if it is gone. BadMessage, BlockingIOError."""
    data = channel.recv(_LONGEST_FROM)
    return _FROM_CHECKER.read(data) if data else None


def tell(channel: socket.socket, message: ToChecker | FromChecker) -> None:
    """Send a message. OSError."""
    channel.send(codec.to_json(message), socket.MSG_NOSIGNAL)
