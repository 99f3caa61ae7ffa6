"""The interfaces of a box, and what its owner opened: told once, when the edge starts, and never by an order."""

import re
from dataclasses import dataclass

from ringfence.edge.errors import BadPhonePort
from ringfence.wire.network_messages import Protocol

TUNNEL = "rf-tunnel"
"""The interface of the box's own tunnel."""
TUNNEL_MARK = 0x5246
"""What the kernel marks the tunnel's own packets with, on their way to the other end."""
BRIDGE = "rf-phone"
"""The bridge that the phone's port is behind while it asks for 802.1X; addresses are the bridge's then."""
LOOPBACK = "lo"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
_OPEN = re.compile(r"([0-9]{1,5})/(udp|tcp)")
_LARGEST_PORT = 65_535
MOST_OPEN = 32


@dataclass(frozen=True, slots=True, order=True)
class OpenPort:
    """A port of the box that its owner opened to the home network."""

    number: int
    protocol: Protocol

    def __str__(self) -> str:
        return f"{self.number}/{self.protocol}"


@dataclass(frozen=True, slots=True)
class Interfaces:
    """``phone`` is the port where only the phone is; an empty ``uplink`` stands for all others.

    ``opened`` are the box's ports that its owner opened to them.
    """

    phone: str
    uplink: str = ""
    opened: tuple[OpenPort, ...] = ()

    def __post_init__(self) -> None:
        for name in filter(None, (self.phone, self.uplink)):
            if _NAME.fullmatch(name) is None or name in {LOOPBACK, TUNNEL, BRIDGE}:
                raise BadPhonePort("this can't be a box's interface", where=repr(name[:40]))
        if not self.phone:
            raise BadPhonePort("the phone's port has no name", to_do="Name it: --phone-port eth0")
        if self.phone == self.uplink:
            raise BadPhonePort(
                "the phone's port can't be the uplink: the phone would stand in the home network",
                where=self.phone,
                to_do="A box needs two interfaces, such as --phone-port eth0 --uplink wlan0.",
            )
        if len(self.opened) > MOST_OPEN:
            raise BadPhonePort(f"more than {MOST_OPEN} ports are opened", to_do="Leave some out.")


def read_open_port(text: str) -> OpenPort:
    """Read a port such as ``22/tcp``.

    Raises:
        BadPhonePort: It is none.
    """
    match = _OPEN.fullmatch(text)
    if match is None or not 1 <= int(match[1]) <= _LARGEST_PORT:
        raise BadPhonePort("this is not a port to open", where=repr(text[:40]), to_do="Write it like 22/tcp.")
    return OpenPort(int(match[1]), Protocol(match[2]))


def read_interfaces(phone: str, uplink: str = "", opened: list[str] | tuple[str, ...] = ()) -> Interfaces:
    """Return the interfaces as an edge's options name them.

    Raises:
        BadPhonePort: They can't be a box's.
    """
    return Interfaces(phone, uplink, tuple(sorted({read_open_port(text) for text in opened})))
