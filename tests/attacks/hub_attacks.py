"""What anybody who reaches a hub's ports may try so that others wait, or are served no more: see ``HUB``."""

import contextlib
import itertools
import json
import selectors
import socket
import ssl
from collections.abc import Callable, Iterator
from multiprocessing.synchronize import Event

from attacks.attack_outcomes import Got
from attacks.attacked_hub import ADDRESSES, AttackedHub
from attacks.hub_outcomes import HubEntry
from ringfence.wire import paths

SILENT = 1100
"""Connections, more than the hub has descriptors."""
CROWD = 150
"""Connections with TLS, whose handshakes cost the attacker as much as the hub; so many that none has to make room."""
PAUSE_S = 0.02
_GARBAGE = b"\x16\x03\x01" + bytes(range(256)) * 4
_HEAD = "{method} {path} HTTP/1.1\r\nHost: hub\r\n{more}\r\n"


def _head(method: str, path: str, *more: str) -> bytes:
    return _HEAD.format(method=method, path=path, more="".join(f"{line}\r\n" for line in more)).encode()


def _often(line: socket.socket, data: bytes, times: int) -> bool:
    """Send something so often; return whether more is wanted."""
    for _ in range(times):
        line.sendall(data)
    return False


def _spread(place: AttackedHub, count: int) -> Iterator[tuple[str, str]]:
    """Yield ports and addresses to attack from, in turn."""
    yield from itertools.islice(itertools.cycle([(url, each) for each in ADDRESSES for url in place.ports]), count)


class _Held:
    """Connections that an attacker holds; those that the hub has ended are made again, a few at a time."""

    def __init__(self, make: Callable[[str, str], socket.socket]) -> None:
        self._make = make
        self._open = selectors.DefaultSelector()
        self.made = self.ended = 0

    def add(self, url: str, address: str) -> None:
        with contextlib.suppress(OSError):
            line = self._make(url, address)
            line.setblocking(False)
            self._open.register(line, selectors.EVENT_READ, (url, address))
            self.made += 1

    def lines(self) -> Iterator[socket.socket]:
        """Yield those that are open."""
        for key in list(self._open.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            yield key.fileobj

    def hold(self, over: Event, each: Callable[[socket.socket], object] | None = None) -> None:
        """Hold them until the attack is over, and do something with each again and again."""
        while not over.wait(PAUSE_S):
            for key, _ in self._open.select(0)[:5]:
                assert isinstance(key.fileobj, socket.socket)
                if self._is_ended(key.fileobj):
                    self._drop(key.fileobj)
                    self.add(*key.data)
            for line in self.lines() if each else ():
                with contextlib.suppress(OSError):
                    each(line)  # type: ignore[misc]  # it is there
        for line in self.lines():
            line.close()
        self._open.close()

    @staticmethod
    def _is_ended(line: socket.socket) -> bool:
        try:
            return line.recv(65_536) == b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        except OSError:
            return True

    def _drop(self, line: socket.socket) -> None:
        self._open.unregister(line)
        line.close()
        self.ended += 1


def _crowd(
    place: AttackedHub,
    over: Event,
    make: Callable[[str, str], socket.socket],
    count: int,
    each: Callable[[socket.socket], object] | None = None,
) -> Got:
    held = _Held(make)
    for url, address in _spread(place, count):
        if over.is_set():
            break
        held.add(url, address)
    held.hold(over, each)
    place.did = f"made {held.made} connections, of which the hub ended {held.ended}"
    return []


def says_nothing(place: AttackedHub, over: Event) -> Got:
    """Connect, and do not even begin TLS."""
    return _crowd(place, over, place.line, SILENT)


def asks_nothing(place: AttackedHub, over: Event) -> Got:
    """Do the handshake, and ask for nothing."""
    return _crowd(place, over, place.tls, CROWD)


def slow_heads(place: AttackedHub, over: Event) -> Got:
    """Begin a request, and go on with a byte at a time."""

    def begin(url: str, address: str) -> socket.socket:
        line = place.tls(url, address)
        line.sendall(b"GET / HTTP/1.1\r\nHost: hub\r\nX: ")
        return line

    return _crowd(place, over, begin, CROWD, lambda line: line.send(b"x"))


def long_heads(place: AttackedHub, over: Event) -> Got:
    """Send heads without end."""
    return _again(place, over, lambda line: _often(line, b"X: " + b"x" * 16_000 + b"\r\n", 1000))


def garbage(place: AttackedHub, over: Event) -> Got:
    """Send what is no TLS."""
    return _again(place, over, lambda line: line.sendall(_GARBAGE), secured=False)


def garbage_within_tls(place: AttackedHub, over: Event) -> Got:
    """Send what is no HTTP."""
    return _again(place, over, lambda line: line.sendall(_GARBAGE + b"\r\n\r\n"), begin=b"")


def big_bodies_of_strangers(place: AttackedHub, over: Event) -> Got:
    """Post 100 MiB without a token, where people and where edges do."""
    begin = _head("POST", "/api/v1/phones/bulk", "Content-Type: application/json", "Content-Length: 104857600")
    return _again(place, over, lambda line: _often(line, bytes(65_536), 1600), begin=begin)


def big_bodies_of_a_person(place: AttackedHub, over: Event) -> Got:
    """Post the longest bodies that are taken, with a token, of what takes longest to read."""
    body = json.dumps({"phones": [[[["x"] * 8] * 100] * 300]}).encode()[: 250 << 10]
    head = _head(
        "POST", "/api/v1/sites", f"Authorization: Bearer {place.token}", "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )  # fmt: skip
    return _again(place, over, lambda line: _often(line, body, 1) or line.recv(4096), begin=head, ports=place.ports[:1])


def big_bodies_of_an_edge(place: AttackedHub, over: Event) -> Got:
    """Send reports of another site's edge, as long as they may be, that can't be read."""
    answered = 0
    while not over.wait(PAUSE_S):
        place.rogue.pool.request("POST", paths.REPORTS, body=bytes(1 << 20))
        answered += 1
    place.did = f"{answered} were answered"
    return []


def unread_answers(place: AttackedHub, over: Event) -> Got:
    """Ask for the longest answer many times, with a token, and read none."""
    request = _head("GET", "/openapi.json", f"Authorization: Bearer {place.token}")

    def ask(_url: str, address: str) -> socket.socket:
        line = place.tls(place.hub.people_url, address, room_bytes=4096)
        line.sendall(request * 12)
        return line

    held = _Held(ask)
    for _url, address in _spread(place, 100):
        held.add(_url, address)
    over.wait()
    for line in held.lines():
        line.close()
    place.did = f"made {held.made} connections"
    return []


def asks_without_end(place: AttackedHub, over: Event) -> Got:
    """Send request after request, and wait for no answer."""
    many = _head("GET", "/healthz") * 2000
    return _again(place, over, lambda line: _often(line, many, 20), begin=b"")


def trails_without_end(place: AttackedHub, over: Event) -> Got:
    """Put lines without end behind a body that has begun in chunks."""
    begin = _head("POST", "/api/v1/sites", f"Authorization: Bearer {place.token}", "Transfer-Encoding: chunked")
    lines = b"".join(b"X-%d: y\r\n" % number for number in range(6000))
    return _again(place, over, lambda line: _often(line, lines, 200), begin=begin + b"0\r\n", ports=place.ports[:1])


def guesses_tokens(place: AttackedHub, over: Event) -> Got:
    """Sign in with tokens that are none."""
    request = _head("GET", "/api/v1/sites", "Authorization: Bearer rft_x")
    return _again(place, over, lambda line: line.recv(4096), begin=request, ports=place.ports[:1])


def _again(
    place: AttackedHub,
    over: Event,
    attack: Callable[[ssl.SSLSocket], object],
    *,
    begin: bytes = b"GET / HTTP/1.1\r\nHost: hub\r\n",
    secured: bool = True,
    ports: tuple[str, ...] = (),
) -> Got:
    """Connect, attack, and connect again, from one address after the other."""
    count = 0
    for url, address in itertools.cycle([(url, each) for each in ADDRESSES for url in ports or place.ports]):
        if over.wait(PAUSE_S):
            break
        with contextlib.suppress(OSError):
            make = place.tls if secured else place.line
            with make(url, address) as line:
                line.sendall(begin)
                attack(line)  # type: ignore[arg-type]  # what is sent without TLS is sent alike
        count += 1
    place.did = f"{count} times"
    return []


HUB = (
    HubEntry(f"{SILENT} connections without TLS", says_nothing, "too many connections"),
    HubEntry(f"{CROWD} connections without a request", asks_nothing, "takes too long", lasts_s=13),
    HubEntry(f"{CROWD} slow heads", slow_heads, "head takes too long", lasts_s=13),
    HubEntry("heads without end", long_heads, "head is too long"),
    HubEntry("garbage instead of TLS", garbage, "a handshake fails"),
    HubEntry("garbage within TLS", garbage_within_tls, "no HTTP"),
    HubEntry("100 MiB without a token", big_bodies_of_strangers),
    HubEntry("long bodies with a token", big_bodies_of_a_person),
    HubEntry("long bodies of another site's edge", big_bodies_of_an_edge),
    # kept whole they were 840 MB; a hundred callers at once have each thread of the hub open its 2 MB of the database
    HubEntry("answers that nobody reads", unread_answers, grows_mib=256.0),
    HubEntry("requests without end", asks_without_end, "too many requests"),
    HubEntry("lines without end behind a body", trails_without_end, "around a request's body"),
    HubEntry("guessed tokens", guesses_tokens, "sign-in refused"),
)
"""What strangers try, and people with a token, and edges."""
