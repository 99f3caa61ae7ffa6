"""Many sites at one gateway: one that is broken, away, new or gone leaves the others be, and comes back by itself."""

import itertools
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.edge.agent import backoff
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.errors import AlreadyEnrolled
from ringfence.edge.gateway import gateway as gateway_module
from ringfence.edge.gateway import site_folders
from ringfence.edge.gateway.gateway import Gateway, GatewayPorts
from ringfence.edge.gateway.site_folders import SITES, join, site_folder
from ringfence.edge.gateway.site_states import HostedSiteState, site_states
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder, Enrolment
from ringfence.server.errors import FileRefused, FolderNotOwned
from ringfence.server.tftp.client import fetch
from ringfence.wire.messages import Event, GuardNetwork, GuardRules
from stack import wait_for
from support.enrolled_folder import save_enrolled
from support.memory_hub import MemoryHub
from support.signed_repository import NOW, Repository

pytestmark = pytest.mark.slow

PLAN = "dialplan.xml"
GOOD = ("anna", "zoe")
"""Before and after all others in the order of their names."""


_removed = itertools.count()


class Sites:
    """A gateway with sites to order, each with a hub in memory and a home from where its plan may be fetched."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log: list[str] = []
        self.hubs: dict[str, MemoryHub] = {}
        self.homes: dict[str, str] = {}
        self.bugs: set[str] = set()
        self.not_owned: set[str] = set()
        self.gateway: Gateway | None = None
        self._thread: threading.Thread | None = None

    def add(self, site: str, edge: str = "") -> EdgeFolder:
        """Enrol the gateway at a site whose hub has a release."""
        if site not in self.hubs:
            self.homes[site] = f"127.10.{len(self.homes) + 1}.5"
            rules = GuardRules(1, gateway=True, learned=(GuardNetwork(self.homes[site], "a phone booted there"),))
            self.hubs[site] = MemoryHub(Repository(site), rules=rules)
            self.hubs[site].repository.publish(1, {PLAN: site.encode()})
        self.hubs[site].stored.clear()  # a hub counts each edge's reports from 1
        folder = site_folder(self.root, site)
        save_enrolled(folder, self.hubs[site].repository, edge)
        return folder

    def start(self) -> None:
        self.gateway = Gateway(
            self.root,
            GatewayPorts([("127.0.0.1", 0)]),
            lambda _level, text: self.log.append(text),
            connect=self._connect,
            check=self._check,
        )
        ready = threading.Event()
        self._thread = threading.Thread(target=self.gateway.run, args=(ready.set,))
        self._thread.start()
        assert ready.wait(120)

    def stop(self) -> None:
        if self.gateway is not None and self._thread is not None:
            self.gateway.stop()
            self._thread.join(120)
            assert not self._thread.is_alive()

    def plan(self, site: str) -> bytes:
        """Fetch a site's plan from the home that belongs to it; empty where it is refused."""
        assert self.gateway is not None
        where, _, port = self.gateway.addresses[0].rpartition(":")
        try:
            return fetch((where, int(port)), PLAN, source_host=self.homes[site], timeout_s=2, retries=20)
        except FileRefused:
            return b""

    def wait_served(self, *sites: str) -> None:
        for site in sites:
            wait_for(f"site {site}", lambda site=site: self.plan(site) == site.encode())  # type: ignore[misc]  # bound now

    def wait_said(self, words: str, times: int = 1) -> None:
        wait_for(words, lambda: sum(words in line for line in list(self.log)) >= times)

    def state(self, site: str) -> HostedSiteState:
        return next(state for state in site_states(self.root) if state.site == site)

    def _check(self, folder: Path) -> None:
        if folder.name in self.not_owned:
            raise FolderNotOwned("this does not belong to the agent's user", where=str(folder))

    def _connect(self, folder: EdgeFolder, clock: HubClock, _hub: HubEndpoints) -> MemoryHub:
        if folder.path.name in self.bugs:
            raise AttributeError("a name that is not there")
        hub = self.hubs[folder.path.name]
        hub.hints.queue.clear()  # an agent before this one has closed it
        hub.clock = clock
        return hub


@pytest.fixture
def sites(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sites]:
    monkeypatch.setattr(backoff, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(backoff, "LONGEST_PAUSE_S", 0.2)
    monkeypatch.setattr(gateway_module, "LOOK_FOR_SITES_S", 0.05)
    made = Sites(tmp_path)
    for site in GOOD:
        made.add(site)
    try:
        yield made
    finally:
        made.stop()


def spoilt(name: str) -> Callable[[EdgeFolder], None]:
    def spoil(folder: EdgeFolder) -> None:
        (folder.path / name).parent.mkdir(exist_ok=True)
        (folder.path / name).write_bytes(b"\xff not what it should be")

    return spoil


def remove(path: Path) -> None:
    """Remove a site's folder at once, whatever its agent is writing there."""
    if path.is_dir():
        path.chmod(0o700)
        shutil.rmtree(path.rename(path.parents[1] / f"removed-{next(_removed)}"), ignore_errors=True)
    else:
        path.unlink()


def empty(folder: EdgeFolder) -> None:
    remove(folder.path)
    folder.path.mkdir()


def file_in_its_place(folder: EdgeFolder) -> None:
    remove(folder.path)
    folder.path.write_text("no folder")


def unreadable(folder: EdgeFolder) -> None:
    if os.geteuid():
        folder.path.chmod(0)
    else:  # nothing is unreadable to root but what is no file
        folder.key_file.unlink()
        folder.key_file.mkdir()


def under_another_name(folder: EdgeFolder) -> None:
    save_enrolled(folder, Repository("somebody-else"))


FAULTS: dict[str, tuple[Callable[[EdgeFolder], None], str]] = {
    "enrolment": (spoilt("identity/enrolment.json"), "does not name the edge"),
    "key": (spoilt("identity/key.pem"), "a private key can't be read"),
    "certificate": (spoilt("identity/certificate.pem"), "a certificate can't be read"),
    "root": (spoilt("identity/root.json"), "root metadata can't be read"),
    "journal": (spoilt("reports/acknowledged"), "the last report that the hub stored"),
    "empty": (empty, "this site's folder is empty"),
    "file": (file_in_its_place, "this is not the folder of a site"),
    "unreadable": (unreadable, "the disk reports an error"),
    "misnamed": (under_another_name, "enrolled at site somebody-else"),
}


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_site_is_named_and_the_others_are_served(sites: Sites, fault: str) -> None:
    spoil, words = FAULTS[fault]
    spoil(sites.add("broken"))
    sites.start()
    sites.wait_served(*GOOD)
    sites.wait_said(f"broken: The site is not in service: {words}" if fault == "empty" else words)
    wait_for("the status", lambda: words in sites.state("broken").problem)
    wait_for("its end", lambda: not sites.state("broken").running)
    assert all(sites.state(site).running for site in GOOD)
    if (path := sites.root / SITES / "broken").is_dir():
        path.chmod(0o700)


@pytest.mark.parametrize(
    "fault",
    [fault if number < 4 else pytest.param(fault, marks=pytest.mark.slow) for number, fault in enumerate(FAULTS)],
)
def test_a_broken_site_is_back_once_it_is_mended(sites: Sites, fault: str) -> None:
    spoil, words = FAULTS[fault]
    folder = sites.add("broken")
    spoil(folder)
    sites.start()
    sites.wait_said(words)
    remove(folder.path)
    sites.add("broken", "another")
    sites.wait_served(*GOOD, "broken")
    wait_for("the status", lambda: sites.state("broken").edge == "another" and not sites.state("broken").problem)


@pytest.mark.parametrize("fault", ["enrolment", "empty", "file", "misnamed"])
def test_a_site_that_breaks_while_it_is_served_is_named_and_is_back_once_it_is_mended(sites: Sites, fault: str) -> None:
    spoil, words = FAULTS[fault]
    folder = sites.add("broken")
    sites.start()
    sites.wait_served(*GOOD, "broken")
    spoil(folder)
    sites.wait_said(words)
    wait_for("the status", lambda: words in sites.state("broken").problem)
    sites.wait_served(*GOOD)
    remove(folder.path)
    sites.add("broken", "another")
    sites.wait_served("broken")
    wait_for("the status", lambda: sites.state("broken").edge == "another" and not sites.state("broken").problem)


def test_a_kept_release_that_is_broken_is_fetched_again(sites: Sites) -> None:
    folder = sites.add("broken")
    spoilt("cache/current.json")(folder)
    sites.start()
    sites.wait_served(*GOOD, "broken")
    assert any("Broken: the stored release was not used" in line for line in sites.log)


def test_a_hub_that_is_away_takes_its_own_site_alone(sites: Sites) -> None:
    sites.add("lonely")
    sites.hubs["lonely"].away = True
    sites.start()
    sites.wait_served(*GOOD)
    sites.wait_said("Lonely: the hub is away")
    wait_for("the status", lambda: "the hub is away" in sites.state("lonely").problem)
    wait_for("the site", lambda: sites.state("lonely").running)
    sites.hubs["lonely"].away = False
    sites.wait_served("lonely")


def test_a_folder_that_another_process_holds_is_served_once_it_is_free(sites: Sites) -> None:
    folder = sites.add("held")
    with folder.lock():
        sites.start()
        sites.wait_served(*GOOD)
        sites.wait_said("held: The site is not in service: another edge already uses this folder")
        wait_for("the status", lambda: "another edge already uses" in sites.state("held").problem)
    sites.wait_served("held")
    sites.wait_said("held: The site is in service again.")
    assert sum("another edge already uses" in line for line in sites.log) == 1, "said once, however often it is tried"


def test_a_folder_of_another_user_is_that_sites_fault(sites: Sites) -> None:
    sites.add("foreign")
    sites.not_owned.add("foreign")
    sites.start()
    sites.wait_served(*GOOD)
    sites.wait_said("foreign: The site is not in service: this does not belong to the agent's user")
    sites.not_owned.clear()
    sites.wait_served("foreign")


def test_a_bug_in_one_sites_agent_is_loud_and_stays_that_sites(sites: Sites) -> None:
    sites.add("buggy")
    sites.bugs.add("buggy")
    sites.start()
    sites.wait_served(*GOOD)
    sites.wait_said("AttributeError: a name that is not there")
    assert any("Traceback" in line for line in sites.log)
    sites.bugs.clear()
    sites.wait_served("buggy")


def test_a_bug_in_a_thread_of_an_agent_ends_that_agent_and_it_is_started_again(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    sites.add("buggy")
    broken = sites.hubs["buggy"]

    def state() -> NoReturn:
        raise IndexError("a place that is not there")

    monkeypatch.setattr(broken, "state", state)
    sites.start()
    sites.wait_served(*GOOD)
    sites.wait_said("buggy: The site is not in service: a bug in this program: IndexError")
    monkeypatch.delattr(broken, "state")
    sites.wait_served("buggy")


def test_a_folder_that_appears_is_taken_up_and_one_that_is_removed_is_let_go(sites: Sites) -> None:
    sites.start()
    sites.wait_served(*GOOD)
    folder = sites.add("late")
    sites.wait_served("late")
    folder.path.rename(sites.root / "gone")
    wait_for("its end", lambda: not sites.plan("late"))
    sites.wait_said("late: The site's folder was removed")
    assert [state.site for state in site_states(sites.root)] == list(GOOD)
    sites.wait_served(*GOOD)
    sites.add("late", "another")
    sites.wait_served("late")


def test_the_folder_of_sites_itself_may_be_away_for_a_while(sites: Sites) -> None:
    sites.start()
    sites.wait_served(*GOOD)
    (sites.root / SITES).rename(sites.root / "away")
    (sites.root / SITES).write_text("no folder")
    sites.wait_said("The gateway's sites can't be listed")
    sites.wait_served(*GOOD)
    (sites.root / SITES).unlink()
    (sites.root / "away").rename(sites.root / SITES)
    sites.add("late")
    sites.wait_served("late")


def enrolled_by_hand(sites: Sites, site: str, monkeypatch: pytest.MonkeyPatch) -> Enrolment:
    """Join a site as with a token, without a hub that takes it."""

    def enrol(folder: EdgeFolder, edge: str) -> Enrolment:
        sites.hubs[site].stored.clear()
        return save_enrolled(folder, sites.hubs[site].repository, edge)

    monkeypatch.setattr(site_folders, "enrol", enrol)
    return join(sites.root, "second")


def test_a_site_that_was_wiped_serves_nothing_and_is_whole_again_with_a_new_token(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sites.add("wiped")
    sites.start()
    sites.wait_served(*GOOD, "wiped")
    sites.hubs["wiped"].hints.put(Event("revoked", NOW, wipe=True))
    wait_for("its end", lambda: not sites.plan("wiped"))
    wait_for("the status", lambda: "it was wiped" in sites.state("wiped").problem)
    assert {path.name for path in folder.path.rglob("*")} <= {"lock"}
    sites.wait_served(*GOOD)
    (folder.path / "phones.json").write_text("of the old one")
    assert enrolled_by_hand(sites, "wiped", monkeypatch).edge_id == "second"
    sites.wait_served("wiped")
    assert sites.state("wiped").edge == "second"
    assert {path.name for path in (sites.root / SITES).iterdir()} == {*GOOD, "wiped"}


def test_a_site_that_is_served_is_not_joined_twice_and_nothing_is_left_behind(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = site_folder(sites.root, "anna").enrolment()
    with pytest.raises(AlreadyEnrolled, match="ringfence edge revoke second"):
        enrolled_by_hand(sites, "anna", monkeypatch)
    assert site_folder(sites.root, "anna").enrolment() == before
    assert {path.name for path in (sites.root / SITES).iterdir()} == set(GOOD)


def test_what_an_enrolment_that_was_cut_short_left_is_removed_by_the_next(
    sites: Sites, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_enrolled(EdgeFolder(sites.root / SITES / ".enrolling-1234", Disk()), Repository("cut"))
    sites.add("new")
    remove(sites.root / SITES / "new")
    enrolled_by_hand(sites, "new", monkeypatch)
    assert {path.name for path in (sites.root / SITES).iterdir()} == {*GOOD, "new"}
