"""What is done at the phone's port, in which order, and what is told of it.

Invariants:

- The fence comes first: an address is given and the interface is brought up only behind the fence that it is for.
- What stands when a helper begins stays, fence and link, until it is told rules, for a
  minute at most: a call hears nothing of a new start.
- A fence that nftables refuses changes nothing: fence, addresses and services stay together as they were.
- A subnet that is also in use elsewhere at this machine opens nothing.
- Where 802.1X is required the port is open behind its gate, or not at all.
- What the machine does not do is told as a finding and tried again; it ends nothing.
"""

import contextlib
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.counted import counted, some
from ringfence.edge.errors import FenceRefused, PortRefused, ProgramMissing, TunnelRefused
from ringfence.edge.network.dnsmasq import address_service
from ringfence.edge.network.fence import fence_text, header
from ringfence.edge.network.interfaces import BRIDGE, TUNNEL, Interfaces
from ringfence.edge.network.messages import PortStanding
from ringfence.edge.network.plan import PortPlan, PortRules, read_plan
from ringfence.edge.network.port import Port, Tunnel
from ringfence.edge.network.port_access.gate import GateOrders
from ringfence.edge.network.tunnel_keeping import TunnelKeeping
from ringfence.errors import EnvironmentFault
from ringfence.wire.network_messages import BoxFinding, BoxProblem, PortAccess

if TYPE_CHECKING:  # loaded once a site asks for 802.1X
    from ringfence.edge.network.port_access.gate_keeping import GateKeeping

LOOK_S = 5.0
"""How often collisions, devices and the fence itself are looked at."""
ASK_S = 600.0
"""How often it is asked who else gives out addresses at the port; also whenever the link comes back."""
KEPT_S = 60.0
"""How long a helper waits for its first rules before it shuts what it found open."""
MOST_TOLD = 16
TIME_UNKNOWN = "Phones are not told the time: this machine's clock is not known to be right."
NO_PLAN = read_plan(PortRules(0))


def no_tunnel() -> Tunnel:
    """Refuse to open a tunnel, where nobody has said how."""
    raise TunnelRefused("there is no tunnel here")


class PortKeeper:
    """Keeps one port as the rules say.

    Args:
        port: The port.
        interfaces: The box's interfaces.
        folder: Where the programs' files are.
        user: Whom programs become once they have their sockets.
        open_tunnel: Makes the box's end of the tunnel, or takes it over.
        open_gate: Makes what lets in at the port who has shown a key, once a site asks for that.
    """

    def __init__(
        self,
        port: Port,
        interfaces: Interfaces,
        folder: Path,
        user: str = "nobody",
        open_tunnel: Callable[[], Tunnel] = no_tunnel,
        open_gate: Callable[[], "GateKeeping"] | None = None,
    ) -> None:
        self._port = port
        self._interfaces = interfaces
        self._folder = folder
        self._user = user
        self._plan = NO_PLAN
        self._in_force = NO_PLAN
        self._fence = ""
        self._kept = ""
        """What stood before there were rules, and stays until there are: calls go on."""
        self._kept_until = float("inf")
        self._networks: frozenset[IPv4Network] = frozenset()
        self._devices: frozenset[str] = frozenset()
        self._findings: dict[tuple[BoxProblem, str], str] = {}
        self._had_link = False
        self._agrees_with_hub: bool | None = None
        self._tunnel = TunnelKeeping(open_tunnel)
        self._open_gate = open_gate
        self._gate: GateKeeping | None = None
        self._no_gate = ""
        """Why the machine can't gate the port, which is open without; empty if it is gated or need not be."""
        self._look_at = self._ask_at = float("-inf")

    def begin(self) -> None:
        """Shut the port, unless a fence stands that was made for the same interfaces: then all stays as it is.

        Raises:
            EnvironmentFault: Neither is possible; nobody may serve at the port then.
        """
        standing = self._port.fence()
        if standing.startswith(header(self._interfaces) + "\n"):
            self._fence = self._kept = standing
            return
        self._set_fence(fence_text(self._interfaces, None))
        if self._port.is_there():
            self._port.shut()

    def take(self, rules: PortRules) -> None:
        """Go by these rules from now on, as far as the machine lets us; ``standing`` tells.

        Raises:
            BadNetworkRules: They are more than a box may do; nothing changes.
        """
        self._plan = read_plan(rules)
        self._kept = ""
        self._no_gate = ""
        self._networks = self._port.other_networks()
        self._settle()

    def hear_of_clock(self, *, is_right: bool | None) -> None:
        """Note whether this machine's clock agrees with the hub's; None if nothing is known of that."""
        self._agrees_with_hub = is_right
        self._settle_time()

    def use_tunnel_key(self, next_public_key: str) -> None:
        """Have the tunnel known by its next key, if it is this one."""
        self._tunnel.use_key(next_public_key)

    @property
    def is_changing(self) -> bool:
        """Whether ``look_at_keys`` is to be called several times a second."""
        return self._tunnel.is_changing

    def look_at_keys(self) -> None:
        """Take over the key that a concentrator has changed to."""
        self._tunnel.look_at_keys()

    def on_time(self, now: float) -> None:
        """Look whether all is as it should be; ``now`` is of a clock that never goes back. Call it every second."""
        has_link = self._port.links().get(self._interfaces.phone, False)
        if has_link and not self._had_link:
            self._ask_at = now
        self._had_link = has_link
        self._mind_gate(now)
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            self._kept_until = min(self._kept_until, now + KEPT_S)
            if now >= self._kept_until:
                self._kept = ""
            self._look()
        if self._in_force.box is not None:
            self._note(BoxProblem.OTHER, self._port.look_after(), about="programs")
            if has_link and now >= self._ask_at:
                self._ask_at = now + ASK_S
                self._port.ask_who_serves()
        self._note_others()
        self._note(BoxProblem.NO_CONCENTRATOR, self._tunnel.on_time(now))

    @property
    def standing(self) -> PortStanding:
        """How the port is now."""
        plan = self._in_force
        return PortStanding(
            in_force=plan.version,
            subnet=str(plan.box.network) if plan.box is not None else "",
            uplink_networks=tuple(map(str, sorted(self._networks)[:MOST_TOLD])),
            links=dict(self._port.links()),
            devices=tuple(sorted(self._devices)[:MOST_TOLD]),
            findings=tuple(BoxFinding(kind, text) for (kind, _), text in self._findings.items()),
            public_key=self._tunnel.public_key,
            next_public_key=self._tunnel.next_public_key,
            tunnels=self._tunnel.standing,
            entries=self._gate.entries if self._gate is not None else (),
        )

    @property
    def is_waiting(self) -> bool:
        """Whether ``on_time`` is worth while at once."""
        return self._gate is not None and self._gate.is_waiting

    @property
    def waits_on(self) -> Sequence[socket.socket]:
        """What becomes readable when ``on_time`` is worth while."""
        return self._gate.waits_on if self._gate is not None else ()

    def _look(self) -> None:
        self._networks = self._port.other_networks()
        try:
            at_gate = self._gate.at_gate() if self._gate is not None else frozenset()
            self._devices = self._port.devices() | at_gate
        except PortRefused:
            with contextlib.suppress(PortRefused):
                self._fence = self._port.fence()  # somebody took the fence down: it is put up again at once
        if self._kept:
            with contextlib.suppress(EnvironmentFault):
                self._set_fence(self._kept)
        else:
            self._settle()
        self._note_devices()

    def _settle(self) -> None:
        """Have the plan in force, or tell why it is not."""
        plan = self._without_collisions(self._without_lost_guests(self._plan))
        has_none = self._plan.box is None and self._plan.version > 0
        sentence = "The hub has assigned no subnet, so the phone's port stays shut."
        self._note(BoxProblem.NO_SUBNET, sentence if has_none else "")
        if not self._port.is_there():
            sentence = f"This machine has no interface {self._interfaces.phone} now."
            self._note(BoxProblem.KERNEL_LACKS, sentence)
            return
        try:
            self._put_in_force(plan)
        except FenceRefused as fault:
            self._note(BoxProblem.FENCE_REFUSED, f"The fence before stays: {fault}")
        except ProgramMissing as fault:
            self._note(BoxProblem.PROGRAM_MISSING, str(fault))
        except EnvironmentFault as fault:
            self._note(BoxProblem.KERNEL_LACKS, str(fault))
        else:
            for problem in (BoxProblem.FENCE_REFUSED, BoxProblem.PROGRAM_MISSING, BoxProblem.KERNEL_LACKS):
                self._note(problem, "")
        self._note(BoxProblem.KERNEL_LACKS, self._no_gate, about="gate")
        self._settle_time()
        self._settle_queue()
        self._tunnel.settle(self._in_force, is_time_known=self._is_time_known())
        self._note(BoxProblem.KERNEL_LACKS, self._tunnel.fault, about="tunnel")

    def _settle_time(self) -> None:
        """Answer phones what time it is while that is known."""
        is_known = self._is_time_known()
        box = self._in_force.box
        try:
            self._port.keep_time(box if is_known else None)
        except EnvironmentFault as fault:
            self._note(BoxProblem.PROGRAM_MISSING, str(fault), about="time")
        else:
            self._note(BoxProblem.PROGRAM_MISSING, "", about="time")
        self._note(BoxProblem.OTHER, "" if is_known or box is None else TIME_UNKNOWN, about="time")

    def _settle_queue(self) -> None:
        """Have calls go first on a line of which the rate is known."""
        kbit = self._in_force.uplink_kbit if self._in_force.box is not None else 0
        sentence = "The edge was started without --uplink, so calls are not put first on the home's line."
        self._note(BoxProblem.OTHER, sentence if kbit and not self._interfaces.uplink else "", about="queue")
        try:
            self._port.put_calls_first(kbit)
        except EnvironmentFault as fault:
            self._note(BoxProblem.KERNEL_LACKS, f"Calls are not put first on the home's line: {fault}", about="queue")
        else:
            self._note(BoxProblem.KERNEL_LACKS, "", about="queue")

    def _is_time_known(self) -> bool:
        """Return whether the clock is right. The hub counts first: a home's router may answer for any time server."""
        return self._port.knows_time() if self._agrees_with_hub is None else self._agrees_with_hub

    def _put_in_force(self, plan: PortPlan) -> None:
        self._set_fence(fence_text(self._interfaces, plan))
        self._in_force = plan
        is_gated = plan.access is not PortAccess.OFF and self._open_gate is not None and not self._no_gate
        stands = plan.box is not None and self._port.addresses() == plan.addresses and self._port.is_gated() == is_gated
        if not stands:
            self._settle_gate(plan, is_gated=False)
            self._port.serve(None)
            self._port.keep_time(None)
            self._port.shut()  # a phone asks for an address again when its link comes back
        if plan.box is None:
            return
        if not stands:
            is_gated = self._open(plan, is_gated=is_gated)
        self._settle_gate(plan, is_gated=is_gated)
        name = BRIDGE if is_gated else self._interfaces.phone
        self._port.serve(address_service(name, plan, self._folder, self._user))

    def _open(self, plan: PortPlan, *, is_gated: bool) -> bool:
        """Open the port; return whether it is gated, which a machine that can't do it is not where that is allowed."""
        out = [self._interfaces.uplink] if plan.guest_box is not None else []
        try:
            name = BRIDGE if is_gated else self._interfaces.phone
            self._port.open(plan.addresses, routed=(name, TUNNEL, *out), is_gated=is_gated)
        except PortRefused as fault:
            if not is_gated or plan.access is PortAccess.REQUIRE:
                raise
            self._no_gate = f"Phones are let in without 802.1X: {fault}"
            self._port.open(plan.addresses, routed=(self._interfaces.phone, TUNNEL, *out))
            return False
        return is_gated

    def _settle_gate(self, plan: PortPlan, *, is_gated: bool) -> None:
        if is_gated and self._gate is None and self._open_gate is not None:
            self._gate = self._open_gate()
        if self._gate is not None:
            self._gate.settle(plan.access, GateOrders(plan.authorities, plan.phones) if is_gated else None)
            self._note_gate()

    def _mind_gate(self, now: float) -> None:
        if self._gate is not None:
            self._gate.on_time(now)
            self._note_gate()

    def _note_gate(self) -> None:
        if self._gate is not None:
            self._note(BoxProblem.PROGRAM_MISSING, self._gate.missing, about="gate")
            self._note(BoxProblem.OTHER, self._gate.fault, about="gate")
            refusals = self._gate.refusals
            for at in range(self._gate.most_refusals):
                told = refusals[at] if at < len(refusals) else ""
                self._note(BoxProblem.KEY_REFUSED, told, about=str(at))
            self._note(BoxProblem.NO_KEY, self._gate.without_key)

    def _set_fence(self, text: str) -> None:
        if text != self._fence:
            self._port.set_fence(text)
            self._fence = text

    def _without_lost_guests(self, plan: PortPlan) -> PortPlan:
        """Return a plan without guests where nobody has named the interface by which they would go out."""
        is_lost = plan.guest_box is not None and not self._interfaces.uplink
        sentence = "Guests get nothing: the edge was started without --uplink, so no way out is known."
        self._note(BoxProblem.OTHER, sentence if is_lost else "", about="guests")
        return replace(plan, guest_box=None) if is_lost else plan

    def _without_collisions(self, plan: PortPlan) -> PortPlan:
        """Return what of a plan does not collide with where this machine is already."""
        taken = self._networks
        if plan.guest_box is not None and (found := _overlapping([plan.guest_box.network], taken)):
            plan = replace(plan, guest_box=None)
            sentence = f"Guests get nothing: their subnet is also at this machine's other side, as {found}."
            self._note(BoxProblem.COLLISION, sentence, about="guests")
        else:
            self._note(BoxProblem.COLLISION, "", about="guests")
        if plan.box is not None and (found := _overlapping([plan.box.network], taken)):
            self._note(
                BoxProblem.COLLISION,
                f"The phones' subnet {plan.box.network} is also at this machine's other side, as {found}: "
                "the phone's port stays shut until the hub assigns another.",
            )
            return replace(plan, box=None, guest_box=None, page=None)
        if plan.page is not None and _overlapping([plan.page.network], taken):
            plan = replace(plan, page=None)
        found = _overlapping([each.network for each in plan.reach], taken)
        self._note(
            BoxProblem.COLLISION,
            f"The network {found} is the home's, so phones reach nothing of it through the tunnel." if found else "",
        )
        return replace(
            plan,
            reach=tuple(each for each in plan.reach if not _overlapping([each.network], taken)),
            direct_media=tuple(each for each in plan.direct_media if not _overlapping([each], taken)),
            concentrators=tuple(
                replace(each, networks=tuple(net for net in each.networks if not _overlapping([net], taken)))
                for each in plan.concentrators
            ),
        )

    def _note_devices(self) -> None:
        plan = self._in_force
        phones, others = sorted(self._devices & plan.phones), sorted(self._devices - plan.phones)
        has_strangers = others and plan.box is not None and plan.known_only and plan.guest_box is None
        self._note(
            BoxProblem.UNKNOWN_DEVICE,
            f"At the phone's port is {_listed(others, 'device')} that is no phone of this site, and gets nothing."
            if has_strangers
            else "",
        )
        self._note(
            BoxProblem.SEVERAL_PHONES,
            f"At the phone's port are {_listed(phones, 'phone')}; it is meant for one." if len(phones) > 1 else "",
        )

    def _note_others(self) -> None:
        others = sorted(self._port.others_serving())
        told = ", ".join(map(str, others[:MOST_TOLD]))
        self._note(
            BoxProblem.OTHER_DHCP_SERVER,
            f"Another DHCP server answers at the phone's port: {told}. Plug the phone alone into it." if told else "",
        )

    def _note(self, problem: BoxProblem, sentence: str, *, about: str = "") -> None:
        """Take up a finding, or that there is none any more."""
        if sentence:
            self._findings[problem, about] = sentence
        else:
            self._findings.pop((problem, about), None)


def _overlapping(networks: Iterable[IPv4Network], taken: Iterable[IPv4Network]) -> str:
    """Return which taken network is also one of these, empty if none is."""
    taken = sorted(taken)
    return next((str(each) for network in networks for each in taken if each.overlaps(network)), "")


def _listed(macs: list[str], noun: str) -> str:
    shown = [":".join(mac[at : at + 2] for at in range(0, 12, 2)) for mac in macs]
    return f"{counted(len(macs), noun)} ({some(shown, 4)})"
