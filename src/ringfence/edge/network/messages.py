"""What the agent and the network helper say to each other: JSON over a SOCK_SEQPACKET pair.

The helper first sends ``HelperReady`` or ``HelperFailed``, again whenever it had to be started anew; the agent then
sends its rules. An order names no program, no path and no interface. No descriptor goes along.
"""

import socket

from msgspec import Struct
from msgspec.structs import replace

from ringfence.edge.errors import HelperGone
from ringfence.edge.network.interfaces import Interfaces
from ringfence.edge.network.plan import PortRules
from ringfence.edge.network.wifi import WifiFrom
from ringfence.wire import codec
from ringfence.wire.bounds import Whole
from ringfence.wire.errors import BadMessage
from ringfence.wire.network_messages import BoxFinding, BoxTunnel, NetworkWifi, PortEntry

LONGEST_BYTES = 192 * 1024


class KeepPort(Struct, frozen=True, forbid_unknown_fields=True):
    """What a helper is started for: an argument, not an order."""

    interfaces: Interfaces
    folder: str
    """Where its files are while it works."""
    keys: str
    """Where the keys are that outlive it; root's alone."""


class TakePortRules(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Go by these rules from now on."""

    rules: PortRules


class TellClock(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Whether this machine's clock agrees with the hub's."""

    is_right: bool | None
    """None while nothing is known of the hub's."""


class UseTunnelKey(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Every concentrator knows this next public key of the tunnel: be known by it from now on."""

    public_key: str


class JoinWifi(Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """Know this Wi-Fi network of the home and try it, asked for by ``who`` (``wifi.WifiFrom``)."""

    who: WifiFrom
    wifi: NetworkWifi


class WifiAnswer(Struct, frozen=True, tag=True):
    """What came of it: the sentence says what is wrong, and is empty if the network is tried now."""

    who: WifiFrom
    why: str = ""


class HelperReady(Struct, frozen=True, tag=True):
    """The port is fenced, and orders are taken."""


class HelperFailed(Struct, frozen=True, tag=True):
    """The helper can't work; the sentence says why."""

    why: str


class RulesRefused(Struct, frozen=True, tag=True):
    """Rules that are more than a box may do; the ones before stay."""

    version: Whole
    why: str


class PortStanding(Struct, frozen=True, tag=True):
    """How the port is; sent whenever that changes. Fields as in ``BoxStanding``; ``in_force`` are the rules."""

    in_force: Whole = 0
    subnet: str = ""
    uplink_networks: tuple[str, ...] = ()
    links: dict[str, bool] = {}
    devices: tuple[str, ...] = ()
    findings: tuple[BoxFinding, ...] = ()
    public_key: str = ""
    next_public_key: str = ""
    tunnels: tuple[BoxTunnel, ...] = ()
    entries: tuple[PortEntry, ...] = ()

    def without_counters(self) -> "PortStanding":
        """Return it without what changes all the time: when hands were shaken, and how much has passed."""
        still = (
            BoxTunnel(each.concentrator, float(each.handshake_at > 0), is_used=each.is_used) for each in self.tunnels
        )
        return replace(self, tunnels=tuple(still))


ToHelper = TakePortRules | TellClock | UseTunnelKey | JoinWifi
FromHelper = HelperReady | HelperFailed | RulesRefused | PortStanding | WifiAnswer
_TO_HELPER: codec.Reader[ToHelper] = codec.Reader(ToHelper, "network helper")
_FROM_HELPER: codec.Reader[FromHelper] = codec.Reader(FromHelper, "network helper")


def make_pair() -> tuple[socket.socket, socket.socket]:
    """Return both ends of a channel that takes the longest message."""
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * LONGEST_BYTES)
    return ends


def send(channel: socket.socket, message: ToHelper | FromHelper) -> None:
    """Send a message.

    Raises:
        HelperGone: The other end is gone, or takes nothing.
        BadMessage: The message is too long.
    """
    data = codec.to_json(message)
    if len(data) > LONGEST_BYTES:
        raise BadMessage(f"a message has more than {LONGEST_BYTES} bytes", where=type(message).__name__)
    try:
        channel.send(data, socket.MSG_NOSIGNAL)
    except OSError as fault:
        raise HelperGone("the network helper takes no orders", where=fault.strerror or str(fault)) from fault


def read_order(channel: socket.socket) -> ToHelper | None:
    """Return the agent's next order; None if the agent is gone.

    Raises:
        BadMessage: This is no order.
    """
    data = _receive(channel)
    return _TO_HELPER.read(data) if data else None


def read_answer(channel: socket.socket) -> FromHelper | None:
    """Return the helper's next message; None if it is gone.

    Raises:
        BadMessage: This is no message of a helper.
        TimeoutError: Nothing came in time.
    """
    data = _receive(channel)
    return _FROM_HELPER.read(data) if data else None


def _receive(channel: socket.socket) -> bytes:
    try:
        data, _rights, flags, _ = channel.recvmsg(LONGEST_BYTES)
    except TimeoutError:
        raise
    except OSError:
        return b""
    if flags & socket.MSG_TRUNC:
        raise BadMessage(f"a network helper message has more than {LONGEST_BYTES} bytes")
    return data
