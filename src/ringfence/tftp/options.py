"""Option negotiation (RFC 2347): block size (2348), transfer size and timeout (2349), window size (7440).

A new option is a new entry of ``_GRANTERS`` and a field of ``Terms``. Everything that is not in the table is left out
of the OACK, as RFC 2347 says, and is never an error.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ringfence.tftp.packets import HEADER_BYTES, Options

PLAIN_BLOCK_SIZE = 512
SMALLEST_BLOCK_SIZE = 8
LARGEST_BLOCK_SIZE = 65464
LONGEST_TIMEOUT_S = 255
LARGEST_WINDOW = 65535
_LONGEST_DECIMAL = 20


@dataclass(frozen=True, slots=True)
class RequestedOptions:
    """What a client asks for; the default is a plain RFC 1350 request, as phones make it."""

    block_size: int | None = None
    transfer_size: bool = False
    timeout_s: int | None = None
    window_size: int | None = None

    def to_pairs(self) -> Options:
        """Return the options as a request carries them."""
        pairs: list[tuple[str, str]] = []
        if self.block_size is not None:
            pairs.append(("blksize", str(self.block_size)))
        if self.transfer_size:
            pairs.append(("tsize", "0"))
        if self.timeout_s is not None:
            pairs.append(("timeout", str(self.timeout_s)))
        if self.window_size is not None:
            pairs.append(("windowsize", str(self.window_size)))
        return tuple(pairs)


NO_OPTIONS = RequestedOptions()


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server grants at most."""

    largest_block_size: int = LARGEST_BLOCK_SIZE
    longest_timeout_s: int = 60
    """A longer timeout is left out of the OACK: RFC 2349 allows to refuse it, but not to change it."""
    largest_window: int = 64
    """Blocks; as many as the kernel's segmentation takes in one call."""
    largest_window_bytes: int = 64 * 1024
    """With the headers: what one ACK can set free at most, and what a transfer keeps in memory."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The agreed terms of a transfer. ``acknowledged`` is the OACK's content; empty means that there is no OACK."""

    block_size: int = PLAIN_BLOCK_SIZE
    timeout_s: int | None = None
    transfer_size: int | None = None
    window_size: int = 1
    """Blocks that are sent before an ACK is awaited (RFC 7440)."""
    acknowledged: Options = ()


PLAIN_TERMS = Terms()


@dataclass(frozen=True, slots=True)
class _Offer:
    """What the granters look at beside the value that was asked for."""

    mode: str
    size_bytes: int
    limits: ServerLimits = field(default_factory=ServerLimits)


def negotiate(requested: Options, *, mode: str, size_bytes: int, limits: ServerLimits | None = None) -> Terms:
    """Return the terms that a server grants for a file of ``size_bytes`` (the octets of the stored file).

    An unknown option or an impossible value is left out (RFC 2347); the OACK keeps the order of the request, which
    changes nothing else.
    """
    if not requested:
        return PLAIN_TERMS
    offer = _Offer(mode, size_bytes, limits or ServerLimits())
    terms = PLAIN_TERMS
    texts: dict[str, str] = {}
    asked = dict(requested)
    for name, granter in _GRANTERS.items():
        granted = granter(asked[name], terms, offer) if name in asked else None
        if granted is not None:
            texts[name], terms = granted
    return replace(terms, acknowledged=tuple((name, texts[name]) for name, _ in requested if name in texts))


def accept(acknowledged: Options, requested: RequestedOptions) -> Terms | None:
    """Return the terms of an OACK, or None if it must be answered with ERROR 8.

    A server may lower the block and window sizes and no more, must echo the timeout exactly, and must not add an
    option (RFC 2347, 2348, 2349, 7440).
    """
    asked = dict(requested.to_pairs())
    terms = Terms(acknowledged=acknowledged)
    for name, text in acknowledged:
        value = decimal(text)
        if name not in asked or value is None:
            return None
        match name:
            case "blksize" if SMALLEST_BLOCK_SIZE <= value <= int(asked[name]):
                terms = replace(terms, block_size=value)
            case "timeout" if value == int(asked[name]):
                terms = replace(terms, timeout_s=value)
            case "windowsize" if 1 <= value <= int(asked[name]):
                terms = replace(terms, window_size=value)
            case "tsize":
                terms = replace(terms, transfer_size=value)
            case _:  # a value that was not asked for, or an option that has no terms here
                return None
    return terms


def decimal(text: str) -> int | None:
    """Return the number that ``text`` is in ASCII digits, or None: no sign, space, base prefix or other script."""
    if not (text.isascii() and text.isdigit() and len(text) <= _LONGEST_DECIMAL):
        return None
    return int(text)


_Granted = tuple[str, Terms] | None


def _grant_block_size(value: str, terms: Terms, offer: _Offer) -> _Granted:
    asked = decimal(value)
    if asked is None or asked < SMALLEST_BLOCK_SIZE:
        return None
    size = min(asked, offer.limits.largest_block_size)
    return str(size), replace(terms, block_size=size)


def _grant_transfer_size(value: str, terms: Terms, offer: _Offer) -> _Granted:
    # In netascii the size on the wire isn't the file's, and counting it would cost a pass over the file.
    if decimal(value) is None or offer.mode == "netascii":
        return None
    return str(offer.size_bytes), replace(terms, transfer_size=offer.size_bytes)


def _grant_timeout(value: str, terms: Terms, offer: _Offer) -> _Granted:
    asked = decimal(value)
    if asked is None or not 1 <= asked <= offer.limits.longest_timeout_s:
        return None
    return str(asked), replace(terms, timeout_s=asked)


def _grant_window_size(value: str, terms: Terms, offer: _Offer) -> _Granted:
    asked = decimal(value)
    if asked is None or not 1 <= asked <= LARGEST_WINDOW:
        return None
    fitting = offer.limits.largest_window_bytes // (terms.block_size + HEADER_BYTES)
    size = max(1, min(asked, offer.limits.largest_window, fitting))
    return str(size), replace(terms, window_size=size)


# In the order in which they are settled: how many blocks make a window depends on the block size.
_GRANTERS: dict[str, Callable[[str, Terms, _Offer], _Granted]] = {
    "blksize": _grant_block_size,
    "tsize": _grant_transfer_size,
    "timeout": _grant_timeout,
    "windowsize": _grant_window_size,
}
