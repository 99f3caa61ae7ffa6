"""What an edge goes by beside releases: taken part by part, kept whole, and there after a restart without a hub."""

from pathlib import Path

import pytest
from msgspec import Raw

from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.guard_rules import NO_RULES_YET, GuardRulesPart
from ringfence.edge.agent.site_state import StateKeeper
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.guard.errors import BadRules
from ringfence.server.errors import WorkerFault
from ringfence.wire import codec
from ringfence.wire.messages import GuardNeed, GuardRules, SiteState, StatePart
from support.memory_hub import MemoryHub
from support.signed_repository import Repository

STRICT = GuardRules(7, needs=(GuardNeed("secret", "L3"),), first_contact="hold")


class Door:
    """A part as a later version may have: it takes words and refuses others."""

    name = StatePart("guard")

    def __init__(self) -> None:
        self.word = b""
        self.applied: list[bytes] = []

    def keep(self, told: bytes) -> None:
        if told == b'"ajar"':
            raise BadRules("a door is open or shut")
        self.word = told

    def take(self, told: bytes) -> bool:
        before = self.word
        self.keep(told)
        return before != told

    def apply(self) -> None:
        self.applied.append(self.word)

    def on_time(self) -> None:
        pass


@pytest.fixture
def folder(tmp_path: Path) -> EdgeFolder:
    (tmp_path / "edge").mkdir()
    return EdgeFolder(tmp_path / "edge", Disk())


@pytest.fixture
def hub() -> MemoryHub:
    return MemoryHub(Repository())


def guard(handed: list[GuardRules]) -> GuardRulesPart:
    clock = HubClock(floor=0.0)
    return GuardRulesPart(clock, handed.append)


def test_what_is_new_is_taken_once_and_is_there_after_a_restart_without_the_hub(
    folder: EdgeFolder, hub: MemoryHub
) -> None:
    handed: list[GuardRules] = []
    keeper = StateKeeper(folder, (guard(handed),))
    assert keeper.refresh(hub) == [], "a hub that knows no state changes nothing"
    hub.rules = STRICT
    assert keeper.refresh(hub) == [StatePart.GUARD]
    assert keeper.refresh(hub) == []
    assert [rules.version for rules in handed] == [7]
    again = guard(handed)
    assert StateKeeper(folder, (again,)).version == 7
    assert again.newest == STRICT


def test_a_part_that_is_not_known_here_is_passed_over(folder: EdgeFolder, hub: MemoryHub) -> None:
    hub.rules, hub.other_parts = STRICT, {"doors": Raw(b'{"open": ["left", 7]}')}
    part = guard([])
    assert StateKeeper(folder, (part,)).refresh(hub) == [StatePart.GUARD]
    assert part.newest == STRICT


def test_a_part_that_can_not_be_gone_by_leaves_the_old_and_the_other_parts_in_force(
    folder: EdgeFolder, hub: MemoryHub
) -> None:
    hub.rules = STRICT
    rules = guard([])
    keeper = StateKeeper(folder, (rules,))
    keeper.refresh(hub)
    for bad in (GuardRules(8, first_contact="maybe"), GuardRules(9, needs=(GuardNeed("secret", "L9"),))):
        hub.rules = bad
        assert keeper.refresh(hub) == []
        assert keeper.refused[StatePart.GUARD].startswith("the site's rules contain something")
        assert rules.newest == STRICT
    hub.other_parts = {StatePart.GUARD: Raw(b'{"version": "seven"}')}
    assert keeper.refresh(hub) == []
    assert "GuardRules.version" in keeper.refused[StatePart.GUARD]
    hub.rules, hub.other_parts = GuardRules(10), {}
    assert keeper.refresh(hub) == [StatePart.GUARD]
    assert keeper.refused == {}
    assert rules.newest == GuardRules(10)


def test_each_part_is_told_its_own_and_put_in_force_at_the_start(folder: EdgeFolder, hub: MemoryHub) -> None:
    door = Door()
    keeper = StateKeeper(folder, (door,))
    hub.rules, hub.other_parts = STRICT, {StatePart.GUARD: Raw(b'"open"')}
    assert keeper.refresh(hub) == [StatePart.GUARD]
    hub.other_parts = {StatePart.GUARD: Raw(b'"ajar"')}
    assert keeper.refresh(hub) == []
    later = Door()
    StateKeeper(folder, (later,)).apply()
    assert later.applied == [b'"open"'], "what was refused is not kept"


@pytest.mark.parametrize("found", [b"", b"{", b'{"version":-1}', b'{"version":1,"parts":{"guard":7}}'])
def test_what_is_kept_and_broken_is_asked_for_again(folder: EdgeFolder, hub: MemoryHub, found: bytes) -> None:
    folder.state_file.write_bytes(found)
    hub.rules = STRICT
    part = guard([])
    keeper = StateKeeper(folder, (part,))
    assert part.newest == NO_RULES_YET
    assert keeper.refresh(hub) == [StatePart.GUARD]


def test_rules_that_the_first_edges_kept_are_gone_by_until_the_hub_answers(folder: EdgeFolder) -> None:
    folder.first_rules_file.write_bytes(codec.to_json(STRICT))
    part = guard([])
    StateKeeper(folder, (part,))
    assert part.newest == STRICT


def test_a_state_goes_there_and_back() -> None:
    state = SiteState(3, {StatePart.GUARD: Raw(codec.to_json(STRICT)), "later": Raw(b"[1]")})
    again = codec.from_json(SiteState, codec.to_json(state))
    assert again.version == 3
    assert codec.from_json(GuardRules, bytes(again.parts["guard"])) == STRICT
    assert bytes(again.parts["later"]) == b"[1]"


def test_rules_that_the_worker_does_not_take_now_are_told_again(folder: EdgeFolder, hub: MemoryHub) -> None:
    handed: list[GuardRules] = []
    is_away = True

    def hand_over(rules: GuardRules) -> None:
        if is_away:
            raise WorkerFault("the worker has not taken a site's rules in 10 s")
        handed.append(rules)

    part = GuardRulesPart(HubClock(floor=0.0), hand_over)
    keeper = StateKeeper(folder, (part,))
    hub.rules = STRICT
    with pytest.raises(WorkerFault):
        keeper.refresh(hub)
    assert keeper.refused == {}
    is_away = False
    assert keeper.refresh(hub) == [StatePart.GUARD]
    assert [rules.version for rules in handed] == [7]
