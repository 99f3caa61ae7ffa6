"""``ringfence-gateway``: the gateway's process, started by a service manager, or by ``ringfence gateway run``.

``privileges`` defines the order in which it gives up root's rights.
"""

import argparse
import contextlib
import logging
import sys
from pathlib import Path

from ringfence.edge.errors import BansUnavailable
from ringfence.edge.gateway.gateway import Gateway, GatewayPorts
from ringfence.edge.gateway.nftables_bans import BanSet
from ringfence.edge.gateway.site_folders import require_sites
from ringfence.edge.process import privileges
from ringfence.edge.process.addresses import http_addresses, read_address
from ringfence.errors import RingfenceError
from ringfence.server.confinement import accounts
from ringfence.server.processes.handles import LauncherProcess
from ringfence.stop_signals import call_on_stop


def main(arguments: list[str] | None = None) -> int:
    """Run the gateway until SIGTERM or SIGINT; return the process's exit status."""
    parser = argparse.ArgumentParser(
        prog="ringfence-gateway", description="Serve phones over the internet.", allow_abbrev=False
    )
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--listen", metavar="HOST:PORT", action="append", required=True)
    parser.add_argument("--http", metavar="HOST:PORT", action="append", default=[])
    parser.add_argument("--freebind", action="store_true")
    parser.add_argument("--user", metavar="NAME")
    parser.add_argument("--firewall", action="store_true")
    options = parser.parse_args(arguments)
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    log = logging.getLogger("ringfence.gateway")
    try:
        account = accounts.account_for(options.user)
        if account is not None:
            accounts.require_owner(options.folder, account, deep=False)
        require_sites(options.folder)
        with contextlib.ExitStack() as undo:
            launcher = undo.enter_context(contextlib.closing(LauncherProcess()))
            privileges.become(account, bans=options.firewall)
            listen = [read_address(text) for text in options.listen]
            http = http_addresses(options.http, listen)
            firewall = _firewall(listen, http, log) if options.firewall else None
            if firewall is not None:
                undo.callback(_let_everybody_in, firewall)
            gateway = Gateway(
                options.folder,
                GatewayPorts(listen, http, launcher, firewall, options.freebind),
                lambda level, text: log.log(logging.getLevelName(level.upper()), text),
                check=lambda folder: accounts.require_owner(folder, account) if account is not None else None,
            )
            privileges.let_go(bans=options.firewall)
            call_on_stop(gateway.stop)
            gateway.run(lambda: print(f"serving phones on {', '.join(gateway.addresses)}", flush=True))  # noqa: T201 - people wait for it
    except RingfenceError as fault:
        print(f"ringfence-gateway: {fault}", file=sys.stderr)  # noqa: T201 - the one line that says why
        return fault.exit_code
    return 0


def _firewall(listen: list[tuple[str, int]], http: list[tuple[str, int]], log: logging.Logger) -> BanSet | None:
    """Return the firewall's bans where they are permitted; the gateway's own are there anyway."""
    try:
        return BanSet.open(
            tftp_ports={port for _, port in listen if port}, http_ports={port for _, port in http if port}
        )
    except BansUnavailable as fault:
        log.info("Only the gateway itself enforces bans: %s.", fault.what)
        return None


def _let_everybody_in(firewall: BanSet) -> None:
    with contextlib.suppress(BansUnavailable):
        firewall.close()


if __name__ == "__main__":
    sys.exit(main())
