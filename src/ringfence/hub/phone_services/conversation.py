"""A phone's bytes in the process of CAPF and TVS: frames, one write for each, and how much of all there may be.

Invariants:

- Every wait ends: for the handshake, for an answer, for a key, and the whole connection.
- A connection brings so many bytes and no more.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

HANDSHAKE_S = 30.0
ANSWER_S = 30.0
"""Phones try CAPF three times at 30 s (TRUST.md)."""
KEY_S = 180.0
"""How long a phone may take to make a key: 30 to 60 seconds and more (TRUST.md)."""
CONNECTION_S = 300.0
MOST_BYTES = 64 * 1024
_GOODBYE_S = 2.0


class PhoneGone(Exception):  # noqa: N818 - it leaves this package only as a refusal by name
    """The phone does not answer in time, or has ended the connection."""


@dataclass(slots=True)
class PhoneStream:
    """TLS with one phone."""

    _reader: asyncio.StreamReader
    _writer: asyncio.StreamWriter
    _left: int = MOST_BYTES

    @classmethod
    async def accept(cls, line: socket.socket, context: ssl.SSLContext) -> Self:
        """Do the handshake.

        Raises:
            PhoneGone: It does not come to an end.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(MOST_BYTES, loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _protocol = await loop.connect_accepted_socket(
                lambda: protocol, line, ssl=context, ssl_handshake_timeout=HANDSHAKE_S, ssl_shutdown_timeout=_GOODBYE_S
            )
        except (OSError, EOFError) as fault:  # ssl's errors and timeouts are such
            raise PhoneGone(f"TLS: {getattr(fault, 'reason', '') or type(fault).__name__}") from None
        return cls(reader, asyncio.StreamWriter(transport, protocol, reader, loop))

    async def send(self, frame: bytes) -> None:
        """Send one frame in one write. PhoneGone."""
        try:
            async with asyncio.timeout(ANSWER_S):
                self._writer.write(frame)
                await self._writer.drain()
        except OSError:
            raise PhoneGone("it takes nothing") from None

    async def receive(self, header_bytes: int, body_bytes: Callable[[bytes], int], within_s: float) -> bytes:
        """Return one whole frame.

        Args:
            header_bytes: How long a header is.
            body_bytes: Returns what a header announces; it raises if that is none, or too much.
            within_s: How long all of it may take.

        Raises:
            PhoneGone: It does not come in time, or too much came.
        """
        try:
            async with asyncio.timeout(within_s):
                header = await self._exactly(header_bytes)
                return header + await self._exactly(body_bytes(header))
        except (OSError, EOFError):
            raise PhoneGone("no answer") from None

    def close(self) -> None:
        """End the connection; what was sent goes out first."""
        self._writer.close()

    async def _exactly(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise PhoneGone(f"it sends more than {MOST_BYTES} bytes")
        return await self._reader.readexactly(count)
