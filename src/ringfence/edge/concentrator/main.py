"""``python -m ringfence.edge.concentrator.main``: the concentrator's process, started by ``ringfence tunnel run``.

It begins as root, makes its interface, and keeps what changes peers, routes and its own table of nftables. It reads no
packet of a phone: those pass in the kernel.
"""

import argparse
import contextlib
import logging
import sys
import time
from ipaddress import IPv4Network
from pathlib import Path

from ringfence.edge.concentrator.agent import ConcentratorAgent, TunnelPlace
from ringfence.edge.concentrator.folder import ConcentratorFolder
from ringfence.edge.concentrator.keeper import ConcentratorKeeper
from ringfence.edge.concentrator.neighbours import LanNeighbours
from ringfence.edge.errors import FenceRefused, HelperUnfit, PortRefused, TunnelRefused
from ringfence.edge.network import programs
from ringfence.edge.network.interfaces import TUNNEL
from ringfence.edge.network.tunnel.echo import Echo
from ringfence.edge.network.tunnel.own_keys import OwnKeys
from ringfence.edge.network.tunnel.wireguard import WireGuard
from ringfence.edge.storage.disk import Disk
from ringfence.errors import RingfenceError
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.capabilities import Capability
from ringfence.stop_signals import call_on_stop

KEPT = frozenset({Capability.NET_ADMIN, Capability.NET_RAW})
MTU = 1420
_FORWARDING = Path("/proc/sys/net/ipv4/conf")


def main(arguments: list[str] | None = None) -> int:
    """Run the concentrator until SIGTERM or SIGINT; return the process's exit status."""
    parser = argparse.ArgumentParser(prog="ringfence-concentrator", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--listen-port", type=int, required=True)
    parser.add_argument("--pbx-port", default="")
    parser.add_argument("--interface", default=TUNNEL)
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    log = logging.getLogger("ringfence.concentrator")
    folder = ConcentratorFolder(options.folder, Disk())
    try:
        with folder.held(), contextlib.ExitStack() as undo:
            enrolment = folder.enrolment()
            keys = OwnKeys(folder.path)
            link = WireGuard(options.interface)
            nft = programs.find("nft")
            link.open(keys.private_key, listen_port=options.listen_port)
            link.give_addresses([f"{enrolment.address}/32"], mtu=MTU)
            echo = Echo(options.interface)
            undo.callback(echo.close)
            _pass_on(options.interface, *filter(None, [options.pbx_port]))
            neighbours = LanNeighbours(options.pbx_port) if options.pbx_port else None
            if neighbours is not None:
                undo.callback(neighbours.close)
            _give_up_the_rest()

            def set_fence(text: str) -> None:
                try:
                    programs.run(nft, "--check", "--file", "-", text=text)
                    programs.run(nft, "--file", "-", text=text)
                except PortRefused as fault:
                    raise FenceRefused("the fence of the tunnel can't be set", where=fault.what) from fault

            def answer_for(subnets: frozenset[IPv4Network]) -> None:
                if neighbours is not None:
                    neighbours.answer_for(subnets)

            keeper = ConcentratorKeeper(options.interface, link, set_fence, echo, answer_for, time.monotonic)
            place = TunnelPlace(options.endpoint, link, keys)
            concentrator = ConcentratorAgent(
                folder, place, keeper, lambda level, text: log.log(logging.getLevelName(level.upper()), text)
            )
            call_on_stop(concentrator.stop)
            concentrator.run(lambda: print(f"boxes call at {options.endpoint}", flush=True))  # noqa: T201 - people wait for it
    except RingfenceError as fault:
        print(f"ringfence-concentrator: {fault}", file=sys.stderr)  # noqa: T201 - the one line that says why
        return fault.exit_code
    return 0


def _pass_on(*interfaces: str) -> None:
    """Let this machine pass on what comes in there. TunnelRefused."""
    for name in interfaces:
        try:
            (_FORWARDING / name / "forwarding").write_text("1")
        except FileNotFoundError:
            raise TunnelRefused("this machine has no such interface", where=name) from None
        except OSError as fault:
            raise TunnelRefused("this machine passes nothing on", where=f"{name}: {fault.strerror}") from fault


def _give_up_the_rest() -> None:
    """Keep what KEPT names, also for the programs that are run. HelperUnfit."""
    try:
        kept = capabilities.keep_for_good(KEPT)
    except OSError as fault:
        raise HelperUnfit("root's other rights can't be given up", where=str(fault)) from fault
    if Capability.NET_ADMIN not in kept:
        raise HelperUnfit("a tunnel needs root's rights", to_do="Start it as root.")


if __name__ == "__main__":
    sys.exit(main())
