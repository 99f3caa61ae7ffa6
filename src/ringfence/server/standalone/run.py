"""``ringfence serve``: the engine on a plain folder, in one process that keeps as little as it can.

The order matters: ports, the metrics' socket and the way to the service manager are taken while there are rights to
take them; then everything is given up (``confine``); then the first packet is read.
"""

import contextlib
import os
import pwd
import select
import signal
import socket
import stat
import time
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass

from ringfence.addresses import host_port
from ringfence.guard.policy import Policy
from ringfence.server.access.admission import Admission
from ringfence.server.confinement.allowed_calls import FOLDER
from ringfence.server.confinement.steps import (
    Account,
    Confinement,
    confine,
    seal,
)
from ringfence.server.errors import ListenRefused
from ringfence.server.events import HTTP, TFTP, WorkersOwnEvent
from ringfence.server.files.folder import Folder
from ringfence.server.http.front import HttpFront
from ringfence.server.io.loop import Loop
from ringfence.server.io.memory import AfterRush, quieten_collector
from ringfence.server.io.sockets import listen, listen_tcp
from ringfence.server.limits.settings import DEFAULT_HTTP_LIMITS, DEFAULT_LIMITS
from ringfence.server.standalone.metrics import CONTENT_TYPE, Metrics, Now
from ringfence.server.standalone.metrics_page import LocalPage, LocalPages, listen_for_metrics
from ringfence.server.standalone.options import (
    EVERYWHERE_V4,
    EVERYWHERE_V6,
    TFTP_PORT,
    ServeOptions,
    account_for,
    open_folder,
    require_entry,
)
from ringfence.server.standalone.service_manager import Notifier, take_sockets
from ringfence.server.standalone.transfer_log import (
    FORMATS,
    LineWriter,
    finding_here,
    line_of,
    notice,
)
from ringfence.server.tftp.engine import Engine

STOP_GRACE_S = 10.0
"""How long transfers in progress may go on after SIGTERM."""
_TICK_S = 1.0
_STDERR = 2


@dataclass(frozen=True, slots=True)
class Bound:
    """Every socket that the server listens on, bound by us or for us."""

    tftp: tuple[socket.socket, ...]
    http: tuple[socket.socket, ...]
    metrics: tuple[socket.socket, ...]

    def close(self) -> None:
        """Close all."""
        for listener in (*self.tftp, *self.http, *self.metrics):
            listener.close()


def bind(options: ServeOptions, environment: MutableMapping[str, str]) -> Bound:
    """Take over the sockets that a service manager bound, and bind what ``options`` name besides.

    Without either, TFTP listens on every address; IPv6 is left out if the machine has none.

    Raises:
        PortInUse, ListenRefused, BadServeOption: It can't serve as the options say.
    """
    inherited = take_sockets(environment)
    with contextlib.ExitStack() as undo:
        free = options.freebind
        tftp = [*inherited.tftp, *(undo.enter_context(listen(*each, freebind=free)) for each in options.listen)]
        if not tftp:
            tftp.append(undo.enter_context(listen(EVERYWHERE_V4, TFTP_PORT)))
            with contextlib.suppress(ListenRefused):
                tftp.append(undo.enter_context(listen(EVERYWHERE_V6, TFTP_PORT)))
        http = [*inherited.http, *(undo.enter_context(listen_tcp(*each, freebind=free)) for each in options.http)]
        metrics = list(inherited.metrics)
        if options.metrics is not None:
            metrics.append(undo.enter_context(listen_for_metrics(options.metrics)))
        undo.pop_all()
    return Bound(tuple(tftp), tuple(http), tuple(metrics))


def names_of(listeners: Sequence[socket.socket]) -> str:
    """Return the addresses of ``listeners`` for people."""
    return ", ".join(_name_of(listener) for listener in listeners) or "no address"


def _name_of(listener: socket.socket) -> str:
    name = listener.getsockname()
    if isinstance(name, str):
        return f"unix:{name}"
    return host_port(name[0], name[1])


class Standalone:
    """One server on one folder."""

    def __init__(self, options: ServeOptions, environment: MutableMapping[str, str]) -> None:
        self._options = options
        self._account = account_for(options.user)
        self._folder_fd = open_folder(options.folder)
        self._bound = bind(options, environment)
        self._notifier = Notifier(environment)
        self._format = FORMATS[options.log_format]
        self._writer = LineWriter(_STDERR)
        self._metrics = Metrics()
        self._loop = Loop()
        limits = options.shares.in_limits(DEFAULT_LIMITS)
        self._admission = Admission(
            self._loop, site="here", on_event=self._on_event, policy=Policy(networks=options.allowed), limits=limits
        )
        self._engine = Engine(
            self._loop, self._admission, limits=limits, ports=options.ports, single_port=options.single_port
        )
        self._http = HttpFront(self._loop, self._admission, limits=options.shares.in_http_limits(DEFAULT_HTTP_LIMITS))
        pages = {b"/metrics": lambda: LocalPage("200 OK", self._write_page(), CONTENT_TYPE)}
        self._page = LocalPages(self._loop, pages)
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._stop_by: float | None = None
        self._after_rush = AfterRush()

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit status. FolderUnusable, ConfinementFailed before that."""
        who = self._give_up()
        self._folder = Folder(self._folder_fd)
        self._admission.adopt(self._folder)
        self._attach_all()
        self._say(f"serving {self._options.folder} over TFTP on {names_of(self._bound.tftp)}; {who}")
        if self._bound.http:
            self._say(f"the same over HTTP on {names_of(self._bound.http)}")
        if self._bound.metrics:
            self._say(f"metrics on {names_of(self._bound.metrics)}")
        if not self._folder.follows_links:
            self._say("symbolic links are not followed: this kernel has no openat2")
        quieten_collector()
        self._notifier.tell("READY=1", f"STATUS=Serving {self._options.folder}")
        self._on_tick(time.monotonic())
        while self._stop_by is None:
            self._loop.turn()
        self._finish()
        return 0

    def _give_up(self) -> str:
        """Confine this process; return how, for people."""
        options = self._options
        started_as = _who_runs(None)  # asked now: the list of users lies outside the folder
        confined = confine(
            Confinement(
                root_fd=self._folder_fd,
                keep_root=not options.chroot,
                account=self._account,
                may_grow_files=stat.S_ISREG(os.fstat(_STDERR).st_mode),
            )
        )
        require_entry(self._folder_fd, options.folder, _who_runs(self._account))
        confined = seal(confined, FOLDER)
        beyond = "the kernel refuses all files outside it" if confined.has_landlock else "this kernel has no Landlock"
        if confined.has_filter:
            beyond += " and every system call that serving does not need"
        if not confined.is_another:
            return f"not started as root, so without its own root directory, as {started_as}; {beyond}"
        root = "with the folder as root directory" if options.chroot else "without its own root directory"
        return f"{root}, as {_who_runs(self._account)}; {beyond}"

    # -- what happens -------------------------------------------------------------------------------------------

    def _attach_all(self) -> None:
        for listener in self._bound.tftp:
            self._engine.listen(listener)
        for listener in self._bound.http:
            self._http.listen(listener)
        for listener in self._bound.metrics:
            self._page.listen(listener)
        self._wake_reader.setblocking(False)
        self._wake_writer.setblocking(False)
        self._loop.attach(self._wake_reader.fileno(), select.EPOLLIN, self._on_signal)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda _number, _frame: None)  # its number comes over the wake-up socket

    def _on_signal(self, _mask: int, now: float) -> None:
        for number in self._wake_reader.recv(64):
            if number == signal.SIGHUP:
                self._say("nothing to reload: each request sees the folder as it is")
            else:
                self._stop_by = now if self._stop_by is not None else now + STOP_GRACE_S

    def _on_event(self, event: WorkersOwnEvent) -> None:
        self._metrics.note(event)
        line = line_of(event, self._why_not)
        if line is not None:
            self._writer.write(self._format(line))

    def _why_not(self, name: str) -> str:
        return self._folder.why_not(name) or "it did not exist a moment ago"

    def _on_tick(self, now: float) -> None:
        self._admission.flush()
        self._engine.tidy(now)
        self._folder.tidy()
        self._after_rush.look(self._admission.requests, self._under_way)
        self._writer.flush()
        self._loop.call_at(now + _TICK_S, self._on_tick)

    def _write_page(self) -> bytes:
        refusals: dict[str, int] = {}
        for finding, count in self._admission.telling.by_finding.items():
            refusals[finding_here(finding)] = count
        return self._metrics.page(
            Now(
                requests=self._admission.requests,
                refusals=refusals,
                sessions={TFTP: self._engine.session_count, HTTP: self._http.connection_count},
                open_files=len(self._folder),
                lines_dropped=self._writer.dropped,
            )
        )

    @property
    def _under_way(self) -> int:
        return self._engine.session_count + self._http.connection_count

    def _say(self, message: str) -> None:
        self._writer.write(self._format(notice(message)))

    def _finish(self) -> None:
        """Let transfers under way end, some seconds long; then end them."""
        self._notifier.tell("STOPPING=1")
        under_way = self._under_way
        self._say(f"stopping; transfers in progress: {under_way}")
        self._engine.drain()
        self._http.drain()
        while self._under_way and time.monotonic() < (self._stop_by or 0.0):
            self._loop.turn(0.1)
        ended = self._under_way
        self._engine.close()
        self._http.close()
        self._page.close()
        self._admission.flush()
        self._folder.retire()
        self._loop.close()
        self._bound.close()
        self._say(f"stopped; transfers that were cut short: {ended}")
        self._notifier.close()


def _who_runs(account: Account | None) -> str:
    if account is not None:
        return f"user {account.name}"
    try:
        return f"user {pwd.getpwuid(os.geteuid()).pw_name}"
    except KeyError:
        return f"user {os.geteuid()}"
