"""A running hub for each module, and hubs that nobody serves."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process import background_jobs
from ringfence.secret import Secret
from support.running_hub import Clock, RunningHub
from support.serving_hub import new_hub, served_hub


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for a module's tests, each of which makes its own sites."""
    with served_hub(tmp_path_factory.mktemp("hub") / "data") as served:
        yield served


@pytest.fixture
def never_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """The running hub finds no news by looking: what a stream tells it was woken for."""
    monkeypatch.setattr(background_jobs, "_look", lambda *_what: set())


@pytest.fixture(scope="session")
def made_hub(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Secret]:
    """A hub's data folder that nobody serves; tests copy it."""
    folder, token = new_hub(tmp_path_factory.mktemp("made") / "data")
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
