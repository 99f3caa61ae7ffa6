"""Publishes that meet each other, a crash, a full disk or a power cut: the old release or the new, never a part."""

import threading
import time
from collections.abc import Mapping

import pytest
from sqlalchemy import event

from ringfence.content.digests import Digest
from ringfence.errors import EnvironmentFault
from ringfence.hub.core import Hub
from ringfence.hub.data.directory_blobs import DirectoryBlobs
from ringfence.hub.errors import PublishRunning
from ringfence.hub.fleet import (
    phones,
    sites,
)
from ringfence.hub.publishing import publication_lock, site_files
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing.publish import publish
from ringfence.hub.store.models import SiteRow
from ringfence.phones.rendering.renderer import Renderer
from support.two_sites import ANNA, BEN, add_two_sites, numbers, relabel, whole_release


class PowerCutError(Exception):
    """The power went."""


@pytest.fixture
def fleet(idle: Hub) -> Hub:
    """Two sites with a phone each, nothing published."""
    return add_two_sites(idle)


def test_the_second_of_two_publishes_is_told_who_publishes_since_when(fleet: Hub) -> None:
    told = r"another publish by Zoë has been running since \d\d:\d\d:\d\d UTC"
    with (
        publication_lock.held(fleet, "Zoë"),
        pytest.raises(PublishRunning, match=told),
    ):
        publish(fleet, "test")
    assert numbers(publish(fleet, "test")) == {"anna": 1, "ben": 1}


def test_of_publishes_at_the_same_time_one_goes_on_and_the_others_are_refused(fleet: Hub) -> None:
    start, outcomes = threading.Barrier(4), list[str]()
    inside = threading.Event()
    render = fleet.renderer.render

    class Slow(Renderer):
        def render(self, phone: object) -> object:  # type: ignore[override]
            inside.set()
            time.sleep(0.2)
            return render(phone)  # type: ignore[arg-type]

    fleet.renderer = Slow()

    def work() -> None:
        start.wait()
        try:
            outcomes.append(f"made {len(publish(fleet, 'test').sites)}")
        except PublishRunning:
            outcomes.append("refused")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made 2", "refused", "refused", "refused"]
    assert whole_release(fleet, "anna")[0] == 1


def test_a_lease_that_a_crash_left_ends_by_itself(fleet: Hub) -> None:
    now = fleet.clock()
    crashed = publication_lock.held(fleet, "a process that died")
    crashed.__enter__()
    with pytest.raises(PublishRunning):
        publish(fleet, "test")
    fleet.clock = lambda: now + publication_lock.LENGTH_S + 1
    assert numbers(publish(fleet, "test")) == {"anna": 1, "ben": 1}


def test_a_publish_that_lost_its_lease_writes_no_more(fleet: Hub) -> None:
    with publication_lock.held(fleet, "slow") as held:
        now = fleet.clock()
        fleet.clock = lambda: now + publication_lock.LENGTH_S + 1
        publish(fleet, "quick")
        with pytest.raises(PublishRunning, match="took so long"), fleet.database.writing() as session:
            held.confirm(session)


class CutOff(DirectoryBlobs):
    """Cuts the power at the n-th step: a blob written, a statement executed, a commit begun. Nothing works after it."""

    def __init__(self, hub: Hub, at: int) -> None:
        self.steps, self.at, self.hub = 0, at, hub
        self.blobs = hub.blobs
        assert isinstance(self.blobs, DirectoryBlobs)
        super().__init__(self.blobs._folder)
        event.listen(hub.database._engine, "before_cursor_execute", self.step)
        event.listen(hub.database._engine, "commit", self.step)
        hub.blobs = self

    def step(self, *_arguments: object) -> None:
        self.steps += 1
        if self.steps >= self.at:
            raise PowerCutError

    def restore(self) -> None:
        event.remove(self.hub.database._engine, "before_cursor_execute", self.step)
        event.remove(self.hub.database._engine, "commit", self.step)
        self.hub.blobs = self.blobs

    def put(self, blobs: Mapping[Digest, bytes]) -> None:
        for digest, data in blobs.items():
            self.step()
            super().put({digest: data})
        self.step()


@pytest.mark.slow
def test_power_cut_at_every_step_of_a_publish_leaves_the_old_release_or_the_new(fleet: Hub) -> None:
    publish(fleet, "test")
    made, at = {"anna": 1, "ben": 1}, 0
    finished = False
    while not finished:
        at += 1
        assert at < 200
        for mac in (ANNA, BEN):
            relabel(fleet, mac, f"Edit {at}")
        cut = CutOff(fleet, at)
        try:
            publish(fleet, "test")
            finished = True
        except PowerCutError:
            pass
        finally:
            cut.restore()
        publication_lock.clear(fleet)  # the restart
        for site_id, before in made.items():
            number, blobs = whole_release(fleet, site_id)
            assert number in {before, before + 1}
            assert (f"Edit {at}".encode() in blobs[0]) == (number == before + 1)
        publish(fleet, "test")
        for site_id in made:
            number, blobs = whole_release(fleet, site_id)
            assert f"Edit {at}".encode() in blobs[0], "publishing again goes on from there"
            made[site_id] = number
    assert at > 10, "the steps were really counted"


def test_a_full_disk_publishes_nothing_and_says_so(fleet: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(EnvironmentFault, match="No space left on device"):
            publish(fleet, "test")
    assert whole_release(fleet, "anna")[0] == 0
    assert isinstance(fleet.blobs, DirectoryBlobs)
    assert fleet.blobs.sweep() == 0, "nothing half-written stays"
    assert numbers(publish(fleet, "test")) == {"anna": 1, "ben": 1}


def test_half_written_blobs_of_a_crash_are_swept(fleet: Hub) -> None:
    assert isinstance(fleet.blobs, DirectoryBlobs)
    publish(fleet, "test")
    folder = next(fleet.blobs._folder.iterdir())
    (folder / "half.1234.part").write_bytes(b"ha")
    assert fleet.blobs.sweep() == 1
    assert len(whole_release(fleet, "anna")[1]) == 1


def test_a_site_that_is_removed_during_a_publish_gets_no_release(fleet: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def render_while_somebody_removes(*arguments: object) -> object:
        with fleet.change("test") as change:
            if change.session.get(SiteRow, "ben"):
                phones.remove(change, BEN)
                change.session.flush()
                sites.remove(change, "ben")
        return site_files.render(*arguments)  # type: ignore[arg-type] # passed on

    with monkeypatch.context() as patch:
        patch.setattr(publishing, "render", render_while_somebody_removes)
        publish(fleet, "test")
    assert whole_release(fleet, "anna")[0] == 1
    with fleet.database.reading() as session:
        assert session.get(SiteRow, "ben") is None
