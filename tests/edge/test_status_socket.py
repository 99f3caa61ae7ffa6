"""The status is told to whoever asks in the folder, and costs the disk nothing."""

import stat
from pathlib import Path

import pytest

from ringfence.edge.phones.seen_phones import SAVE_EVERY_S, SeenPhones
from ringfence.edge.reporting.status_socket import StatusSocket, ask
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder

LONG = b"x" * 3_000_000
"""More than a socket's buffers hold."""


def test_whoever_asks_is_told_how_it_is_now(tmp_path: Path) -> None:
    path, said = tmp_path / "status.sock", [b"one"]
    told = StatusSocket(path, lambda: said[0])
    told.start()
    assert ask(path) == b"one"
    said[0] = LONG
    assert [ask(path) for _ in range(3)] == [LONG] * 3
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told.close()
    assert ask(path) is None
    assert not path.exists()


def test_a_folder_may_be_deep_and_an_agent_may_have_been_killed(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["a-long-name"] * 20)
    folder.mkdir(parents=True)
    path = folder / "status.sock"
    path.touch()
    assert ask(path) is None
    told = StatusSocket(path, lambda: b"here")
    told.start()
    assert ask(path) == b"here"
    told.close()


def test_where_there_is_no_folder_nobody_answers(tmp_path: Path) -> None:
    assert ask(tmp_path / "nowhere" / "status.sock") is None


def test_whoever_asks_and_leaves_stops_nobody(tmp_path: Path) -> None:
    path = tmp_path / "status.sock"
    told = StatusSocket(path, lambda: LONG)
    told.start()
    for _ in range(20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ringfence.edge.reporting.status_socket._CHUNK_BYTES", 0)
            assert ask(path) == b""
    assert ask(path) == LONG
    told.close()


def test_a_thousand_phones_that_fetch_all_day_are_written_down_each_few_minutes(tmp_path: Path) -> None:
    disk = Disk()
    seen = SeenPhones(EdgeFolder(tmp_path, disk))
    writes = []
    for second in range(3600):
        seen.note(f"0200{second % 1000:08X}", "192.0.2.9", second, "file", 1, None)
        before = (tmp_path / "phones.json").stat().st_ino if (tmp_path / "phones.json").exists() else 0
        seen.save_when_due(float(second))
        writes.append(before != (tmp_path / "phones.json").stat().st_ino)
    assert 0 < sum(writes) <= 3600 / SAVE_EVERY_S
    assert [each.name for each in tmp_path.iterdir()] == ["phones.json"]
