"""A phone's own web page: requests of the hub's, made at one phone on the edge's own wire, and its answers.

Invariants:

- Requests go to one address alone: where the phone last took its file, while the kernel's table shows the phone's MAC
  address there. It is looked at again before each request, and after the connection stands.
- A phone that has never taken its own file from this edge is not asked, whatever the hub says of a MAC address.
- Redirects are told and not followed. Nothing is written to a disk.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

from ringfence.counted import counted
from ringfence.edge.errors import HubRefused, HubUnreachable, JobOver, JobRefused
from ringfence.edge.jobs.edge_jobs import Work
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac
from ringfence.server.access.neighbours import Links, open_socket
from ringfence.wire.phone_web_messages import (
    FROM_PHONES,
    LARGEST_ANSWER_BYTES,
    LONGEST_HEADER,
    LONGEST_S,
    MOST_AT_ONCE,
    MOST_HEADERS,
    PORTS,
    PhoneWebAnswer,
    PhoneWebNews,
    PhoneWebOrders,
    PhoneWebRequest,
    why_not_asked,
)

ANSWER_WITHIN_S = 20.0
_SILENT_FOR_S = 10.0
_READ_BYTES = 64 << 10
_BUSY_PAUSE_S, _IDLE_PAUSE_S, _BUSY_FOR_S = 0.2, 1.0, 20.0
_RESOLVE_WITHIN_S, _RESOLVE_PAUSE_S = 1.0, 0.05

Exchange = Callable[[PhoneWebNews], PhoneWebOrders | None]
"""Tells the hub an answer and asks what is to do; None where the hub is too old. HubUnreachable, HubRefused."""


@dataclass(frozen=True, slots=True)
class PhonePlaces:
    """Where phones are: the address at which each last took its file, and whether its MAC address is there now."""

    host_of: Callable[[str], str | None]
    is_there: Callable[[str, str], bool]
    ports: Mapping[bool, int]
    """Whether it is TLS → the port."""


def on_this_wire(host_of: Callable[[str], str | None]) -> PhonePlaces:
    """Return where phones are on this machine's own links."""
    return PhonePlaces(host_of, is_on_this_wire, PORTS)


def is_on_this_wire(mac: str, host: str) -> bool:
    """Return whether the kernel shows a MAC address at an address, which it asks for if it does not know."""
    until = time.monotonic() + _RESOLVE_WITHIN_S
    try:
        with open_socket() as kernel:
            links = Links(kernel)
            while True:
                shown = {each.mac for each in links.neighbours(time.monotonic()).shown_for(host)}
                if shown or time.monotonic() > until:
                    return shown == {mac}
                links.resolve(host)
                time.sleep(_RESOLVE_PAUSE_S)
    except OSError:
        return False


class PhoneWeb:
    """The job phone-web."""

    def __init__(self, places: PhonePlaces, exchange: Exchange) -> None:
        self._places = places
        self._exchange = exchange

    def run(self, work: Work) -> str:
        """Make the requests of a session until it ends; JobRefused where there is no such phone here, JobOver."""
        order = work.order
        try:
            mac = Mac.parse(order.mac)
        except BadMac:
            raise JobRefused("the hub named no phone") from None
        phone = _PhoneAtHand(mac, self._places)
        phone.find()
        made = 0
        until = time.monotonic() + min(order.seconds, LONGEST_S)
        busy_until = 0.0
        waiting: list[PhoneWebAnswer] = []
        with ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="phone-web") as pool:
            while (now := time.monotonic()) < until and not work.telling.stopping.is_set():
                orders = self._tell(work, waiting[0] if waiting else None)
                if orders is not None:
                    del waiting[:1]
                    asked = orders.requests[:MOST_AT_ONCE]
                    made += len(asked)
                    answer = lambda each: phone.answer(each, with_changes=order.with_changes)  # noqa: E731
                    waiting += pool.map(answer, asked)
                    busy_until = now + _BUSY_FOR_S if asked else busy_until
                if not waiting:
                    work.telling.stopping.wait(_BUSY_PAUSE_S if now < busy_until else _IDLE_PAUSE_S)
        return f"The phone's page was open; {counted(made, 'request')} went to it."

    def _tell(self, work: Work, answer: PhoneWebAnswer | None) -> PhoneWebOrders | None:
        """Return what is to do; None where the hub can't be reached for now. JobOver."""
        try:
            orders = self._exchange(PhoneWebNews(work.order.number, work.telling.attempt, answer))
        except HubUnreachable:
            work.telling.stopping.wait(_IDLE_PAUSE_S)
            return None
        except HubRefused as refused:
            raise JobOver(f"the hub ended it: {refused.what}") from None
        if orders is None or not orders.goes_on:
            raise JobOver("the page was closed at the hub")
        return orders


class _PhoneAtHand:
    """One phone, asked where it is."""

    def __init__(self, mac: Mac, places: PhonePlaces) -> None:
        self._mac = mac
        self._places = places

    def find(self) -> str:
        """Return the address where the phone is; JobRefused if it is not known to be on this edge's own wire."""
        host = self._places.host_of(self._mac.bare)
        if host is None:
            raise JobRefused(
                f"phone {self._mac} has not taken its file from this edge yet", to_do="See that it starts here first."
            )
        if not self._places.is_there(self._mac.bare, host):
            raise JobRefused(
                f"phone {self._mac} is not at {host} any more, or not on this edge's own network",
                to_do="Restart it, so that it takes its file again.",
            )
        return host

    def answer(self, asked: PhoneWebRequest, *, with_changes: bool) -> PhoneWebAnswer:
        """Return what the phone answers, or why there is no answer."""
        if why := why_not_asked(asked, with_changes=with_changes):
            return PhoneWebAnswer(asked.number, problem=why)
        try:
            host = self.find()
            return self._made(asked, host)
        except JobRefused as gone:
            return PhoneWebAnswer(asked.number, problem=str(gone))
        except ConnectionRefusedError:
            port = self._places.ports[asked.is_tls]
            why = f"the phone at {host} refuses connections at port {port}; its setting web_access may be off"
        except TimeoutError:
            why = f"the phone at {host} did not answer within {ANSWER_WITHIN_S:.0f} s"
        except _TooLarge:
            why = f"the phone's answer has more than {LARGEST_ANSWER_BYTES >> 20} MiB"
        except (OSError, HTTPException, ValueError) as fault:
            why = f"the phone at {host} did not answer as web servers do: {type(fault).__name__}"
        return PhoneWebAnswer(asked.number, problem=why)

    def _made(self, asked: PhoneWebRequest, host: str) -> PhoneWebAnswer:
        until = time.monotonic() + ANSWER_WITHIN_S
        port = self._places.ports[asked.is_tls]
        connection: HTTPConnection = (
            HTTPSConnection(host, port, timeout=_SILENT_FOR_S, context=_tls_of_phones())
            if asked.is_tls
            else HTTPConnection(host, port, timeout=_SILENT_FOR_S)
        )
        with contextlib.closing(connection), _cut_at(connection, until) as held:
            connection.connect()
            held.append(connection.sock)
            if not self._places.is_there(self._mac.bare, host):
                raise JobRefused(f"phone {self._mac} is not at {host} any more")
            sends = {"host": host, "connection": "close", "user-agent": "Ringfence", **dict(asked.headers)}
            connection.request(asked.method, asked.target, asked.body or None, sends)
            answer = connection.getresponse()
            body = bytearray()
            while len(body) <= LARGEST_ANSWER_BYTES and (part := answer.read1(_READ_BYTES)):
                body += part
        if len(body) > LARGEST_ANSWER_BYTES:
            raise _TooLarge
        headers, leads_to_tls = self._headers(answer.getheaders(), host, is_tls=asked.is_tls)
        return PhoneWebAnswer(asked.number, answer.status, headers, bytes(body), leads_to_tls)

    def _headers(
        self, said: list[tuple[str, str]], host: str, *, is_tls: bool
    ) -> tuple[tuple[tuple[str, str], ...], bool]:
        """Return the headers that go back, and whether a location is at the phone's port for TLS."""
        found: list[tuple[str, str]] = []
        leads_to_tls = is_tls
        for name, value in said:
            kept = value.strip()
            if name.lower() not in FROM_PHONES or len(kept) > LONGEST_HEADER or not kept.isascii():
                continue
            if name.lower() == "location":
                where = urlsplit(kept)
                leads = is_tls if not where.scheme else where.scheme == "https"
                if where.netloc and (where.hostname, where.port or PORTS[leads]) != (host, self._places.ports[leads]):
                    continue
                leads_to_tls = leads
                kept = where._replace(scheme="", netloc="").geturl() or "/"
            if kept.isprintable():
                found.append((name.lower(), kept))
        return tuple(found[:MOST_HEADERS]), leads_to_tls


class _TooLarge(Exception):  # noqa: N818 - it leaves this file only as a sentence
    """An answer is larger than is told."""


@contextlib.contextmanager
def _cut_at(connection: HTTPConnection, until: float) -> Iterator[list[socket.socket]]:
    """End a connection when its time is over, however slowly the phone goes on; TimeoutError then.

    The list is for its socket, which the connection forgets once an answer begins.
    """
    held: list[socket.socket] = []

    def cut() -> None:
        with contextlib.suppress(OSError):
            if (sock := held[0] if held else connection.sock) is not None:
                sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(until - time.monotonic(), cut)
    timer.daemon = True
    timer.start()
    try:
        yield held
    except (OSError, HTTPException):
        if time.monotonic() >= until:
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if time.monotonic() >= until:
        raise TimeoutError  # what was read may be a part


def _tls_of_phones() -> ssl.SSLContext:
    """Return how to speak TLS with phones: their certificates say nothing, and old ones know TLS 1.0 alone."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # the wire and the MAC address say who it is
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context
