"""What a virtual phone does over SIP: listens, registers its lines, and takes or refuses orders to reload.

Where facts are unknown it can play both ways:

- ``register_call_id``: None for a phone that never registered, which accepts a NOTIFY whatever RegisterCallId says
  (observed with an empty one); otherwise the Call-ID that a NOTIFY must name. A phone that registers uses its own.
- ``checks_uri``: whether it refuses a Request-URI that is not its own address (firmware since 9.4 does).
- ``sends_rport``: whether it asks for answers at the port that it sends from. Cisco's phones don't by themselves.
"""

import select
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from ringfence.errors import RingfenceError
from ringfence.phones.errors import BadSipMessage
from ringfence.phones.family import Family, Model
from ringfence.phones.mac import Mac
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.trust import TRUST
from ringfence.phones.sip.messages import SipRequest, parse_message, response
from ringfence.phones.sip.notify import (
    ServiceControl,
    is_check_sync,
    is_service_control,
    parse_service_control,
)
from ringfence.phones.sip.register import Registering
from ringfence.secret import Secret
from ringfence.sim.capf_client import phone_context
from ringfence.sim.errors import RegistrationFailed
from ringfence.sim.sip_agent import (
    Address,
    Received,
    SipAgent,
    TcpTransport,
    Transport,
    UdpTransport,
    resolve,
)
from ringfence.sim.sip_over_tls import TlsTransport
from ringfence.sim.steps import (
    Listening,
    Notified,
    NotifyRefused,
    Registered,
    RegisterFailed,
    Step,
)

_RENEW_AT = 0.8
"""When a line registers again, as a part of the time that it was granted."""
_SOONEST_AGAIN_S = 5.0
_AFTER_FAILURE_S = 30.0


@dataclass(frozen=True, slots=True)
class SipHabits:
    """How a virtual phone behaves over SIP."""

    registers: bool = False
    register_call_id: str | None = None
    checks_uri: bool = True
    sends_rport: bool = False


class SipSide:
    """One phone's SIP side, from one configuration to the next."""

    def __init__(
        self, mac: Mac, family: Family, model: Model, habits: SipHabits, on_step: Callable[[Step], None],
        by_tls: Callable[[str, int, Address, str], Transport] | None = None,
    ) -> None:  # fmt: skip
        self._mac, self._family, self._model = mac, family, model
        self._habits = habits
        self._on_step = on_step
        self._by_tls = by_tls
        self._transport: Transport | None = None
        self._agent: SipAgent | None = None
        self._held: HeldConfiguration | None = None
        self._registered: list[HeldLine] = []
        self._load = ""
        self._answered: tuple[tuple[str, str], bytes] | None = None
        self._pending: list[Received] = []
        self.renew_at = 0.0
        """When lines register again, by the monotonic clock; 0 if they don't."""

    @property
    def transport(self) -> Transport | None:
        """Where orders come in, None while it does not listen."""
        return self._transport

    @property
    def address(self) -> Address | None:
        """Its own SIP address, None while it does not listen."""
        return None if self._transport is None else self._transport.address

    def take(self, held: HeldConfiguration, local_host: str, last: str, load: str = "") -> None:
        """Listen and register as ``held`` says; ``last`` is why it started.

        Raises:
            SipPortInUse: It can't listen.
        """
        self._load = load
        registers = self._habits.registers and bool(held.sip_servers)
        if not registers:
            self._held = held
            self._listen_only(local_host, held.sip_listen_port)
            return
        self._leave()
        self._held = held
        place = f"phone {self._mac}"
        try:
            server = resolve(*held.sip_servers[0])
            self._transport = self._connected(held, local_host, server, place)
            self._on_step(Listening(*self._transport.address))
            self._agent = SipAgent(self._transport, server)
            self._register(last)
        except RingfenceError as fault:
            self._fail(fault)

    def _connected(self, held: HeldConfiguration, host: str, server: Address, place: str) -> Transport:
        match held.sip_transport:
            case "udp":
                return UdpTransport(host, held.sip_listen_port, place)
            case "tls" if self._by_tls is not None:
                return self._by_tls(host, held.sip_listen_port, server, place)
            case "tls" if TRUST in self._model.settings:
                raise RegistrationFailed(
                    "SIP is to go by TLS, and the phone has no trust list", where=place, to_do="See the setting trust."
                )
            case "tls":  # what it checks of the server nobody has seen
                context = phone_context(None, newest_tls=self._model.tls_ceiling.value)
                return TlsTransport(host, held.sip_listen_port, server, place, context, lambda _der: None)
            case _:
                return TcpTransport(host, held.sip_listen_port, server, place)

    def renew(self) -> None:
        """Register again when it is due, over a new connection if the old one ended."""
        if self._held is None or not self.renew_at or time.monotonic() < self.renew_at:
            return
        if self._agent is None or (isinstance(self._transport, TcpTransport) and not self._transport.is_open):
            held, host = self._held, self.address[0] if self.address else ""
            self._registered = []
            self.take(held, host or _any_host(held), "tcp-closed", self._load)
            return
        try:
            self._register("refresh")
        except RingfenceError as fault:
            self._fail(fault)

    def next_order(self) -> ServiceControl | None:
        """Judge and answer what has come; return the first order in it. Reads only what is ready."""
        transport = self._transport
        if transport is None:
            return None
        if select.select([transport], [], [], 0)[0]:
            self._pending += transport.receive()
        return self._judge_pending()

    @property
    def has_unread(self) -> bool:
        """Whether something came while a registration was under way, so that there is nothing to wait for."""
        return bool(self._pending)

    def close(self) -> None:
        """Take the registrations away and stop listening."""
        self._leave()

    def _register(self, last: str) -> None:
        if self._agent is None or self._held is None or self._transport is None:
            return
        granted = []
        self._registered = []
        first = self._held.lines[0]
        try:
            for line in self._held.lines:
                user, password = _credential(line, first, one=self._family.one_credential.value)
                expires = self._agent.register(self._registering(line, last), user, password)
                granted.append(expires)
                self._registered.append(line)
                host, port = self._agent.server
                self._on_step(Registered(line.button, line.name, f"{host}:{port}", self._transport.name, expires))
        finally:
            self._pending += self._agent.take_orders()
        self.renew_at = time.monotonic() + max(_SOONEST_AGAIN_S, _RENEW_AT * min(granted))

    def _registering(self, line: HeldLine, last: str) -> Registering:
        held, transport = self._held, self._transport
        if held is None or transport is None:
            raise AssertionError("a phone registers by its configuration, over its transport")
        host, port = transport.address
        return Registering(
            server=held.sip_servers[0][0],
            user=line.name,
            display_name=line.display_name,
            transport=transport.name,
            local_host=host,
            local_port=port,
            mac=self._mac,
            model=self._model,
            expires_s=held.register_expires_s,
            load=self._load,
            last=last,
            sends_rport=self._habits.sends_rport,
        )

    def _fail(self, fault: RingfenceError) -> None:
        self._on_step(RegisterFailed(fault, _AFTER_FAILURE_S))
        self.renew_at = time.monotonic() + _AFTER_FAILURE_S

    def _listen_only(self, host: str, port: int) -> None:
        if self.address is not None and self.address[1] == port:
            return
        self._leave()
        self._transport = UdpTransport(host, port, f"phone {self._mac}")
        self._on_step(Listening(host, port))

    def _leave(self) -> None:
        agent, transport, held = self._agent, self._transport, self._held
        if agent is not None and held is not None:
            for line in self._registered:
                user, password = _credential(line, held.lines[0], one=self._family.one_credential.value)
                if not agent.unregister(self._registering(line, "unregister"), user, password):
                    break  # a server that is silent for one line is silent for all
        if transport is not None:
            transport.close()
        self._agent, self._transport, self._registered, self.renew_at = None, None, [], 0.0
        self._pending = []

    def _judge_pending(self) -> ServiceControl | None:
        found: ServiceControl | None = None
        pending, self._pending = self._pending, []
        for received in pending:
            order = self._answer(received)
            found = found or order
        return found

    def _answer(self, received: Received) -> ServiceControl | None:
        """Answer one message; return the order that it carries, None if it carries none."""
        peer_host, peer_port = received.peer
        if received.data.startswith(b"SIP/2.0 "):
            return None  # an answer to nothing: answering it could go on for ever
        try:
            request = parse_message(received.data)
        except BadSipMessage as fault:
            # Without Via, From and the rest there is nothing that an answer could be built from.
            self._on_step(NotifyRefused(400, fault.what, peer_host, peer_port))
            received.answer(b"SIP/2.0 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
            return None
        if not isinstance(request, SipRequest):
            return None
        if self._answered is not None and self._answered[0] == request.transaction:
            received.answer(self._answered[1])  # a retransmission: the same answer, no boot
            return None
        status, reason, order = self._judge(request)
        answer = response(request, status, to_tag=uuid.uuid4().hex[:12])
        self._answered = (request.transaction, answer)
        received.answer(answer)
        if order is None:
            if status >= 300:  # noqa: PLR2004 - RFC 3261: refusals begin there
                self._on_step(NotifyRefused(status, reason, peer_host, peer_port))
            return None
        self._on_step(Notified(order.action, peer_host, peer_port))
        stamp = self._held.version_stamp if self._held else ""
        if order.action == "check-version" and stamp and order.configuration_stamp == stamp:
            return None  # nothing is newer
        return order

    def _judge(self, request: SipRequest) -> tuple[int, str, ServiceControl | None]:
        """Return the status of the answer, why, and the order where there is one (section 6c)."""
        if request.method == "OPTIONS":
            return 200, "", None
        if request.method != "NOTIFY":
            return 405, f"a phone accepts no {request.method} from this sender", None
        wants_sync = self._family.reload_event.value.is_check_sync
        if wants_sync and is_check_sync(request):
            return 200, "", ServiceControl("check-sync")
        if wants_sync or not is_service_control(request):
            return 489, f"the event is not {self._family.reload_event.value}", None
        try:
            target = request.target
            order = parse_service_control(request)
        except BadSipMessage as fault:
            return 400, fault.what, None
        own = self.address
        if self._habits.checks_uri and own is not None and target != (own[0].lower(), own[1]):
            return 400, f"the Request-URI names {target[0]}:{target[1]}, which is not this phone", None
        wanted = self._agent.call_id if self._agent is not None else self._habits.register_call_id
        if wanted is not None and order.register_call_id != wanted:
            return 400, "RegisterCallId is not the Call-ID of this phone's REGISTER", None
        return 200, "", order


def _credential(line: HeldLine, first: HeldLine, *, one: bool) -> tuple[str, Secret]:
    """Return what a line answers challenges with: on most phones the first line's, whatever it says of itself."""
    chosen = first if one or not line.password else line
    return chosen.auth_name or chosen.name, chosen.password


def _any_host(held: HeldConfiguration) -> str:
    return host_facing(held.sip_servers[0])


def host_facing(server: Address) -> str:
    """Return our own address on the way to ``server``: what a phone would put into its Contact."""
    family, _kind, _protocol, _name, address = socket.getaddrinfo(*server, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return str(probe.getsockname()[0])
