"""Live parts of pages: one stream of server-sent events, with the part as it is now whenever that changes.

A stream reads the database itself, so that it does not matter which process an edge or a person talks to. With each
look its caller is recognised anew: whoever is signed out or has other rights gets no more of it. It ends after some
minutes, and the browser opens it again.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ringfence.errors import RingfenceError
from ringfence.hub.sign_in_errors import NotSignedIn
from ringfence.hub.web.page import WebPage

LOOK_EVERY_S = 1.0
LASTS_S = 300.0
_SILENT_AT_MOST_S = 15.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class LivePart:
    """A part of a page as it is now; nothing changes any more once it ``is_final``."""

    html: str
    is_final: bool = False


class LiveAnswer(StreamingResponse):
    """A stream, counted from before its first byte to its end: many that are asked for at once are counted, too."""

    def __init__(self, page: WebPage, look: Callable[[], LivePart]) -> None:
        super().__init__(_stream(page, look), media_type="text/event-stream", headers=_HEADERS)
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the stream; TooManyStreams where its reader has as many as one may have."""
        streams, reader = self._page.streams, self._page.caller.id
        streams.check_room(reader)
        with streams.counted(reader):
            await super().__call__(scope, receive, send)


async def live_answer(page: WebPage, look: Callable[[], LivePart]) -> StreamingResponse:
    """Return the stream of a part; ``look`` reads it, in the thread pool.

    Raises:
        RingfenceError: It can't be read at all.
    """
    await run_in_threadpool(look)
    return LiveAnswer(page, look)


async def _stream(page: WebPage, look: Callable[[], LivePart]) -> AsyncIterator[str]:
    def look_again() -> LivePart:
        page.check_still()
        return look()

    shown, silent_s, left_s = "", 0.0, LASTS_S
    while left_s > 0 and not page.hub.wakeups.closing:
        try:
            part = await run_in_threadpool(look_again)
        except NotSignedIn:  # the browser asks once more, and is told why
            return
        except RingfenceError:  # what the page is about is gone
            yield "event: end\ndata:\n\n"
            return
        if part.html != shown:
            shown, silent_s = part.html, 0.0
            yield _event(part.html)
        elif silent_s >= _SILENT_AT_MOST_S:
            silent_s = 0.0
            yield ": still here\n\n"
        if part.is_final:
            yield "event: end\ndata:\n\n"
            return
        await asyncio.sleep(LOOK_EVERY_S)
        silent_s, left_s = silent_s + LOOK_EVERY_S, left_s - LOOK_EVERY_S


def _event(html: str) -> str:
    return "".join(f"data: {line}\n" for line in html.splitlines()) + "\n"
