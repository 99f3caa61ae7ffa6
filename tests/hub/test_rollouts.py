"""Rollouts: waves of sites, each only when the phones of the one before are well."""

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from ringfence.content.digests import Digest
from ringfence.content.release import Reload, ReloadMethod, Target, TargetKind
from ringfence.hub.core import Hub
from ringfence.hub.process import background_jobs
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing import releases, rollout_gate, rollout_orders
from ringfence.hub.publishing.reload_orders import AS_SET, ReloadOrders
from ringfence.hub.publishing.rollout_gate import SETTLES_S
from ringfence.hub.store.rollout_models import RolloutPhoneRow
from ringfence.phones.mac import Mac
from support.phones_at_pbx import PhonesInHand
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
        self.pbx = PhonesInHand()
        running.publish()
        for site in self.sites:
            running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.20"})

    def begin(self, **how: object) -> str:
        order = {"name": "New server", "waves": ["1", "2", "rest"], "gate_minutes": GATE_MINUTES, **how}
        return str(self.running.do("POST", "/rollouts", order)["id"])

    def look(self) -> None:
        rollout_gate.go_on(self.running.hub, self.pbx)

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
    assert again["phones"] == 1
    fleet.look()
    assert fleet.pbx.told == [fleet.macs[0]]
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
    fleet.pbx.registered[fleet.macs[0]] = False
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


def order_of(hub: Hub, site: str, mac: str) -> object:
    """How a phone's edge is to tell it of its newest file."""
    with hub.database.reading() as session:
        files = releases.newest_targets(session, [site])[site]
    return next(file.reload for file in files if file.owner == mac and file.kind == "configuration")


def waiting_problem(hub: Hub, rollout: str, mac: str) -> str:
    with hub.database.reading() as session:
        return session.get_one(RolloutPhoneRow, (rollout, mac)).problem


def test_a_phone_in_a_call_gets_its_file_without_an_order_and_is_told_when_the_call_has_ended(fleet: Fleet) -> None:
    hub, clock, mac = fleet.running.hub, fleet.running.clock, fleet.macs[0]
    fleet.pbx.calls |= {mac: True, fleet.macs[1]: False}
    rollout = fleet.begin(waves=["4"])
    fleet.look()
    assert order_of(hub, fleet.sites[0], mac) is None
    for number in (1, 2):  # of one nothing tells
        assert order_of(hub, fleet.sites[number], fleet.macs[number]) is not None
    assert "in a call" in waiting_problem(hub, rollout, mac)
    clock.ahead_s += rollout_orders.ASKS_AGAIN_S + 1
    fleet.look()
    assert fleet.pbx.told == [], "it still is"
    fleet.pbx.calls[mac] = False
    clock.ahead_s += rollout_orders.ASKS_AGAIN_S + 1
    fleet.look()
    fleet.look()
    assert fleet.pbx.told == [mac], "once, and nobody whom an edge tells"
    fleet.settle(0)
    assert fleet.states(rollout)[0] == "passed"


def test_a_phone_that_can_not_be_told_is_tried_again_until_its_time_is_over(fleet: Fleet) -> None:
    hub, clock, mac = fleet.running.hub, fleet.running.clock, fleet.macs[0]
    fleet.pbx.calls[mac] = True
    rollout = fleet.begin()
    fleet.look()
    fleet.pbx.calls[mac] = False
    fleet.pbx.not_reached.add(mac)
    clock.ahead_s += rollout_orders.ASKS_AGAIN_S + 1
    fleet.look()
    assert "it can't be told: phone" in waiting_problem(hub, rollout, mac)
    fleet.pbx.not_reached.clear()
    fleet.look()
    assert fleet.pbx.told == []
    clock.ahead_s += rollout_orders.TRIES_AGAIN_S + 1
    fleet.look()
    assert fleet.pbx.told == [mac]


def test_all_that_failed_are_told_again_in_portions_and_each_once(fleet: Fleet) -> None:
    hub = fleet.running.hub
    rollout = fleet.begin(most_failed_percent=0)
    fleet.look()
    many = [f"001B54C2ED{number:02X}" for number in range(2 * rollout_orders.TOLD_AT_ONCE + 5)]
    for mac in many:
        fleet.running.phone(fleet.sites[0], str(Mac(mac)))
    with hub.change("test") as change:
        for mac in many:
            change.session.add(
                RolloutPhoneRow(rollout_id=rollout, mac=mac, site_id=fleet.sites[0], state="failed", problem="late")
            )
    fleet.running.clock.ahead_s += LATE_S
    fleet.look()
    assert fleet.running.do("POST", f"/rollouts/{rollout}/retry")["phones"] == len(many) + 1
    in_a_call = many[3]
    fleet.pbx.calls[in_a_call] = True
    portions = []
    for _ in range(4):
        before = len(fleet.pbx.told)
        fleet.look()
        portions.append(len(fleet.pbx.told) - before)
    assert sum(portions) == len(many), portions
    assert max(portions) <= rollout_orders.TOLD_AT_ONCE
    assert sorted(fleet.pbx.told) == sorted({*many, fleet.macs[0]} - {in_a_call})
    for mac in many:
        fleet.running.do("DELETE", f"/phones/{Mac(mac)}")


def test_who_dies_between_two_steps_of_a_wave_is_followed_by_another(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PowerCut(BaseException):
        """The process ends here."""

    def die(*_what: object, **_how: object) -> None:
        raise PowerCut

    rollout = fleet.begin(waves=["2", "rest"])
    with monkeypatch.context() as patched:
        patched.setattr(publishing, "publish", die)  # it has said that it publishes the first site, and has not
        with pytest.raises(PowerCut):
            fleet.look()
    assert fleet.releases() == [1, 1, 1, 1]
    with monkeypatch.context() as patched:
        patched.setattr(rollout_gate, "_changed_phones", die)  # it has published the second one, and not noted it
        with pytest.raises(PowerCut):
            fleet.look()
    assert fleet.releases() == [1, 2, 1, 1]
    fleet.look()
    assert fleet.states(rollout) == ["publishing", "publishing", "waiting", "waiting"], "nobody does it at once"
    fleet.running.clock.ahead_s += rollout_gate._LONGEST_PUBLISH_S + 1
    fleet.look()
    assert fleet.states(rollout) == ["published", "published", "waiting", "waiting"]
    assert fleet.releases() == [2, 2, 1, 1], "what was published is not published once more"
    fleet.settle(0, 1)
    fleet.look()
    assert fleet.states(rollout) == ["passed", "passed", "published", "published"]


def test_a_rollout_whose_sites_all_vanish_ends(fleet: Fleet) -> None:
    rollout = fleet.begin(waves=["2", "rest"])
    fleet.look()
    for number in range(len(SITES)):
        fleet.remove(number)
    for _ in range(3):
        fleet.look()
    assert fleet.show(rollout)["state"] == "done"
    assert set(fleet.states(rollout)) <= {"gone", "passed"}


def test_when_phones_are_idle_is_for_those_that_are_told_by_keys_and_calls_for_all() -> None:
    def file(owner: str, method: ReloadMethod, minute: int | None = None) -> Target:
        return Target(owner, Digest("0" * 64), 1, TargetKind.CONFIGURATION, owner, Reload(method, 80, minute))

    files = (file("A", "web"), file("B", "sip-notify"), file("C", "web", 90), file("D", "web"))
    orders = ReloadOrders(not_now=frozenset({"D"}), when_idle=True)
    told = {target.name: target.reload for target in orders.applied(files)}
    assert told == {
        "A": Reload("web-when-idle", 80),
        "B": Reload("sip-notify", 80),
        "C": Reload("web-when-idle", 80, 90),
        "D": None,
    }
    assert AS_SET.applied(files) == files


def test_a_draft_is_published_when_phones_are_idle_by_a_rollout_of_one_wave(fleet: Fleet) -> None:
    running, mac = fleet.running, str(Mac(fleet.macs[0]))
    draft = running.do("POST", "/drafts", {"name": "Later"})["id"]
    edit = running.ask("PUT", f"/phones/{mac}/lines/1", {"label": "Idle"}, headers={"Ringfence-Draft": draft})
    assert edit.status < 300, edit.data
    both = running.ask("POST", f"/drafts/{draft}/publish", {"when_idle": True, "at": 4e9})
    assert "Choose one of them" in both.json["to_do"]
    rollout = running.do("POST", f"/drafts/{draft}/publish", {"when_idle": True})["rollout"]
    shown = fleet.show(rollout)
    assert (shown["when_idle"], shown["waves"], [each["site"] for each in shown["sites"]]) == (True, 1, fleet.sites[:1])
    assert running.do("GET", f"/phones/{mac}")["lines"][0]["label"] == "Idle"
