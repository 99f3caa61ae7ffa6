"""How tests run beside one another (``-n``, pytest-xdist): which stay together, and which must be alone.

A module's fast tests stay with one worker, and so do those that share a fixture of their module; every other slow test
goes to who is free. ``xdist_group`` names other tests that stay together, such as those that need the same port. While
a test with the marker ``alone`` runs, no other worker runs any.
"""

import fcntl
import json
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

_FOLDER = "RINGFENCE_TESTS_SIDE_BY_SIDE"
"""The variable by which workers know the folder that they share."""
_MADE: pytest.StashKey["tempfile.TemporaryDirectory[str]"] = pytest.StashKey()
_GROUPS = "groups.json"
_WEIGHT_OF_SLOW = 20
"""How many fast tests a slow one counts as, where what lasts longest is to begin first."""


def worker_output(config: pytest.Config) -> dict[str, object] | None:
    """Return what a worker tells the process that started it; None in any other process."""
    return getattr(config, "workeroutput", None)


def pytest_configure(config: pytest.Config) -> None:
    if worker_output(config) is None:
        folder = config.stash[_MADE] = tempfile.TemporaryDirectory(prefix="rf-tests-")
        os.environ[_FOLDER] = folder.name


def pytest_unconfigure(config: pytest.Config) -> None:
    if (folder := config.stash.get(_MADE, None)) is not None:
        folder.cleanup()


def _folder() -> Path:
    return Path(os.environ[_FOLDER])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Return how many workers ``-n auto`` means: tests wait about as long as they compute."""
    return len(os.sched_getaffinity(0)) + 1


# -- which stay together -------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Tell the process that shares the tests out which stay together: name, group and weight of each."""
    if worker_output(config) is not None:
        groups = {
            item.nodeid: (_group(item), _WEIGHT_OF_SLOW if item.get_closest_marker("slow") else 1) for item in items
        }
        written = _folder() / f"{_GROUPS}.{os.getpid()}"
        written.write_text(json.dumps(groups))
        written.replace(_folder() / _GROUPS)


def _group(item: pytest.Item) -> str:
    if (marker := item.get_closest_marker("xdist_group")) is not None:
        return str(marker.args[0])
    fixtures = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    shares = any(one.scope == "module" for several in fixtures.values() for one in several)
    return item.nodeid.partition("::")[0] if shares or item.get_closest_marker("slow") is None else item.nodeid


class _Sharing(LoadScopeScheduling):
    """Gives each worker that is free the whole group that is likely to last longest."""

    @cached_property
    def _groups(self) -> dict[str, tuple[str, int]]:
        groups: dict[str, tuple[str, int]] = json.loads((_folder() / _GROUPS).read_text())
        return groups

    def _split_scope(self, nodeid: str) -> str:
        return self._groups[nodeid][0]

    def _assign_work_unit(self, node: WorkerController) -> None:
        longest = max(self.workqueue, key=self._weight)
        self.workqueue.move_to_end(longest, last=False)
        super()._assign_work_unit(node)

    def _weight(self, group: str) -> int:
        return sum(self._groups[name][1] for name in self.workqueue[group])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _Sharing:
    return _Sharing(config, log)


# -- which must be alone -------------------------------------------------------------------------------------------


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Let a test begin when it may.

    Everybody passes the door. Who must be alone keeps it shut while the room empties, so that no stream of other tests
    keeps it waiting.
    """
    if worker_output(item.config) is None:
        return (yield)
    if item.get_closest_marker("alone") is not None:
        with _held("door", fcntl.LOCK_EX), _held("room", fcntl.LOCK_EX):
            return (yield)
    with ExitStack() as outside:
        outside.enter_context(_held("door", fcntl.LOCK_EX))
        with _held("room", fcntl.LOCK_SH):
            outside.close()
            return (yield)


@contextmanager
def _held(name: str, how: int) -> Iterator[None]:
    with (_folder() / name).open("a+b") as file:
        fcntl.flock(file, how)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # a process that a test has forked and left may have the file, too
