"""Which MAC address a request's frame came from: what was seen on the wire in the last seconds, for who asks for it.

The laws:

- What is remembered is bounded, whatever is sent: the oldest source goes first, and each source's oldest MAC address.
- Two MAC addresses that sent from one address and port are both told: which of them is right is not for us to say.
- Nothing older than REMEMBERED_S is told.
"""

from collections import OrderedDict
from dataclasses import dataclass

REMEMBERED_S = 30.0
MOST_SOURCES = 4096
MOST_PER_SOURCE = 8


@dataclass(frozen=True, slots=True)
class Sighting:
    """One frame: the bare MAC address that sent it, the interface it came by, its TTL or hop limit, and when it came.

    ``at`` is of the monotonic clock. The same frame may be seen on several interfaces, one on top of another.
    """

    mac: str
    interface: str
    ttl: int
    at: float


class Sightings:
    """The last sightings by source address and port; for one thread at a time."""

    def __init__(self) -> None:
        self._by_source: OrderedDict[tuple[str, int], dict[tuple[str, str], Sighting]] = OrderedDict()
        self._ports: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._by_source)

    def note(self, host: str, port: int, sighting: Sighting) -> None:
        """Remember one; the latest of a MAC address on an interface takes the place of the one before."""
        source = (host, port)
        known = self._by_source.pop(source, None)
        if known is None:
            known = {}
            self._ports.setdefault(host, set()).add(port)
        self._by_source[source] = known
        key = (sighting.mac, sighting.interface)
        known.pop(key, None)
        known[key] = sighting
        if len(known) > MOST_PER_SOURCE:
            del known[next(iter(known))]
        self._forget(sighting.at)

    def seen(self, host: str, port: int, now: float) -> tuple[Sighting, ...]:
        """Return what came from an address and port, the latest last."""
        known = self._by_source.get((_plain(host), port), {})
        return tuple(one for one in known.values() if one.at > now - REMEMBERED_S)

    def recent(self, host: str, now: float) -> tuple[Sighting, ...]:
        """Return what came from an address, whatever the port, the latest last."""
        plain = _plain(host)
        found = [one for port in self._ports.get(plain, ()) for one in self.seen(plain, port, now)]
        return tuple(sorted(found, key=lambda one: one.at))

    def _forget(self, now: float) -> None:
        """Let go of what is too much or too old; the sources stand in the order of their latest sighting."""
        while self._by_source:
            source, known = next(iter(self._by_source.items()))
            if len(self._by_source) <= MOST_SOURCES and next(reversed(known.values())).at > now - REMEMBERED_S:
                return
            del self._by_source[source]
            host, port = source
            self._ports[host].discard(port)
            if not self._ports[host]:
                del self._ports[host]


def _plain(host: str) -> str:
    """Return an address without its zone, and IPv4 as IPv4, whatever socket it came by."""
    return host.partition("%")[0].removeprefix("::ffff:")
