"""Uploads: the bytes of firmware and assets."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool

from ringfence.content.digests import Digest
from ringfence.hub import kept_blobs
from ringfence.hub.core import Hub
from ringfence.hub.fleet import uploads
from ringfence.hub.fleet.uploads import UploadRoom
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.uploads import UploadView
from ringfence.hub.store import blob_ledger

router = APIRouter(tags=["firmware"])

_Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256")]


@router.get("/uploads/{digest}")
def show_upload(digest: _Digest, hub: TheHub, _caller: TheCaller) -> UploadView:
    """Return whether the organisation has uploaded a file's bytes already."""
    with hub.database.reading() as session:
        lately = hub.clock() - uploads.KEPT_FOR_S / 2  # what is older may go before something is made of it
        return UploadView(here=digest in uploads.there(session, hub.blobs, [digest], brought_after=lately))


@router.put("/uploads/{digest}", status_code=201)
async def upload(digest: _Digest, request: Request, hub: TheHub, caller: TheCaller) -> UploadView:
    """Upload a file's bytes as the body of the request; they must have this digest."""
    room = await run_in_threadpool(_room, hub)
    told = request.headers.get("content-length", "")
    received = 0
    room.check(int(told) if told.isascii() and told.isdecimal() else received)
    await run_in_threadpool(kept_blobs.claim, hub, {Digest(digest): 0})
    with hub.blobs.receive(Digest(digest)) as write:
        async for part in request.stream():
            received += len(part)
            room.check(received)
            await run_in_threadpool(write, part)
    await run_in_threadpool(_note, hub, caller.name, Digest(digest))
    return UploadView(here=True)


def take(hub: Hub, who: str, digest: Digest, parts: Iterable[bytes]) -> None:
    """Keep a file's bytes, which must have this digest, as the organisation's."""
    with kept_blobs.receiving(hub, digest) as write:
        for part in parts:
            write(part)
    _note(hub, who, digest)


def _note(hub: Hub, who: str, digest: Digest) -> None:
    length = hub.blobs.size_bytes(digest)
    with hub.change(who) as change:
        blob_ledger.claim(change.session, {digest: length}, change.now)
        uploads.note(change, digest, length)


def _room(hub: Hub) -> UploadRoom:
    with hub.database.reading() as session:
        return uploads.room(session, hub.clock())
