"""The event stream: one per edge, always open, with hints that there is news."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ringfence import __version__
from ringfence.errors import RingfenceError
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.device.callers import DeviceCaller, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.fleet import edges
from ringfence.hub.store.models import SiteRow
from ringfence.wire import codec
from ringfence.wire.messages import Event, Greeting
from ringfence.wire.paths import KEEP_ALIVE_S

_log = logs.get("device")

HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a stream must tell its edge, as the database has it now."""

    edge_id: str
    site_id: str
    release: int
    guard: int
    revoked: bool
    wipe: bool
    keeps_serving: bool


def greeting(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return who the caller is to the hub, and the hub's time."""
    hub = hub_of(request)
    with hub.database.reading() as session:
        site = session.get_one(SiteRow, caller.site_id)
        return message(Greeting(caller.edge_id, site.id, site.name, __version__, hub.clock(), site.newest_release))


def events(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Open the caller's stream. A revoked edge that must wipe itself gets that one event and no other."""
    hub = hub_of(request)
    stream = _stream(hub, _standing(hub, caller.edge_id))
    return StreamingResponse(stream, media_type="text/event-stream", headers=HEADERS)


async def _stream(hub: Hub, standing: _Standing) -> AsyncIterator[bytes]:
    if standing.revoked:
        yield line(Event("revoked", hub.clock(), wipe=standing.wipe, keeps_serving=standing.keeps_serving))
        return
    stream = hub.wakeups.open(standing.edge_id, standing.site_id)
    _log.info("edge connected", edge=standing.edge_id, site=standing.site_id)
    try:
        await run_in_threadpool(_note_connected, hub, standing.edge_id)
        # Looked up again: a release may have come between the request and the stream's opening.
        standing = await run_in_threadpool(_standing, hub, standing.edge_id)
        stream.told, stream.told_guard = standing.release, standing.guard
        yield line(Event("greeting", hub.clock(), release=stream.told))
        while not hub.wakeups.closing:
            if not await woken(stream.woken, KEEP_ALIVE_S):
                yield b": still here\n\n"
                continue
            stream.woken.clear()
            standing = await run_in_threadpool(_standing, hub, standing.edge_id)
            if standing.revoked:
                yield line(Event("revoked", hub.clock(), wipe=standing.wipe, keeps_serving=standing.keeps_serving))
                return
            if standing.release > stream.told:
                stream.told = standing.release
                yield line(Event("release", hub.clock(), release=stream.told))
            if standing.guard != stream.told_guard:
                stream.told_guard = standing.guard
                yield line(Event("state", hub.clock(), release=stream.told))
    except RingfenceError as fault:
        _log.warning("event stream ended", edge=standing.edge_id, problem=str(fault))
    finally:
        hub.wakeups.close(stream)  # background_jobs.py writes it down: here the task may be cancelled already
        _log.info("edge disconnected", edge=standing.edge_id, site=standing.site_id)


async def woken(event: asyncio.Event, longest_s: float) -> bool:
    """Wait for a wake-up, for so long at most; return whether it came."""
    try:
        async with asyncio.timeout(longest_s):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _standing(hub: Hub, edge_id: str) -> _Standing:
    with hub.database.reading() as session:
        edge = edges.get(session, edge_id)
        site = session.get_one(SiteRow, edge.site_id)
        is_revoked = edge.revoked_at is not None
        return _Standing(
            edge.id,
            site.id,
            site.newest_release,
            site.guard_version,
            is_revoked,
            edge.wipe,
            edge.keeps_serving,
        )


def _note_connected(hub: Hub, edge_id: str) -> None:
    with hub.database.writing() as session:
        edges.note_connected(session, [edge_id], hub.clock())


def line(event: Event) -> bytes:
    """Return an event as a stream has it."""
    return b"data: " + codec.to_json(event) + b"\n\n"
