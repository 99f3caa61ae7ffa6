"""Ends phones' TLS at an edge: ``python -I -m ringfence.edge.phones.tls_child FD``, started by the agent.

It is there only where a phone of the site gets its configuration by HTTPS. It holds the edge's key for that, the
listening sockets of port 6971, and a line to the worker: no file, no list of phones, no way to the hub. The worker gets
the plain bytes and the peer's address, and decides as over any other protocol. It ends with the agent.

Invariants:

- There are so many connections, of one address and in all, and so many of one address in a minute.
- A handshake that does not come to its end in time, and whatever is no TLS, costs one connection its place for seconds.
"""

# ruff: noqa: E402 - the first statement must run before the imports
from ringfence.left_out import TYPING, leave_out

leave_out(TYPING)

import contextlib
import os
import resource
import select
import signal
import socket
import ssl
import sys
import time
from typing import cast

from cachetools import TTLCache

from ringfence.edge.phones.tls_connection import Names, TlsConnection, TlsConnectionOver
from ringfence.edge.phones.tls_messages import ServeTls, TlsFailed, TlsReady, TlsUnfit, receive, send
from ringfence.errors import RingfenceError
from ringfence.printable import printable
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.allowed_calls import TLS_PORT
from ringfence.server.confinement.steps import confine, seal
from ringfence.server.errors import ConfinementFailed
from ringfence.server.http.tls_line import send_peer

MOST_AT_ONCE, MOST_OF_HOST, MOST_A_MINUTE = 64, 8, 60
_MOST_ADDRESSES = 512
_TELL_AGAIN_S = 60.0
_LOOK_EVERY_MS, _CONFIRM_EVERY_MS = 1000, 5
_MOST_AT_ONE_TURN = 16
_LONGEST_REASON = 80
_LEAST_DESCRIPTORS = 2
"""A listening socket, and the line."""
_NO_CHECK_TIME, _PARTIAL_CHAIN = 0x200000, 0x80000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME and X509_V_FLAG_PARTIAL_CHAIN (x509_vfy.h): makers' certificates of ten years
have ended, and their CAs are no roots."""


def server_context(order: ServeTls) -> ssl.SSLContext:
    """Return TLS as 7800 and 8800 series speak it, 1.2 or later (PHONES.md section 4e); a certificate is asked for.

    Raises:
        ssl.SSLError: Certificate, key or a CA can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.num_tickets = 0
    if order.makers or order.issuers:
        context.verify_mode = ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VerifyFlags(_NO_CHECK_TIME | _PARTIAL_CHAIN)
        context.load_verify_locations(cadata="\n".join((*order.makers, *order.issuers)))
    own = os.memfd_create("own", os.MFD_CLOEXEC)  # ssl reads a key from a file alone
    try:
        os.write(own, order.key.reveal().encode() + b"\n" + order.certificate.encode())
        context.load_cert_chain(f"/proc/self/fd/{own}")
    finally:
        os.close(own)
    return context


def names_of(pems: tuple[str, ...]) -> frozenset[Names]:
    """Return the subjects of these CAs, as ``getpeercert`` has them. ssl.SSLError."""
    if not pems:
        return frozenset()
    reading = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    reading.load_verify_locations(cadata="\n".join(pems))
    return frozenset(cast("Names", each["subject"]) for each in reading.get_ca_certs())


class TlsPortChild:
    """Takes phones until the agent is gone."""

    def __init__(
        self, channel: socket.socket, listeners: list[socket.socket], line: socket.socket, context: ssl.SSLContext,
        issuers: frozenset[Names],
    ) -> None:  # fmt: skip
        self._channel, self._line, self._context, self._issuers = channel, line, context, issuers
        self._listeners = {each.fileno(): each for each in listeners}
        self._connections: set[TlsConnection] = set()
        self._lately: TTLCache[str, int] = TTLCache(_MOST_ADDRESSES, 60.0)
        self._told: TTLCache[str, bool] = TTLCache(_MOST_ADDRESSES, _TELL_AGAIN_S)

    def run(self) -> None:
        """Work."""
        while self._turn():
            now = time.monotonic()
            for each in [each for each in self._connections if each.is_overdue(now)]:
                self._end(each)

    def _turn(self) -> bool:
        """Do what there is to do, and return whether the agent is still there."""
        poller = select.poll()
        poller.register(self._channel, select.POLLIN)
        if len(self._connections) < MOST_AT_ONCE:
            for descriptor in self._listeners:
                poller.register(descriptor, select.POLLIN)
        by_descriptor: dict[int, TlsConnection] = {}
        for each in self._connections:
            for descriptor, events in each.events().items():
                poller.register(descriptor, events)
                by_descriptor[descriptor] = each
        is_confirming = any(each.confirms for each in self._connections)
        patience_ms = _CONFIRM_EVERY_MS if is_confirming else _LOOK_EVERY_MS if self._connections else None
        ready = [descriptor for descriptor, _events in poller.poll(patience_ms)]
        if self._channel.fileno() in ready:
            return False  # it says nothing any more: it has ended
        going_on = {by_descriptor[each] for each in ready if each in by_descriptor}
        going_on |= {each for each in self._connections if each.confirms or each.tls.pending()}
        for each in going_on:
            self._go_on(each)
        for descriptor in ready:
            if descriptor in self._listeners:
                self._accept(self._listeners[descriptor])
        return True

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_MOST_AT_ONE_TURN):
            if len(self._connections) >= MOST_AT_ONCE:
                return  # the others wait in the listener's queue
            try:
                line, address = listener.accept()
            except OSError:
                return
            host, port = str(address[0]).partition("%")[0], int(address[1])
            of_host = sum(each.host == host for each in self._connections)
            lately = self._lately.get(host, 0)
            if of_host >= MOST_OF_HOST or lately >= MOST_A_MINUTE:
                line.close()
                continue
            self._lately[host] = lately + 1
            try:
                self._connections.add(TlsConnection(line, host, port, self._context, time.monotonic()))
            except (OSError, ValueError):  # whoever came has gone
                line.close()

    def _go_on(self, connection: TlsConnection) -> None:
        try:
            if connection.inside is None:
                if connection.shake_hands():
                    self._hand_over(connection)
                return
            connection.confirm()
            connection.go_on()
        except ssl.SSLError as fault:
            if connection.inside is None:
                self._tell(connection.host, fault)
            self._end(connection)
        except (TlsConnectionOver, OSError):
            self._end(connection)

    def _hand_over(self, connection: TlsConnection) -> None:
        ours, workers = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with workers:
            ours.setblocking(False)
            connection.inside = ours
            send_peer(self._line, connection.peer(self._issuers), workers.fileno())

    def _tell(self, host: str, fault: ssl.SSLError) -> None:
        """Tell of a handshake that failed, once in a while of each address."""
        if host in self._told:
            return
        self._told[host] = True
        said = getattr(fault, "verify_message", "") or fault.reason or "no TLS"
        with contextlib.suppress(OSError):
            send(self._channel, TlsFailed(host, printable(str(said), _LONGEST_REASON)))

    def _end(self, connection: TlsConnection) -> None:
        self._connections.discard(connection)
        connection.close()


def main(arguments: list[str]) -> int:
    """Work for the process at the other end; return the exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the agent, which then closes its end
    parent = os.getppid()
    channel = socket.socket(fileno=int(arguments[0]))
    try:
        received = receive(channel)
        order, descriptors = received or (None, [])
        if not isinstance(order, ServeTls) or len(descriptors) < _LEAST_DESCRIPTORS:
            return 1
        *listening, line = descriptors
        context, issuers = server_context(order), names_of(order.issuers)
        listeners = [socket.socket(fileno=each) for each in listening]
        confined = confine()
        _, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = 4 * MOST_AT_ONCE if hardest == resource.RLIM_INFINITY else min(4 * MOST_AT_ONCE, hardest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        capabilities.end_with_parent(signal.SIGKILL)
        if os.getppid() != parent:
            raise ConfinementFailed("the agent has ended")  # before its end could end this process
        confined = seal(confined, TLS_PORT)
    except (RingfenceError, OSError, ValueError) as fault:
        send(channel, TlsUnfit(str(fault)[:300]))
        return 1
    send(channel, TlsReady(confined.in_words()))
    TlsPortChild(channel, listeners, socket.socket(fileno=line), context, issuers).run()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
