"""A virtual phone: boots over TFTP as the real ones do, holds what it got, and boots again when it is told to.

It asks in the order of PHONES.md section 1, from a new port for each file, in 512-byte blocks without options unless
told otherwise. A configuration that it can't take, or that it does not get, it asks for again every 45 s; what it held
before, it keeps. Where facts are unknown it can play both ways:

- ``register_call_id``: None for a phone that never registered, which takes a NOTIFY whatever RegisterCallId says
  (observed with an empty one); else the Call-ID of its REGISTER, which a NOTIFY must name.
- ``checks_uri``: whether it refuses a Request-URI that is not its own address (firmware since 9.4 does).
"""

import contextlib
import select
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Protocol, Self

from ringfence.errors import RingfenceError
from ringfence.phones.errors import BadSipMessage
from ringfence.phones.families import family_or_model
from ringfence.phones.filenames import is_optional
from ringfence.phones.held import HeldConfiguration
from ringfence.phones.mac import Mac
from ringfence.phones.notify import (
    ServiceControl,
    SipRequest,
    is_service_control,
    parse_message,
    parse_service_control,
    response,
)
from ringfence.server.client import fetch as fetch_over_tftp
from ringfence.server.errors import FileRefused
from ringfence.sim.errors import ConfigurationMissing, SipPortInUse
from ringfence.sim.steps import (
    BootFailed,
    Booting,
    Fetched,
    Holds,
    Listening,
    Missing,
    Notified,
    NotifyRefused,
    Step,
)
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions

RETRY_S = 45.0
"""How long a phone waits before it asks again for a configuration that it could not take (8851; section 1)."""
DEFAULT_CONFIGURATION = "XMLDefault.cnf.xml"
_LARGEST_DATAGRAM = 65535


class Fetch(Protocol):
    """How a phone gets a file; ``ringfence.server.client.fetch`` is the real one."""

    def __call__(
        self, server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        """Return the file's bytes; FileRefused or TransferFailed."""
        ...


class _Ended(Exception):  # noqa: N818 - what happened
    """The phone was stopped in the middle of a boot."""


class VirtualPhone:
    """One phone. ``boot`` boots it once; ``run`` boots it and listens until ``stop``; ``start`` runs it in a thread."""

    def __init__(
        self,
        mac: Mac,
        kind: str,
        server: tuple[str, int],
        *,
        source_host: str | None = None,
        options: RequestedOptions = NO_OPTIONS,
        retry_s: float = RETRY_S,
        on_step: Callable[[Step], None] = lambda _step: None,
        register_call_id: str | None = None,
        checks_uri: bool = True,
        fetch: Fetch = fetch_over_tftp,
    ) -> None:
        self.mac = mac
        self.family, self.model = family_or_model(kind)
        self.server = server
        self.source_host = source_host
        self._options = options
        self._retry_s = retry_s
        self._on_step = on_step
        self._register_call_id = register_call_id
        self._checks_uri = checks_uri
        self._fetch = fetch
        self._held: HeldConfiguration | None = None
        self._changed = threading.Condition()
        self._sip: socket.socket | None = None
        self._answered: tuple[tuple[str, str], bytes] | None = None
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
        return None if self._sip is None else self._sip.getsockname()[:2]

    def boot(self, why: str = "power on") -> HeldConfiguration:
        """Boot once and return what the phone holds then.

        ConfigurationMissing, ConfigurationRejected or TransferFailed where it gets nothing; it keeps what it held.
        """
        self._on_step(Booting(why))
        files: list[bytes] = []
        for ask in self.family.boot.value:
            data = self._ask(ask.name_for(self.mac, self.model))
            if data is not None and ask.configures:
                files.append(data)
            if data is None and ask.needed:
                if self.family.asks_also and DEFAULT_CONFIGURATION.replace(".", r"\.") in self.family.asks_also:
                    self._ask(DEFAULT_CONFIGURATION)  # it is of no use without a Call Manager, but phones ask for it
                raise ConfigurationMissing(
                    f"the server does not give {ask.name_for(self.mac, self.model)} to this phone",
                    where=f"{self.server[0]}:{self.server[1]}",
                    to_do="Add the phone to the site, publish, and see the edge's report for the reason.",
                )
        held = self.family.read(tuple(files), self.model)
        with self._changed:
            self._held = held
            self._changed.notify_all()
        self._on_step(Holds(held))
        for name in held.files:
            self._ask(name)
        return held

    def run(self) -> None:
        """Boot, listen, and boot again when told, until ``stop``; SipPortInUse where it can't listen."""
        why: str | None = "power on"
        retry_at = 0.0
        wake_reader, self._wake_writer = socket.socketpair()
        try:
            while not self._stopping.is_set():
                if why is not None:
                    retry_at = self._boot_or_wait(why)
                why = self._wait_for_order(wake_reader, retry_at)
        except _Ended:
            pass
        finally:
            self._stop_listening()
            wake_reader.close()
            self._wake_writer.close()

    def start(self) -> Self:
        """Run in a thread of its own."""
        self._thread = threading.Thread(target=self._run_in_thread, name=f"phone-{self.mac.bare}", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Ask the phone to end, and wait for its thread; what ended the thread before is raised here.

        It ends between two files: a file that is under way is waited for.
        """
        self._stopping.set()
        if self._wake_writer is not None:
            with contextlib.suppress(OSError):  # closed: it has ended
                self._wake_writer.send(b"x")
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
                raise TimeoutError(f"phone {self.mac} does not hold what was waited for after {timeout_s:g} s")
            held = self._held
        if held is None:
            raise AssertionError("the wait ends with a configuration")
        return held

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.stop()

    def _run_in_thread(self) -> None:
        try:
            self.run()
        except Exception as fault:  # noqa: BLE001 - told to whoever stops the phone
            self._fault = fault

    def _boot_or_wait(self, why: str) -> float:
        """Boot; return when to ask again, 0 where the configuration was taken."""
        try:
            held = self.boot(why)
        except RingfenceError as fault:
            self._on_step(BootFailed(fault, self._retry_s))
            return time.monotonic() + self._retry_s
        self._listen(held.sip_listen_port)
        return 0.0

    def _ask(self, name: str) -> bytes | None:
        """Return a file, or None where the server refuses it; TransferFailed where it is silent."""
        if self._stopping.is_set():
            raise _Ended
        begun = time.monotonic()
        try:
            data = self._fetch(self.server, name, options=self._options, source_host=self.source_host)
        except FileRefused as refusal:
            self._on_step(Missing(name, refusal.code, is_optional(name)))
            return None
        self._on_step(Fetched(name, len(data), time.monotonic() - begun))
        return data

    def _listen(self, port: int) -> None:
        if self._sip is not None and self._sip.getsockname()[1] == port:
            return
        self._stop_listening()
        host = self.source_host or _host_facing(self.server)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        transport = socket.socket(family, socket.SOCK_DGRAM)
        try:
            transport.bind((host, port))
        except OSError as fault:
            transport.close()
            raise SipPortInUse(
                f"the phone can't listen for SIP at {host} port {port}: {fault.strerror}",
                where=f"phone {self.mac}",
                to_do="Set sip_listen_port to a free port, or give the phone an address of its own.",
            ) from None
        transport.setblocking(False)
        self._sip = transport
        self._on_step(Listening(host, port))

    def _wait_for_order(self, wake_reader: socket.socket, retry_at: float) -> str | None:
        """Wait for a NOTIFY, the time to ask again, or the end; return why to boot, None where there is no reason."""
        timeout_s = max(0.0, retry_at - time.monotonic()) if retry_at else None
        sip = self._sip
        ready, _, _ = select.select([wake_reader] if sip is None else [wake_reader, sip], [], [], timeout_s)
        if self._stopping.is_set():
            return None
        if sip is not None and sip in ready:
            order = self._receive(sip)
            if order is not None:
                return order.action
        return "asks again" if retry_at and time.monotonic() >= retry_at else None

    def _receive(self, transport: socket.socket) -> ServiceControl | None:
        """Read and answer one datagram; return the order that it carries, None where it carries none."""
        try:
            data, (peer_host, peer_port, *_rest) = transport.recvfrom(_LARGEST_DATAGRAM)
        except OSError:
            return None
        if data.startswith(b"SIP/2.0 "):
            return None  # an answer to nothing: answering it could go on for ever
        try:
            request = parse_message(data)
        except BadSipMessage as fault:
            # Without Via, From and the rest there is nothing that an answer could be built from.
            self._on_step(NotifyRefused(400, fault.what, peer_host, peer_port))
            _send(transport, b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n", (peer_host, peer_port))
            return None
        if not isinstance(request, SipRequest):
            return None
        if self._answered is not None and self._answered[0] == request.transaction:
            _send(transport, self._answered[1], (peer_host, peer_port))  # a retransmission: the same answer, no boot
            return None
        status, reason, order = self._judge(request)
        answer = response(request, status, to_tag=uuid.uuid4().hex[:12])
        self._answered = (request.transaction, answer)
        _send(transport, answer, (peer_host, peer_port))
        if order is None:
            self._on_step(NotifyRefused(status, reason, peer_host, peer_port))
        else:
            self._on_step(Notified(order.action, peer_host, peer_port))
            if order.action == "check-version" and self._held and order.configuration_stamp == self._held.version_stamp:
                return None  # nothing is newer
        return order

    def _judge(self, request: SipRequest) -> tuple[int, str, ServiceControl | None]:
        """Return the status of the answer, why, and the order where there is one (section 6c)."""
        if request.method != "NOTIFY":
            return 405, f"a phone takes no {request.method} from here", None
        if not is_service_control(request):
            return 489, "the event is not service-control", None
        try:
            target = request.target
            order = parse_service_control(request)
        except BadSipMessage as fault:
            return 400, fault.what, None
        own = self.sip_address
        if self._checks_uri and own is not None and target != (own[0].lower(), own[1]):
            return 400, f"the Request-URI names {target[0]}:{target[1]}, which is not this phone", None
        if self._register_call_id is not None and order.register_call_id != self._register_call_id:
            return 400, "RegisterCallId is not the Call-ID of this phone's REGISTER", None
        return 200, "", order

    def _stop_listening(self) -> None:
        if self._sip is not None:
            self._sip.close()
            self._sip = None


def _host_facing(server: tuple[str, int]) -> str:
    """Return our own address on the way to ``server``: what a phone would put into its Contact."""
    family, _kind, _protocol, _name, address = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])


def _send(transport: socket.socket, data: bytes, address: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):  # who asked has gone, and asks again if not
        transport.sendto(data, address)
