"""Which MAC address a request's frame came from: what was seen on the network in the last seconds.

Invariants:

- Memory is bounded: the oldest source is dropped first, and each source's oldest MAC address.
- If two MAC addresses sent from one address and port, both are reported: this module does not decide which is right.
- Nothing older than REMEMBERED_S is reported.
- A source that was dropped before that time is never forgotten silently: ``dropped_at`` says when that last happened.
"""

from dataclasses import dataclass

from cachetools import FIFOCache

REMEMBERED_S = 30.0
MOST_SOURCES = 8192
"""More than requests wait in the socket that they are read from."""
MOST_PER_SOURCE = 8


@dataclass(frozen=True, slots=True)
class HeardFrame:
    """One frame: the bare MAC address that sent it, the interface it came by, its TTL or hop limit, and when it came.

    ``at`` is of the monotonic clock. The same frame may be seen on several interfaces, one on top of another.
    """

    mac: str
    interface: str
    ttl: int
    at: float


class FrameSources:
    """The last frames by source address and port; for one thread at a time."""

    def __init__(self) -> None:
        self._by_source: FIFOCache[tuple[str, int], dict[tuple[str, str], HeardFrame]] = FIFOCache(MOST_SOURCES)
        self.dropped_at = float("-inf")

    def __len__(self) -> int:
        return len(self._by_source)

    def note(self, host: str, port: int, frame: HeardFrame) -> None:
        """Remember one; the latest of a MAC address on an interface takes the place of the one before."""
        known = self._by_source.pop((host, port), {})
        if len(self._by_source) == MOST_SOURCES:
            self.dropped_at = frame.at
        key = (frame.mac, frame.interface)
        known.pop(key, None)
        known[key] = frame
        if len(known) > MOST_PER_SOURCE:
            del known[next(iter(known))]
        self._by_source[host, port] = known
        self._forget_old(frame.at)

    def seen(self, host: str, port: int, now: float) -> tuple[HeardFrame, ...]:
        """Return what came from an address and port, the latest last."""
        known = self._by_source.get((_plain(host), port), {})
        return tuple(one for one in known.values() if one.at > now - REMEMBERED_S)

    def _forget_old(self, now: float) -> None:
        """Let go of what is too old; the sources stand in the order of their latest frame."""
        while self._by_source:
            source = next(iter(self._by_source))
            if next(reversed(self._by_source[source].values())).at > now - REMEMBERED_S:
                return
            del self._by_source[source]


def _plain(host: str) -> str:
    """Return an address without its zone, and IPv4 as IPv4, whatever socket it came by."""
    return host.partition("%")[0].removeprefix("::ffff:")
