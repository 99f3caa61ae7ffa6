"""The gateway's worker as each of its sites sees it, and whom its firewall shuts out."""

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar

from ringfence.edge.errors import BansUnavailable, NeverBanned
from ringfence.edge.gateway.nftables_bans import BanSet
from ringfence.edge.phones.site_worker import OnEvent, SiteWorker
from ringfence.edge.reporting.log import Log
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.errors import WorkerFault
from ringfence.server.events import Banned, WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.wire.messages import GuardRules

NOTHING_ALLOWED = GuardRules(0)
"""The rules of a site that is not served any more: it allows no gateway."""


class GatewayBans:
    """The bans, also in the firewall if that is permitted."""

    def __init__(self, firewall: BanSet | None, log: Log) -> None:
        self._firewall = firewall
        self._log = log
        self._lock = threading.Lock()
        self._by_rules: dict[str, set[str]] = {}

    def on_banned(self, event: Banned) -> None:
        """Let the firewall drop what the worker leaves unanswered."""
        self._ban(event.peer_host, event.until - time.time())

    def on_rules(self, site: str, rules: GuardRules) -> None:
        """Take over people's bans and unbans at a site; the rules' times are this machine's."""
        if self._firewall is None:
            return
        wanted = {ban.host: ban.until - time.time() for ban in rules.bans}
        with self._lock:
            before = self._by_rules.pop(site, set())
            elsewhere = set().union(*self._by_rules.values())
            self._by_rules[site] = set(wanted)
        over = {ban.host for ban in rules.lifted} | (before - wanted.keys() - elsewhere)
        for host in over:
            with suppress(BansUnavailable, ValueError):
                self._firewall.unban(host)
        for host, seconds in wanted.items():
            self._ban(host, seconds)

    def _ban(self, host: str, seconds: float) -> None:
        if self._firewall is None or seconds <= 0:
            return
        try:
            self._firewall.ban(host, seconds)
        except (BansUnavailable, NeverBanned, ValueError) as fault:
            self._log("warning", f"The firewall does not ban {host}: {fault}")


@dataclass(frozen=True, slots=True)
class SharedWorker:
    """One site's part of the gateway's worker."""

    site: str
    name: str
    supervisor: WorkerSupervisor
    bans: GatewayBans

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
        """It goes on for the other sites; this one's files are offered until ``let_go``, or until it ends."""

    def rule(self, rules: GuardRules) -> None:
        """Judge the site's requests by these rules.

        Raises:
            WorkerFault: The worker did not take them over.
        """
        self.bans.on_rules(self.site, rules)
        self.supervisor.rule(rules, site=self.site, name=self.name)

    def offer(self, release: int, offers: Sequence[Offer]) -> None:
        """Serve exactly these files of the site.

        Raises:
            WorkerFault: The worker did not take them over.
        """
        self.supervisor.offer(release, offers, site=self.site)

    def admit(self, token: ReloadToken) -> None:
        """Confirm an order to a phone."""
        self.supervisor.admit(token)

    def let_go(self) -> None:
        """Serve nothing of the site any more, and lift the bans that its people have made."""
        with suppress(WorkerFault):  # the next worker gets nothing of the site either
            self.offer(0, [])
        with suppress(WorkerFault):  # with no file there is nothing that rules could give out
            self.rule(NOTHING_ALLOWED)


class EventRouter:
    """Brings the worker's events to the sites that they are of; safe to use from several threads."""

    def __init__(self, bans: GatewayBans) -> None:
        self._bans = bans
        self._lock = threading.Lock()
        self._listeners: dict[str, OnEvent] = {}

    def listen(self, site: str, listener: OnEvent) -> None:
        """Let a site hear of its events from now on."""
        with self._lock:
            self._listeners[site] = listener

    def ignore(self, site: str) -> None:
        """Let a site hear of nothing more."""
        with self._lock:
            self._listeners.pop(site, None)

    def on_event(self, event: WorkerEvent) -> None:
        """Report an event at its site; an event of no site, or of all sites, is reported at the first one."""
        if isinstance(event, Banned):
            self._bans.on_banned(event)
        site = getattr(event, "site", "")
        with self._lock:
            first = next((self._listeners[each] for each in sorted(self._listeners)), None)
            listener = self._listeners.get(site) if site else first
        if listener is not None:
            listener(event)


@dataclass(frozen=True, slots=True)
class SharedWorkers:
    """Gives one site's agent its part of the gateway's worker; phones are too far away to be told to reload."""

    site: str
    supervisor: WorkerSupervisor
    bans: GatewayBans
    events: EventRouter
    reaches_phones: ClassVar[bool] = False
    phone_port: ClassVar[str] = ""
    hearing: ClassVar[None] = None

    def make(self, site: str, on_event: OnEvent) -> SharedWorker:
        """Return the site's part; ``site`` is its name for people."""
        self.events.listen(self.site, on_event)
        return SharedWorker(self.site, site, self.supervisor, self.bans)

    def tls_port(self, worker: SiteWorker, log: Log) -> None:
        """Return nothing: phones come to a gateway over the internet, where none finds its port 6971."""
