"""The open event streams of this process, the site of each, and what wakes them.

A wake-up is only a hint: each stream looks into the database itself. Publishing wakes streams from its own thread, and
tells the hub's other processes, where there are any; what nobody told is found by looking every two seconds.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

LOOK_EVERY_S = 2.0
SITES, EDGES, TUNNELS = "sites", "edges", "tunnels"
"""Of what the names are that processes tell each other."""
ALL = "*"
"""The name that stands for all of them."""


@dataclass(eq=False, slots=True)
class Stream:
    """One open event stream."""

    edge_id: str
    site_id: str
    told: int = 0
    """The last release that the edge was told of."""
    told_guard: int = 0
    """The last version of the guard's rules that it was told of."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(eq=False, slots=True)
class TunnelStream:
    """One open event stream of a concentrator."""

    concentrator_id: str
    organisation_id: str
    told: int = 0
    told_key: str = ""
    """Of which key it was told that it is to go."""
    """The newest change of peers that it was told of."""
    woken: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class ToldVersions:
    """What an edge of a site has been told of."""

    site_id: str
    release: int
    guard: int


class Wakeups:
    """The streams of this process. All methods except ``wake_…`` belong to the event loop's thread."""

    def __init__(self) -> None:
        self._streams: set[Stream] = set()
        self._tunnels: set[TunnelStream] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._departed: set[str] = set()
        self.closing = False
        self.tell_others: Callable[[str, Collection[str]], None] | None = None
        """Tells the hub's other processes of what, and its names; None while there are none."""

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the loop that the streams run on."""
        self._loop = loop

    def open(self, edge_id: str, site_id: str) -> Stream:
        """Add a stream."""
        stream = Stream(edge_id, site_id)
        self._streams.add(stream)
        return stream

    def close(self, stream: Stream) -> None:
        """Remove a stream."""
        self._streams.discard(stream)
        self._departed.add(stream.edge_id)

    def open_tunnel(self, concentrator_id: str, organisation_id: str) -> TunnelStream:
        """Add a concentrator's stream."""
        stream = TunnelStream(concentrator_id, organisation_id)
        self._tunnels.add(stream)
        return stream

    def close_tunnel(self, stream: TunnelStream) -> None:
        """Remove a concentrator's stream."""
        self._tunnels.discard(stream)

    def tunnels_told(self) -> dict[str, int]:
        """Return, by organisation, the oldest newest change that a concentrator's stream here was told of."""
        oldest: dict[str, int] = {}
        for stream in self._tunnels:
            oldest[stream.organisation_id] = min(stream.told, oldest.get(stream.organisation_id, stream.told))
        return oldest

    def concentrator_ids(self) -> set[str]:
        """The concentrators that have a stream open here."""
        return {stream.concentrator_id for stream in self._tunnels}

    def wake_tunnels(self, organisation_ids: Collection[str] | None) -> None:
        """Wake the streams of organisations' concentrators, or of all, in each process; callable from any thread."""
        self.wake_tunnels_here(organisation_ids)
        self._tell(TUNNELS, [ALL] if organisation_ids is None else organisation_ids)

    def wake_tunnels_here(self, organisation_ids: Collection[str] | None) -> None:
        """Wake those of this process."""

        def wake() -> None:
            for stream in self._tunnels:
                if organisation_ids is None or stream.organisation_id in organisation_ids:
                    stream.woken.set()

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(wake)

    def take_departed(self) -> set[str]:
        """Return the edges whose last stream here has ended since this was asked before."""
        departed, self._departed = self._departed - self.edge_ids(), set()
        return departed

    def told(self) -> dict[str, ToldVersions]:
        """Return each connected edge's site with the lowest release and version of rules that a stream told it of."""
        lowest: dict[str, ToldVersions] = {}
        for stream in self._streams:
            known = lowest.get(stream.edge_id)
            release = stream.told if known is None else min(known.release, stream.told)
            guard = stream.told_guard if known is None else min(known.guard, stream.told_guard)
            lowest[stream.edge_id] = ToldVersions(stream.site_id, release, guard)
        return lowest

    def edge_ids(self) -> set[str]:
        """The edges that have a stream open here."""
        return {stream.edge_id for stream in self._streams}

    def wake_sites(self, site_ids: Collection[str]) -> None:
        """Wake the streams of these sites, in each process; callable from any thread."""
        self._later(lambda stream: stream.site_id in site_ids)
        self._tell(SITES, site_ids)

    def wake_edges(self, edge_ids: Collection[str]) -> None:
        """Wake the streams of these edges, in each process; callable from any thread."""
        self.wake_edges_here(edge_ids)
        self._tell(EDGES, edge_ids)

    def wake_edges_here(self, edge_ids: Collection[str]) -> None:
        """Wake those of this process."""
        self._later(lambda stream: stream.edge_id in edge_ids)

    def hear(self, of: str, names: Sequence[str]) -> None:
        """Wake streams here because another process tells so; what this version does not know is left alone."""
        chosen = frozenset(names)
        match of:
            case "sites":
                self._later(lambda stream: stream.site_id in chosen)
            case "edges":
                self.wake_edges_here(chosen)
            case "tunnels":
                self.wake_tunnels_here(None if ALL in chosen else chosen)

    def _tell(self, of: str, names: Collection[str]) -> None:
        if self.tell_others is not None and names:
            self.tell_others(of, names)

    def end_all(self) -> None:
        """End every stream, as the process stops."""
        self.closing = True
        for woken in (*(each.woken for each in self._streams), *(each.woken for each in self._tunnels)):
            woken.set()

    def _later(self, chosen: Callable[[Stream], bool]) -> None:
        def wake() -> None:
            for stream in self._streams:
                if chosen(stream):
                    stream.woken.set()

        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(wake)
