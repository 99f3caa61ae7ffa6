"""The tunnel beside the port: when there is one, what fails of it, and when its silence is told."""

from msgspec.structs import replace

from ringfence.edge.errors import TunnelRefused
from ringfence.edge.network.plan import PortPlan, read_plan
from ringfence.edge.network.port import Tunnel
from ringfence.edge.network.tunnel_keeping import SILENT_S, TunnelKeeping
from ringfence.wire.network_messages import BoxTunnel, NetworkConcentrator
from support.box_network import GOOD

KEY = "A" * 43 + "="
NEXT_KEY = "B" * 43 + "="
CONCENTRATOR = NetworkConcentrator("c1", "192.0.2.7:51820", KEY, ("10.1.1.0/24",), address="10.1.0.1")
WITH = read_plan(replace(GOOD, concentrators=(CONCENTRATOR,)))
WITHOUT = read_plan(GOOD)


class SimulatedTunnel:
    """A tunnel that does as it is told, or refuses."""

    def __init__(self) -> None:
        self.public_key = KEY
        self.next_public_key = ""
        self.is_answered = True
        self.is_changing = False
        self.plans: list[PortPlan] = []
        self.refuses = ""
        self.opened = 0

    @property
    def standing(self) -> tuple[BoxTunnel, ...]:
        return (BoxTunnel("c1"),) if self.plans else ()

    def open(self) -> Tunnel:
        self.opened += 1
        self._refuse()
        return self

    def take(self, plan: PortPlan) -> None:
        self._refuse()
        self.plans.append(plan)

    def on_time(self) -> None:
        self._refuse()

    def prepare_key(self, retired_key: str, *, is_time_known: bool) -> None:
        if is_time_known and retired_key == self.public_key:
            self.next_public_key = NEXT_KEY

    def use_key(self, next_public_key: str) -> None:
        self._refuse()
        if next_public_key == self.next_public_key:
            self.public_key, self.next_public_key = next_public_key, ""

    def look_at_keys(self) -> None:
        self._refuse()

    def _refuse(self) -> None:
        if self.refuses:
            raise TunnelRefused(self.refuses)


def test_there_is_no_tunnel_and_no_key_before_a_concentrator_is_named() -> None:
    tunnel = SimulatedTunnel()
    keeping = TunnelKeeping(tunnel.open)
    keeping.settle(WITHOUT)
    assert (tunnel.opened, keeping.public_key, keeping.standing, keeping.on_time(0.0)) == (0, "", (), "")
    keeping.settle(WITH)
    assert (tunnel.opened, keeping.public_key, tunnel.plans) == (1, KEY, [WITH])
    keeping.settle(WITHOUT)
    assert tunnel.plans[-1] == WITHOUT, "peers are taken out"


def test_silence_is_told_after_a_while_and_ends_with_an_answer() -> None:
    tunnel = SimulatedTunnel()
    keeping = TunnelKeeping(tunnel.open)
    keeping.settle(WITH)
    tunnel.is_answered = False
    assert keeping.on_time(0.0) == ""
    assert keeping.on_time(SILENT_S) == ""
    assert "No concentrator answers" in keeping.on_time(SILENT_S + 1)
    tunnel.is_answered = True
    assert keeping.on_time(SILENT_S + 2) == ""


def test_what_fails_is_told_and_tried_again() -> None:
    tunnel = SimulatedTunnel()
    tunnel.refuses = "the kernel has no WireGuard"
    keeping = TunnelKeeping(tunnel.open)
    keeping.settle(WITH)
    assert "no WireGuard" in keeping.fault
    tunnel.refuses = ""
    keeping.settle(WITH)
    assert (keeping.fault, keeping.public_key) == ("", KEY)
    tunnel.refuses = "it is gone"
    assert keeping.on_time(1.0) == ""
    assert "it is gone" in keeping.fault
    tunnel.refuses = ""
    keeping.settle(WITH)
    assert (keeping.fault, tunnel.opened) == ("", 3)


def test_the_key_that_is_to_go_is_changed_once_concentrators_know_the_next_one() -> None:
    tunnel = SimulatedTunnel()
    keeping = TunnelKeeping(tunnel.open)
    retired = read_plan(replace(GOOD, concentrators=(CONCENTRATOR,), retired_key=KEY))
    keeping.use_key(NEXT_KEY)
    keeping.settle(retired)
    assert (keeping.next_public_key, keeping.is_changing) == ("", False)
    keeping.settle(retired, is_time_known=True)
    assert (keeping.public_key, keeping.next_public_key) == (KEY, NEXT_KEY)
    keeping.use_key(KEY)
    assert keeping.public_key == KEY
    keeping.use_key(NEXT_KEY)
    assert (keeping.public_key, keeping.next_public_key) == (NEXT_KEY, "")
