"""A real hub on loopback, in a thread of the test's own process, with its two listeners and its clock in hand."""

import asyncio
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process import background_jobs, run
from ringfence.hub.process.init import init
from ringfence.secret import Secret
from support.running_hub import Clock, RunningHub


def _serve(hub: Hub, folder: DataFolder, ready: "threading.Event", stop: list[Callable[[], object]]) -> None:
    async def work() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        stop.append(lambda: loop.call_soon_threadsafe(stopping.set))
        with run.listening("127.0.0.1", 0) as people, run.listening("127.0.0.1", 0) as device:
            run.prepare(hub, folder, device)
            ready.set()
            await run.serve(hub, folder, people, device, stopping)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work())


def _new_hub(path: Path) -> tuple[DataFolder, Secret]:
    token = init(path, make_config(address="127.0.0.1", listen="127.0.0.1", people_port=0, device_port=0))
    return DataFolder(path), token


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for a module's tests, each of which makes its own sites."""
    folder, token = _new_hub(tmp_path_factory.mktemp("hub") / "data")
    hub, clock = open_hub(folder), Clock()
    hub.clock = clock
    ready, stop = threading.Event(), list[Callable[[], object]]()
    thread = threading.Thread(target=_serve, args=(hub, folder, ready, stop), name="hub")
    thread.start()
    try:
        assert ready.wait(10)
        deadline = time.monotonic() + 10
        while not (folder.path / "run.json").exists():
            assert thread.is_alive(), "the hub ended at its start"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        served = RunningHub(folder, hub, token, clock)
        served.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        yield served
    finally:
        stop[0]()
        thread.join(10)
        hub.close()
        assert not thread.is_alive()


@pytest.fixture
def never_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running hub finds no news by looking: what a stream tells it was woken for."""
    monkeypatch.setattr(background_jobs, "_look", lambda *_what: set())


@pytest.fixture(scope="session")
def made_hub(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secret]:
    """A hub's data folder that nobody serves; tests copy it."""
    folder, token = _new_hub(tmp_path_factory.mktemp("made") / "data")
    return folder.path, token


@pytest.fixture
def idle(made_hub: tuple[Path, Secret], tmp_path: Path) -> Iterator[Hub]:
    """A hub without listeners, of the test's own."""
    path = tmp_path / "hub"
    shutil.copytree(made_hub[0], path)
    hub = open_hub(DataFolder(path))
    hub.clock = Clock()
    try:
        yield hub
    finally:
        hub.close()
