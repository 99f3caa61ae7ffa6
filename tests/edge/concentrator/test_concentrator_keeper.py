"""What a concentrator tells interface, fence and network, over simulated ones: who is let in, in which order."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from ringfence.edge.concentrator.claims import KEPT_S
from ringfence.edge.concentrator.fence import FencedBox
from ringfence.edge.concentrator.keeper import ConcentratorBox, ConcentratorKeeper
from ringfence.edge.network.plan import Reach
from ringfence.wire.network_messages import Protocol
from support.simulated_link import SimulatedLink
from world.keys import new_private_key, public_key_of

KEYS = [public_key_of(new_private_key()) for _ in range(3)]
SIP = Reach(IPv4Network("172.16.5.10/32"), Protocol.UDP, 5060, 5060)
A_NET, B_NET = IPv4Network("10.0.0.0/29"), IPv4Network("10.0.0.8/29")
OWN = frozenset({"10.0.0.1/32", "10.0.0.9/32"})
"""The boxes' own addresses."""
A = ConcentratorBox("edge-a", KEYS[0], FencedBox(A_NET, (SIP,)))
B = ConcentratorBox("edge-b", KEYS[1], FencedBox(B_NET, (SIP,)))
A_CHANGING = ConcentratorBox("edge-a", KEYS[0], FencedBox(A_NET, (SIP,)), KEYS[2])


@dataclass
class Place:
    link: SimulatedLink = field(default_factory=SimulatedLink)
    known: tuple[ConcentratorBox, ...] = ()
    answered_for: list[frozenset[IPv4Network]] = field(default_factory=list)
    questions: dict[str, bool] = field(default_factory=dict)
    now: float = 50.0

    def __post_init__(self) -> None:
        self.keeper = ConcentratorKeeper(
            "rf-tunnel", self.link, self.fence, self, self.answered_for.append, lambda: self.now
        )
        self.keeper.begin(self.known)
        self.link.told.clear()

    def fence(self, _text: str) -> None:
        self.link.told.append("fence")

    def asked(self) -> Mapping[str, bool]:
        return self.questions

    def live(self, seconds: float) -> None:
        for _ in range(round(seconds)):
            self.now += 1.0
            self.keeper.on_time()


def test_a_box_is_fenced_before_it_is_let_in_and_out_before_its_fence_goes() -> None:
    place = Place()
    place.keeper.take((A, B))
    assert place.link.told == ["fence", f"put {KEYS[0]}", f"put {KEYS[1]}"]
    place.link.told.clear()
    place.keeper.take((B,))
    assert place.link.told == [f"remove {KEYS[0]}", "fence"]
    assert place.link.carrier_of(str(B_NET)) == [KEYS[1]]


def test_what_an_earlier_process_left_is_out_unless_the_hub_has_named_it() -> None:
    link = SimulatedLink()
    before = Place(link)
    before.keeper.take((A, B))
    before.questions = {"10.0.0.1": True}
    before.live(1)
    again = Place(link, known=(A,))
    assert set(link.peers) == {KEYS[0]}
    assert again.answered_for == [frozenset({A_NET})]
    assert link.routed == {str(A_NET), "10.0.0.1/32"}
    again.live(KEPT_S + 1)
    assert link.routed == {"10.0.0.1/32"}


def test_the_way_back_leads_here_while_a_boxs_calls_do() -> None:
    place = Place()
    place.keeper.take((A, B))
    place.questions = {"10.0.0.1": True, "10.0.0.9": False, "10.9.9.9": True, "10.0.0.2": True}
    place.live(20)
    assert place.link.routed == {str(A_NET), *OWN}
    assert place.answered_for == [{A_NET}]
    place.questions = {"10.0.0.1": False, "10.0.0.9": True}
    place.live(1)
    assert place.link.routed == {str(B_NET), *OWN}
    place.questions = {}
    place.live(KEPT_S + 1)
    assert place.link.routed == OWN
    assert place.answered_for == [{A_NET}, {B_NET}, frozenset()]


def test_a_next_key_takes_over_with_its_first_handshake() -> None:
    place = Place()
    place.keeper.take((A,))
    place.keeper.take((A_CHANGING,))
    place.live(3)
    assert place.link.carrier_of(str(A_NET)) == [KEYS[0]]
    place.link.shaken[KEYS[2]] = 1.0
    place.live(1)
    assert place.link.carrier_of(str(A_NET)) == [KEYS[2]]
    assert [each.public_key for each in place.keeper.standing] == [KEYS[2]]
    place.keeper.take((ConcentratorBox("edge-a", KEYS[2], FencedBox(A_NET, (SIP,))),))
    assert set(place.link.peers) == {KEYS[2]}
    assert place.link.carrier_of(str(A_NET)) == [KEYS[2]]


def test_nothing_is_told_twice() -> None:
    place = Place()
    place.keeper.take((A, B))
    place.link.told.clear()
    place.keeper.take((A, B))
    place.live(5)
    assert place.link.told == []
