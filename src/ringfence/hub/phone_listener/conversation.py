"""One phone's connection in the process that listens: TLS, then requests, each answered before the next is read.

Invariants:

- Every wait ends: for the handshake with the first head, for the hub, for each next head, and for the answer to be
  taken, which may be as slow as the slowest phone and no slower.
- A head has so many bytes, a request no body, a connection so many requests.
- Nothing redirects: a phone would keep a 301 for ever (PHONES.md section 13).
"""

import asyncio
import contextlib
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import h11

from ringfence.hub.phone_listener.messages import (
    LONGEST_AGENT,
    LONGEST_TARGET,
    DeliverFile,
    DenyFile,
    FileAsked,
    FileSent,
)
from ringfence.server.http.requests import (
    BAD_REQUEST,
    BODY_REFUSED,
    BROKEN_BY_STATUS,
    NOT_FOUND,
    Answer,
    date,
    file_answer,
    has_body,
    unsatisfiable,
    wanted_slice,
)

HANDSHAKE_S = 20.0
"""Phones of 2008 take seconds for an operation with their key."""
HEAD_S = 10.0
IDLE_S = 2.0
HUB_S = 30.0
MOST_REQUESTS = 16
LARGEST_HEAD_BYTES = 8192
_SLOWEST_BYTES_PER_S = 4096
_ANSWER_S = 30.0
_GOODBYE_S = 2.0
_PART_BYTES = 64 * 1024
_ONLY_GET = Answer(
    405, b"Method Not Allowed", ((b"Allow", b"GET"), (b"Content-Length", b"0")), closes=True
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class FileToSend:
    """What the hub answered: the file's message and its descriptor, which is the reader's to close."""

    file: DeliverFile
    descriptor: int


Ask = Callable[[FileAsked], Awaitable[FileToSend | DenyFile]]
Tell = Callable[[FileSent], Awaitable[None]]
NewNumber = Callable[[], int]


class PhoneLeft(Exception):  # noqa: N818 - it never leaves this package
    """The phone does not go on in time, has ended the connection, or speaks no HTTP."""


class PhoneConnection:
    """Serves one connection."""

    def __init__(
        self, line: socket.socket, context: ssl.SSLContext, host: str, port: int, numbers: NewNumber, ask: Ask,
        tell: Tell,
    ) -> None:  # fmt: skip
        self._line, self._context, self._host, self._port = line, context, host, port
        self._numbers, self._ask, self._tell = numbers, ask, tell
        self._http = h11.Connection(h11.SERVER, LARGEST_HEAD_BYTES)

    async def run(self) -> None:
        """Serve until it ends.

        Raises:
            ssl.SSLError: The handshake fails.
            PhoneLeft: It does not come to an end in time, or the connection breaks.
        """
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(LARGEST_HEAD_BYTES, loop)
        protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
        try:
            transport, _protocol = await loop.connect_accepted_socket(
                lambda: protocol, self._line, ssl=self._context, ssl_handshake_timeout=HANDSHAKE_S,
                ssl_shutdown_timeout=_GOODBYE_S,
            )  # fmt: skip
        except ssl.SSLError:
            raise
        except (OSError, EOFError) as fault:
            raise PhoneLeft(f"TLS: {type(fault).__name__}") from None
        writer = asyncio.StreamWriter(transport, protocol, reader, loop)
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        certificate = tls.getpeercert(binary_form=True) or b""
        try:
            for served in range(MOST_REQUESTS):
                is_last = served == MOST_REQUESTS - 1
                if not await self._serve(reader, writer, certificate, IDLE_S if served else HEAD_S, is_last=is_last):
                    break
        except (OSError, EOFError, TimeoutError):
            raise PhoneLeft("the connection ended") from None
        finally:
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(2 * _GOODBYE_S):
                    await writer.wait_closed()

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, certificate: bytes, within_s: float, *,
        is_last: bool,
    ) -> bool:  # fmt: skip
        """Serve one request; return whether another may follow."""
        try:
            request = await self._request(reader, within_s)
        except h11.RemoteProtocolError as fault:
            await self._answer_raw(writer, BROKEN_BY_STATUS.get(fault.error_status_hint, BAD_REQUEST))
            return False
        if request is None:
            return False
        headers = [(bytes(name), bytes(value)) for name, value in request.headers]
        if has_body(headers):
            await self._answer_raw(writer, BODY_REFUSED)
            return False
        if request.method != b"GET":
            await self._answer_raw(writer, _ONLY_GET)
            return False
        number = self._numbers()
        agent = next((value for name, value in headers if name == b"user-agent"), b"")
        asked = FileAsked(
            number, self._host, self._port, request.target[:LONGEST_TARGET].decode("latin-1"), certificate,
            agent[:LONGEST_AGENT].decode("latin-1"),
        )  # fmt: skip
        async with asyncio.timeout(HUB_S):
            said = await self._ask(asked)
        if isinstance(said, DenyFile):
            await self._send_head(writer, NOT_FOUND, is_last=is_last)
        else:
            try:
                await self._deliver(writer, number, said, headers, is_last=is_last)
            finally:
                os.close(said.descriptor)
        if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
            return False
        self._http.start_next_cycle()
        return not is_last

    async def _request(self, reader: asyncio.StreamReader, within_s: float) -> h11.Request | None:
        """Return a request whose head is there; None at the connection's end."""
        request: h11.Request | None = None
        async with asyncio.timeout(within_s):
            while True:
                event = self._http.next_event()
                if event is h11.NEED_DATA:
                    self._http.receive_data(await reader.read(4096))
                elif isinstance(event, h11.Request):
                    request = event
                    if has_body(request.headers):
                        return request
                elif isinstance(event, h11.EndOfMessage):
                    return request
                else:
                    return None

    async def _deliver(
        self, writer: asyncio.StreamWriter, number: int, said: FileToSend, headers: list[tuple[bytes, bytes]], *,
        is_last: bool,
    ) -> None:  # fmt: skip
        file, began, sent, is_whole = said.file, time.monotonic(), 0, False
        etag = b'"%s"' % file.etag.encode()
        wanted = wanted_slice(headers, file.size_bytes)
        length = wanted.length if wanted is not None else 0
        try:
            async with asyncio.timeout(_ANSWER_S + length / _SLOWEST_BYTES_PER_S):
                if any(name == b"if-none-match" and etag in value for name, value in headers):
                    unchanged = Answer(304, b"Not Modified", ((b"ETag", etag),))
                    await self._send_head(writer, unchanged, is_last=is_last)
                elif wanted is None:
                    await self._send_head(writer, unsatisfiable(file.size_bytes), is_last=is_last)
                    return
                else:
                    answer = file_answer(file.name, file.size_bytes, wanted)
                    self._write_head(writer, answer, is_last=is_last, more=(b"ETag", etag))
                    while sent < wanted.length:
                        most = min(_PART_BYTES, wanted.length - sent)
                        part = os.pread(said.descriptor, most, wanted.start + sent)
                        if not part:
                            raise PhoneLeft("the file has become shorter")
                        writer.write(self._http.send(h11.Data(part)) or b"")
                        sent += len(part)
                        await writer.drain()
                    writer.write(self._http.send(h11.EndOfMessage()) or b"")
                    await writer.drain()
                is_whole = True
        finally:
            await self._tell(FileSent(number, sent, round(time.monotonic() - began, 6), is_whole))

    async def _send_head(self, writer: asyncio.StreamWriter, answer: Answer, *, is_last: bool) -> None:
        """Send an answer that is no file."""
        self._write_head(writer, answer, is_last=is_last)
        if answer.body:
            writer.write(self._http.send(h11.Data(answer.body)) or b"")
        writer.write(self._http.send(h11.EndOfMessage()) or b"")
        async with asyncio.timeout(_ANSWER_S):
            await writer.drain()

    def _write_head(
        self, writer: asyncio.StreamWriter, answer: Answer, *, is_last: bool, more: tuple[bytes, bytes] | None = None
    ) -> None:
        headers = [(b"Date", date(time.time())), *answer.headers, *([more] if more else [])]
        if is_last or answer.closes:
            headers.append((b"Connection", b"close"))
        head = h11.Response(status_code=answer.status, reason=answer.reason, headers=headers)
        writer.write(self._http.send(head) or b"")

    async def _answer_raw(self, writer: asyncio.StreamWriter, answer: Answer) -> None:
        """Answer what is no request that can be served; the connection ends after it."""
        if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            await self._send_head(writer, answer, is_last=True)
