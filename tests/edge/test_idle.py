"""An edge at which nothing happens writes nothing, however many phones it has seen."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ringfence.edge.agent import agent as agents
from ringfence.edge.agent import backoff
from ringfence.edge.phones.seen_phones import SeenPhones
from ringfence.wire.messages import Event
from stack import wait_for
from support.faulty_disk import CutDisk
from support.running_agent import NAME, Running, enrolled_agent
from support.signed_repository import NOW

PHONES = 1000
TIMES = 50
"""How often the agent looks around, is greeted and is told of a release that it has."""


@pytest.fixture
def disk() -> CutDisk:
    return CutDisk(None)


@pytest.fixture
def running(disk: CutDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(agents, "LOOK_AROUND_S", 0.001)
    with enrolled_agent(tmp_path / "edge", disk) as made:
        seen = SeenPhones(made.folder)
        for number in range(PHONES):
            seen.note(f"0200{number:08X}", "192.0.2.9", NOW, f"SEP0200{number:08X}.cnf.xml", 1, None)
        seen.save()
        yield made


def test_an_idle_edge_with_a_thousand_phones_writes_nothing(
    running: Running, disk: CutDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Semaphore(0)
    save = SeenPhones.save_when_due

    def count(phones: SeenPhones, now: float) -> None:
        save(phones, now)
        looked.release()

    running.hub.repository.publish(1, {NAME: b"one"})
    running.start()
    wait_for("release 1", lambda: running.reported("release-served"))
    assert running.agent is not None
    journal = running.agent._journal
    wait_for("no report waits", lambda: not journal.waiting)
    before, asked = disk.operations, running.hub.asked.count("timestamp.json")
    monkeypatch.setattr(SeenPhones, "save_when_due", count)
    for wanted in range(asked + 1, asked + 1 + TIMES):
        running.hub.hints.put(Event("release", NOW, 1))
        wait_for("a refresh", partial(has_asked, running, wanted))
        wait_for("the agent to look", partial(looked.acquire, timeout=1))
    assert disk.operations == before


def has_asked(running: Running, wanted: int) -> bool:
    return running.hub.asked.count("timestamp.json") >= wanted
