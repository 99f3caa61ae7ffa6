"""A hub that serves on loopback, in a thread of the test's own process."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import uvloop

from ringfence.hub.core import Hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process import run
from ringfence.hub.process.listeners import LISTENERS, Listener, bind_all


@contextlib.contextmanager
def serving(hub: Hub, folder: DataFolder, listeners: Sequence[Listener] = LISTENERS) -> Iterator[None]:
    """Serve ``hub`` for the length of the block, and close it."""
    stop = list[Callable[[], object]]()
    thread = threading.Thread(target=_serve, args=(hub, folder, listeners, stop), name="hub")
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not (folder.path / "run.json").exists():
            assert thread.is_alive(), "the hub ended at its start"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield
    finally:
        if thread.is_alive():
            stop[0]()
        thread.join(20)
        hub.close()
        assert not thread.is_alive()


def _serve(hub: Hub, folder: DataFolder, listeners: Sequence[Listener], stop: list[Callable[[], object]]) -> None:
    async def work() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopping.set))
        with bind_all(listeners, hub.config) as bound:
            run.prepare(hub, folder, bound)
            await run.serve(hub, folder, bound, stopping)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())
