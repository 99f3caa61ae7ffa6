"""One request of the device API: who asks, what was sent, and how every refusal is answered."""

import hashlib
from collections.abc import Awaitable, Callable

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
from ringfence.hub.core import Hub
from ringfence.hub.errors import EdgeRefused, OutOfOrder
from ringfence.wire import codec
from ringfence.wire.messages import Problem

TLS_EXTENSION = "tls"
CLIENT_CERTIFICATE = "client_certificate_der"
"""Where ``scope["extensions"]["tls"]`` has the verified client certificate, in DER; absent where none was shown."""

_log = logs.get("device")

Work = Callable[[Request, bytes], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def presented_fingerprint(request: Request) -> str | None:
    """Return the SHA-256 of the client certificate that this connection's handshake verified, or None."""
    tls = request.scope.get("extensions", {}).get(TLS_EXTENSION, {})
    der = tls.get(CLIENT_CERTIFICATE)
    return hashlib.sha256(der).hexdigest() if der else None


def peer_of(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else ""


def hub_of(request: Request) -> Hub:
    """Return the hub that serves this request."""
    hub: Hub = request.app.state.hub
    return hub


def message(value: object, status: int = 200) -> Response:
    """Answer with a message of ``wire.messages``."""
    return Response(codec.to_json(value), status, media_type="application/json")


def endpoint(work: Work) -> Endpoint:
    """Make a handler of ``work``, which gets the request's body and runs in the thread pool."""

    async def handle(request: Request) -> Response:
        try:
            body = await _body(request)
            return await run_in_threadpool(work, request, body)
        except RingfenceError as fault:
            return refusal(request, fault)

    handle.__name__ = work.__name__
    return handle


def refusal(request: Request, fault: RingfenceError) -> Response:
    """Answer a fault as a Problem, and log it where it says something about the caller or the hub."""
    status, kind = _status_and_kind(fault)
    if status >= 500:  # noqa: PLR2004 - HTTP's server errors
        _log.error("request failed", path=request.url.path, problem=fault.what)
    elif isinstance(fault, NotPermitted):
        _log.warning("request refused", path=request.url.path, peer=peer_of(request), kind=kind)
    return message(Problem(fault.what, fault.where, fault.to_do, kind), status)


async def on_internal_error(request: Request, fault: Exception) -> Response:
    """Answer what is our own bug: the log has the trace, the edge a sentence."""
    _log.error("internal error", path=request.url.path, exc_info=fault)
    return message(Problem("the hub met an error of its own", to_do="It is in the hub's log.", kind="internal"), 500)


async def not_found(request: Request, _fault: Exception) -> Response:
    """Answer a path that this version of the API does not have."""
    return message(Problem("there is nothing here", where=request.url.path[:200], kind="not-found"), 404)


async def wrong_method(request: Request, _fault: Exception) -> Response:
    """Answer a method that the path does not take."""
    return message(Problem("this path does not take this method", where=request.method, kind="bad-request"), 405)


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


async def _body(request: Request) -> bytes:
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > codec.LARGEST_BYTES:
                raise PeerFault(f"a request has more than {codec.LARGEST_BYTES} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise PeerFault("the request was cut short") from None
    return b"".join(parts)
