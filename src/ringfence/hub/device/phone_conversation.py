"""A request whose body is a phone's bytes as they come, and whose answer is what goes back to it meanwhile.

Invariants:

- It lasts so long, and brings and takes so many bytes, as ``wire.phone_services`` says, and no more.
- Whichever side ends, the other one is told.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import Final

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ringfence.wire.phone_services import LARGEST_BYTES, LONGEST_S, MEDIA_TYPE

CONVERSATION: Final = "ringfence.conversation"
"""The ASGI extension of a connection whose bodies may be conversations."""
BEGIN: Final = "begin"
_PART_BYTES = 16 * 1024


class PhoneConversation(Response):
    """Passes bytes between a request and a socket.

    Args:
        line: The socket; it is closed at the end.
        on_end: Called once, when it is over.
    """

    def __init__(self, line: socket.socket, on_end: Callable[[], None]) -> None:
        super().__init__(media_type=MEDIA_TYPE)
        self._line, self._on_end = line, on_end
        self._line.setblocking(False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass bytes until one side ends."""
        begin: Callable[[], None] | None = scope.get("extensions", {}).get(CONVERSATION, {}).get(BEGIN)
        if begin is not None:
            begin()
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store"), (b"connection", b"close")]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": b"", "more_body": True})
            up = asyncio.create_task(self._up(receive))
            try:
                with contextlib.suppress(TimeoutError, OSError):
                    async with asyncio.timeout(LONGEST_S):
                        await self._down(send)
            finally:
                up.cancel()
                await asyncio.gather(up, return_exceptions=True)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._line.close()
            self._on_end()

    async def _up(self, receive: Receive) -> None:
        """Pass what the phone sends."""
        loop, left = asyncio.get_running_loop(), LARGEST_BYTES
        try:
            while left > 0:
                message = await receive()
                body: bytes = message.get("body", b"")
                left -= len(body)
                if message["type"] == "http.disconnect" or left <= 0:
                    break
                if body:
                    await loop.sock_sendall(self._line, body)
                if not message.get("more_body", False):
                    break
        finally:
            with contextlib.suppress(OSError):  # the other side ends then, and with it this conversation
                self._line.shutdown(socket.SHUT_WR)

    async def _down(self, send: Send) -> None:
        """Pass what goes to the phone."""
        loop, left = asyncio.get_running_loop(), LARGEST_BYTES
        while left > 0 and (data := await loop.sock_recv(self._line, min(_PART_BYTES, left))):
            left -= len(data)
            await send({"type": "http.response.body", "body": data, "more_body": True})
