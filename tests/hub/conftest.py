"""A real hub on loopback, with its clock in hand."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.init import init
from ringfence.secret import Secret
from support.running_hub import Clock, RunningHub
from support.serving_hub import serving


def _new_hub(path: Path) -> tuple[DataFolder, Secret]:
    token = init(path, make_config(address="127.0.0.1", listen="127.0.0.1", people_port=0, device_port=0))
    return DataFolder(path), token


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """One hub for a module's tests, each of which makes its own sites."""
    folder, token = _new_hub(tmp_path_factory.mktemp("hub") / "data")
    hub, clock = open_hub(folder), Clock()
    hub.clock = clock
    with serving(hub, folder):
        served = RunningHub(folder, hub, token, clock)
        served.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        yield served


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
