"""A virtual phone's SIP side: a transport for messages, and lines that register over it with digest authentication."""

import contextlib
import select
import socket
import struct
import time
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from ringfence.phones.errors import BadSipMessage
from ringfence.phones.sip.digest import authorization, best_challenge
from ringfence.phones.sip.messages import (
    SipMessage,
    SipRequest,
    SipResponse,
    header_values,
    next_in_stream,
    parse_message,
)
from ringfence.phones.sip.register import Registering, granted_s, register_request
from ringfence.secret import Secret
from ringfence.sim.errors import RegistrationFailed, SipPortInUse

T1_S = 0.5
T2_S = 4.0
GIVE_UP_S = 8.0
"""A quarter of RFC 3261's 64 * T1, so that a phone tells within seconds that its server is silent."""
_LARGEST_DATAGRAM = 65_535
_MOST_CHALLENGES = 3
_UNAUTHORISED, _PROXY_UNAUTHORISED = 401, 407
_FINAL, _REFUSED = 200, 300

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Received:
    """One message, and what answers it."""

    data: bytes
    peer: Address
    answer: Callable[[bytes], None]


class UdpTransport:
    """SIP over a bound UDP socket."""

    name = "udp"

    def __init__(self, host: str, port: int, place: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        _bind(self._socket, host, port, place)
        self._socket.setblocking(False)

    @property
    def address(self) -> Address:
        """Where it listens."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def send(self, data: bytes, to: Address) -> None:
        """Send a datagram; if that fails, the code that waits for its answer sends it again."""
        with contextlib.suppress(OSError):
            self._socket.sendto(data, to)

    def receive(self) -> list[Received]:
        """Return what has arrived; empty if nothing has."""
        try:
            data, peer = self._socket.recvfrom(_LARGEST_DATAGRAM)
        except OSError:
            return []
        return [Received(data, (peer[0], peer[1]), lambda answer: self.send(answer, (peer[0], peer[1])))]

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()


class TcpTransport:
    """SIP over one connection to the server, from the phone's own port; orders come back by it."""

    name = "tcp"

    def __init__(self, host: str, port: int, server: Address, place: str) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(self._socket, host, port, place)
        self._socket.settimeout(GIVE_UP_S)
        try:
            self._socket.connect(server)
        except OSError as fault:
            self._socket.close()
            raise RegistrationFailed(
                f"the SIP server does not accept connections: {fault.strerror or fault}",
                where=f"{server[0]}:{server[1]}",
                to_do=f"Does it speak SIP over {self.name.upper()}? See sip_transport.",
            ) from None
        self._server = server
        self._buffer = b""
        self.is_open = True

    @property
    def address(self) -> Address:
        """Our end of the connection."""
        host, port = self._socket.getsockname()[:2]
        return host, port

    def fileno(self) -> int:
        """Return the descriptor to wait for."""
        return self._socket.fileno()

    def send(self, data: bytes, _to: Address) -> None:
        """Send by the connection, wherever the message is for."""
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def receive(self) -> list[Received]:
        """Return the whole messages that have come."""
        data = self._read()
        if not data:
            self.is_open = False
            return []
        self._buffer += data
        found: list[Received] = []
        try:
            while True:
                message, self._buffer = next_in_stream(self._buffer)
                if message is None:
                    return found
                found.append(Received(message, self._server, lambda answer: self.send(answer, self._server)))
        except BadSipMessage:
            self.is_open = False
            return found

    def _read(self) -> bytes:
        """Return what has come; nothing where the connection has ended."""
        try:
            return self._socket.recv(_LARGEST_DATAGRAM)
        except OSError:
            return b""

    def close(self) -> None:
        """End the connection at once, so that the phone's port is free for the next one: as with a real one's power."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()


Transport = UdpTransport | TcpTransport


class SipAgent:
    """The lines of one phone at one server."""

    def __init__(self, transport: Transport, server: Address) -> None:
        self.transport = transport
        self.server = server
        self.call_id = uuid.uuid4().hex
        self._cseq = 0
        self._orders: deque[Received] = deque()

    def register(self, line: Registering, user: str, password: Secret) -> int:
        """Register one line, and return for how many seconds that holds.

        Raises:
            RegistrationFailed: The server refuses or does not answer; the error says why.
        """
        credential = ""
        tag = uuid.uuid4().hex[:8]
        for _try in range(_MOST_CHALLENGES):
            self._cseq += 1
            request = register_request(
                line, call_id=self.call_id, cseq=self._cseq, branch=uuid.uuid4().hex, tag=tag, authorization=credential
            )
            answer = self._exchange(request)
            if answer.status in {_UNAUTHORISED, _PROXY_UNAUTHORISED}:
                if credential and not _is_stale(answer):
                    raise _refused(answer, line, "its name or password is wrong at the server")
                credential = authorization(
                    best_challenge(_challenges(answer)),
                    user=user,
                    password=password,
                    method="REGISTER",
                    uri=f"sip:{line.server}",
                    cnonce=uuid.uuid4().hex[:16],
                )
                continue
            if answer.status >= _REFUSED:
                raise _refused(answer, line, answer.reason)
            return granted_s(answer) if line.expires_s else 0
        raise RegistrationFailed(f"line {line.user} is challenged again and again", where=self._place)

    def unregister(self, line: Registering, user: str, password: Secret) -> bool:
        """Remove a line's registration; return whether the server did, silence is not an error here."""
        try:
            self.register(replace(line, expires_s=0), user, password)
        except (RegistrationFailed, BadSipMessage):
            return False
        return True

    def take_orders(self) -> list[Received]:
        """Return the requests that arrived while something else was awaited."""
        found = list(self._orders)
        self._orders.clear()
        return found

    @property
    def _place(self) -> str:
        return f"{self.server[0]}:{self.server[1]} over {self.transport.name}"

    def _exchange(self, request: bytes) -> SipResponse:
        """Send a request until its final answer comes, by RFC 3261's timer E; requests that come meanwhile are kept."""
        sent = parse_message(request)
        begun = time.monotonic()
        interval, next_send = T1_S, begun
        while (now := time.monotonic()) < begun + GIVE_UP_S:
            if now >= next_send:
                if now == next_send or self.transport.name == "udp" or next_send == begun:
                    self.transport.send(request, self.server)
                next_send, interval = now + interval, min(2 * interval, T2_S)
            if not select.select([self.transport], [], [], max(0.0, min(next_send, begun + GIVE_UP_S) - now))[0]:
                continue
            final: SipResponse | None = None
            for received in self.transport.receive():  # all of it: one segment may carry an answer and a request
                answer = _answer_to(sent, received)
                if answer is None:
                    self._orders.append(received)
                elif answer.status >= _FINAL:
                    final = final or answer
            if final is not None:
                return final
            if isinstance(self.transport, TcpTransport) and not self.transport.is_open:
                raise RegistrationFailed("the SIP server ended the connection", where=self._place)
        raise RegistrationFailed(
            "the SIP server does not answer", where=self._place, to_do="Check sip_server, sip_port and sip_transport."
        )


def _bind(made: socket.socket, host: str, port: int, place: str) -> None:
    try:
        made.bind((host, port))
    except OSError as fault:
        made.close()
        raise SipPortInUse(
            f"the phone can't listen for SIP at {host} port {port}: {fault.strerror}",
            where=place,
            to_do="Set sip_listen_port to a free port, or give the phone an address of its own.",
        ) from None


def _answer_to(sent: SipMessage, received: Received) -> SipResponse | None:
    """Return the answer to our request, None for anything else."""
    try:
        message = parse_message(received.data)
    except BadSipMessage:
        return None
    if not isinstance(message, SipResponse) or not isinstance(sent, SipRequest):
        return None
    return (
        message
        if (message.call_id, header_values(message, "cseq"))
        == (
            sent.call_id,
            header_values(sent, "cseq"),
        )
        else None
    )


def _challenges(answer: SipResponse) -> list[str]:
    return [*header_values(answer, "www-authenticate"), *header_values(answer, "proxy-authenticate")]


def _is_stale(answer: SipResponse) -> bool:
    try:
        return best_challenge(_challenges(answer)).stale
    except BadSipMessage:
        return False


def _refused(answer: SipResponse, line: Registering, why: str) -> RegistrationFailed:
    return RegistrationFailed(
        f"the SIP server refused line {line.user} with {answer.status} {answer.reason}: {why}",
        where=line.server,
        to_do="Compare the line with the PBX: ringfence sip export.",
    )


def resolve(host: str, port: int) -> Address:
    """Return the address of a SIP server.

    Raises:
        RegistrationFailed: Its name leads nowhere.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except socket.gaierror as fault:
        raise RegistrationFailed(
            f"the SIP server's name can't be resolved: {fault.strerror}", where=host, to_do="Check sip_server."
        ) from None
    address = found[0][4]
    return str(address[0]), int(address[1])
