"""Bodies of the people's API: bounded, and of JSON that every part behind can hold, before any handler sees them.

A body is read only once its caller is known (``callers``). JSON has no NaN and no infinity (RFC 8259, section 6); a
whole number that no database holds, half of a surrogate pair, and nesting without end are refused here, for all routes.
What pages send are forms, which are read here too (``forms``), some with large files (``uploaded_files``).
"""

import json
import math
from collections.abc import Iterator

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.errors import RingfenceError
from ringfence.hub.errors import BodyRefused
from ringfence.hub.people import forms, problems, uploaded_files
from ringfence.hub.people.rights import V1, is_open

LARGEST_BYTES = 256 << 10
LARGEST_OF = {"/templates": 2 << 20, "/phones/bulk": 8 << 20, "/phones/-/import": 8 << 20}
"""What paths with these parts take instead: an operator's template, and a table of a whole fleet."""
LARGEST_OF_STRANGERS = 64 << 10
"""What paths take that anybody may use."""
DEEPEST = 50
UPLOADS = f"{V1}/uploads/"
"""What the paths begin with whose bodies are no JSON, and go to the disk as they come."""
_WITH_BODIES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LEAST, _MOST = -(2**63), 2**63 - 1
_TO_DO = "Correct it, and send it again."


class BodiesChecked:
    """Reads each body, JSON or a page's form, checks it, and hands it on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on with its body checked, or answer what is wrong with it."""
        if scope["type"] != "http" or scope["method"] not in _WITH_BODIES or scope["path"].startswith(UPLOADS):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        if scope["path"] in uploaded_files.LARGEST_OF:
            await self._with_file(request, send)
            return
        try:
            body = await read(request, most_bytes(scope["path"]))
            if not scope["path"].startswith(V1):
                await run_in_threadpool(forms.keep, request, body)
            elif body:
                await run_in_threadpool(check, body)
        except ClientDisconnect:
            return
        except RingfenceError as fault:
            await _refuse(request, send, fault)
            return
        await self._app(scope, _replayed(body, receive), send)

    async def _with_file(self, request: Request, send: Send) -> None:
        """Hand a page's form with a large file on once that is on the disk, or with what is wrong with it."""
        is_taken = False
        try:
            async with uploaded_files.taken(request):
                is_taken = True
                await self._app(request.scope, _replayed(b"", request.receive), send)
        except ClientDisconnect:
            return
        except RingfenceError as fault:
            if is_taken:
                raise
            await _refuse(request, send, fault)


async def _refuse(request: Request, send: Send, fault: RingfenceError) -> None:
    answer = problems.answer_to(request, fault)
    answer.headers["Connection"] = "close"
    await answer(request.scope, request.receive, send)


def most_bytes(path: str) -> int:
    """Return how long a body a path takes."""
    if is_open(path):
        return LARGEST_OF_STRANGERS
    return next((most for part, most in LARGEST_OF.items() if part in path), LARGEST_BYTES)


def check(body: bytes) -> None:
    """Check that a body is JSON that can be held.

    Raises:
        BodyRefused: It is not; where and why is said.
    """
    try:
        value = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as fault:
        raise BodyRefused(f"the body is not JSON: {str(fault)[:120] or type(fault).__name__}", to_do=_TO_DO) from None
    for each in _walk(value):
        if isinstance(each, str):
            try:
                each.encode()
            except UnicodeEncodeError:
                raise BodyRefused(
                    "a text holds half of a surrogate pair, which is no character", to_do=_TO_DO
                ) from None
        elif isinstance(each, int) and not _LEAST <= each <= _MOST:
            raise BodyRefused("a whole number has more than 63 bits", to_do=_TO_DO)
        elif isinstance(each, float) and not math.isfinite(each):  # 1e999
            raise BodyRefused("a number is too large", to_do=_TO_DO)


def _walk(value: object) -> Iterator[object]:
    """Yield every value in a body, keys too."""
    waiting: list[tuple[object, int]] = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        if depth > DEEPEST:
            raise BodyRefused(f"the body is nested more than {DEEPEST} deep", to_do=_TO_DO)
        match each:
            case dict():
                yield from each
                waiting += [(inner, depth + 1) for inner in each.values()]
            case list():
                waiting += [(inner, depth + 1) for inner in each]
            case _:
                yield each


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number of JSON")


async def read(request: Request, most: int) -> bytes:
    """Return a request's body; BodyRefused if it is longer than ``most`` bytes."""
    too_long = BodyRefused(f"the body has more than {most} bytes", to_do="Send it in parts.")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > most:
        raise too_long
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise too_long
        parts.append(part)
    return b"".join(parts)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives the body that was read, and then what the server says."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
