"""One connection to a PBX: where it may go, and how much and how long the other side may say.

A host's name is resolved once, its address is checked (``fleet/pbx_addresses.py``), and that address is connected to:
what the name stands for a moment later does not matter. All that is received counts against one limit, and all of a
connection's life against one time, however slowly the other side sends.
"""

import contextlib
import hashlib
import hmac
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ringfence.addresses import host_port
from ringfence.hub.errors import PbxAddressRefused, PbxUnavailable
from ringfence.hub.fleet import pbx_addresses

LONGEST_S = 15.0
MOST_BYTES = 8 << 20
_CONNECT_S = 3.0
_MOST_ADDRESSES = 4
_MOST_AT_ONCE = 8
_AT_ONCE = threading.BoundedSemaphore(_MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class PbxAccess:
    """How PBXes may be reached.

    ``networks`` are hub.toml's ``pbx_networks``. ``trust`` is for TLS: a CA's certificate in PEM, or the SHA-256 of the
    PBX's own certificate in 64 hexadecimal digits; empty for the machine's CAs.
    """

    networks: Sequence[str] = ()
    trust: str = ""
    longest_s: float = LONGEST_S
    most_bytes: int = MOST_BYTES
    noun: str = "PBX"
    nouns: str = "PBXes"
    """What is reached, for errors: directories are reached so, too."""


class PbxConnection:
    """A connection that ends in time and takes a bounded number of bytes."""

    def __init__(self, link: socket.socket, deadline: float, access: PbxAccess, where: str) -> None:
        self._link, self._deadline, self._left, self._where = link, deadline, access.most_bytes, where
        self._noun = access.noun

    def send(self, data: bytes) -> None:
        """Send all of it; PbxUnavailable if there is no time left, OSError."""
        self._link.settimeout(self._time_left())
        self._link.sendall(data)

    def receive(self) -> bytes:
        """Return what comes next, empty at the end; PbxUnavailable if it is too much or too late, OSError."""
        self._link.settimeout(self._time_left())
        data = self._link.recv(65_536)
        self._left -= len(data)
        if self._left < 0:
            raise PbxUnavailable(f"the {self._noun}'s answer is too long", where=self._where)
        return data

    def start_tls(self, host: str, trust: str) -> None:
        """Go on with TLS; OSError, PbxUnavailable."""
        self._link.settimeout(self._time_left())
        self._link = _wrapped(self._link, host, trust, self._where, self._noun)

    def close(self) -> None:
        """End the connection."""
        self._link.close()

    def _time_left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("it takes too long")
        return left


@contextlib.contextmanager
def connected(host: str, port: int, access: PbxAccess, *, tls: bool) -> Iterator[PbxConnection]:
    """Connect to a PBX for the length of the block.

    Raises:
        PbxAddressRefused: The hub may not reach its address.
        PbxUnavailable: Too many connections to PBXes are open, or another certificate is there than the pinned one.
        OSError: It can't be reached; among them TimeoutError and ssl.SSLError.
    """
    where = host_port(host, port)
    deadline = time.monotonic() + access.longest_s
    if not _AT_ONCE.acquire(timeout=access.longest_s):
        raise PbxUnavailable(
            f"too many questions to {access.nouns} wait for answers", where=where, to_do="Try again later."
        )
    try:
        with _dial(host, port, access) as plain:
            plain.settimeout(max(deadline - time.monotonic(), 0.1))
            secured = _wrapped(plain, host, access.trust, where, access.noun) if tls else contextlib.nullcontext(plain)
            with secured as link, contextlib.closing(PbxConnection(link, deadline, access, where)) as connection:
                yield connection
    finally:
        _AT_ONCE.release()


def _dial(host: str, port: int, access: PbxAccess) -> socket.socket:
    found = [str(row[4][0]) for row in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    refused, fault = "", OSError("it has no address")
    for address in list(dict.fromkeys(found))[:_MOST_ADDRESSES]:
        why = pbx_addresses.why_not(ipaddress.ip_address(address), access.networks)
        if why:
            refused = f"{address}: {why}"
            continue
        try:
            return socket.create_connection((address, port), _CONNECT_S)
        except OSError as failed:
            fault = failed
    if refused:
        raise PbxAddressRefused(
            f"a link to a {access.noun} may not go to {refused}", where=host_port(host, port),
            to_do=f"If a {access.noun} is there, add its network to `pbx_networks` in hub.toml, and restart the hub.",
        )  # fmt: skip
    raise fault


def _wrapped(plain: socket.socket, host: str, trust: str, where: str, noun: str) -> ssl.SSLSocket:
    is_pinned = bool(trust) and "-----BEGIN" not in trust
    context = ssl.create_default_context(cadata=trust if trust and not is_pinned else None)
    if is_pinned:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    link = context.wrap_socket(plain, server_hostname=host)
    if is_pinned:
        there = hashlib.sha256(link.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(there, trust):
            link.close()
            raise PbxUnavailable(
                f"the {noun} shows another certificate than the one whose fingerprint is set", where=where
            )
    return link
