"""A box's tunnel as the network helper keeps it: its key, its interface, and the concentrators that the rules name.

There is neither key nor interface before the first concentrator is named. The interface outlives the helper: calls go
on.
"""

import time
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from ringfence.edge.errors import TunnelRefused
from ringfence.edge.network.interfaces import TUNNEL
from ringfence.edge.network.plan import Concentrator, PortPlan
from ringfence.edge.network.tunnel.box_tunnel import TunnelEnd, TunnelKeeper
from ringfence.edge.network.tunnel.echo import Echo
from ringfence.edge.network.tunnel.own_keys import OwnKeys, known_now
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.wire.network_messages import BoxTunnel

_SYSCTLS = Path("/proc/sys/net")


class TunnelService:
    """One box's tunnel, taken over from an earlier helper or made.

    Args:
        folder: Root's own, for the key.
        name: The interface's.

    Raises:
        ProgramMissing: wg or ip is not installed.
        TunnelRefused: The machine has no WireGuard, or the key can't be kept.
    """

    def __init__(self, folder: Path, name: str = TUNNEL) -> None:
        self._link = WireGuard(name)
        self._keys = OwnKeys(folder)
        self._link.open(self._keys.private_key)
        _set(name, "ipv4", {"forwarding": "1", "accept_redirects": "0", "send_redirects": "0"})
        _set(name, "ipv6", {"disable_ipv6": "1"})
        self._address: tuple[IPv4Address, int] | None = None
        self._keeper: TunnelKeeper | None = None

    def take(self, plan: PortPlan) -> None:
        """Go by a plan; one that names no concentrators takes all of them out. TunnelRefused."""
        box = plan.box
        wanted = None if box is None else (box.ip, plan.mtu)
        if box is not None and wanted != self._address:
            self._link.give_addresses([f"{box.ip}/32"], mtu=plan.mtu)
            self._address = wanted
        if self._keeper is None:
            self._keeper = TunnelKeeper(self._link, Echo(self._link.name), time.monotonic)
        ends = [end for each in plan.concentrators for end in ends_of(each, plan.direct_media)]
        self._keeper.take(ends if box is not None else [])

    def on_time(self) -> None:
        """Look who answers; call it every second. TunnelRefused."""
        if self._keeper is not None:
            self._keeper.on_time()

    @property
    def public_key(self) -> str:
        """By which concentrators know this box."""
        return self._keys.public_key

    @property
    def next_public_key(self) -> str:
        """By which they are to know it; empty while the key does not change."""
        return self._keys.next_public_key

    def prepare_key(self, retired_key: str, *, is_time_known: bool) -> None:
        """Make the next key if it is time. TunnelRefused."""
        self._keys.prepare(retired_key, known_now(is_known=is_time_known))

    def use_key(self, next_public_key: str) -> None:
        """Be known by the next key from now on, if it is this one. TunnelRefused."""
        if self._keys.change(next_public_key):
            self._link.use_key(self._keys.private_key)

    @property
    def is_changing(self) -> bool:
        """Whether a concentrator is about to change its key."""
        return self._keeper is not None and self._keeper.is_changing

    def look_at_keys(self) -> None:
        """Take over the key that a concentrator has changed to. TunnelRefused."""
        if self._keeper is not None:
            self._keeper.look_at_keys()

    @property
    def is_answered(self) -> bool:
        """Whether the concentrator in use has answered lately."""
        return self._keeper is not None and self._keeper.is_answered()

    @property
    def standing(self) -> tuple[BoxTunnel, ...]:
        """How the tunnel to each concentrator is."""
        return self._keeper.standing if self._keeper is not None else ()


def ends_of(told: Concentrator, direct_media: Sequence[IPv4Network]) -> list[TunnelEnd]:
    """Return a concentrator's ends; other boxes, where phones exchange media with them, are behind each too."""
    networks = tuple(map(str, dict.fromkeys((*told.networks, *direct_media))))
    address = str(told.address)
    ends = [TunnelEnd(told.id, told.public_key, told.endpoint, address, networks)]
    if told.next_public_key:
        following = told.next_endpoint or told.endpoint
        ends.append(TunnelEnd(told.id, told.next_public_key, following, address, networks, is_next=True))
    return ends


def _set(name: str, family: str, values: dict[str, str]) -> None:
    for key, value in values.items():
        path = _SYSCTLS / family / "conf" / name / key
        try:
            path.write_text(value)
        except FileNotFoundError:
            continue  # a kernel without that family
        except OSError as fault:
            raise TunnelRefused(f"the kernel does not take {key}", where=f"{name}: {fault.strerror}") from fault
