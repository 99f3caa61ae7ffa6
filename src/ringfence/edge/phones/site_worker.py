"""The worker of one site's phones: its own worker beside them, or a share of a remote gateway's worker."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from ringfence.edge.lan.observer import Hearing
from ringfence.edge.reporting.log import Log
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.events import WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.handles import LauncherProcess
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.wire.edge_tls_messages import PORT
from ringfence.wire.messages import GuardRules

if TYPE_CHECKING:
    from ringfence.edge.phones.tls_port import TlsPort

OnEvent = Callable[[WorkerEvent], None]


class SiteWorker(Protocol):
    """What serves one site."""

    @property
    def addresses(self) -> Sequence[tuple[str, int]]:
        """Where TFTP is served."""

    @property
    def http_addresses(self) -> Sequence[tuple[str, int]]:
        """Where HTTP is served."""

    @property
    def worker_pid(self) -> int | None:
        """The worker's process number, or None while there is none."""

    def start(self) -> None:
        """Start it.

        Raises:
            WorkerFault: It does not start.
        """

    def stop(self) -> None:
        """Stop serving the site."""

    def rule(self, rules: GuardRules) -> None:
        """Judge by these rules.

        Raises:
            WorkerFault: They were not taken over.
        """

    def offer(self, release: int, offers: Sequence[Offer]) -> None:
        """Serve exactly these files.

        Raises:
            WorkerFault: They were not taken over.
        """

    def admit(self, token: ReloadToken) -> None:
        """Confirm an order to a phone."""


class WorkerSource(Protocol):
    """How a process serves its sites: it gives each agent the worker for its site."""

    @property
    def reaches_phones(self) -> bool:
        """Whether phones can be told from here to reload: they are on this machine's own network."""

    @property
    def phone_port(self) -> str:
        """The one interface where phones are; empty where they may be at any."""

    @property
    def hearing(self) -> Hearing | None:
        """What hears on the phones' network, where something does."""

    def make(self, site: str, on_event: OnEvent) -> SiteWorker:
        """Return what serves the site of that name, and tells its events."""

    def tls_port(self, worker: SiteWorker, log: Log) -> "TlsPort | None":
        """Return where phones of a worker that this has made come by HTTPS; None where they can't."""


@dataclass(frozen=True, slots=True)
class OwnWorker:
    """A worker for one site, beside its phones.

    ``listen`` and ``http`` are where TFTP and HTTP are served, as host and port (0: the kernel's choice). ``launcher``
    is the process that workers come from; without one it is made with today's rights. With ``freebind`` the addresses
    need not be this machine's yet. ``phone_port`` is the interface where phones are, if there is one for them alone.
    ``https_port`` is where phones come by HTTPS, if any do.
    """

    listen: Sequence[tuple[str, int]]
    http: Sequence[tuple[str, int]] = ()
    hearing: Hearing | None = None
    launcher: LauncherProcess | None = None
    freebind: bool = False
    phone_port: str = ""
    https_port: int = PORT
    reaches_phones: ClassVar[bool] = True

    def make(self, site: str, on_event: OnEvent) -> WorkerSupervisor:
        """Return the site's worker, not started yet.

        Raises:
            PortInUse, ListenRefused: An address can't be served on.
        """
        hearing = self.hearing
        return WorkerSupervisor(
            listen=self.listen,
            http=self.http,
            site=site,
            on_event=on_event,
            hear=hearing.of if hearing is not None else None,
            watches_frames=hearing is not None and hearing.watches_frames,
            launcher=self.launcher,
            freebind=self.freebind,
        )

    def tls_port(self, worker: SiteWorker, log: Log) -> "TlsPort | None":
        """Return where phones of its worker come by HTTPS."""
        from ringfence.edge.phones.tls_port import TlsPort  # noqa: PLC0415 - where phones come by HTTPS alone

        if not isinstance(worker, WorkerSupervisor):
            return None
        hosts = [host for host, _port in worker.addresses]
        return TlsPort(hosts, self.https_port, worker, log, freebind=self.freebind)
