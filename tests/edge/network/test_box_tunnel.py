"""What a box tells its tunnel's interface, over a simulated one: peers, networks, fail-over, another key."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from ringfence.edge.network.plan import PortRules, read_plan
from ringfence.edge.network.tunnel.box_tunnel import (
    NUDGE_AFTER_S,
    RARELY_AFTER_S,
    RENEW_EVERY_S,
    RENEW_RARELY_S,
    TunnelEnd,
    TunnelKeeper,
)
from ringfence.edge.network.tunnel.failover import SILENT_S, STEADY_S
from ringfence.edge.network.tunnel.service import ends_of
from ringfence.wire.network_messages import NetworkConcentrator
from support.simulated_link import SimulatedLink
from world.keys import new_private_key, public_key_of

PBX = "172.16.5.10/32"
KEYS = [public_key_of(new_private_key()) for _ in range(4)]
EAST = TunnelEnd("east", KEYS[0], ("192.0.2.1", 51820), "100.64.0.1", (PBX,))
WEST = TunnelEnd("west", KEYS[1], ("198.51.100.1", 51820), "100.64.0.2", (PBX,))
EAST_NEXT = TunnelEnd("east", KEYS[2], ("192.0.2.1", 51821), "100.64.0.1", (PBX,), is_next=True)


@dataclass
class Room:
    """A box's tunnel whose concentrators answer while they are ``alive``."""

    link: SimulatedLink = field(default_factory=SimulatedLink)
    alive: set[str] = field(default_factory=set)
    now: float = 1000.0
    asked: set[str] = field(default_factory=set)
    told: str = ""
    """Which concentrator was told that it is used."""

    def __post_init__(self) -> None:
        self.keeper = TunnelKeeper(self.link, self, lambda: self.now)

    def ask(self, addresses: Iterable[str], used: str = "") -> None:
        self.asked, self.told = set(addresses), used

    def answered(self) -> set[str]:
        return self.asked & self.alive

    def live(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1.0
            self.keeper.on_time()


def test_every_concentrator_is_a_peer_and_the_first_one_carries_the_calls() -> None:
    room = Room(alive={EAST.address, WEST.address})
    room.keeper.take((EAST, WEST))
    room.live(3)
    assert room.link.carrier_of(PBX) == [EAST.public_key]
    assert room.link.carrier_of(f"{WEST.address}/32") == [WEST.public_key]
    assert room.link.routed == {PBX, f"{EAST.address}/32", f"{WEST.address}/32"}
    assert room.keeper.is_answered()
    assert [(each.concentrator, each.is_used) for each in room.keeper.standing] == [("east", True), ("west", False)]


def test_calls_go_through_another_one_within_seconds_and_back_once_it_is_steady() -> None:
    room = Room(alive={EAST.address, WEST.address})
    room.keeper.take((EAST, WEST))
    room.live(5)
    room.alive = {WEST.address}
    room.live(SILENT_S + 1)
    assert room.link.carrier_of(PBX) == [WEST.public_key]
    assert room.told == WEST.address
    room.alive |= {EAST.address}
    room.live(STEADY_S - 5)
    assert room.link.carrier_of(PBX) == [WEST.public_key]
    room.live(8)
    assert room.link.carrier_of(PBX) == [EAST.public_key]


def test_without_an_answer_nothing_changes_and_it_is_told() -> None:
    room = Room()
    room.keeper.take((EAST, WEST))
    room.live(60)
    assert room.link.carrier_of(PBX) == [EAST.public_key]
    assert not room.keeper.is_answered()


def test_with_one_that_is_silent_hands_are_shaken_anew_ever_more_rarely() -> None:
    room = Room(alive={EAST.address, WEST.address})
    room.keeper.take((EAST, WEST))
    room.live(2)
    room.link.told.clear()
    room.alive = {EAST.address}
    room.live(NUDGE_AFTER_S + 1)
    assert room.link.told == [f"put {WEST.public_key}"]  # where it is
    room.live(RENEW_EVERY_S)
    assert room.link.told[1:] == [f"remove {WEST.public_key}", f"put {WEST.public_key}"]
    room.live(RARELY_AFTER_S)
    room.link.told.clear()
    room.live(6 * RENEW_RARELY_S)
    assert room.link.told == 6 * [f"remove {WEST.public_key}", f"put {WEST.public_key}"]
    room.alive |= {WEST.address}
    room.live(2)
    room.link.told.clear()
    room.live(60)
    assert room.link.told == []


def test_one_that_answers_no_question_and_still_sends_is_left_as_it_is() -> None:
    room = Room()
    room.keeper.take((EAST,))
    room.live(3)
    room.link.told.clear()
    for second in range(30):
        room.link.received[EAST.public_key] = 100 * second
        room.live(1)
    assert set(room.link.told) == {f"put {EAST.public_key}"}


def test_other_boxes_for_direct_media_are_behind_each_concentrator() -> None:
    told = NetworkConcentrator("east", "192.0.2.1:51820", KEYS[0], (PBX,), KEYS[2], address="100.64.0.1")
    rules = PortRules(1, subnet="10.9.8.0/29", direct_media=("10.9.8.8/29",), concentrators=(told,))
    plan = read_plan(rules)
    ends = ends_of(plan.concentrators[0], plan.direct_media)
    assert [end.networks for end in ends] == [(PBX, "10.9.8.8/29"), (PBX, "10.9.8.8/29")]


def test_when_hands_were_shaken_last_is_known_while_it_is_tried_anew() -> None:
    room = Room(alive={EAST.address})
    room.keeper.take((EAST,))
    room.link.shaken[EAST.public_key] = 7.0
    room.live(2)
    room.alive = set()
    room.link.shaken.clear()
    room.live(10)
    assert [each.handshake_at for each in room.keeper.standing] == [7.0]


def test_nothing_is_told_twice() -> None:
    room = Room(alive={EAST.address, WEST.address})
    room.keeper.take((EAST, WEST))
    room.live(2)
    before = len(room.link.told)
    room.keeper.take((EAST, WEST))
    room.live(20)
    assert len(room.link.told) == before


def test_a_concentrator_that_is_gone_is_no_peer_any_more() -> None:
    room = Room(alive={EAST.address, WEST.address})
    room.keeper.take((EAST, WEST))
    room.live(2)
    room.keeper.take((WEST,))
    assert set(room.link.peers) == {WEST.public_key}
    assert room.link.carrier_of(PBX) == [WEST.public_key]
    room.keeper.take(())
    assert room.link.peers == {}
    assert room.link.routed == frozenset()
    assert room.keeper.used == ""


def test_a_next_key_is_used_once_it_has_shaken_hands_and_the_old_one_may_then_go() -> None:
    room = Room(alive={EAST.address})
    room.keeper.take((EAST,))
    room.live(2)
    room.keeper.take((EAST, EAST_NEXT))
    room.live(5)
    assert room.link.carrier_of(PBX) == [EAST.public_key]
    room.link.shaken[EAST_NEXT.public_key] = 1.0
    room.live(1)
    assert room.link.carrier_of(PBX) == [EAST_NEXT.public_key]
    assert room.link.carrier_of(f"{EAST.address}/32") == [EAST_NEXT.public_key]
    after = TunnelEnd("east", EAST_NEXT.public_key, EAST_NEXT.endpoint, EAST.address, (PBX,))
    room.keeper.take((after,))
    assert set(room.link.peers) == {after.public_key}
    assert room.link.carrier_of(PBX) == [after.public_key]
