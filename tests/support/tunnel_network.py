"""Two concentrators beside a PBX, and two boxes elsewhere, joined by tunnels; in namespaces of a test's own.

A box's phones are addresses of its own here; what stands before them is tested elsewhere (``box_network``).
"""

import itertools
import os
import select
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Self

from ringfence.edge.concentrator.fence import FencedBox
from ringfence.edge.concentrator.keeper import ConcentratorBox, ConcentratorKeeper
from ringfence.edge.concentrator.neighbours import LanNeighbours
from ringfence.edge.network import programs
from ringfence.edge.network.plan import Reach
from ringfence.edge.network.tunnel.box_tunnel import TunnelEnd, TunnelKeeper
from ringfence.edge.network.tunnel.echo import Echo
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.secret import Secret
from ringfence.wire.network_messages import Protocol
from support.namespaces import entered
from world.keys import new_private_key, public_key_of

POOL, PBX, NEIGHBOUR = "10.20.0.0/16", "172.16.5.10", "172.16.5.99"
REACH = (
    Reach(IPv4Network(f"{PBX}/32"), Protocol.UDP, 5060, 5060),
    Reach(IPv4Network(f"{PBX}/32"), Protocol.UDP, 10000, 20000),
)
SOON_S, SILENCE_S = 120.0, 0.3
"""How long what is to come is waited for, and how long nothing has to come: a packet takes less than a hundredth."""
_serial = itertools.count(1)


def ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@dataclass
class Place:
    """A machine with an end of the tunnel."""

    name: str
    namespace: str
    key: Secret = field(default_factory=new_private_key)

    def __post_init__(self) -> None:
        self.link = WireGuard(f"rf{os.getpid() % 10**6}-{next(_serial)}")

    @property
    def public_key(self) -> str:
        return public_key_of(self.key)


@dataclass
class Concentrator(Place):
    outside: str = ""
    inside: str = ""
    keeper: ConcentratorKeeper = field(init=False)
    fenced: list[str] = field(default_factory=list)

    def begin(self, stack: ExitStack) -> None:
        nft = programs.find("nft")

        def set_fence(text: str) -> None:
            with entered(self.namespace):
                programs.run(nft, "--file", "-", text=text)

        with entered(self.namespace):
            self.link.open(self.key, listen_port=51820)
            stack.callback(self.close)
            self.link.give_addresses([f"{self.inside}/32"], mtu=1420)
            neighbours, echo = LanNeighbours("lan"), Echo(self.link.name)
            stack.callback(neighbours.close)
            stack.callback(echo.close)
        self.keeper = ConcentratorKeeper(
            self.link.name, self.link, set_fence, echo, neighbours.answer_for, time.monotonic
        )
        with entered(self.namespace):
            self.keeper.begin(())

    def close(self) -> None:
        with entered(self.namespace):
            self.link.close()

    def take(self, *boxes: ConcentratorBox) -> None:
        with entered(self.namespace):
            self.keeper.take(boxes)

    def end(self, *further: IPv4Network) -> TunnelEnd:
        networks = (f"{PBX}/32", *map(str, further))
        return TunnelEnd(self.name, self.public_key, (self.outside, 51820), self.inside, networks)


@dataclass
class Box(Place):
    subnet: IPv4Network = field(kw_only=True)
    keeper: TunnelKeeper = field(init=False)

    @property
    def phone(self) -> str:
        return str(self.subnet.network_address + 2)

    def begin(self, stack: ExitStack) -> None:
        with entered(self.namespace):
            self.link.open(self.key)
            stack.callback(self.close)
            self.link.give_addresses([f"{self.subnet.network_address + 1}/32"], mtu=1420)
            ip("address", "add", f"{self.phone}/32", "dev", "lo")
            echo = Echo(self.link.name)
            stack.callback(echo.close)
        self.keeper = TunnelKeeper(self.link, echo, time.monotonic)

    def close(self) -> None:
        with entered(self.namespace):
            self.link.close()

    def take(self, *ends: TunnelEnd) -> None:
        with entered(self.namespace):
            self.keeper.take(ends)

    def known(self, *direct: IPv4Network, next_public_key: str = "") -> ConcentratorBox:
        return ConcentratorBox(self.name, self.public_key, FencedBox(self.subnet, REACH, direct), next_public_key)


class TunnelNetwork:
    """Namespaces for the PBX, ``east`` and ``west``, boxes ``a`` and ``b``, and the internet between them."""

    def __enter__(self) -> Self:
        number = f"{os.getpid()}-{next(_serial)}"
        self.stack = ExitStack()
        self._names = {name: f"rf-{name}-{number}" for name in ("pbx", "east", "west", "a", "b", "net")}
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        for name in self._names.values():
            self.stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False, capture_output=True)
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        self.pbx = self._names["pbx"]
        for bridge, at in (("lan", self.pbx), ("inter", self._names["net"])):
            ip("-n", at, "link", "add", bridge, "type", "bridge")
            ip("-n", at, "link", "set", bridge, "up")
        ip("-n", self.pbx, "address", "add", f"{PBX}/24", "dev", "lan")
        ip("-n", self.pbx, "address", "add", f"{NEIGHBOUR}/24", "dev", "lan")
        ip("-n", self.pbx, "route", "add", POOL, "dev", "lan", "src", PBX)
        self.east = Concentrator("east", self._names["east"], outside="203.0.113.1", inside="10.20.255.1")
        self.west = Concentrator("west", self._names["west"], outside="203.0.113.2", inside="10.20.255.2")
        self.a = Box("edge-a", self._names["a"], subnet=IPv4Network("10.20.0.0/29"))
        self.b = Box("edge-b", self._names["b"], subnet=IPv4Network("10.20.0.8/29"))
        for last, each in enumerate((self.east, self.west, self.a, self.b), 1):
            self._cable(each.namespace, "wan", f"203.0.113.{last}/24", self._names["net"], "inter")
        for last, concentrator in enumerate((self.east, self.west), 1):
            self._cable(concentrator.namespace, "lan", f"172.16.5.{last}/24", self.pbx, "lan")
            with entered(concentrator.namespace):
                subprocess.run(["sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True)
            ip("-n", concentrator.namespace, "route", "add", "default", "via", "203.0.113.4")  # as such machines have
            concentrator.begin(self.stack)
        for box in (self.a, self.b):
            box.begin(self.stack)

    def _cable(self, here: str, device: str, address: str, there: str, bridge: str) -> None:
        far = f"to{next(_serial)}"
        ip("-n", here, "link", "add", device, "type", "veth", "peer", "name", far, "netns", there)
        ip("-n", here, "address", "add", address, "dev", device)
        ip("-n", here, "link", "set", device, "up")
        ip("-n", there, "link", "set", far, "master", bridge, "up")

    def __exit__(self, *_fault: object) -> None:
        self.stack.close()

    def turn(self) -> None:
        """Let every machine do what it does every second."""
        for each in (self.a, self.b, self.east, self.west):
            with entered(each.namespace):
                each.keeper.on_time()

    def live_until(self, holds: Callable[[], bool]) -> float:
        """Let time pass until a condition holds; return how long it took, in seconds."""
        began = time.monotonic()
        while not holds():
            if time.monotonic() > began + SOON_S:
                raise TimeoutError("it never comes to that")
            self.turn()
            time.sleep(0.1)
        return time.monotonic() - began

    def plug(self, place: Place, state: str) -> None:
        """Have a machine's way to the internet ``up`` or ``down``."""
        ip("-n", place.namespace, "link", "set", "wan", state)

    def readdress(self, place: Place, address: str) -> None:
        """Give a machine another address in the internet."""
        ip("-n", place.namespace, "address", "flush", "dev", "wan")
        ip("-n", place.namespace, "address", "add", address, "dev", "wan")

    def change_key(self, box: Box) -> None:
        """Have a box change its key, once both concentrators know the next one."""
        following = new_private_key()
        for concentrator in (self.east, self.west):
            others = [each.known() for each in (self.a, self.b) if each is not box]
            concentrator.take(box.known(next_public_key=public_key_of(following)), *others)
        with entered(box.namespace):
            box.link.use_key(following)
        box.key = following


def passes(sender: tuple[str, str], receiver: tuple[str, str], port: int, *, wait_s: float = SILENCE_S) -> bool:
    """Return whether a UDP packet gets from one namespace and address to another, in this time.

    Where it is to get there, a test waits for it (SOON_S), or tries again until it does.
    """
    with entered(receiver[0]):
        hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with entered(sender[0]):
        sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with hearing, sending:
        hearing.bind((receiver[1], port))
        sending.bind((sender[1], 0))
        try:
            sending.sendto(b"hello", (receiver[1], port))
        except OSError:
            return False
        return bool(select.select([hearing], [], [], wait_s)[0])
