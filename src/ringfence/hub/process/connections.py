"""Connections of a listener: how many there may be, and who makes room for others.

A connection is counted from the moment that it is accepted, before its TLS handshake, and is a stranger's until its
caller is known. Strangers have a quarter of the places. Where places are short, whoever has the most of them gives up
the oldest: a crowd takes from itself first, and who comes once is not the one who goes.
"""

import asyncio
import contextlib
import resource
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ringfence.hub import logs
from ringfence.hub.counted_refusals import CountedRefusals
from ringfence.hub.source_address import one_caller

KEPT_FOR_ITSELF = 256
"""Descriptors that are no connections' places: for files, the database, and links to PBXes."""
MOST_DESCRIPTORS = 65_536
MOST_STRANGERS = 1024
"""However many descriptors there are: each costs memory, too."""
MOST_OF_CALLER = 64
_STRANGERS_SHARE = 4
_FULL = "more edges or people than this process may have open files for (LimitNOFILE)"


@dataclass(frozen=True, slots=True)
class ListenerPlaces:
    """How many connections a listener may have.

    Args:
        strangers: Of callers who are not known, or not yet.
        of_address: Of these, from one address (an IPv6 network of 64 bits counts as one).
        known: Of callers who are known.
        of_caller: Of these, of one caller.
    """

    strangers: int
    of_address: int
    known: int
    of_caller: int


def raise_descriptor_limit() -> None:
    """Let this process have as many descriptors as it may, up to ``MOST_DESCRIPTORS``."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < (wanted := min(hard, MOST_DESCRIPTORS)):
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def places(listeners: int, most_of_address: int) -> ListenerPlaces:
    """Return the places of each listener, as many as this process's descriptors allow."""
    descriptors = min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], MOST_DESCRIPTORS)
    each = max(descriptors - KEPT_FOR_ITSELF, descriptors // 2) // listeners
    strangers = min(max(each // _STRANGERS_SHARE, 1), MOST_STRANGERS)
    return ListenerPlaces(strangers, min(max(strangers // 2, 1), most_of_address), each - strangers, MOST_OF_CALLER)


@dataclass(slots=True, eq=False)
class CountedConnection:
    """One accepted connection.

    Args:
        line: Its socket; shutting it down ends the connection in any state.
        address: What stands for its peer's addresses.
        began_at: When it was accepted, by ``Connections.time``.
        caller: Who is known to call; empty for a stranger.
        transport: Set once there is one.
        is_ending: Whether it has been ended from here.
        is_proxied: Whether many callers share it, by way of a proxy.
    """

    line: socket.socket
    address: str
    began_at: float
    caller: str = ""
    transport: asyncio.Transport | None = None
    is_ending: bool = False
    is_proxied: bool = False

    def end(self) -> None:
        """End the connection at once, in whatever state it is."""
        self.is_ending = True
        if self.transport is not None:
            self.transport.abort()
            return
        with contextlib.suppress(OSError):  # it has ended by itself
            self.line.shutdown(socket.SHUT_RDWR)


@dataclass(slots=True)
class Crowd:
    """Connections that share a number of places, by who holds them.

    Args:
        places: How many there are.
        places_each: How many of them one holder may have.
    """

    places: int
    places_each: int
    count: int = 0
    held: dict[str, dict[CountedConnection, None]] = field(default_factory=dict)
    """Each holder's connections, the oldest first."""

    def add(self, holder: str, connection: CountedConnection, *, bounded: bool = True) -> CountedConnection | None:
        """Take a connection in; return the one that has to make room for it, if there is one.

        Args:
            holder: Whose it is.
            connection: The connection.
            bounded: Whether its holder may have ``places_each`` at most.
        """
        mine = self.held.setdefault(holder, {})
        mine[connection] = None
        self.count += 1
        if bounded and len(mine) > self.places_each:
            return next(iter(mine))
        if self.count > self.places:
            return next(iter(self.held[max(self.held, key=lambda each: len(self.held[each]))]))
        return None

    def remove(self, holder: str, connection: CountedConnection) -> None:
        """Forget a connection; nothing happens if it is not here."""
        mine = self.held.get(holder, {})
        if connection in mine:
            del mine[connection]
            self.count -= 1
            if not mine:
                del self.held[holder]


class Connections:
    """All connections of one listener; used by the event loop's thread alone."""

    def __init__(
        self, listener: str, allowed: ListenerPlaces, is_proxy: Callable[[str], bool] = lambda _address: False
    ) -> None:
        self.strangers = Crowd(allowed.strangers, allowed.of_address)
        self.known = Crowd(allowed.known, allowed.of_caller)
        self.stood_s = 0.0
        """How long the process has stood still so far, as one does whose machine is halted or starved."""
        self._listener, self._is_proxy = listener, is_proxy
        self._refusals = CountedRefusals(logs.get("connections"), "connection ended")

    def __iter__(self) -> Iterator[CountedConnection]:
        for crowd in (self.strangers, self.known):
            for connections in list(crowd.held.values()):
                yield from list(connections)

    def time(self) -> float:
        """Return the time by which callers are judged: nobody could do anything while this process stood still."""
        return asyncio.get_running_loop().time() - self.stood_s

    def accept(self, line: socket.socket, address: str) -> CountedConnection:
        """Take in a stranger's connection; another makes room for it where that is needed."""
        connection = CountedConnection(line, one_caller(address), self.time())
        if self._is_proxy(address):  # known, and one for many: it has as many places as there are
            connection.caller, connection.is_proxied = f"proxy {address}", True
            if (crowded := self.known.add(connection.caller, connection, bounded=False)) is not None:
                self.end(crowded, _FULL)
            return connection
        if (crowded := self.strangers.add(connection.address, connection)) is not None:
            self.end(crowded, "too many connections")
        return connection

    def recognise(self, connection: CountedConnection, caller: str) -> None:
        """Note who calls: the connection is no stranger's any more."""
        if connection.is_ending or connection.is_proxied or connection.caller == caller:
            return
        self.remove(connection)
        connection.caller = caller
        if (crowded := self.known.add(caller, connection)) is not None:
            is_full = self.known.count > self.known.places
            self.end(crowded, _FULL if is_full else "too many connections of one caller")

    def remove(self, connection: CountedConnection) -> None:
        """Forget a connection that has ended."""
        if connection.caller:
            self.known.remove(connection.caller, connection)
        else:
            self.strangers.remove(connection.address, connection)

    def end(self, connection: CountedConnection, kind: str) -> None:
        """End a connection, and say why."""
        self.note(kind, connection.address)
        self.remove(connection)
        connection.end()

    def note(self, kind: str, address: str) -> None:
        """Count something that callers are refused, for the log."""
        self._refusals.note(kind, listener=self._listener, peer=address)
