"""The gateway: one server that faces the internet, for the phones of sites that have no edge and allow it.

It is enrolled at each of its sites like an edge, with a folder for each, and keeps each site's releases and rules as an
edge does; one worker serves them all. Nothing proves a phone's identity here. The guard decides what may go out
(``guard.policy``): a secret only goes out inside a window that a person opened.
"""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ringfence.addresses import host_port
from ringfence.edge.agent.agent import Agent
from ringfence.edge.agent.hub_connection import ClientFactory, https_client
from ringfence.edge.gateway.hosted_sites import HostedSites
from ringfence.edge.gateway.nftables_bans import BanSet
from ringfence.edge.gateway.shared_worker import EventRouter, GatewayBans, SharedWorker, SharedWorkers
from ringfence.edge.gateway.site_folders import require_sites
from ringfence.edge.gateway.site_states import write_problems
from ringfence.edge.reporting.log import Log
from ringfence.edge.storage.folder import EdgeFolder, Enrolment
from ringfence.errors import EnvironmentFault
from ringfence.guard.serving_profile import ServingProfile
from ringfence.server.processes.handles import LauncherProcess
from ringfence.server.processes.supervisor import WorkerSupervisor

LOOK_FOR_SITES_S = 5.0
START_S = 30.0
"""How long the start waits for sites; those that take longer are served when they are ready."""


@dataclass(frozen=True, slots=True)
class GatewayPorts:
    """Where a gateway serves, and with which processes.

    ``listen`` and ``http`` are where TFTP and HTTP are served, as host and port (0: the kernel's choice). ``launcher``
    is the process that workers come from, and ``firewall`` enforces bans; the caller keeps both. With
    ``freebind`` the addresses need not be this machine's yet.
    """

    listen: Sequence[tuple[str, int]]
    http: Sequence[tuple[str, int]] = ()
    launcher: LauncherProcess | None = None
    firewall: BanSet | None = None
    freebind: bool = False


class Gateway:
    """One gateway at work for every site in ``root``; ``run`` returns when ``stop`` is called.

    Sites that are enrolled while it runs are served within LOOK_FOR_SITES_S. A fault of one site does not affect the
    others (``hosted_sites``).

    Args:
        root: The gateway's folder.
        ports: Where it serves, and with which processes.
        log: Receives its log lines.
        connect: Creates a site's connection to its hub.
        check: Refuses a site's folder that this process can't use, with a RingfenceError.

    Raises:
        NotEnrolled: It is not enrolled at any site.
        PortInUse, ListenRefused: It can't serve where it should.
    """

    def __init__(
        self,
        root: Path,
        ports: GatewayPorts,
        log: Log,
        *,
        connect: ClientFactory = https_client,
        check: Callable[[Path], None] = lambda _folder: None,
    ) -> None:
        require_sites(root)
        self._root = root
        self._log = log
        self._connect = connect
        self._check = check
        self._stopping = threading.Event()
        self._bans = GatewayBans(ports.firewall, log)
        self._events = EventRouter(self._bans)
        self._problems: dict[str, str] | None = None
        self._supervisor = WorkerSupervisor(
            listen=ports.listen,
            http=ports.http,
            site="of no site",
            on_event=self._events.on_event,
            on_log=lambda line: log("warning", line),
            profile=ServingProfile.INTERNET,
            launcher=ports.launcher,
            freebind=ports.freebind,
        )
        self._sites = HostedSites(root, log, self._agent, self._let_go)

    @property
    def addresses(self) -> list[str]:
        """Where phones are served, as ``host:port``."""
        return [host_port(host, port) for host, port in self._supervisor.addresses]

    @property
    def http_addresses(self) -> list[tuple[str, int]]:
        """Where phones are served over HTTP."""
        return list(self._supervisor.http_addresses)

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve every site, until ``stop``.

        Args:
            on_ready: Called once every site is served or has a problem, at the latest after START_S.

        Raises:
            WorkerFault: The worker does not start.
        """
        self._supervisor.start()
        try:
            self._look()
            self._sites.wait_settled(START_S)
            self._look()  # a site that is broken is named at once
            on_ready()
            while not self._stopping.wait(LOOK_FOR_SITES_S):
                self._look()
        finally:
            self._sites.stop_all()
            self._supervisor.stop()

    def stop(self) -> None:
        """Let ``run`` return; safe to call from a signal handler."""
        self._stopping.set()

    def _look(self) -> None:
        self._sites.look(time.monotonic())
        problems = self._sites.problems
        if problems != self._problems:
            with suppress(EnvironmentFault):  # the log has them, and the next change is written again
                write_problems(self._root, problems)
            self._problems = problems

    def _agent(self, folder: EdgeFolder, enrolment: Enrolment) -> Agent:
        self._check(folder.path)
        site, name = enrolment.site_id, enrolment.site_name
        workers = SharedWorkers(site, self._supervisor, self._bans, self._events)
        return Agent(folder, workers, lambda level, text: self._log(level, f"{name}: {text}"), self._connect)

    def _let_go(self, site: str) -> None:
        self._events.ignore(site)
        SharedWorker(site, site, self._supervisor, self._bans).let_go()
