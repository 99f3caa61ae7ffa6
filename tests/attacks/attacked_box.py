"""A box in its home, with the PBX beyond: where attacks on boxes take place, and what counts as having got through.

Whatever the attacker sends bears a mark. Nobody whom it is not meant for may hear that: it is looked for on the wires.
"""

import contextlib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack

from ringfence.sim.attacks.forging import forged
from stack import wait_for
from support.namespaces import entered
from support.tunnel_network import passes
from world.homes import Home
from world.machines import Machine, ip
from world.pbx import ADDRESS as PBX
from world.tap import Tap
from world.world import World, built_world

MARK = b"intruder"
SIP, AUDIO = 5060, 16_384
_COMES_S = 1.0
"""How long a packet has to come; it takes less than a hundredth."""


class AttackedBox:
    """Both homes' phones have their addresses and reach the PBX; whatever happens, they must go on."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.pbx = (world.pbx.machine.namespace, PBX)

    def phone(self, home: Home) -> tuple[str, str]:
        """Return where a home's phone is: its namespace and its address."""
        return home.phone.namespace, home.phones_address

    def calls(self, home: Home) -> bool:
        """Return whether a home's phone reaches the PBX, and the PBX it."""
        phone = self.phone(home)
        return passes(phone, self.pbx, SIP) and passes(self.pbx, phone, AUDIO)

    def must_call(self) -> None:
        """Wait until both phones do."""
        for home in self.world.homes:
            wait_for(f"calls of {home.name}'s phone", lambda: self.calls(home))  # noqa: B023

    @contextlib.contextmanager
    def marks(self, *wires: tuple[Machine, str], comes: bool = False) -> Iterator[list[bytes]]:
        """Give what came with a mark on any of these wires; it is there after the block.

        Args:
            wires: Machines and their interfaces.
            comes: Whether something is to come, which is waited for.
        """
        found: list[bytes] = []
        with ExitStack() as stack:
            taps = [stack.enter_context(Tap(machine.namespace, device)) for machine, device in wires]
            yield found
            if comes:
                wait_for("what is to come", lambda: any(map(_marked, taps)))
            else:
                time.sleep(_COMES_S)  # what comes through all the same needs its time
        for tap in taps:
            found += _marked(tap)

    @staticmethod
    def forge(machine: Machine, source: str, target: str, port: int) -> None:
        """Send a marked packet from a machine, in somebody's name, the way that its routes lead."""
        with (
            entered(machine.namespace),
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
            contextlib.suppress(OSError),  # there is no way
        ):
            raw.sendto(forged((source, port), (target, port), MARK), (target, 0))

    @staticmethod
    def hardware_address(machine: Machine, device: str) -> bytes:
        """Return an interface's MAC address."""
        words = ip("-n", machine.namespace, "-brief", "link", "show", "dev", device).split()
        return bytes.fromhex(words[2].replace(":", ""))


def _marked(tap: Tap) -> list[bytes]:
    return [frame.data for frame in list(tap.frames) if MARK in frame.data]


@contextlib.contextmanager
def attacked_box() -> Iterator[AttackedBox]:
    """Give a world for attacks, without Kamailio: packets to its ports are counted."""
    with built_world() as world:
        world.begin(with_pbx=False)
        for home in world.homes:
            home.power_on()
        place = AttackedBox(world)
        place.must_call()
        yield place
