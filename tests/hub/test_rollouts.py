"""Rollouts: waves of sites, each only when the phones of the one before are well."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ringfence.hub.process import background_jobs
from ringfence.hub.publishing import rollout_gate
from ringfence.hub.publishing.rollout_gate import SETTLES_S
from ringfence.phones.mac import Mac
from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import Json, RunningHub

SITES = ("Alpha", "Beta", "Gamma", "Zeta")
GATE_MINUTES = 30
LATE_S = GATE_MINUTES * 60 + 1.0


class Fleet:
    """Four sites with a phone and an edge each, edited and not published."""

    def __init__(self, running: RunningHub, folder: Path) -> None:
        self.running = running
        self.sites = [running.site(name) for name in SITES]
        self.macs = [f"001B54C2EE0{number}" for number in range(len(SITES))]
        self.edges = []
        for number, (site, mac) in enumerate(zip(self.sites, self.macs, strict=True)):
            running.phone(site, str(Mac(mac)))
            self.edges.append(ReportingEdge(running, site, folder / f"edge-{number}"))
        self.registered: dict[str, bool] = {}
        running.publish()
        for site in self.sites:
            running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.20"})

    def begin(self, **how: object) -> str:
        order = {"name": "New server", "waves": ["1", "2", "rest"], "gate_minutes": GATE_MINUTES, **how}
        return str(self.running.do("POST", "/rollouts", order)["id"])

    def look(self) -> None:
        rollout_gate.go_on(self.running.hub, lambda mac: self.registered.get(mac.bare))

    def take(self, *numbers: int) -> None:
        """Have phones take their newest file."""
        for number in numbers:
            release = self.running.do("GET", f"/sites/{self.sites[number]}/releases")["items"][0]["number"]
            mac = self.macs[number]
            self.edges[number].asks("file-served", mac, release=release, size_bytes=100)

    def settle(self, *numbers: int) -> None:
        self.take(*numbers)
        self.running.clock.ahead_s += SETTLES_S + 1
        self.look()

    def remove(self, number: int) -> None:
        self.running.ask("DELETE", f"/phones/{Mac(self.macs[number])}")
        edge = self.edges[number].hand.response.edge_id
        self.running.ask("POST", f"/edges/{edge}/revoke", {"wipe": False, "keeps_serving": False})
        self.running.ask("DELETE", f"/sites/{self.sites[number]}")

    def show(self, rollout: str) -> Json:
        return self.running.do("GET", f"/rollouts/{rollout}")

    def states(self, rollout: str) -> Sequence[str]:
        there = {each["site"]: each["state"] for each in self.show(rollout)["sites"]}
        return [there[site] for site in self.sites]

    def releases(self) -> list[int]:
        return [self.running.do("GET", f"/sites/{site}/releases")["items"][0]["number"] for site in self.sites]


@pytest.fixture
def fleet(running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    # The hub's own look would come at any moment; here the test looks.
    monkeypatch.setattr(background_jobs, "_go_on_with_rollouts", lambda _hub: None)
    made = Fleet(running, tmp_path)
    yield made
    running.clock.ahead_s = 0.0
    for each in running.do("GET", "/rollouts")["items"]:
        if each["state"] in {"running", "paused"}:
            running.do("POST", f"/rollouts/{each['id']}/cancel")
    for number in range(len(SITES)):
        made.remove(number)


def test_each_wave_is_published_when_the_one_before_is_well(fleet: Fleet) -> None:
    rollout = fleet.begin()
    fleet.look()
    assert fleet.states(rollout) == ["published", "waiting", "waiting", "waiting"]
    assert fleet.releases() == [2, 1, 1, 1]
    fleet.look()
    assert fleet.show(rollout)["wave"] == 1
    fleet.settle(0)
    fleet.look()
    assert fleet.states(rollout) == ["passed", "published", "published", "waiting"]
    fleet.settle(1)
    assert fleet.show(rollout)["wave"] == 2
    fleet.settle(2)
    fleet.look()
    fleet.settle(3)
    shown = fleet.show(rollout)
    assert (shown["state"], shown["phones"]) == ("done", {"passed": 4})
    assert fleet.releases() == [2, 2, 2, 2]


def test_a_plain_publish_leaves_later_waves_out(fleet: Fleet) -> None:
    rollout = fleet.begin()
    fleet.look()
    done = fleet.running.publish()
    assert done["sites"] == []
    assert [each["site"] for each in done["held"]] == sorted(fleet.sites[1:])
    assert all(rollout in each["reason"] for each in done["held"])
    fleet.running.do("POST", f"/rollouts/{rollout}/cancel")
    assert [each["site"] for each in fleet.running.publish()["sites"]] == sorted(fleet.sites[1:])


def test_phones_that_do_not_take_their_files_in_time_pause_it_and_raise_an_alert(fleet: Fleet) -> None:
    rollout = fleet.begin()
    fleet.look()
    fleet.running.clock.ahead_s += LATE_S
    fleet.look()
    shown = fleet.show(rollout)
    assert (shown["state"], shown["why"]) == ("paused", "in wave 1 1 of 1 phone failed")
    assert [each["problem"] for each in shown["failed"]] == ["its site's edge is away"]
    assert alerts(fleet.running, fleet.sites[0]) == [("rollout-paused", rollout, 1)]
    fleet.look()
    assert fleet.releases() == [2, 1, 1, 1]
    again = fleet.running.do("POST", f"/rollouts/{rollout}/retry")
    assert list(again["not_told"]) == [str(Mac(fleet.macs[0]))]
    assert alerts(fleet.running, fleet.sites[0]) == []
    fleet.settle(0)
    fleet.look()
    assert fleet.states(rollout) == ["passed", "published", "published", "waiting"]


def test_a_wave_that_went_wrong_can_be_accepted(fleet: Fleet) -> None:
    rollout = fleet.begin()
    fleet.look()
    fleet.running.clock.ahead_s += LATE_S
    fleet.look()
    assert fleet.running.do("POST", f"/rollouts/{rollout}/resume")["state"] == "running"
    fleet.look()
    assert fleet.states(rollout) == ["failed", "published", "published", "waiting"]


def test_a_phone_that_is_not_registered_with_its_new_file_has_failed(fleet: Fleet) -> None:
    rollout = fleet.begin()
    fleet.registered[fleet.macs[0]] = False
    fleet.look()
    fleet.settle(0)
    assert fleet.states(rollout)[0] == "published"
    fleet.running.clock.ahead_s += LATE_S
    fleet.look()
    (failed,) = fleet.show(rollout)["failed"]
    assert "not registered" in failed["problem"]


def test_what_somebody_asks_for_in_a_phones_name_stops_nothing(fleet: Fleet) -> None:
    rollout = fleet.begin()
    fleet.look()
    for _ in range(5):
        fleet.edges[0].asks("file-refused", fleet.macs[0], finding="other-mac")
    fleet.settle(0)
    assert fleet.states(rollout)[0] == "passed"


def test_some_may_fail_where_that_is_allowed(fleet: Fleet) -> None:
    rollout = fleet.begin(waves=["4"], most_failed_percent=50)
    fleet.look()
    fleet.settle(0, 1)
    fleet.running.clock.ahead_s += LATE_S
    fleet.look()
    shown = fleet.show(rollout)
    assert (shown["state"], shown["phones"]) == ("done", {"passed": 2, "failed": 2})


def test_a_site_that_vanishes_stops_nothing(fleet: Fleet) -> None:
    rollout = fleet.begin()
    fleet.look()
    fleet.remove(1)
    fleet.settle(0)
    fleet.look()
    assert fleet.states(rollout) == ["passed", "gone", "published", "waiting"]


def test_a_phone_that_is_left_out_counts_as_failed(fleet: Fleet) -> None:
    fleet.running.do("PUT", "/templates/cisco-99xx/device", {"source": "{{ 1 / 0 }}"})
    try:
        rollout = fleet.begin()
        fleet.look()
        shown = fleet.show(rollout)
        assert shown["state"] == "paused"
        assert shown["failed"][0]["problem"].startswith("it is left out: ")
    finally:
        fleet.running.do("DELETE", "/templates/cisco-99xx/device")


@pytest.mark.parametrize(
    ("waves", "expected"),
    [
        (["group:reception", "rest"], [2, 1, 2, 2]),
        (["site:SITE2", "50%"], [2, 2, 1, 3]),
        (["25%"], [1, 2, 2, 2]),
        (["10"], [1, 1, 1, 1]),
    ],
)
def test_waves_are_numbers_shares_sites_and_groups(fleet: Fleet, waves: list[str], expected: list[int]) -> None:
    fleet.running.do("POST", "/groups", {"name": "Reception"})
    fleet.running.do("PATCH", f"/phones/{Mac(fleet.macs[1])}", {"group": "reception"})
    try:
        rollout = fleet.begin(waves=[each.replace("SITE2", fleet.sites[2]) for each in waves])
        there = {each["site"]: each["wave"] for each in fleet.show(rollout)["sites"]}
        assert [there[site] for site in fleet.sites] == expected
    finally:
        fleet.running.do("PATCH", f"/phones/{Mac(fleet.macs[1])}", {"group": ""})
        fleet.running.do("DELETE", "/groups/reception")


@pytest.mark.parametrize(
    ("how", "what"),
    [
        ({"name": " "}, "a rollout's name"),
        ({"waves": ["some"]}, "'some' is no wave"),
        ({"waves": []}, "1 to 20 waves"),
        ({"hours": "late"}, "no quiet hours"),
        ({"waves": ["group:nobody"]}, "no group"),
        ({"sites": ["nowhere"]}, "no site"),
    ],
)
def test_what_can_not_be_done_is_refused_and_nothing_is_held(fleet: Fleet, how: Json, what: str) -> None:
    before = fleet.running.do("GET", "/rollouts")["items"]
    answer = fleet.running.ask("POST", "/rollouts", {"name": "x", **how})
    assert answer.status in {404, 422}, answer.data
    assert what in answer.json["what"], answer.json
    assert fleet.running.do("GET", "/rollouts")["items"] == before
    assert fleet.running.publish(dry_run=True)["held"] == []


def test_sites_are_published_in_their_hours_alone(fleet: Fleet) -> None:
    now = dt.datetime.fromtimestamp(fleet.running.clock(), dt.UTC)
    soon, until = now + dt.timedelta(hours=2), now + dt.timedelta(hours=3)
    rollout = fleet.begin(hours=f"{soon:%H:%M}-{until:%H:%M}", time_zone="UTC")
    fleet.look()
    assert fleet.releases() == [1, 1, 1, 1]
    fleet.running.clock.ahead_s += 2 * 3600 + 60
    fleet.look()
    assert fleet.states(rollout)[0] == "published"
