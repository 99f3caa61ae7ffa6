"""Requests and their times, counted for each listener. The heads of answers count: event streams have no end."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.hub.measures import Measures

_UNANSWERED: Final = "none"


class MeasuredRequests:
    """An application whose requests are counted under its listener's name."""

    def __init__(self, app: ASGIApp, measures: Measures, listener: str) -> None:
        self._app, self._requests, self._listener = app, measures.requests, listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, and count its answer by the first digit of its status."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answer = time.monotonic(), _UNANSWERED

        async def answered(message: Message) -> None:
            nonlocal answer
            if message["type"] == "http.response.start":
                answer = f"{message['status'] // 100}xx"
                self._requests.labels(self._listener, answer).observe(time.monotonic() - began)
            await send(message)

        try:
            await self._app(scope, receive, answered)
        finally:
            if answer == _UNANSWERED:
                self._requests.labels(self._listener, answer).observe(time.monotonic() - began)
