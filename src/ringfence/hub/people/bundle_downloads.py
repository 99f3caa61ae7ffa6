"""Newer bundles for portables, each with its own password: ciphertext alone, a few at a time.

The path is open to all, and whose a request is follows from the password, which is random and found by its hash.
"""

import base64
import binascii
from collections import Counter
from collections.abc import MutableMapping
from functools import partial
from threading import BoundedSemaphore, Lock

from cachetools import TTLCache
from fastapi import APIRouter, Request
from starlette.responses import Response

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.fleet import bundles
from ringfence.hub.people.bundles import answer
from ringfence.hub.people.callers import TheHub
from ringfence.hub.publishing import bundle_content
from ringfence.hub.publishing.bundle_content import DOWNLOAD_PATH
from ringfence.hub.store.bundle_models import BundleRow
from ringfence.secret import Secret

AT_ONCE = 2
"""How many are written at the same time."""
MOST_A_MINUTE = 6
"""Whole files of one line; whoever has the newest one is told so without any."""
MOST_GOING_OUT, MOST_OF_LINE = 32, 2
"""How many files are there at the same time, in all and of one line: each takes room on disk until it is read."""
_MOST_REMEMBERED = 4096
_LONGEST_HEADER = 400
_writing = BoundedSemaphore(AT_ONCE)
_lock = Lock()
_going_out: Counter[str] = Counter()
_lately: MutableMapping[str, int] = TTLCache(_MOST_REMEMBERED, 60.0)

router = APIRouter()


@router.get(DOWNLOAD_PATH, include_in_schema=False)
def download_newer(request: Request, hub: TheHub) -> Response:
    """Return the newest bundle of the line whose password comes by HTTP Basic; 304 where the caller has that number."""
    password = _password(request.headers.get("authorization", ""))
    with within.everywhere(hub).database.reading() as session:
        row = bundles.of_password(session, password) if password is not None else None
    if row is None:
        return Response(status_code=401, headers={"WWW-Authenticate": 'Basic realm="portable bundles"'})
    own = within.organisation(hub, row.organisation_id)
    now = hub.clock()
    if row.last_fetched_at is None or now - row.last_fetched_at > bundles.FETCH_NOTED_EVERY_S:
        own.database.write_if_free(lambda session: bundles.note_fetched(session, row.id, now))
    return _newest(own, row.id, request.headers.get("if-none-match", ""))


def _newest(hub: Hub, bundle_id: str, known: str) -> Response:
    row = _renewed(hub, bundle_id)
    tag = f'"{row.number}"'
    if known == tag:
        return Response(status_code=304, headers={"ETag": tag, "Cache-Control": "no-store"})
    if not _may_have(bundle_id):
        return Response(status_code=429, headers={"Retry-After": "60"})
    if not _writing.acquire(blocking=False):
        return Response(status_code=503, headers={"Retry-After": "10"})
    try:
        with hub.database.reading() as session:
            content = bundle_content.read(hub, session, row)
        if not _begins(bundle_id):
            return Response(status_code=429, headers={"Retry-After": "60"})
        return answer(hub, row, content, partial(_has_gone, bundle_id))
    finally:
        _writing.release()


def _begins(bundle_id: str) -> bool:
    """Count a file that goes out; return False where there are too many, that are read slowly."""
    with _lock:
        if _going_out[bundle_id] >= MOST_OF_LINE or _going_out.total() >= MOST_GOING_OUT:
            return False
        _going_out[bundle_id] += 1
        return True


def _has_gone(bundle_id: str) -> None:
    with _lock:
        _going_out[bundle_id] -= 1
        if not _going_out[bundle_id]:
            del _going_out[bundle_id]


def _renewed(hub: Hub, bundle_id: str) -> BundleRow:
    """Return the line with its next number, if it is due."""
    with hub.database.reading() as session:
        row = bundles.get(session, bundle_id)
        release = bundle_content.newest_release(session, row)
        if not bundles.is_due(row, release, hub.clock()):
            return row
    with hub.change(f"portable {bundle_id}") as change:
        row = bundles.get(change.session, bundle_id)
        bundles.renew(change, row, bundle_content.newest_release(change.session, row))
        bundle_content.read(hub, change.session, row)
        return row


def _may_have(bundle_id: str) -> bool:
    with _lock:
        had = _lately.get(bundle_id, 0)
        if had >= MOST_A_MINUTE:
            return False
        _lately[bundle_id] = had + 1
        return True


def _password(header: str) -> Secret | None:
    scheme, _, told = header.partition(" ")
    if scheme.lower() != "basic" or len(told) > _LONGEST_HEADER:
        return None
    try:
        user_and_password = base64.b64decode(told.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return Secret(user_and_password.partition(":")[2])
