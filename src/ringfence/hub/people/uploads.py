"""Uploads: the bytes of firmware and assets."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.concurrency import run_in_threadpool

from ringfence.content.digests import Digest
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.schemas.uploads import UploadView

router = APIRouter(tags=["firmware"])

_Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256")]


@router.get("/uploads/{digest}")
def show_upload(digest: _Digest, hub: TheHub, _caller: TheCaller) -> UploadView:
    """Return whether the hub has a file's bytes already."""
    return UploadView(here=hub.blobs.has(Digest(digest)))


@router.put("/uploads/{digest}", status_code=201)
async def upload(digest: _Digest, request: Request, hub: TheHub, _caller: TheCaller) -> UploadView:
    """Upload a file's bytes as the body of the request; they must have this digest."""
    with hub.blobs.receive(Digest(digest)) as write:
        async for part in request.stream():
            await run_in_threadpool(write, part)
    return UploadView(here=True)
