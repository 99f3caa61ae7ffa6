"""One phone's connection in the process that ends TLS: its handshake, and its bytes to and from the worker.

Invariants:

- What the worker has written leaves its socket only once the phone's TCP has acknowledged it, so the worker knows what
  the phone has.
- Handshake, connection and bytes end: each has its limit, whatever the phone does.
"""

import contextlib
import fcntl
import re
import select
import socket
import ssl
import sys
from typing import cast

from ringfence.server.http.tls_line import TlsPeer

HANDSHAKE_S = 15.0
LONGEST_S = 120.0
LARGEST_UP_BYTES = 64 * 1024
"""Of requests; a phone's has some 200."""
LARGEST_DOWN_BYTES = 4 * 1024 * 1024
_UP_BYTES = 4096
_DOWN_BYTES = 16 * 1024
_SIOCOUTQ = 0x5411  # <linux/sockios.h>: bytes that the peer has not acknowledged
_PHONE_NAME = re.compile(r"(?:CP-[0-9A-Z-]{1,24}-)?SEP([0-9A-F]{12})")
"""Common names in the certificates of enterprise phones, the maker's and those that a CAPF issues (PHONES.md)."""

Names = tuple[tuple[tuple[str, str], ...], ...]


class TlsConnectionOver(Exception):  # noqa: N818 - it never leaves this package
    """The connection is over."""


class TlsConnection:
    """A connection, from its first byte on; ``inside`` is our end of the pair whose other end the worker has."""

    def __init__(self, line: socket.socket, host: str, port: int, context: ssl.SSLContext, now: float) -> None:
        line.setblocking(False)
        self.host, self.port, self.began_at = host, port, now
        self.tls = context.wrap_socket(line, server_side=True, do_handshake_on_connect=False)
        self.inside: socket.socket | None = None
        self.confirms = False
        """Whether it waits for the phone's TCP to acknowledge what was sent."""
        self._wants = select.POLLIN
        self._up = b""
        self._down = b""
        self._sent = 0
        self._up_left, self._down_left = LARGEST_UP_BYTES, LARGEST_DOWN_BYTES
        self._up_is_open = self._down_is_open = True

    def is_overdue(self, now: float) -> bool:
        """Return whether its time is over, or its handshake's."""
        lasted = now - self.began_at
        return lasted > LONGEST_S or (self.inside is None and lasted > HANDSHAKE_S)

    def events(self) -> dict[int, int]:
        """Return what to wait for, by descriptor."""
        if self.inside is None:
            return {self.tls.fileno(): self._wants}
        wanted = {self.tls.fileno(): 0, self.inside.fileno(): 0}
        if self._up:
            wanted[self.inside.fileno()] |= select.POLLOUT
        elif self._up_is_open:
            wanted[self.tls.fileno()] |= select.POLLIN
        if self._sent < len(self._down):
            wanted[self.tls.fileno()] |= select.POLLOUT
        elif not self.confirms and self._down_is_open:
            wanted[self.inside.fileno()] |= select.POLLIN
        return wanted

    def shake_hands(self) -> bool:
        """Go on with the handshake; return whether it is done. ssl.SSLError, OSError."""
        try:
            self.tls.do_handshake()
        except ssl.SSLWantReadError:
            self._wants = select.POLLIN
            return False
        except ssl.SSLWantWriteError:
            self._wants = select.POLLOUT
            return False
        return True

    def peer(self, issuers: frozenset[Names]) -> TlsPeer:
        """Return who it is, by the certificate that was shown, if any; one of ``issuers`` (names) proves nothing."""
        shown = self.tls.getpeercert() or {}
        subject = cast("Names", shown.get("subject", ()))
        common = [value for part in subject for name, value in part if name == "commonName"]
        found = _PHONE_NAME.fullmatch(common[0]) if len(common) == 1 else None
        if found is None:
            return TlsPeer(self.host, self.port)
        return TlsPeer(self.host, self.port, found[1], is_proof=shown.get("issuer") not in issuers)

    def go_on(self) -> None:
        """Pass what there is, both ways. TlsConnectionOver, OSError."""
        if self.inside is None:
            return
        self._go_up(self.inside)
        self._go_down(self.inside)

    def confirm(self) -> None:
        """Let the worker know what the phone has by now. TlsConnectionOver, OSError."""
        if not self.confirms or self.inside is None:
            return
        if self.tls.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise TlsConnectionOver  # of what it was sent last nobody knows
        waiting = fcntl.ioctl(self.tls.fileno(), _SIOCOUTQ, bytes(4))
        if not int.from_bytes(waiting, sys.byteorder):
            self.inside.recv(len(self._down))  # the same bytes, which were only looked at
            self._down, self._sent, self.confirms = b"", 0, False

    def close(self) -> None:
        """End it."""
        with contextlib.suppress(OSError, ValueError):
            self.tls.unwrap()  # says goodbye, and waits for no answer
        self.tls.close()
        if self.inside is not None:
            self.inside.close()

    def _go_up(self, inside: socket.socket) -> None:
        if not self._up and self._up_is_open:
            with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._up = self.tls.recv(min(_UP_BYTES, self._up_left))
                self._up_left -= len(self._up)
                if not self._up or not self._up_left:
                    self._up_is_open = False
        if self._up:
            with contextlib.suppress(BlockingIOError):
                self._up = self._up[inside.send(self._up) :]
        if not self._up and not self._up_is_open:
            inside.shutdown(socket.SHUT_WR)

    def _go_down(self, inside: socket.socket) -> None:
        if not self._down and self._down_is_open:
            try:
                self._down = inside.recv(_DOWN_BYTES, socket.MSG_PEEK)
            except BlockingIOError:
                return
            self._down_left -= len(self._down)
            if not self._down or self._down_left < 0:
                raise TlsConnectionOver
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
            while self._sent < len(self._down):
                self._sent += self.tls.send(self._down[self._sent :])
        self.confirms = bool(self._down) and self._sent == len(self._down)
