"""One request of the device API: the caller, the body, and how every refusal is answered."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from ringfence.errors import (
    BadInput,
    EnvironmentFault,
    NotFound,
    NotPermitted,
    PeerFault,
    RingfenceError,
)
from ringfence.hub import logs
from ringfence.hub.counted_refusals import CountedRefusals
from ringfence.hub.device.callers import DeviceCaller, Recognition, enrolled_edge, peer_of, presented_fingerprint
from ringfence.hub.errors import EdgeBusy, EdgeRefused, OutOfOrder, SiteInDoubt
from ringfence.wire import codec
from ringfence.wire.messages import Problem

PACE_BYTES_S = 2 << 20
"""How many bytes of reports the hub takes of one edge in a second."""

_log = logs.get("device")

Work = Callable[[Request, DeviceCaller, bytes], Response]
"""Answers a request, given its caller and body; it runs in the thread pool.

Code that writes checks the edge again, with ``edges.let_in``: it may have been revoked since the request began.
"""
Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class DeviceRoute:
    """One route of the device API.

    Args:
        path: As Starlette writes paths, with parameters in braces.
        method: The HTTP method.
        work: What answers.
        most_body_bytes: The longest body that is read.
        caller: Who may call; an enrolled, unrevoked edge where nothing is said.
        is_conversation: Whether the answer reads the body by itself, as it comes.
        is_paced: Whether each edge has one request here at a time, whose answer takes as long as its body is worth.
    """

    path: str
    method: str
    work: Work
    most_body_bytes: int = 0
    caller: Recognition = enrolled_edge
    is_paced: bool = False
    is_conversation: bool = False


def message(value: object, status: int = 200) -> Response:
    """Answer with a message of ``wire.messages``."""
    return Response(codec.to_json(value), status, media_type="application/json")


def endpoint(route: DeviceRoute) -> Endpoint:
    """Return the handler of a route: it identifies the caller, then reads the body, then does the work."""
    at_work: set[str] = set()

    async def handle(request: Request) -> Response:
        try:
            caller = await run_in_threadpool(route.caller, request)
            if not route.is_paced:
                _check_announced(request, route.most_body_bytes)
                body = b"" if route.is_conversation else await _body(request, route.most_body_bytes)
                return await run_in_threadpool(route.work, request, caller, body)
            with _alone(at_work, caller.holder_id):
                body = await _body(request, route.most_body_bytes)
                answer = await run_in_threadpool(route.work, request, caller, body)
                await asyncio.sleep(len(body) / PACE_BYTES_S)
                return answer
        except RingfenceError as fault:
            return refusal(request, fault, most_body_bytes=route.most_body_bytes)

    handle.__name__ = route.work.__name__
    return handle


@contextlib.contextmanager
def _alone(at_work: set[str], edge_id: str) -> Iterator[None]:
    """Be the only request of an edge for the length of the block.

    Raises:
        EdgeBusy: Another one is under way.
    """
    if edge_id in at_work:
        raise EdgeBusy("the hub is still at work on this edge's last request", to_do="The edge will try again.")
    at_work.add(edge_id)
    try:
        yield
    finally:
        at_work.discard(edge_id)


def refusal(request: Request, fault: RingfenceError, *, most_body_bytes: int) -> Response:
    """Answer a fault as a Problem, and log it if it says something about the caller or the hub.

    The connection ends where what is still to come is not worth taking: a stranger's body, or one that is too long. An
    edge's other bodies are taken to their end and dropped, so that it is not cut off before it reads the answer.
    """
    status, kind = _status_and_kind(fault)
    if status >= 500 and not isinstance(fault, SiteInDoubt | EdgeBusy):  # noqa: PLR2004 - HTTP's server errors
        _log.error("request failed", path=request.url.path, problem=fault.what)
    elif isinstance(fault, NotPermitted):
        refusals: CountedRefusals = request.app.state.refusals
        refusals.note(kind, path=request.url.path[:200], peer=peer_of(request))
    answer = message(Problem(fault.what, fault.where, fault.to_do, kind), status)
    if presented_fingerprint(request) is None or _announced_bytes(request) > most_body_bytes:
        answer.headers["Connection"] = "close"
    return answer


async def on_internal_error(request: Request, fault: Exception) -> Response:
    """Answer after a bug of our own: the log gets the traceback, the edge a sentence."""
    _log.error("internal error", path=request.url.path, exc_info=fault)
    return message(Problem("the hub had an internal error", to_do="See the hub's log.", kind="internal"), 500)


async def not_found(request: Request, _fault: Exception) -> Response:
    """Answer for a path that this version of the API does not have."""
    return message(Problem("there is nothing at this path", where=request.url.path[:200], kind="not-found"), 404)


async def wrong_method(request: Request, fault: Exception) -> Response:
    """Answer for a method that the path does not allow, with those that it does (RFC 9110, section 15.5.6)."""
    answer = message(Problem("this path does not allow this method", where=request.method, kind="bad-request"), 405)
    answer.headers.update(getattr(fault, "headers", None) or {})
    return answer


def _status_and_kind(fault: RingfenceError) -> tuple[int, str]:
    match fault:
        case EdgeRefused(kind="certificate-missing"):
            return 401, fault.kind
        case EdgeRefused():
            return 403, fault.kind
        case OutOfOrder():
            return fault.status, "out-of-order"
        case NotFound():
            return 404, "not-found"
        case NotPermitted():
            return 403, "certificate-unknown"
        case BadInput() | PeerFault():
            return 400, "bad-request"
        case EnvironmentFault():
            return 503, "unavailable"
        case _:
            return 500, "internal"


def _announced_bytes(request: Request) -> float:
    """Return the announced length of a request's body; infinite for a chunked one."""
    if "transfer-encoding" in request.headers:
        return math.inf
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdecimal() else math.inf


def _check_announced(request: Request, most_bytes: int) -> None:
    if math.inf > _announced_bytes(request) > most_bytes:
        raise _too_long(most_bytes)


def _too_long(most_bytes: int) -> PeerFault:
    return PeerFault(f"a request has more than {most_bytes} bytes")


async def _body(request: Request, most_bytes: int) -> bytes:
    """Read a body of at most so many bytes; one announced as longer is refused before it is read."""
    _check_announced(request, most_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > most_bytes:
                raise _too_long(most_bytes)
            parts.append(part)
    except ClientDisconnect:
        raise PeerFault("the request was cut short") from None
    return b"".join(parts)
