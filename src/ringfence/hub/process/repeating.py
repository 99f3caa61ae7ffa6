"""A background job: something that is done again and again, and noted how it goes."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ringfence.errors import RingfenceError
from ringfence.hub import logs, within
from ringfence.hub.core import Hub

_log = logs.get("maintenance")


async def repeat(
    hub: Hub, does: str, work: Callable[[], Awaitable[Sequence[str]]], every_s: float, *, after_s: float = 0.0
) -> None:
    """Do something again and again, and note how it goes; ``work`` returns what failed in it."""
    hub.jobs.begin(does, every_s)
    await asyncio.sleep(after_s)
    while True:
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
