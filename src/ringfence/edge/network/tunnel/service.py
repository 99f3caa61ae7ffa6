"""A box's tunnel as the network helper keeps it: its key, its interface, and the concentrators that the rules name.

The private key is made here, in a folder of root's that outlives a restart of the machine, and never leaves it. There
is neither key nor interface before the first concentrator is named. The interface outlives the helper: calls go on.
"""

import os
import time
from ipaddress import IPv4Address
from pathlib import Path

from ringfence.edge.errors import TunnelRefused
from ringfence.edge.network.interfaces import TUNNEL
from ringfence.edge.network.plan import Concentrator, PortPlan
from ringfence.edge.network.tunnel.box_tunnel import TunnelEnd, TunnelKeeper
from ringfence.edge.network.tunnel.echo import Echo
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.identity.errors import BadTunnelKey
from ringfence.identity.tunnel_keys import new_private_key, public_key_of
from ringfence.secret import Secret
from ringfence.wire.network_messages import BoxTunnel

_KEY = "tunnel.key"
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
        key = _kept_key(folder)
        self.public_key = public_key_of(key)
        self._link.open(key)
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
        self._keeper.take([end for each in plan.concentrators for end in _ends(each)] if box is not None else [])

    def on_time(self) -> None:
        """Look who answers; call it every second. TunnelRefused."""
        if self._keeper is not None:
            self._keeper.on_time()

    @property
    def is_answered(self) -> bool:
        """Whether the concentrator in use has answered lately."""
        return self._keeper is not None and self._keeper.is_answered()

    @property
    def standing(self) -> tuple[BoxTunnel, ...]:
        """How the tunnel to each concentrator is."""
        return self._keeper.standing if self._keeper is not None else ()


def _ends(told: Concentrator) -> list[TunnelEnd]:
    networks = tuple(map(str, told.networks))
    address = str(told.address)
    ends = [TunnelEnd(told.id, told.public_key, told.endpoint, address, networks)]
    if told.next_public_key:
        following = told.next_endpoint or told.endpoint
        ends.append(TunnelEnd(told.id, told.next_public_key, following, address, networks, is_next=True))
    return ends


def _kept_key(folder: Path) -> Secret:
    """Return the key in the folder, which is made there the first time. TunnelRefused."""
    path = folder / _KEY
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        if path.exists():
            key = Secret(path.read_text().strip())
            public_key_of(key)
            return key
        made = new_private_key()
        new = path.with_name(_KEY + ".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, made.reveal().encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        new.replace(path)
    except OSError as fault:
        raise TunnelRefused("the tunnel's key can't be kept", where=f"{path}: {fault.strerror}") from fault
    except BadTunnelKey as fault:
        raise TunnelRefused("the tunnel's key is damaged", where=str(path), to_do="Remove the file.") from fault
    return made


def _set(name: str, family: str, values: dict[str, str]) -> None:
    for key, value in values.items():
        path = _SYSCTLS / family / "conf" / name / key
        try:
            path.write_text(value)
        except FileNotFoundError:
            continue  # a kernel without that family
        except OSError as fault:
            raise TunnelRefused(f"the kernel does not take {key}", where=f"{name}: {fault.strerror}") from fault
