"""``ringfence-edge``: the agent's process, started by a service manager, or by ``ringfence edge run`` for people.

It is a separate command, so that the long-running process never loads the command line's libraries. ``privileges``
defines the order in which it gives up root's rights.
"""

# ruff: noqa: E402 - the first statement must run before the imports
from ringfence.left_out import CLOUD_KEYS, HARDWARE_KEYS, OTHER_ARCHIVES, TYPING, leave_out, put_off_metadata

leave_out(HARDWARE_KEYS, TYPING, *CLOUD_KEYS, *OTHER_ARCHIVES)
put_off_metadata()

import argparse
import contextlib
import logging
import socket
import sys
from pathlib import Path

from ringfence.edge.agent.agent import Agent
from ringfence.edge.agent.agent_jobs import ProcessRights
from ringfence.edge.agent.box import Box
from ringfence.edge.errors import BadPhonePort
from ringfence.edge.jobs.capture import open_capturing
from ringfence.edge.lan.observer import Hearing
from ringfence.edge.network.handle import FOLDER, KEYS, NetworkHelper
from ringfence.edge.network.interfaces import read_interfaces
from ringfence.edge.network.plan import PAGE_PORT
from ringfence.edge.phones.phone_services import PhoneServicesPort
from ringfence.edge.phones.site_worker import OwnWorker
from ringfence.edge.process import privileges
from ringfence.edge.process.addresses import http_addresses, read_address
from ringfence.edge.process.beginning_again import BeginningAgain
from ringfence.edge.reporting.log import Log
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import RingfenceError
from ringfence.server.confinement import accounts
from ringfence.server.processes.handles import LauncherProcess
from ringfence.server.standalone.metrics_page import listen_for_metrics
from ringfence.stop_signals import call_on_stop
from ringfence.wire.edge_tls_messages import PORT


def hear(
    listen: list[tuple[str, int]], http: list[tuple[str, int]], leases: Path | None, box: Box | None = None
) -> Hearing:
    """Return what hears on the wire for the ports that are served; on one of the kernel's choice it can't."""
    return Hearing(
        tftp_ports={port for _, port in listen if port},
        http_ports={port for _, port in http if port},
        leases=leases,
        keys=box.keys if box is not None else tuple,
    )


def add_phone_port(parser: argparse.ArgumentParser) -> None:
    """Add the options of an edge that has a port for the phone."""
    parser.add_argument("--phone-port", metavar="INTERFACE", default="")
    parser.add_argument("--uplink", metavar="INTERFACE", default="")
    parser.add_argument("--open", metavar="PORT/PROTOCOL", action="append", default=[])
    parser.add_argument("--run-folder", metavar="DIR", type=Path, default=FOLDER)
    parser.add_argument("--key-folder", metavar="DIR", type=Path, default=KEYS)


def network_helper(options: argparse.Namespace) -> NetworkHelper | None:
    """Start the helper of a box; None where there is no port for the phone.

    Raises:
        BadPhonePort, NoPhonePort, ProgramMissing, HelperUnfit: As ``NetworkHelper``.
    """
    if not options.phone_port:
        if options.uplink or options.open:
            raise BadPhonePort("--uplink and --open need --phone-port", to_do="Name the phone's port as well.")
        return None
    interfaces = read_interfaces(options.phone_port, options.uplink, options.open)
    return NetworkHelper(interfaces, options.run_folder, options.key_folder)


def phone_services(options: argparse.Namespace, launcher: LauncherProcess, say: Log) -> PhoneServicesPort | None:
    """Return where phones connect to CAPF and TVS: where it was said, and at a box anywhere, which the fence limits.

    Raises:
        PortInUse, ListenRefused: It was said, and can't be.
    """
    hosts = options.phone_services or (["0.0.0.0"] if options.phone_port else [])  # noqa: S104 - behind the fence
    if not hosts:
        return None
    try:
        return PhoneServicesPort(hosts, launcher, freebind=options.freebind)
    except RingfenceError as fault:
        if options.phone_services:
            raise
        say("warning", f"Phones can't connect to CAPF and TVS here: {fault}")
        return None


def metrics_socket(address: str | None) -> list[socket.socket]:
    """Return where metrics are served, if it was said. BadServeOption, PortInUse, ListenRefused."""
    if address is None:
        return []
    from ringfence.server.standalone.options import read_metrics_address  # noqa: PLC0415 - few ask for them

    return [listen_for_metrics(read_metrics_address(address))]


def page_socket(say: Log) -> socket.socket | None:
    """Return where a box's own page is served; None if another program has the port."""
    from ringfence.edge.agent.box_page import open_listening  # noqa: PLC0415 - loads a web server: boxes alone

    try:
        return open_listening()
    except OSError as fault:
        say("warning", f"The box's own page is not shown, as port {PAGE_PORT} can't be had: {fault.strerror}.")
        return None


def main(arguments: list[str] | None = None) -> int:
    """Run the agent until SIGTERM or SIGINT; return the process's exit status."""
    parser = argparse.ArgumentParser(prog="ringfence-edge", description="Serve one site's phones.", allow_abbrev=False)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--listen", metavar="HOST:PORT", action="append", required=True)
    parser.add_argument("--http", metavar="HOST:PORT", action="append", default=[])
    parser.add_argument("--freebind", action="store_true")
    parser.add_argument("--phone-services", metavar="HOST", action="append", default=[])
    parser.add_argument("--https-port", metavar="PORT", type=int, default=PORT)
    parser.add_argument("--user", metavar="NAME")
    parser.add_argument("--leases", metavar="FILE", type=Path)
    parser.add_argument("--metrics", metavar="ADDRESS")
    add_phone_port(parser)
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    log = logging.getLogger("ringfence.edge")

    def say(level: str, text: str) -> None:
        log.log(logging.getLevelName(level.upper()), text)

    folder = EdgeFolder(options.folder, Disk())
    again = BeginningAgain()
    try:
        account = accounts.account_for(options.user)
        if account is not None:
            accounts.require_owner(folder.path, account)
        with contextlib.ExitStack() as ending:
            launcher = ending.enter_context(contextlib.closing(LauncherProcess()))
            helper = network_helper(options)
            services = phone_services(options, launcher, say)
            if services is not None:
                ending.enter_context(contextlib.closing(services))
            if helper is not None:
                ending.enter_context(contextlib.closing(helper))
                helper.prepare()
            privileges.become(account)
            folder.finish_wipe()
            folder.enrolment()
            with folder.lock():
                listen = [read_address(text) for text in options.listen]
                http = http_addresses(options.http, listen)
                box = Box(helper, say, page_socket(say)) if helper is not None else None
                hearing = hear(listen, http, options.leases or (helper.leases if helper is not None else None), box)
                if hearing.why_no_frames:
                    log.info("Frames are not watched: %s.", hearing.why_no_frames)
                capturing = open_capturing(folder.path, [port for _, port in listen])
                agent = Agent(
                    folder,
                    OwnWorker(
                        listen,
                        http,
                        hearing if hearing.is_any else None,
                        launcher,
                        options.freebind,
                        options.phone_port,
                        options.https_port,
                    ),
                    say,
                    metrics=metrics_socket(options.metrics),
                    box=box,
                    rights=ProcessRights(lambda: again.want(agent.stop), capturing, services),
                )
                privileges.let_go()
                call_on_stop(agent.stop)
                agent.run(lambda: print(f"serving phones on {', '.join(agent.addresses)}", flush=True))  # noqa: T201 - people wait for it
    except RingfenceError as fault:
        print(f"ringfence-edge: {fault}", file=sys.stderr)  # noqa: T201 - the one line that says why
        return fault.exit_code
    again.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
