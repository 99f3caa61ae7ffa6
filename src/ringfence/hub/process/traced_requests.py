"""Requests that change something, each as a part of a trace: the caller's, where it sends one, or a new one."""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.hub import tracing
from ringfence.hub.tracing import Traces

_CHANGING: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_STRANGERS: Final = frozenset({
    HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS,
})  # fmt: skip
"""Answers that anybody can get, who could fill a collector with them."""


class TracedRequests:
    """An application whose requests are told as spans."""

    def __init__(self, app: ASGIApp, traces: Traces) -> None:
        self._app, self._traces = app, traces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on; what it does comes of its span. The path is not told, as it may hold names and codes."""
        if scope["type"] != "http" or scope["method"] not in _CHANGING:
            await self._app(scope, receive, send)
            return
        method, sent = scope["method"], Headers(scope=scope).get("traceparent", "")
        span = self._traces.begin(
            method,
            parent=sent if tracing.is_traceparent(sent) else "",
            attributes={"http.request.method": method},
        )
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with tracing.within(span.traceparent):
            await self._app(scope, receive, answered)
        if status in _STRANGERS:
            return
        route = getattr(scope.get("route"), "path", "")
        told = {"http.response.status_code": status, **({"http.route": route} if route else {})}
        span.end(name=f"{method} {route}".strip(), attributes=told)
