"""A hub that serves on loopback, in a thread of the test's own process."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process import background_jobs, run
from ringfence.hub.process.init import init
from ringfence.hub.process.listeners import LISTENERS, Listener, bind_all
from ringfence.secret import Secret
from support import chosen_database
from support.running_hub import Clock, RunningHub

STARTS_WITHIN_S = 180.0


def new_hub(path: Path, address: str = "127.0.0.1") -> tuple[DataFolder, Secret]:
    """Make a hub's data folder; return it and the first API token."""
    here = ("127.0.0.0/8",)
    config = make_config(
        address=address,
        listen=address,
        people_port=0,
        device_port=0,
        pbx_networks=here,
        sign_in_networks=here,
        database_url=chosen_database.new_url(),
    )
    token = init(path, config)
    return DataFolder(path), token


@contextlib.contextmanager
def served_hub(path: Path, address: str = "127.0.0.1") -> Iterator[RunningHub]:
    """Make a hub in this folder and serve it, with its clock in hand."""
    folder, token = new_hub(path, address)
    hub, clock = open_hub(folder), Clock()
    hub.clock = clock
    with serving(hub, folder):
        served = RunningHub(folder, hub, token, clock)
        served.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        yield served


@contextlib.contextmanager
def serving(hub: Hub, folder: DataFolder, listeners: Sequence[Listener] = LISTENERS) -> Iterator[None]:
    """Serve ``hub`` for the length of the block, and close it."""
    stop = list[Callable[[], object]]()
    background_jobs.EDGES_EVERY_S = 1e6  # a test that puts the clock forward looks after edges itself
    thread = threading.Thread(target=_serve, args=(hub, folder, listeners, stop), name="hub")
    thread.start()
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not (folder.path / "run.json").exists():
            assert thread.is_alive(), "the hub ended at its start"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield
    finally:
        if thread.is_alive():
            stop[0]()
        thread.join(120)
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
