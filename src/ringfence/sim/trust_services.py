"""A virtual phone's errands for certificates: to the CAPF that its configuration names, and to TVS about strangers.

So it judges SIP servers, too, where SIP goes by TLS.

A configuration names up to five of each, as ``capfList/capf`` and ``TVS/members/member`` (usecallmanager.nz, its page
SEPMAC.cnf.xml). A CAPF is believed if a list has its certificate in that role, or if a TVS says so whose certificate is
in a list. Real phones try a CAPF three times, 30 seconds apart; this one does once in each boot.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from lxml import etree

from ringfence.errors import RingfenceError
from ringfence.phones.document import NotWellFormed, parse, text_of
from ringfence.phones.trust import capf, tvs
from ringfence.phones.trust.capf import CapfReason
from ringfence.phones.trust.certificate_rules import load_certificate, name_as_text
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus
from ringfence.sim import https_client
from ringfence.sim.capf_client import CapfClient, CapfPhone, phone_context
from ringfence.sim.errors import NotVouchedFor
from ringfence.sim.https_client import HttpsServer
from ringfence.sim.sip_over_tls import TlsTransport, show
from ringfence.sim.trust_steps import ByHttps, CapfEnded, CapfFailed, HttpsFailed, TrustStep, TvsAnswered
from ringfence.sim.trusting_phone import PhoneTrust
from ringfence.sim.tvs_client import TvsMemory, ask, der_of

Address = tuple[str, int]
_MOST_SERVERS = 5
_CONNECT_S = 30.0
_FAULTS = (OSError, EOFError, RingfenceError)
_NO_CAPF = "0"


@dataclass(slots=True)
class TrustServices:
    """One phone's way to CAPF and TVS.

    Args:
        trust: Its lists and its certificates.
        device_name: As it calls itself at CAPF, ``SEP<MAC>``.
        certificate_name: As it calls itself at TVS, ``CP-9971-SEP<MAC>``.
        source_host: The address that it asks from, None for any.
        newest_tls: The newest version that it speaks, as its model has it; empty for any.
        password: What somebody typed at it for CAPF.
        now: Reads its clock, in seconds.
    """

    trust: PhoneTrust
    device_name: str
    certificate_name: str
    source_host: str | None = None
    newest_tls: str = ""
    password: str = ""
    now: Callable[[], float] = time.monotonic
    known: TvsMemory = field(default_factory=TvsMemory)
    _members: list[Address] = field(default_factory=list)
    """The TVS that the last configuration names."""

    def connect_by_tls(
        self, host: str, port: int, server: Address, place: str, tell: Callable[[TrustStep], None]
    ) -> TlsTransport:
        """Connect to a SIP server that the lists or TVS vouch for, and show it the phone's certificate if it asks.

        Raises:
            SipPortInUse, RegistrationFailed: As ``TlsTransport``.
        """
        context = phone_context(None, newest_tls=self.newest_tls)
        if (own := self.trust.lsc or self.trust.mic) is not None:
            show(context, own)
        return TlsTransport(host, port, server, place, context, lambda der: self._check(der, TrustRole.CCM, tell))

    def get_by_https(self, server: Address, name: str, tell: Callable[[TrustStep], None]) -> bytes | None:
        """Get the phone's configuration by HTTPS from a server that the lists or TVS vouch for; None if that fails."""
        asked = HttpsServer(server, self.source_host, self.trust.lsc or self.trust.mic)
        try:
            data = https_client.get(asked, name, lambda der: self._check_curve(der, tell))
        except (OSError, RingfenceError) as fault:
            tell(HttpsFailed(name, str(fault) or type(fault).__name__))
            return None
        said = f"{server[0]}:{server[1]}"
        tell(HttpsFailed(name, f"{said} does not have it") if data is None else ByHttps(name, said))
        return data

    def _check_curve(self, der: bytes, tell: Callable[[TrustStep], None]) -> None:
        """Check the server's certificate, whose key is to be an elliptic curve. NotVouchedFor."""
        shown = load_certificate(der)
        if shown is None or not isinstance(shown.public_key(), ec.EllipticCurvePublicKey):
            raise NotVouchedFor("the server at the port for HTTPS shows no certificate with an elliptic curve")
        self._check(der, TrustRole.TFTP, tell)

    def run(self, configuration: bytes, tell: Callable[[TrustStep], None]) -> None:
        """Go to CAPF if the configuration, or a stub, says so; keep the LSC that it gives or takes."""
        try:
            root = parse(configuration).root
        except NotWellFormed:
            return
        self._members = _servers(root, "TVS/members/member", ("address", "port"), tvs.PORT)
        mode = text_of(root, "capfAuthMode")
        if mode in {"", _NO_CAPF}:
            return
        for server in _servers(root, "capfList/capf", ("processNodeName", "phonePort"), capf.PORT):
            said = f"{server[0]}:{server[1]}"
            phone = CapfPhone(self.device_name, mic=self.trust.mic, lsc=self.trust.lsc)
            before = phone.lsc
            try:
                reason, over = self._session(server, mode, phone, tell)
            except _FAULTS as fault:
                tell(CapfFailed(said, str(fault) or type(fault).__name__))
                continue
            finally:
                if phone.lsc is not before:
                    self.trust.lsc = phone.lsc
            certificate = name_as_text(phone.lsc.certificate.subject) if phone.lsc else ""
            tell(CapfEnded(said, reason.name, certificate, over))
            return

    def _session(
        self, server: Address, mode: str, phone: CapfPhone, tell: Callable[[TrustStep], None]
    ) -> tuple[CapfReason, str]:
        with socket.create_connection(server, _CONNECT_S, self._source) as line:
            client = CapfClient(line, phone_context(None, newest_tls=self.newest_tls))
            try:
                self._check(client.certificate, TrustRole.CAPF, tell)
                return client.run(phone, self._shown(mode, phone).answer), client.version or ""
            finally:
                client.close()

    def _shown(self, mode: str, phone: CapfPhone) -> CapfPhone:
        """Return what of the phone it shows first, as the configuration says."""
        match mode:
            case "3":
                return CapfPhone(self.device_name, mic=phone.mic, lsc=phone.lsc)
            case "4":
                return CapfPhone(self.device_name, mic=phone.mic)
            case _:
                return CapfPhone(self.device_name, password=self.password if mode == "1" else "")

    def _check(self, der: bytes, role: TrustRole, tell: Callable[[TrustStep], None]) -> None:
        """Check that the lists or TVS vouch for a server.

        Raises:
            NotVouchedFor: They don't.
        """
        shown = load_certificate(der)
        if shown is None:
            raise NotVouchedFor(f"{role.name} shows no certificate that can be read")
        if shown in self.trust.certificates(role):
            return
        roles = self.known.roles(shown, self.now())
        if roles is None:
            roles = self._ask_tvs(shown, tell)
        if role not in roles:
            raise NotVouchedFor(f"neither its lists nor TVS vouch for {name_as_text(shown.subject)} as {role.name}")

    @property
    def _source(self) -> Address | None:
        return (self.source_host, 0) if self.source_host else None

    def _ask_tvs(self, shown: x509.Certificate, tell: Callable[[TrustStep], None]) -> frozenset[TrustRole]:
        """Return what the first TVS that answers trusts a certificate for; nothing if none does."""
        for listed in self.trust.certificates(TrustRole.TVS):
            context = phone_context(listed, newest_tls=self.newest_tls)
            for member in self._members:
                try:
                    with socket.create_connection(member, _CONNECT_S, self._source) as line:
                        answer = ask(line, context, self.certificate_name, der_of(shown))
                except _FAULTS:
                    continue
                self.known.remember(shown, answer, self.now())
                roles = frozenset(answer.roles) if answer.status is TvsStatus.VALID else frozenset()
                names = tuple(sorted(role.name for role in roles))
                tell(TvsAnswered(f"{member[0]}:{member[1]}", name_as_text(shown.subject), names, answer.ttl_s))
                return roles
        return frozenset()


def _servers(root: etree._Element, path: str, names: tuple[str, str], port: int) -> list[Address]:
    """Return up to five servers with a host, in the order of their priority and then of the file."""
    members = sorted(root.findall(path)[:_MOST_SERVERS], key=lambda member: member.get("priority", "0"))
    found = [(text_of(member, names[0]), text_of(member, names[1])) for member in members]
    return [(host, int(given) if given.isdecimal() else port) for host, given in found if host]
