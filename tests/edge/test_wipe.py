"""Wiping an edge: nothing of it stays, wherever it is cut short, and its folder can be enrolled again."""

from pathlib import Path

import pytest

from ringfence.edge.errors import DiskFault, FolderBroken, NotEnrolled
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from support.enrolled_folder import save_enrolled
from support.faulty_disk import CutDisk, PowerCut
from support.signed_repository import Repository

FILES = (
    *("cache/blobs/aa", "cache/partial/bb", "cache/current.json", "cache/current.json.new", "cache/confirmed"),
    *("reports/journal.jsonl", "reports/acknowledged", "identity/key.pem.new", "phones.json", "phones.json.new"),
    *("guard.json", "state.json", "state.json.new", "status.json", "status.json.new", "lock"),
)


def enrolled(path: Path, repository: Repository, disk: Disk | None = None) -> EdgeFolder:
    """Return a folder with one file of each kind that an edge makes, and of those that a cut leaves."""
    folder = EdgeFolder(path, Disk())
    save_enrolled(folder, repository)
    for name in FILES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text("of the old one")
    return EdgeFolder(path, disk or Disk())


def left(folder: EdgeFolder) -> set[str]:
    return {path.name for path in folder.path.rglob("*")}


@pytest.fixture(scope="module")
def repository() -> Repository:
    return Repository()


def test_nothing_but_the_lock_stays(tmp_path: Path, repository: Repository) -> None:
    folder = enrolled(tmp_path / "edge", repository)
    folder.wipe()
    assert left(folder) == {"lock"}
    with pytest.raises(NotEnrolled):
        folder.enrolment()


def test_a_link_is_removed_and_what_it_points_at_is_not(tmp_path: Path, repository: Repository) -> None:
    folder = enrolled(tmp_path / "edge", repository)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "mine").write_text("x")
    (folder.cache / "link").symlink_to(elsewhere)
    folder.wipe()
    assert (elsewhere / "mine").exists()
    assert left(folder) == {"lock"}


def test_a_wipe_that_was_cut_anywhere_holds_no_edge_and_is_finished_by_the_next_start(
    tmp_path: Path, repository: Repository
) -> None:
    counting = CutDisk(None)
    enrolled(tmp_path / "counted", repository, counting).wipe()
    assert counting.operations > 15
    for cut in range(counting.operations):
        path = tmp_path / f"cut-{cut}"
        with pytest.raises(PowerCut):
            enrolled(path, repository, CutDisk(cut)).wipe()
        folder = EdgeFolder(path, Disk())
        if (path / "wiping").exists():
            with pytest.raises(NotEnrolled):
                folder.enrolment()
            folder.finish_wipe()
        else:
            folder.wipe()  # it had not begun: the hub asks again
        assert left(folder) == {"lock"}


class StubbornDisk(Disk):
    """A disk that does not let go of one file."""

    def remove(self, path: Path) -> None:
        if path.name == "current.json":
            raise DiskFault("the disk reports an error", where=str(path))
        super().remove(path)


def test_a_file_that_can_not_be_removed_keeps_no_other(tmp_path: Path, repository: Repository) -> None:
    folder = enrolled(tmp_path / "edge", repository, StubbornDisk())
    with pytest.raises(DiskFault):
        folder.wipe()
    assert not folder.key_file.exists()
    with pytest.raises(NotEnrolled):
        folder.enrolment()
    again = EdgeFolder(folder.path, Disk())
    again.finish_wipe()
    assert left(again) == {"lock"}


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b"\xff", b'{"hub_url": 1}'])
def test_who_an_edge_is_must_be_readable(tmp_path: Path, repository: Repository, text: bytes) -> None:
    folder = enrolled(tmp_path / "edge", repository)
    folder.enrolment_file.write_bytes(text)
    with pytest.raises(FolderBroken, match="enrol again with a new token"):
        folder.enrolment()
