"""A TFTP client: the receiving machine on a blocking socket. Virtual phones and self-checks fetch with it."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass

from ringfence.addresses import host_port
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.tftp.blocks import NetasciiDecoder
from ringfence.tftp.effects import (
    Deliver,
    Failed,
    FailureReason,
    Finished,
    Send,
    WakeAt,
)
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions, Terms
from ringfence.tftp.receiving import Receiver
from ringfence.tftp.retransmission import RetransmissionPolicy

_LARGEST_DATAGRAM_BYTES = 65536

_SENTENCES = {
    FailureReason.NO_ANSWER: ("the server does not answer", "Check its address and that UDP reaches it."),
    FailureReason.WENT_SILENT: ("the server stopped answering in the middle of a file", "Try again."),
    FailureReason.BAD_OPTIONS: ("the server chose options that were not requested", "Ask without options."),
    FailureReason.BAD_PACKET: ("the server broke the protocol", "Try another server."),
    FailureReason.TOO_LONG: ("the file is longer than expected", "Check which file the server has."),
}


Take = Callable[[bytes, int | None], object]
"""Takes the next bytes of a file, and how many the server says that there are in all, where it says so."""


@dataclass(frozen=True, slots=True)
class Retrieved:
    """How a file came. ``size_bytes`` are those on the wire, ``retransmissions`` the datagrams that we repeated."""

    size_bytes: int
    duration_s: float
    terms: Terms
    retransmissions: int

    def as_document(self) -> dict[str, object]:
        """Return it as JSON's types."""
        return {
            "size_bytes": self.size_bytes,
            "duration_s": round(self.duration_s, 6),
            "block_size": self.terms.block_size,
            "window_size": self.terms.window_size,
            "retransmissions": self.retransmissions,
        }


def fetch(
    server: tuple[str, int],
    name: str,
    *,
    options: RequestedOptions = NO_OPTIONS,
    mode: str = "octet",
    source_host: str | None = None,
    timeout_s: float = 1.0,
    retries: int = 5,
    rollover: int = 0,
) -> bytes:
    """Return the bytes of the file ``name``; for the rest see ``retrieve``."""
    content = bytearray()
    retrieve(
        server,
        name,
        lambda data, _total: content.extend(data),
        options=options,
        mode=mode,
        source_host=source_host,
        timeout_s=timeout_s,
        retries=retries,
        rollover=rollover,
    )
    return bytes(content)


def retrieve(
    server: tuple[str, int],
    name: str,
    take: Take,
    *,
    options: RequestedOptions = NO_OPTIONS,
    mode: str = "octet",
    source_host: str | None = None,
    timeout_s: float = 1.0,
    retries: int = 5,
    longest_bytes: int = 1 << 32,
    rollover: int = 0,
) -> Retrieved:
    """Hand the bytes of the file ``name`` to ``take`` as they come; blocks until the last one.

    Without ``options`` it asks as a phone does, for 512-byte blocks. ``timeout_s`` is the first timeout and doubles
    with each of ``retries`` repetitions, up to eight seconds; ``source_host`` is the local address to ask from,
    ``rollover`` the server's block number after 65535. FileRefused for an ERROR packet, FetchFailed for silence,
    OSError if nothing can be sent.
    """
    family, _, _, _, server_address = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
    server_key = _key(server_address)
    receiver = Receiver(
        server_key,
        name,
        mode=mode,
        options=options,
        policy=RetransmissionPolicy(first_timeout_s=timeout_s, retries=retries),
        longest_bytes=longest_bytes,
        jitter=os.urandom(1)[0] / 256,
        rollover=rollover,
    )
    with socket.socket(family, socket.SOCK_DGRAM) as endpoint:
        if source_host is not None:
            endpoint.bind((source_host, 0))
        decoder = NetasciiDecoder() if mode.lower() == "netascii" else None
        return _Transfer(endpoint, receiver, take, decoder, f"{name} from {host_port(server[0], server[1])}").run()


class _Transfer:
    """One receiver at its socket."""

    def __init__(
        self, endpoint: socket.socket, receiver: Receiver, take: Take, decoder: NetasciiDecoder | None, where: str
    ) -> None:
        self._endpoint = endpoint
        self._receiver = receiver
        self._take = take
        self._decoder = decoder
        self._where = where
        self._wake_at = 0.0
        self._finished: Finished | None = None

    def run(self) -> Retrieved:
        begun = time.monotonic()
        self._carry_out(self._receiver.begin(begun))
        while self._finished is None:
            self._endpoint.settimeout(max(self._wake_at - time.monotonic(), 0.001))
            try:
                data, address = self._endpoint.recvfrom(_LARGEST_DATAGRAM_BYTES)
            except TimeoutError:
                self._carry_out(self._receiver.handle_timeout(time.monotonic()))
            except ConnectionRefusedError:
                continue  # an unreachable port may be a forged message: only silence ends the attempt
            else:
                self._carry_out(self._receiver.receive_datagram(data, _key(address), time.monotonic()))
        duration_s = time.monotonic() - begun
        return Retrieved(self._finished.size_bytes, duration_s, self._receiver.terms, self._finished.retransmissions)

    def _carry_out(self, effects: tuple[object, ...]) -> None:
        for effect in effects:
            match effect:
                case Send(data, to) if isinstance(to, tuple):
                    self._endpoint.sendto(data, to)
                case Deliver(data):
                    self._hand_on(data if self._decoder is None else self._decoder.feed(data))
                case WakeAt(at):
                    self._wake_at = at
                case Finished():
                    self._finished = effect
                    if self._decoder is not None:
                        self._hand_on(self._decoder.end())
                case Failed(FailureReason.PEER_ERROR, code, message):
                    raise FileRefused(code or 0, message, where=self._where)
                case Failed(reason):
                    what, to_do = _SENTENCES[reason]
                    raise FetchFailed(what, where=self._where, to_do=to_do)
                case _:
                    raise AssertionError(effect)

    def _hand_on(self, data: bytes) -> None:
        self._take(data, self._receiver.terms.transfer_size)


def _key(address: tuple[object, ...]) -> tuple[object, ...]:
    """Return an address as the machine compares it and the socket takes it."""
    return tuple(address)
