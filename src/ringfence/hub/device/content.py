"""What an edge fetches: its site's metadata, and the blobs that its site's releases name."""

import re
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from ringfence.content.digests import Digest, is_digest
from ringfence.hub.device.callers import DeviceCaller, check_not_held, hub_of
from ringfence.hub.errors import NothingHere
from ringfence.hub.fleet import doubts
from ringfence.hub.store.release_models import ReleaseTargetRow, RoleMetadataRow

_VERSIONED = re.compile(r"([1-9][0-9]{0,8})\.(root|targets|snapshot)\.json")
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_IN_ONE_PIECE_BYTES = 256 * 1024


def metadata(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return a metadata file of the caller's site: the newest timestamp, or any version of the other roles.

    Raises:
        EdgeRefused: The edge is held back; metadata names phones.
        SiteInDoubt: The hub may have less than the edge.
    """
    check_not_held(caller)
    name = request.path_params["name"]
    hub = hub_of(request)
    with hub.database.reading() as session:
        doubts.check_none(session, caller.site_id, hub.clock())
        found = _metadata(session, caller.site_id, name)
    if found is None:
        raise NothingHere(f"site {caller.site_id} has no {name[:80]}")
    return Response(found, media_type="application/json", headers={"Cache-Control": "no-store"})


def blob(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Return a blob, or the part of it that Range asks for (RFC 9110, section 14)."""
    hub, digest = hub_of(request), Digest(request.path_params["digest"])
    with hub.database.reading() as session:
        named = select(ReleaseTargetRow.length).where(
            ReleaseTargetRow.digest == digest, ReleaseTargetRow.site_id == caller.site_id
        )
        if caller.held:
            named = named.where(ReleaseTargetRow.secret.is_(False))
        length = session.scalar(named.limit(1)) if is_digest(digest) else None
    if length is None:
        raise NothingHere("no release of this site names such a blob", where=digest[:64])
    headers = {"ETag": f'"{digest}"', "Accept-Ranges": "bytes", "Cache-Control": "no-store"}
    asked = _asked_range(request, length, digest)
    if asked == "unsatisfiable":
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{length}"})
    start, size, status = (0, length, 200) if asked is None else (asked[0], asked[1] - asked[0] + 1, 206)
    if asked is not None:
        headers["Content-Range"] = f"bytes {asked[0]}-{asked[1]}/{length}"
    parts = hub.blobs.open_range(digest, start, size)
    if size <= _IN_ONE_PIECE_BYTES:
        return Response(b"".join(parts), status, headers, media_type="application/octet-stream")
    headers["Content-Length"] = str(size)
    return StreamingResponse(parts, status, headers, media_type="application/octet-stream")


def _metadata(session: Session, site_id: str, name: str) -> bytes | None:
    chosen = select(RoleMetadataRow.body).where(RoleMetadataRow.site_id == site_id)
    if name == "timestamp.json":
        newest = select(func.max(RoleMetadataRow.version)).where(
            RoleMetadataRow.site_id == site_id, RoleMetadataRow.role == "timestamp"
        )
        return session.scalar(
            chosen.where(RoleMetadataRow.role == "timestamp", RoleMetadataRow.version == newest.scalar_subquery())
        )
    parts = _VERSIONED.fullmatch(name)
    if parts is None:
        return None
    return session.scalar(chosen.where(RoleMetadataRow.role == parts[2], RoleMetadataRow.version == int(parts[1])))


def _asked_range(request: Request, length: int, digest: str) -> tuple[int, int] | Literal["unsatisfiable"] | None:
    """Return the first and last byte of the range; None for the whole blob.

    Forms that we don't serve, such as several ranges, are ignored, as RFC 9110 section 14.2 allows.
    """
    form = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if form is None or request.headers.get("if-range", f'"{digest}"') != f'"{digest}"':
        return None
    first, last = form[1], form[2]
    if not first and not last:
        return None
    if not first:  # the last so many bytes
        return (max(0, length - int(last)), length - 1) if int(last) and length else "unsatisfiable"
    start, end = int(first), min(int(last), length - 1) if last else length - 1
    if last and int(last) < start:
        return None
    return (start, end) if start < length else "unsatisfiable"
