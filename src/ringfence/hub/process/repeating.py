"""A background job: done again and again, by one process of the hub or by each, and how it goes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from starlette.concurrency import run_in_threadpool

from ringfence.errors import RingfenceError
from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.store.server_sessions import LOOK_EVERY_S as TURN_EVERY_S

_log = logs.get("maintenance")


async def repeat(
    hub: Hub,
    does: str,
    work: Callable[[], Awaitable[Sequence[str]]],
    every_s: float,
    *,
    after_s: float = 0.0,
    alone: bool = True,
) -> None:
    """Do something again and again, and note how it goes.

    Args:
        hub: The hub.
        does: What it is, in words.
        work: Does it, and returns what failed in it.
        every_s: How long it rests after each turn.
        after_s: How long it waits at first.
        alone: Whether one process of the hub does it for all.
    """
    hub.jobs.begin(does, every_s)
    await asyncio.sleep(after_s)
    while True:
        if alone and hub.turn.is_shared:
            hub.jobs.give(does, is_elsewhere=not hub.turn.is_ours)
            if not hub.turn.is_ours:
                await asyncio.sleep(TURN_EVERY_S)
                continue
        problems: Sequence[str]
        try:
            problems = await work()
        except RingfenceError as fault:
            _log.error("maintenance failed and will be tried again", problem=str(fault))
            problems = (str(fault),)
        except Exception:  # noqa: BLE001 - the hub serves on; the log has the trace
            _log.exception("maintenance had an internal error and will be tried again")
            problems = (within.INTERNAL,)
        hub.jobs.ended(does, hub.clock(), problems)
        await asyncio.sleep(every_s)


async def take_turns(hub: Hub) -> None:
    """Find out whether this process does what one process of the hub does for all."""

    async def look() -> Sequence[str]:
        await run_in_threadpool(hub.turn.look, wanted=not hub.jobs.is_stuck)
        return ()

    await repeat(hub, "Find out which process does the hub's jobs", look, TURN_EVERY_S, alone=False)
