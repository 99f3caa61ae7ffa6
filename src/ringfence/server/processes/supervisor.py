"""The parent's side of the worker: binds the ports, starts it, sends it orders, and restarts it when it dies.

One thread does all talking with the worker. The caller's threads only set what should be served (``offer``) and
wait. What should be served is kept as open descriptors, so a new worker gets the same bytes as the one before.
The ports stay bound in the parent: what phones send while there is no worker waits in the socket for the next one.
"""

import contextlib
import resource
import select
import socket
import threading
import time
import traceback
from collections.abc import Callable, Sequence

from ringfence.guard.serving_profile import ServingProfile
from ringfence.server.access.evidence_wait import Heard, Question
from ringfence.server.access.neighbours import open_socket as open_links
from ringfence.server.access.reload_tokens import ReloadToken
from ringfence.server.errors import WorkerFault
from ringfence.server.events import (
    CatalogueActive,
    WorkerDied,
    WorkerEvent,
    WorkerStarted,
)
from ringfence.server.files.catalogue import Offer
from ringfence.server.io.sockets import listen, listen_tcp
from ringfence.server.limits.settings import (
    DEFAULT_HTTP_LIMITS,
    DEFAULT_LIMITS,
    HttpLimits,
    Limits,
)
from ringfence.server.processes.handles import (
    START_TIMEOUT_S,
    STOP_TIMEOUT_S,
    LauncherProcess,
    WorkerProcess,
)
from ringfence.server.processes.messages import WorkerSettings
from ringfence.server.processes.orders import CatalogueOrder, OrderBook, RulesOrder, TlsLineOrder, TokenOrder
from ringfence.wire.messages import GuardRules

FIRST_RESTART_S = 0.05
LONGEST_RESTART_S = 10.0
HEALTHY_AFTER_S = 5.0
"""A worker that lived this long has earned a quick restart."""
ADMIT_TIMEOUT_S = 2.0
_MOST_DESCRIPTORS = 65536


class WorkerSupervisor:
    """One serving worker for one or more sites, kept alive.

    ``listen`` names the addresses of TFTP and ``http`` those of HTTP (port 0: the kernel's choice; ``addresses`` and
    ``http_addresses`` tell); the sockets are bound here, by the parent, which may be root: PortInUse or ListenRefused;
    with ``freebind`` also to addresses that the machine does not have yet.
    ``on_event`` and ``on_log`` are called from the supervisor's own thread and should not block for long; ``hear``
    tells it at once what was heard on the wire of hosts and ports (``watches_frames``: the frames too).
    Where there is one site only it needs no id; ``site`` is its name. Workers are as confined as the rights allow with
    which ``launcher`` was made; it is taken over; without one it is made here.
    """

    def __init__(
        self,
        *,
        listen: Sequence[tuple[str, int]],
        http: Sequence[tuple[str, int]] = (),
        site: str,
        on_event: Callable[[WorkerEvent], None],
        on_log: Callable[[str], None] | None = None,
        limits: Limits = DEFAULT_LIMITS,
        http_limits: HttpLimits = DEFAULT_HTTP_LIMITS,
        hear: Callable[[Sequence[Question]], Sequence[Heard]] | None = None,
        watches_frames: bool = False,
        profile: ServingProfile = ServingProfile.LAN,
        launcher: LauncherProcess | None = None,
        freebind: bool = False,
    ) -> None:
        self._settings = WorkerSettings(
            site,
            limits,
            http_limits,
            asks=hear is not None,
            watches_frames=watches_frames,
            profile=profile,
        )
        self._hear = hear
        self._on_event = on_event
        self._on_log = on_log or (lambda _line: None)
        self._listeners = _bind_all(listen, http, freebind=freebind)
        bound = tuple((str(name[0]), int(name[1])) for name in (one.getsockname() for one in self._listeners))
        self.addresses: tuple[tuple[str, int], ...] = bound[: len(listen)]
        """What is really bound, in the order of ``listen``."""
        self.http_addresses: tuple[tuple[str, int], ...] = bound[len(listen) :]
        """As ``addresses``, of ``http``."""
        self._listeners.append(open_links())
        self._launcher = launcher or LauncherProcess()
        self._orders = OrderBook()
        self._process: WorkerProcess | None = None
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._wake_reader.setblocking(False)
        self._started = threading.Event()
        self._start_fault = ""

    @property
    def worker_pid(self) -> int | None:
        """The worker's process number, or None while there is none."""
        process = self._process
        return None if process is None else process.pid

    def start(self) -> None:
        """Start the worker and wait until it listens. WorkerFault if it won't; nothing runs then."""
        _raise_descriptor_limit()
        self._thread = threading.Thread(target=self._run, name="ringfence-supervisor", daemon=True)
        self._thread.start()
        is_up = self._started.wait(START_TIMEOUT_S)
        if is_up and not self._start_fault:
            return
        fault = self._start_fault or "it did not answer"
        self.stop()
        raise WorkerFault("the serving worker did not start", where=fault, to_do="The log has its last output.")

    def rule(self, rules: GuardRules, *, site: str = "", name: str = "", timeout_s: float = 10) -> None:
        """Have the worker judge a site's requests by ``rules`` and return once it does.

        ``name`` is the site's for people; without it the one site keeps the name that it has.

        Raises:
            WorkerFault: as ``offer``.
        """
        order = RulesOrder(site, name or self._settings.site, rules)
        self._put(order)
        try:
            why_not = order.wait(timeout_s)
        except TimeoutError:
            raise WorkerFault(
                f"the worker has not taken a site's rules in {timeout_s:g} s", to_do="It keeps using the old rules."
            ) from None
        if why_not is not None:
            raise WorkerFault("the worker refused a site's rules", where=why_not)

    def offer(self, release: int, offers: Sequence[Offer], *, site: str = "", timeout_s: float = 10) -> None:
        """Have the worker serve exactly ``offers`` for a site and return once it does; descriptors stay the caller's.

        Raises:
            WorkerFault: it does not within ``timeout_s``. It serves what it served before then, and takes the new
                catalogue over as soon as it can, unless it refused it.
        """
        try:
            order = CatalogueOrder(site, release, offers)
        except OSError as fault:
            raise WorkerFault(
                f"release {release} can't be handed to the worker",
                where=fault.strerror or "",
                to_do="Raise the limit of open files (ulimit -n).",
            ) from fault
        self._put(order)
        try:
            why_not = order.wait(timeout_s)
        except TimeoutError:
            raise WorkerFault(
                f"the worker has not taken over release {release} in {timeout_s:g} s",
                to_do="For now it serves the previous release; the log says whether it restarts.",
            ) from None
        if why_not is not None:
            raise WorkerFault(f"the worker refused release {release}", where=why_not)

    def admit(self, token: ReloadToken) -> None:
        """Have the worker confirm an order to a phone, and return once it would; while there is none, nobody does.

        Raises:
            WorkerFault: the worker is being stopped.
        """
        order = TokenOrder(token)
        self._put(order)
        with contextlib.suppress(TimeoutError):
            order.wait(ADMIT_TIMEOUT_S)

    def take_tls_line(self, line_fd: int) -> None:
        """Have the worker, and each after it, serve the connections that come over a line (``server.http.tls_line``).

        The descriptor stays the caller's. WorkerFault: the worker is being stopped.
        """
        self._put(TlsLineOrder(line_fd))

    def stop(self) -> None:
        """End the worker, close the ports, and return when all is gone. May be called twice."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake()
        if self._thread is not None:
            self._thread.join()
        self._launcher.close()
        for listener in self._listeners:
            listener.close()
        self._orders.close()
        self._wake_reader.close()
        self._wake_writer.close()

    def _put(self, order: CatalogueOrder | RulesOrder | TokenOrder | TlsLineOrder) -> None:
        self._orders.put(order)
        self._wake()

    # -- the supervisor's thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        pause_s = FIRST_RESTART_S
        while not self._stopping.is_set():
            began_at = time.monotonic()
            how = self._run_one_worker()
            if self._stopping.is_set():
                return
            if not self._started.is_set():
                self._start_fault = how
                self._started.set()
                return
            pause_s = FIRST_RESTART_S if time.monotonic() - began_at > HEALTHY_AFTER_S else pause_s
            self._wait_for_wake(pause_s)
            pause_s = min(2 * pause_s, LONGEST_RESTART_S)

    def _run_one_worker(self) -> str:
        """Start a worker and serve it until it ends; return how it ended."""
        try:
            if not self._launcher.is_alive:
                self._log(
                    "the launcher, which starts workers, died; a new one replaces it, with the agent's current rights"
                )
                self._launcher.begin_again()
            process = WorkerProcess(self._launcher, on_event=self._tell, on_log=self._log, hear=self._hear)
        except (OSError, WorkerFault) as fault:
            return f"it could not be started: {str(fault).rstrip('.')}"
        self._process = process
        try:
            confined = process.greet(self._settings, self._listeners, START_TIMEOUT_S)
            self._tell(WorkerStarted(time.time(), process.pid, confined.in_words()))
            for rules in self._orders.rules_in_force.values():
                process.rule(rules.site, rules.name, rules.fd)
            for catalogue in self._orders.catalogues_in_force.values():
                self._hand_over(process, catalogue)
            for line in self._orders.lines_in_force:  # last: what waits in it is to find the files
                process.take_tls_line(line.fd)
            self._started.set()
            self._serve(process)
        except (OSError, WorkerFault) as fault:
            self._log(f"worker {process.pid}: {fault}")
        finally:
            self._process = None
        how = process.end(STOP_TIMEOUT_S)
        if not self._stopping.is_set():
            self._log(f"worker {process.pid} died: {how}")
            self._tell(WorkerDied(time.time(), process.pid, how))
        return how

    def _serve(self, process: WorkerProcess) -> None:
        poller = select.poll()
        poller.register(self._wake_reader, select.POLLIN)
        for fd in process.descriptors:
            poller.register(fd, select.POLLIN)
        while not self._stopping.is_set():
            self._carry_out_orders(process)
            for fd, _ in poller.poll():
                if fd == self._wake_reader.fileno():
                    self._clear_wake()
                elif not process.on_ready(fd):
                    return

    def _carry_out_orders(self, process: WorkerProcess) -> None:
        orders = self._orders
        for rules in orders.take_rules():
            try:
                process.rule(rules.site, rules.name, rules.fd)
            except WorkerFault as fault:
                rules.reject(str(fault))
            except OSError:
                # The worker died over them, or before: the next one gets those that it is known to take.
                rules.reject("the worker died")
                raise
            else:
                orders.enforce(rules)
        while (catalogue := orders.take_catalogue()) is not None:
            try:
                self._hand_over(process, catalogue)
            except WorkerFault as fault:
                catalogue.reject(str(fault))
            except OSError:
                orders.put_back(catalogue)  # the worker died over it: the next one gets it
                raise
            else:
                orders.enforce(catalogue)
        self._carry_out_small(process)

    def _carry_out_small(self, process: WorkerProcess) -> None:
        for line in self._orders.take_lines():
            process.take_tls_line(line.fd)
            line.done()
        for order in self._orders.take_tokens():
            process.admit(order.token)
            order.done()

    def _hand_over(self, process: WorkerProcess, order: CatalogueOrder) -> None:
        process.hand_over(order.site, order.release, order.offers)
        self._tell(CatalogueActive(time.time(), order.release, len(order.offers)))

    def _tell(self, event: WorkerEvent) -> None:
        try:
            self._on_event(event)
        except Exception:  # noqa: BLE001 - a fault of the listener must not end the phones' service; it is logged whole
            self._log(f"the listener for worker events failed:\n{traceback.format_exc()}")

    def _log(self, line: str) -> None:
        with contextlib.suppress(Exception):  # there is nobody left to tell
            self._on_log(line)

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._wake_writer.send(b"\0", socket.MSG_DONTWAIT)

    def _clear_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_reader.recv(64):
                pass

    def _wait_for_wake(self, timeout_s: float) -> None:
        """Pause; only ``stop`` cuts it short, an offer waits for the worker anyway."""
        until = time.monotonic() + timeout_s
        while not self._stopping.is_set() and (left_s := until - time.monotonic()) > 0:
            select.select([self._wake_reader], [], [], left_s)
            self._clear_wake()


def _bind_all(
    tftp: Sequence[tuple[str, int]], http: Sequence[tuple[str, int]], *, freebind: bool
) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    try:
        listeners.extend(listen(host, port, freebind=freebind) for host, port in tftp)
        listeners.extend(listen_tcp(host, port, freebind=freebind) for host, port in http)
    except Exception:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _raise_descriptor_limit() -> None:
    """A catalogue is as many descriptors as it has files: take what the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _MOST_DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
