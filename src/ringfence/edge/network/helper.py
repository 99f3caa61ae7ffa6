"""The network helper, ``python -I -m ringfence.edge.network.helper FD TASK``: started by the edge while that is root.

It holds no key of the hub and no content. It takes orders of two kinds from the agent, which it believes nothing: each
is read against the bounds of ``plan``. It names programs, paths and interfaces itself.

A shell waits for it and starts it anew should it end by a fault (``handle.py``); both hold the agent's channel. When
the agent is gone they end, and dnsmasq with them; the fence stays in the kernel, and the next helper takes it over.
"""

# ruff: noqa: E402 - as in the worker, whose module says why
from ringfence.left_out import HASHES, TYPING, leave_out

leave_out(HASHES, TYPING)

import contextlib
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ringfence.edge.errors import BadNetworkRules, HelperGone, HelperUnfit, PortRefused
from ringfence.edge.network import programs, wifi
from ringfence.edge.network.handle import KEPT
from ringfence.edge.network.interfaces import Interfaces
from ringfence.edge.network.keeper import PortKeeper
from ringfence.edge.network.linux_port import LinuxPort
from ringfence.edge.network.messages import (
    HelperFailed,
    HelperReady,
    JoinWifi,
    KeepPort,
    PortStanding,
    RulesRefused,
    TakePortRules,
    TellClock,
    ToHelper,
    UseTunnelKey,
    WifiAnswer,
    read_order,
    send,
)
from ringfence.edge.network.port import Tunnel
from ringfence.edge.network.run_folder import held
from ringfence.edge.network.wifi import WifiFrom
from ringfence.errors import EnvironmentFault, RingfenceError
from ringfence.secret import Secret
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.capabilities import Capability
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.network_messages import NetworkWifi

if TYPE_CHECKING:  # loaded once a site asks for 802.1X
    from ringfence.edge.network.port_access.gate_keeping import GateKeeping
    from ringfence.edge.network.port_access.linux_gate import LinuxGate

LOOK_AROUND_S = 1.0
KEYS_S = 0.2
"""How often it is looked whether a concentrator has changed its key, while one is about to."""
SOON_S = 0.05
"""How soon it is looked again when a phone has just shown its key, which hostapd is about to know."""
COUNTERS_S = 30.0
"""How often it is told how much has passed, where nothing else has changed."""
TAKE_OVER_S = 15.0
"""How long the helper of an edge that ends just now is waited for."""
_FAILED = 3


class Helper:
    """Obeys one agent until it is gone."""

    def __init__(self, channel: socket.socket, keeper: PortKeeper, uplink: str = "") -> None:
        self._channel = channel
        self._uplink = uplink
        self._keeper = keeper
        self._told: PortStanding | None = None
        self._tell_at = 0.0

    def run(self) -> None:
        """Take orders, and look after the port every second. HelperGone once nobody listens."""
        look_at, heard_at = time.monotonic(), float("-inf")
        while True:
            is_changing, is_waiting = self._keeper.is_changing, self._keeper.is_waiting
            is_early = time.monotonic() < heard_at + SOON_S  # whoever talks without end is heard now and then
            pause_s = SOON_S if is_waiting or is_early else KEYS_S if is_changing else LOOK_AROUND_S
            waits_on = [self._channel, *(() if is_early else self._keeper.waits_on)]
            ready, _, _ = select.select(waits_on, [], [], min(pause_s, max(0.0, look_at - time.monotonic())))
            if self._channel in ready and not self._obey():
                return
            is_told = any(each is not self._channel for each in ready)
            if (now := time.monotonic()) >= look_at or is_told or is_waiting:
                heard_at = now
                look_at = now + LOOK_AROUND_S
                self._keeper.on_time(now)
            elif is_changing:
                self._keeper.look_at_keys()
            self._tell()

    def _obey(self) -> bool:
        try:
            order = read_order(self._channel)
        except BadMessage as fault:
            print(f"network helper: {fault}", file=sys.stderr)  # noqa: T201 - for the journal
            return True
        if order is None:
            return False
        self._carry_out(order)
        return True

    def _carry_out(self, order: ToHelper) -> None:
        match order:
            case TakePortRules(rules):
                try:
                    self._keeper.take(rules)
                except BadNetworkRules as fault:
                    send(self._channel, RulesRefused(rules.version, str(fault)))
            case TellClock(is_right):
                self._keeper.hear_of_clock(is_right=is_right)
            case UseTunnelKey(public_key):
                self._keeper.use_tunnel_key(public_key)
            case JoinWifi(who, network):
                send(self._channel, WifiAnswer(who, self._join(who, network)))

    def _join(self, who: WifiFrom, network: NetworkWifi) -> str:
        """Have the machine know a Wi-Fi network; return what is wrong, empty if nothing is."""
        try:
            wifi.join(who, self._uplink, network)
        except EnvironmentFault as fault:
            return str(fault)
        return ""

    def _tell(self) -> None:
        standing, now = self._keeper.standing, time.monotonic()
        if standing.without_counters() != self._told or (standing.tunnels and now >= self._tell_at):
            send(self._channel, standing)
            self._told, self._tell_at = standing.without_counters(), now + COUNTERS_S


def main(arguments: Sequence[str]) -> int:
    """Work until the agent is gone; return the exit status, which is _FAILED where a new start is of no use."""
    try:
        task = codec.from_json(KeepPort, arguments[1])
    except (RingfenceError, IndexError):
        return _FAILED  # an edge of another version runs still: its shell would try this for ever
    folder, keys = Path(task.folder), Path(task.keys)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # those are for the edge, and when it ends its channel closes
    os.umask(0o022)  # dnsmasq and the agent are other users, and read what is written here
    channel = socket.socket(fileno=int(arguments[0]))
    try:
        capabilities.end_with_parent(signal.SIGKILL)
        _give_up_the_rest()
        with held(folder, wait_s=TAKE_OVER_S):
            return _work(channel, task.interfaces, folder, keys)
    except (RingfenceError, OSError) as fault:
        with contextlib.suppress(HelperGone):
            send(channel, HelperFailed(str(fault)))
        return _FAILED


def _work(channel: socket.socket, interfaces: Interfaces, folder: Path, keys: Path) -> int:
    gates: list[LinuxGate] = []

    def open_tunnel() -> Tunnel:
        from ringfence.edge.network.tunnel.service import TunnelService  # noqa: PLC0415 - not every box has one

        return TunnelService(keys)

    def own_key() -> tuple[str, Secret]:
        from ringfence.edge.network.port_access.server_key import server_key  # noqa: PLC0415 - loads keys' library: 10 MB

        return server_key(keys)

    def open_gate() -> "GateKeeping":
        from ringfence.edge.network.port_access.gate_keeping import GateKeeping  # noqa: PLC0415 - as above
        from ringfence.edge.network.port_access.linux_gate import LinuxGate  # noqa: PLC0415 - as above

        gate = LinuxGate(interfaces.phone, folder, own_key)
        gates.append(gate)
        return GateKeeping(gate)

    try:
        port = LinuxPort(interfaces, folder)
        keeper = PortKeeper(port, interfaces, folder, programs.user("dnsmasq"), open_tunnel, open_gate)
        keeper.begin()
    except RingfenceError as fault:
        send(channel, HelperFailed(str(fault)))
        return _FAILED
    try:
        with contextlib.suppress(HelperGone):
            send(channel, HelperReady())
            Helper(channel, keeper, interfaces.uplink).run()
    finally:
        port.serve(None)
        port.keep_time(None)
        for gate in gates:
            with contextlib.suppress(PortRefused):
                gate.ask_for_keys(None)
    return 0


def _give_up_the_rest() -> None:
    """Keep what KEPT names, also for the programs that are run. HelperUnfit."""
    try:
        kept = capabilities.keep_for_good(KEPT)
    except OSError as fault:
        raise HelperUnfit("the network helper can't give up root's other rights", where=str(fault)) from fault
    if Capability.NET_ADMIN not in kept:
        raise HelperUnfit("a box's network needs root's rights", to_do="Start the edge as root, with --user NAME.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
