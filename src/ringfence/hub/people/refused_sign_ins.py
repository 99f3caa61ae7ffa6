"""Refused sign-ins: each burst from an address leaves one trace, and guessing is slow."""

import asyncio

from cachetools import TTLCache
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.printable import printable

BURST_S = 300.0
FREE = 20
"""How many an address may have in a burst before its refusals take their time."""
SLOWED_S = 2.0
MOST_SLOWED = 64
"""How many refusals wait at once; more are answered at once, as waiting costs memory."""
_MOST_ADDRESSES = 10_000

_log = logs.get("people")


class RefusedSignIns:
    """Counts refusals by address; used by the event loop's thread alone."""

    def __init__(self) -> None:
        self._counts: TTLCache[str, int] = TTLCache(_MOST_ADDRESSES, BURST_S)
        self._slowed = 0

    async def note(self, request: Request) -> None:
        """Note a refusal, and wait if the address has had many; the burst's first goes into log and audit.

        A request that brings nothing to sign in with is no attempt to.
        """
        if "authorization" not in request.headers:
            return
        peer = request.client.host if request.client else ""
        count = self._counts[peer] = self._counts.get(peer, 0) + 1
        if count == 1:
            hub: Hub = request.app.state.hub
            _log.warning("sign-in refused", peer=peer, path=printable(request.url.path, 200))
            await run_in_threadpool(_write_down, hub, peer)
        elif count > FREE and self._slowed < MOST_SLOWED:
            self._slowed += 1
            try:
                await slow_down()
            finally:
                self._slowed -= 1


async def slow_down() -> None:
    """Let time pass, so that nobody guesses quickly."""
    await asyncio.sleep(SLOWED_S)


def _write_down(hub: Hub, peer: str) -> None:
    with hub.change("nobody") as change:
        change.note("sign-in.refused", peer, "further ones from this address in the next minutes are not written down")
