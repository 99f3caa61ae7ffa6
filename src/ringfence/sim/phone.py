"""A virtual phone: boots over TFTP as real phones do, keeps what it got, and boots again when told to.

It asks in the order of PHONES.md section 1, from a new port for each file, in 512-byte blocks without options unless
told otherwise. It asks again every 45 s for a configuration that it rejects or does not get, and keeps the earlier
one. Over SIP it behaves as ``SipHabits`` says: it listens, and registers where it is told to.
"""

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Self

from ringfence.errors import RingfenceError
from ringfence.phones.families import family_or_model
from ringfence.phones.filenames import is_optional
from ringfence.phones.mac import Mac
from ringfence.phones.parsed_configuration import HeldConfiguration
from ringfence.phones.settings.trust import TRUST_TRANSPORT
from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch as fetch_over_tftp
from ringfence.sim.errors import ConfigurationMissing, FileDistrusted
from ringfence.sim.https_client import PORT
from ringfence.sim.https_side import HTTPS, HttpsSide
from ringfence.sim.profile_phone import profile_phone
from ringfence.sim.provisioning import Fetch, HttpFirst, upgrade
from ringfence.sim.sip_agent import TcpTransport, Transport
from ringfence.sim.sip_side import SipHabits, SipSide, host_facing
from ringfence.sim.steps import (
    BootFailed,
    Booting,
    Fetched,
    Holds,
    Missing,
    Notified,
    Step,
    Upgraded,
    UpgradeFailed,
)
from ringfence.sim.trust_services import TrustServices
from ringfence.sim.trust_steps import Distrusted
from ringfence.sim.trusting_phone import PhoneTrust, check_family, hashes_of
from ringfence.sim.web_side import WebSide
from ringfence.tftp.options import RequestedOptions

RETRY_S = 45.0
"""How long a phone waits before it asks again, where nobody knows how long its family does (8851; section 1)."""
DEFAULT_CONFIGURATION = "XMLDefault.cnf.xml"


class _Ended(Exception):  # noqa: N818 - what happened
    """The phone was stopped in the middle of a boot."""


_LONGEST_WAIT_S = 0.5
"""How long it waits at a time: a signal that comes just before a wait is handled only after it."""


class VirtualPhone:
    """One phone. ``boot`` boots it once; ``run`` boots it and listens until ``stop``; ``start`` runs it in a thread."""

    def __init__(
        self,
        mac: Mac,
        kind: str,
        server: tuple[str, int],
        *,
        source_host: str | None = None,
        options: RequestedOptions | None = None,
        retry_s: float | None = None,
        on_step: Callable[[Step], None] = lambda _step: None,
        sip: SipHabits = SipHabits(),  # noqa: B008 - it can't change
        fetch: Fetch = fetch_over_tftp,
        running_load: str = "",
        web_port: int | None = None,
        trust: PhoneTrust | None = None,
        https: HttpsSide | None = None,
        https_port: int = PORT,
    ) -> None:
        self._https_port = https_port
        self.mac = mac
        self.family, self.model = family_or_model(kind)
        self.server = server
        self.source_host = source_host
        self._options = self.family.tftp_options.value if options is None else options
        self._pace_s = 0.0
        self._retry_s = retry_s or self.family.retry_s.value or RETRY_S
        self._on_step = on_step
        self._fetch = fetch
        self.running_load = running_load
        """Its firmware; empty stands for one that nobody names."""
        self._web_port = web_port
        self._web: WebSide | None = None
        self._web_order_waits = False
        self._https = https
        self._profiles = profile_phone(mac, self.family, self.model, trust, https)
        self._trust = trust if self._profiles is None else None
        self._services = services = self._trust_services()
        by_tls = None if services is None else partial(services.connect_by_tls, tell=on_step)
        self._sip = SipSide(mac, self.family, self.model, sip, on_step, by_tls)
        self._held: HeldConfiguration | None = self._remembered()
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._wake_writer: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._fault: BaseException | None = None

    @property
    def held(self) -> HeldConfiguration | None:
        """What the phone holds, None before its first configuration."""
        return self._held

    @property
    def sip_address(self) -> tuple[str, int] | None:
        """Where the phone listens for SIP, None while it does not."""
        return self._sip.address

    @property
    def web_address(self) -> tuple[str, int] | None:
        """Where the phone has its web interface, None while it has none."""
        return self._web.address if self._web is not None else None

    def use(self, *, now: bool) -> None:
        """Let somebody use the phone from now on, or nobody: orders may wait for that."""
        if self._web is not None:
            self._web.use(now=now)

    def ask_by(self, fetch: Fetch) -> None:
        """Get files in another way from now on."""
        self._fetch = fetch

    def go_at_its_pace(self, pace_s: float | None = None) -> None:
        """Wait before each file from now on, as its family is known to do, or for ``pace_s``."""
        self._pace_s = pace_s if pace_s is not None else self.family.pace_s.value or 0.0

    def boot(self, why: str = "power on") -> HeldConfiguration:
        """Boot once and return what the phone holds then.

        Raises:
            ConfigurationMissing, ConfigurationRejected, FileDistrusted, TransferFailed: It gets nothing; it keeps what
                it held.
        """
        self._on_step(Booting(why))
        files = self._ask_for_configuration()
        held = self.family.read(files, self.model)
        with self._changed:
            self._held = held
            self._changed.notify_all()
        if self._trust is not None:
            self._trust.memory.keep_configuration(files)
        self._run_errands(files[-1])
        if isinstance(self._fetch, HttpFirst) and held.credential is not None:
            self._fetch.credential = held.credential
        self._on_step(Holds(held))
        if self._takes_firmware(held.load):
            return self.boot("new firmware")
        for name in held.files:
            if name != f"{held.load}.loads":
                self._ask(name)
        return held

    def _ask_for_configuration(self) -> tuple[bytes, ...]:
        """Ask for what the phone asks for first, and return the files that configure it."""
        if self._profiles is not None:
            return self._profiles.resync(self._get, self._on_step)
        if self._trust is not None:
            self._trust.begin_boot()
        files: list[bytes] = []
        for ask in self.family.boot.value:
            data = self._ask(ask.name_for(self.mac, self.model), is_needed=ask.needed)
            if data is not None and ask.configures:
                files.append(data)
            if data is None and ask.needed:
                if self.family.asks_also and DEFAULT_CONFIGURATION.replace(".", r"\.") in self.family.asks_also:
                    self._ask(DEFAULT_CONFIGURATION)  # it is of no use without a Call Manager, but phones ask for it
                raise ConfigurationMissing(
                    f"the server does not serve {ask.name_for(self.mac, self.model)} to this phone",
                    where=f"{self.server[0]}:{self.server[1]}",
                    to_do="Add the phone to the site, publish, and look up the reason in the edge's report.",
                )
        return tuple(files)

    def _takes_firmware(self, load: str) -> bool:
        """Fetch the firmware that the configuration names, unless the phone runs it; return whether it runs it now."""
        if not load or load == self.running_load:
            return False
        if not self.model.runs(load):
            self._on_step(UpgradeFailed(load, f"it is not for {self.model.with_article}"))
            return False
        done = upgrade(load, self._ask)
        if done.missing:
            self._on_step(UpgradeFailed(load, f"missing: {', '.join(done.missing)}"))
            return False
        self.running_load = load
        self._on_step(Upgraded(load, done.files))
        return True

    def run(self) -> None:
        """Boot, listen, and boot again when told, until ``stop``.

        Raises:
            SipPortInUse: It can't listen.
        """
        why: str | None = "power on"
        retry_at = 0.0
        wake_reader, self._wake_writer = socket.socketpair()
        try:
            if self._web_port is not None:
                host = self.source_host or host_facing(self.server)
                self._web = WebSide(self.mac, (host, self._web_port), lambda: self._held, self._on_web_order)
            while not self._stopping.is_set():
                if why is not None:
                    retry_at = self._boot_or_wait(why)
                why = self._wait_for_order(wake_reader, retry_at)
        except _Ended:
            pass
        finally:
            self._sip.close()
            if self._web is not None:
                self._web.close()
            wake_reader.close()
            self._wake_writer.close()

    def start(self) -> Self:
        """Run in a separate thread."""
        self._thread = threading.Thread(target=self._run_in_thread, name=f"phone-{self.mac.bare}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask the phone to end, and wait for its thread; what ended the thread before is raised here.

        It ends between two files: it waits for a file in progress.
        """
        self._stopping.set()
        self._wake()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def wait_until(self, holds: Callable[[HeldConfiguration], bool], timeout_s: float) -> HeldConfiguration:
        """Return what the phone holds once that satisfies ``holds``; TimeoutError after ``timeout_s``."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._held is not None and holds(self._held), timeout_s):
                raise TimeoutError(f"phone {self.mac} does not have the expected configuration after {timeout_s:g} s")
            held = self._held
        if held is None:
            raise AssertionError("the wait ends with a configuration")
        return held

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _wake(self) -> None:
        if self._wake_writer is not None:
            with contextlib.suppress(OSError):  # closed: it has ended
                self._wake_writer.send(b"x")

    def _on_web_order(self, peer: tuple[str, int]) -> None:
        self._on_step(Notified("restart", *peer))
        self._web_order_waits = True
        self._wake()

    def _run_in_thread(self) -> None:
        try:
            self.run()
        except Exception as fault:  # noqa: BLE001 - told to whoever stops the phone
            self._fault = fault

    def _boot_or_wait(self, why: str) -> float:
        """Boot; return when to ask again, 0 if the configuration was taken."""
        try:
            held = self.boot(why)
        except RingfenceError as fault:
            self._on_step(BootFailed(fault, self._retry_s))
            keeps = self._trust is not None or self._profiles is not None
            if keeps and self._held is not None and self._sip.address is None:
                self._use(self._held, why)  # what it kept from an earlier life
            return time.monotonic() + self._retry_s
        self._use(held, why)
        return 0.0

    def _use(self, held: HeldConfiguration, why: str) -> None:
        """Listen and register as the configuration says; SipPortInUse if it can't."""
        host = self.source_host or host_facing(self.server)
        self._sip.take(held, host, why.replace(" ", "-"), self.running_load)

    def _remembered(self) -> HeldConfiguration | None:
        """Return the configuration that it kept from an earlier life, None if there is none."""
        if self._profiles is not None:
            files = self._profiles.files
        elif self._trust is not None:
            check_family(self.family)
            files = self._trust.memory.configuration
        else:
            return None
        return self.family.read(files, self.model) if files else None

    def _ask(self, name: str, *, is_needed: bool = False) -> bytes | None:
        """Return a file, or None if the server refuses it, or if the phone does not believe it and can do without.

        Raises:
            TransferFailed: The server is silent.
            FileDistrusted: The phone does not believe a file that it needs.
        """
        if self._trust is None:
            return self._get(name)
        try:
            return self._trust.ask(name, self._get, self._on_step)
        except FileDistrusted as fault:
            self._on_step(Distrusted(name, str(fault)))
            if self._trust.stub is not None:
                self._run_errands(self._trust.stub)
            if is_needed:
                raise
            return None

    def _trust_services(self) -> TrustServices | None:
        if self._trust is None:
            return None
        if self._trust.hashes is None:
            self._trust.hashes = hashes_of(self.model)
        self._trust.knows_curves = self._trust.knows_curves or TRUST_TRANSPORT in self.model.settings
        device = f"SEP{self.mac.bare}"
        services = TrustServices(
            self._trust,
            device,
            f"CP-{self.model.name}-{device}",
            self.source_host,
            self.model.tls_ceiling.value,
            self._trust.typed,
        )
        self._trust.ask_by_https = lambda name, tell: services.get_by_https(
            (self.server[0], self._https_port), name, tell
        )
        return services

    def _run_errands(self, configuration: bytes) -> None:
        """Go to CAPF and TVS if the phone has lists, and the configuration says so."""
        if self._services is not None:
            self._services.run(configuration, self._on_step)

    def _get(self, name: str) -> bytes | None:
        """Return a file as the server has it, or None if the server refuses it; TransferFailed where it is silent."""
        if self._stopping.wait(self._pace_s):
            raise _Ended
        begun = time.monotonic()
        fetch = self._https if self._https is not None and name.startswith(HTTPS) else self._fetch
        try:
            data = fetch(self.server, name, options=self._options, source_host=self.source_host)
        except FileRefused as refusal:
            self._on_step(Missing(name, refusal.code, is_optional(name)))
            return None
        self._on_step(Fetched(name, len(data), time.monotonic() - begun, getattr(fetch, "over", "tftp")))
        return data

    def _wait_for_order(self, wake_reader: socket.socket, retry_at: float) -> str | None:
        """Wait for an order, the time to ask or register again, or the end; return why to boot, None for no reason."""
        times = [at for at in (retry_at, self._sip.renew_at) if at]
        timeout_s = min(_LONGEST_WAIT_S, max(0.0, min(times) - time.monotonic())) if times else _LONGEST_WAIT_S
        transport = self._sip.transport
        waited_for: list[socket.socket | Transport] = [wake_reader]
        if transport is not None and not (isinstance(transport, TcpTransport) and not transport.is_open):
            waited_for.append(transport)
        ready, _, _ = select.select(waited_for, [], [], 0.0 if self._sip.has_unread else timeout_s)
        if self._stopping.is_set():
            return None
        if wake_reader in ready:
            wake_reader.recv(64)
        if self._web_order_waits:
            self._web_order_waits = False
            return "restart"
        if self._sip.has_unread or (transport is not None and transport in ready):
            order = self._sip.next_order()
            if order is not None:
                return order.action
        self._sip.renew()
        return "asks again" if retry_at and time.monotonic() >= retry_at else None
