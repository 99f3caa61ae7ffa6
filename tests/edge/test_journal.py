"""Reports are neither lost nor doubled: over lost acknowledgements, cuts of the power, a full disk."""

from pathlib import Path

import pytest

from ringfence.edge.errors import HubUnreachable
from ringfence.edge.reporting import journal as journal_module
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.storage.disk import Disk
from ringfence.wire.messages import ReportKind
from support.faulty_disk import (
    CutDisk,
    FullDisk,
    Loss,
    PowerCut,
)
from support.memory_hub import MemoryHub
from support.signed_repository import Repository


def hand_over(journal: Journal, hub: MemoryHub) -> None:
    while (batch := journal.next_batch(timeout_s=0)).reports:
        journal.acknowledge(hub.report(batch).stored_through)


def work(folder: Path, hub: MemoryHub, disk: Disk, label: str) -> None:
    journal = Journal(folder, disk)
    for number in range(3):
        journal.add(1.0 + number, ReportKind.FILE_SERVED, f"{label} {number}", name="SEP001122334455.cnf.xml")
        if number:
            hand_over(journal, hub)


def test_reports_are_numbered_from_one_without_gaps_over_restarts(tmp_path: Path) -> None:
    hub = MemoryHub(Repository())
    for run in range(3):
        work(tmp_path, hub, Disk(), f"run {run}")
    assert list(hub.stored) == list(range(1, 10))
    assert Journal(tmp_path, Disk()).waiting == 0


def test_a_lost_acknowledgement_sends_again_and_doubles_nothing(tmp_path: Path) -> None:
    hub = MemoryHub(Repository(), lose_acknowledgements=1)
    journal = Journal(tmp_path, Disk())
    journal.add(1.0, ReportKind.FILE_SERVED, "x")
    with pytest.raises(HubUnreachable):
        hand_over(journal, hub)
    hand_over(Journal(tmp_path, Disk()), hub)
    assert [report.sentence for report in hub.stored.values()] == ["x"]


@pytest.mark.parametrize("loss", list(Loss), ids=lambda loss: loss.name)
def test_power_cut_anywhere_loses_nothing_that_was_durable_and_gives_no_number_twice(
    tmp_path: Path, loss: Loss
) -> None:
    counting = CutDisk(None)
    work(tmp_path / "counted", MemoryHub(Repository()), counting, "before")
    for cut in range(counting.operations):
        hub, folder = MemoryHub(Repository()), tmp_path / f"cut-{cut}"
        with pytest.raises(PowerCut):
            work(folder, hub, CutDisk(cut, loss), "before")
        known = dict(hub.stored)
        work(folder, hub, Disk(), "after")  # MemoryHub fails the test where a number comes with two contents
        assert list(hub.stored) == list(range(1, len(hub.stored) + 1))
        assert hub.stored.items() >= known.items()
        assert [r.sentence for r in hub.stored.values()][-3:] == [f"after {number}" for number in range(3)]


def test_a_full_disk_counts_what_it_could_not_keep(tmp_path: Path) -> None:
    disk = FullDisk(1000)
    journal = Journal(tmp_path, disk)
    disk.room = 1
    for number in range(4):
        journal.add(1.0, ReportKind.FILE_SERVED, str(number))
    disk.room = 1000
    journal.add(2.0, ReportKind.FILE_SERVED, "later")
    sentences = [report.sentence for report in journal.next_batch(0).reports]
    assert sentences == ["0", "3 reports dropped: there was no room", "later"]


def test_a_hub_away_for_weeks_does_not_fill_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_module, "MOST_WAITING", 10)
    journal = Journal(tmp_path, Disk())
    for number in range(50):
        journal.add(1.0, ReportKind.FILE_SERVED, str(number))
    assert journal.waiting == 10
    hub = MemoryHub(Repository())
    hand_over(journal, hub)
    journal.add(2.0, ReportKind.FILE_SERVED, "back")
    hand_over(journal, hub)
    assert [report.sentence for report in hub.stored.values()][-2:] == ["40 reports dropped: there was no room", "back"]
    assert list(hub.stored) == list(range(1, 13))


def test_the_file_is_cleared_once_everything_is_acknowledged(tmp_path: Path) -> None:
    work(tmp_path, MemoryHub(Repository()), Disk(), "x")
    assert (tmp_path / "journal.jsonl").read_bytes() == b""
    assert (tmp_path / "acknowledged").read_bytes() == b"3"
