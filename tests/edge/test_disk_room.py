"""A disk that fills up: what is looked at before a download, what is kept back, and what the hub hears of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.edge.agent import backoff
from ringfence.edge.agent import health as healths
from ringfence.edge.errors import DiskFull
from ringfence.edge.storage import reserve as reserves
from ringfence.edge.storage.cache import SPARE_BYTES
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.reserve import Reserve
from ringfence.wire.messages import EdgeProblem
from stack import wait_for
from support.running_agent import NAME, Running, enrolled_agent


class SmallDisk(Disk):
    """A disk on which ``free`` bytes are free, as far as it is asked."""

    free = 1 << 40

    def free_bytes(self, folder: Path) -> int:
        assert folder.exists()
        return self.free


class FullUnlessGiven(Disk):
    """A disk that is full as long as its reserve is there."""

    def write(self, path: Path, data: bytes) -> None:
        if self.reserve is not None and self.reserve.is_there:
            raise DiskFull("the disk is full", where=str(path))
        super().write(path, data)


@pytest.fixture
def disk() -> SmallDisk:
    return SmallDisk()


@pytest.fixture
def running(disk: SmallDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(healths, "TELL_ANYWAY_S", 0.0)
    with enrolled_agent(tmp_path / "edge", disk) as made:
        yield made


def test_a_release_that_does_not_fit_is_not_begun_and_taken_once_there_is_room(
    running: Running, disk: SmallDisk
) -> None:
    running.publish(1, {NAME: b"one"})
    running.start()
    wait_for("release 1", running.serves(b"one"))
    disk.free = SPARE_BYTES
    blobs = sum("@" in asked for asked in running.hub.asked)
    running.publish(2, {NAME: b"two" * 100})
    wait_for("the hub to hear of it", lambda: running.hub.healths and running.hub.healths[-1].problem)
    told = running.hub.healths[-1]
    assert told.problem == EdgeProblem.DISK_FULL
    assert "the disk is full: release 2 needs 2.1 MB, and 2.1 MB are free" in told.sentence
    assert sum("@" in asked for asked in running.hub.asked) == blobs, "nothing of it was fetched"
    assert running.get() == b"one"
    disk.free = 1 << 40
    wait_for("release 2", running.serves(b"two" * 100))
    wait_for("the hub to hear of that", lambda: not running.hub.healths[-1].problem)


def test_state_is_written_out_of_the_reserve_which_is_taken_back_later(tmp_path: Path) -> None:
    disk = FullUnlessGiven()
    disk.reserve = kept = Reserve(tmp_path / "reserve", 4096)
    kept.take()
    assert (kept.is_there, (tmp_path / "reserve").stat().st_blocks > 0) == (True, True)
    disk.replace(tmp_path / "state", b"new")
    assert (tmp_path / "state").read_bytes() == b"new"
    assert not kept.is_there
    assert not kept.give_up(), "there is no second one"
    kept.take()
    assert kept.is_there


def test_no_reserve_is_taken_of_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserves, "free_bytes", lambda _folder: 8191)
    kept = Reserve(tmp_path / "reserve", 4096)
    kept.take()
    assert not kept.is_there
    assert list(tmp_path.iterdir()) == []


def test_an_edge_whose_disk_is_full_says_so_at_the_hub_and_in_its_status(
    running: Running, disk: SmallDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserves, "free_bytes", lambda _folder: 0)
    disk.free = 100_000
    running.start()
    wait_for("the hub to hear of it", lambda: running.hub.healths and running.hub.healths[-1].problem)
    told = running.hub.healths[-1]
    assert (told.problem, told.disk_free_bytes) == (EdgeProblem.DISK_FULL, 100_000)
    assert told.sentence.startswith("the disk is full: 0.1 MB are free.")
