"""The gateway: one server that faces the internet, for the phones of sites that have no edge and allow it.

It is enrolled at each of its sites like an edge, in a folder each, and keeps each site's releases and rules as an edge
does; one worker serves them all. No wire proves a phone here. What that means for what is given out is the guard's
business (``guard.policy``): a secret goes out inside a window that a person opens, and never otherwise.
"""

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from ringfence.edge.agent.agent import Agent, ClientFactory, https_client
from ringfence.edge.agent.enrolment import enrol
from ringfence.edge.errors import (
    AlreadyEnrolled,
    BansUnavailable,
    NeverBanned,
    NotEnrolled,
)
from ringfence.edge.gateway.nftables_bans import BanSet
from ringfence.edge.phones.serving import Log
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder, Enrolment
from ringfence.guard.serving_profile import ServingProfile
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.events import Banned, WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.handles import LauncherProcess
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.wire.messages import GuardRules

SITES = "sites"
_ENROLLING = ".enrolling-"
LOOK_FOR_SITES_S = 5.0

OnEvent = Callable[[WorkerEvent], None]


def site_folders(root: Path) -> list[EdgeFolder]:
    """Return the folders of the sites that a gateway is enrolled at, in the order of their ids."""
    folder = root / SITES
    names = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    return [EdgeFolder(folder / name, Disk()) for name in names if not name.startswith(".")]


def require_sites(root: Path) -> None:
    """NotEnrolled where a gateway serves no site."""
    if not site_folders(root):
        raise NotEnrolled(
            "this gateway is enrolled at no site",
            where=str(root),
            to_do="Allow it at a site: ringfence guard policy SITE --gateway windows. Make a token: ringfence site "
            "token SITE. Then: ringfence gateway enrol TOKEN --folder FOLDER.",
        )


def join(root: Path, token_text: str) -> Enrolment:
    """Enrol a gateway at one more site. What ``enrolment.enrol`` raises; AlreadyEnrolled where it serves that site."""
    place = root / SITES / f"{_ENROLLING}{secrets.token_hex(4)}"
    Disk().make_folder(place.parent)
    found = enrol(EdgeFolder(place, Disk()), token_text)
    target = root / SITES / found.site_id
    if target.exists():
        raise AlreadyEnrolled(
            f"this gateway serves site {found.site_name} already",
            where=str(target),
            to_do=f"Revoke the new one at the hub (ringfence edge revoke {found.edge_id}) and remove {place}.",
        )
    place.rename(target)
    return found


class Bans:
    """Who is shut out, also by the firewall where that is permitted."""

    def __init__(self, firewall: BanSet | None, log: Log) -> None:
        self._firewall = firewall
        self._log = log
        self._by_rules: dict[str, set[str]] = {}

    def on_banned(self, event: Banned) -> None:
        """Let the firewall drop what the worker leaves unanswered."""
        self._ban(event.peer_host, event.until - time.time())

    def on_rules(self, site: str, rules: GuardRules) -> None:
        """Take over whom people have shut out and let in at a site; the rules' times are this machine's."""
        if self._firewall is None:
            return
        wanted = {ban.host: ban.until - time.time() for ban in rules.bans}
        over = {ban.host for ban in rules.lifted} | (self._by_rules.get(site, set()) - wanted.keys())
        for host in over:
            with suppress(BansUnavailable, ValueError):
                self._firewall.unban(host)
        for host, seconds in wanted.items():
            self._ban(host, seconds)
        self._by_rules[site] = set(wanted)

    def _ban(self, host: str, seconds: float) -> None:
        if self._firewall is None or seconds <= 0:
            return
        try:
            self._firewall.ban(host, seconds)
        except (BansUnavailable, NeverBanned, ValueError) as fault:
            self._log("warning", f"The firewall does not shut {host} out: {fault}")


@dataclass(frozen=True, slots=True)
class SharedWorker:
    """One site's part of the gateway's worker."""

    site: str
    name: str
    supervisor: WorkerSupervisor
    bans: Bans

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where TFTP is served."""
        return self.supervisor.addresses

    @property
    def http_addresses(self) -> Sequence[tuple[str, int]]:
        """Where HTTP is served."""
        return self.supervisor.http_addresses

    @property
    def worker_pid(self) -> int | None:
        """The worker's process number, or None while there is none."""
        return self.supervisor.worker_pid

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        """It goes on for the other sites; this one's files are offered until it ends."""

    def rule(self, rules: GuardRules) -> None:
        """Judge the site's requests by these rules."""
        self.bans.on_rules(self.site, rules)
        self.supervisor.rule(rules, site=self.site, name=self.name)

    def offer(self, release: int, offers: Sequence[Offer]) -> None:
        """Serve exactly these files of the site."""
        self.supervisor.offer(release, offers, site=self.site)

    def admit(self, token: ReloadToken) -> None:
        """Confirm an order to a phone."""
        self.supervisor.admit(token)


class Gateway:
    """One gateway at work for every site in ``root``; ``run`` returns when ``stop`` is called. NotEnrolled.

    ``firewall`` stays the caller's.

    Sites that are enrolled while it runs are served within LOOK_FOR_SITES_S.
    """

    def __init__(
        self,
        root: Path,
        listen: list[tuple[str, int]],
        log: Log,
        *,
        http: list[tuple[str, int]] | None = None,
        connect: ClientFactory = https_client,
        launcher: LauncherProcess | None = None,
        firewall: BanSet | None = None,
    ) -> None:
        require_sites(root)
        self._root = root
        self._log = log
        self._connect = connect
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._agents: dict[str, tuple[Agent, threading.Thread]] = {}
        self._listeners: dict[str, OnEvent] = {}
        self._bans = Bans(firewall, log)
        self._supervisor = WorkerSupervisor(
            listen=listen,
            http=http or [],
            site="of nobody",
            on_event=self._on_event,
            on_log=lambda line: log("warning", line),
            profile=ServingProfile.INTERNET,
            launcher=launcher,
        )

    @property
    def addresses(self) -> list[str]:
        """Where phones are served, as ``host:port``."""
        return [f"{host}:{port}" for host, port in self._supervisor.addresses]

    @property
    def http_addresses(self) -> list[tuple[str, int]]:
        """Where phones are served over HTTP."""
        return list(self._supervisor.http_addresses)

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve every site, until ``stop``."""
        self._supervisor.start()
        with ExitStack() as locks:
            try:
                self._start_sites(locks)
                on_ready()
                while not self._stopping.wait(LOOK_FOR_SITES_S):
                    self._start_sites(locks)
            finally:
                for agent, _ in self._agents.values():
                    agent.stop()
                for _, thread in self._agents.values():
                    thread.join()
                self._supervisor.stop()

    def stop(self) -> None:
        """Let ``run`` return; safe to call from a signal handler."""
        self._stopping.set()

    def _start_sites(self, locks: ExitStack) -> None:
        for folder in site_folders(self._root):
            if folder.path.name in self._agents:
                continue
            locks.enter_context(folder.lock())
            enrolment = folder.enrolment()
            site, name = enrolment.site_id, enrolment.site_name
            agent = Agent(
                folder,
                [],
                lambda level, text, name=name: self._log(level, f"{name}: {text}"),  # type: ignore[misc]  # bound now
                self._connect,
                make_worker=lambda on_event, site=site, name=name: self._worker_for(site, name, on_event),  # type: ignore[misc]  # as above
            )
            thread = threading.Thread(target=agent.run, name=f"site {site}")
            self._agents[site] = agent, thread
            thread.start()

    def _worker_for(self, site: str, name: str, on_event: OnEvent) -> SharedWorker:
        with self._guard:
            self._listeners[site] = on_event
        return SharedWorker(site, name, self._supervisor, self._bans)

    def _on_event(self, event: WorkerEvent) -> None:
        """Tell an event where it belongs; what belongs to no site, or to all, is told at the first one."""
        if isinstance(event, Banned):
            self._bans.on_banned(event)
        with self._guard:
            site = getattr(event, "site", "")
            listener = self._listeners.get(site) or next(
                (self._listeners[each] for each in sorted(self._listeners)), None
            )
        if listener is not None:
            listener(event)
