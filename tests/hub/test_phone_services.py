"""CAPF and TVS over real TLS, by the real process, against phones that are as they are, or are not who they say."""

import contextlib
import os
import queue
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.hub.certificate_errors import PhoneServicesUnfit
from ringfence.hub.phone_services.messages import (
    CertificateAsked,
    ConnectionOver,
    DeleteCertificate,
    DeviceShown,
    EndSession,
    FetchCertificate,
    FromServices,
    InstallLsc,
    LscMade,
    OrderDone,
    PhoneService,
    SessionFailed,
    StoreLsc,
    ToServices,
    UseKeys,
    Verified,
)
from ringfence.hub.phone_services.process import PhoneServicesProcess, new_session
from ringfence.phones.errors import CertificateRefused
from ringfence.phones.trust.capf import CapfCommand, CapfElement, CapfFrame, CapfReason
from ringfence.phones.trust.phone_certificates import Issuers, KeyProof, judge_proof
from ringfence.phones.trust.proof_of_key import ShownProof
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus
from ringfence.secret import Secret
from ringfence.sim import tvs_client
from ringfence.sim.capf_client import AtOrder, CapfClient, CapfPhone, phone_context
from support.makers import NOW
from support.phone_identities import (
    DAY,
    capf_service,
    cisco,
    identity,
    old_identity,
    pem,
    service_keys,
    tvs_service,
)

NAME = "SEP001122334455"
ISSUERS = Issuers((cisco().certificate,), (capf_service().certificate,))
WITHIN_S = 60.0


@dataclass
class Desk:
    """A hub's side that checks proofs, and orders what a test wants."""

    order: Callable[[int], ToServices | None] = lambda number: EndSession(number, CapfReason.NO_ACTION)
    session: int = field(default_factory=new_session)
    number: int = 0
    heard: "queue.Queue[FromServices]" = field(default_factory=queue.Queue)

    def set_number(self, number: int) -> None:
        self.number = number

    def answer(self, message: FromServices) -> ToServices | None:
        self.heard.put(message)
        match message:
            case DeviceShown():
                proof = ShownProof(message.device_name, message.certificate, message.signed_data,
                                   message.sha2_signed_data, message.sudi_data)  # fmt: skip
                try:
                    self.proved = judge_proof(proof, self.session, ISSUERS, (NOW + DAY).timestamp())
                except CertificateRefused:
                    return EndSession(self.number, CapfReason.INVALID_ELEMENT)
                return self.order(self.number)
            case LscMade():
                return StoreLsc(self.number)
            case OrderDone():
                return EndSession(self.number, CapfReason.UPDATE_CERTIFICATE)
            case CertificateAsked(_, _, certificate):
                roles = (TrustRole.CCM,) if certificate == capf_service().der else ()
                return Verified(self.number, roles, 3600)
        return None

    def next_of(self, form: type[FromServices]) -> FromServices:
        until = time.monotonic() + WITHIN_S
        while time.monotonic() < until:
            message = self.heard.get(timeout=WITHIN_S)
            if isinstance(message, form):
                return message
        raise AssertionError(form)


@pytest.fixture(scope="module")
def services() -> Iterator[PhoneServicesProcess]:
    with contextlib.closing(_Closing(PhoneServicesProcess(service_keys()))) as held:
        yield held.process


@dataclass
class _Closing:
    process: PhoneServicesProcess

    def close(self) -> None:
        self.process.end()


def capf(
    services: PhoneServicesProcess, phone: CapfPhone, desk: Desk, *, newest_tls: str = ""
) -> tuple[CapfClient, CapfReason]:
    line = services.connect(PhoneService.CAPF, desk)
    client = CapfClient(line, phone_context(capf_service().certificate, newest_tls=newest_tls))
    with contextlib.closing(client):
        return client, client.run(phone)


def install(number: int) -> ToServices:
    begins = NOW.timestamp()
    return InstallLsc(number, 2048, "2a", begins, begins + 86400)


def test_a_phone_shows_its_makers_certificate_and_is_left_as_it_was(services: PhoneServicesProcess) -> None:
    phone, desk = CapfPhone(NAME, identity(f"CP-9971-{NAME}")), Desk()
    client, reason = capf(services, phone, desk)
    assert reason is CapfReason.NO_ACTION
    assert phone.lsc is None
    assert client.certificate == capf_service().der
    assert desk.proved.proof is KeyProof.REPLAYABLE
    assert desk.next_of(ConnectionOver)


def test_a_phone_of_2008_speaks_tls_1_0_and_signs_in_sha_1(services: PhoneServicesProcess) -> None:
    phone, desk = CapfPhone(NAME, old_identity(f"CP-7965G-{NAME}"), signs_sha2=False), Desk()
    client, reason = capf(services, phone, desk, newest_tls="1.0")
    assert (client.version, reason) == ("TLSv1", CapfReason.NO_ACTION)


def test_a_phone_makes_a_key_and_gets_a_certificate_for_it(services: PhoneServicesProcess) -> None:
    phone, desk = CapfPhone(NAME, identity(f"CP-8841-{NAME}"), signs_for_session=True), Desk(install)
    _client, reason = capf(services, phone, desk)
    assert reason is CapfReason.UPDATE_CERTIFICATE
    assert desk.proved.proof is KeyProof.FRESH
    made, done = desk.next_of(LscMade), desk.next_of(OrderDone)
    assert isinstance(made, LscMade)
    assert isinstance(done, OrderDone)
    assert phone.lsc is not None
    assert phone.lsc.der == made.certificate == done.certificate
    issued = phone.lsc.certificate
    issued.verify_directly_issued_by(capf_service().certificate)
    assert issued.subject.rfc4514_string() == f"OU=Ringfence,O=Praxis Weber,CN={NAME}"
    assert issued.serial_number == 0x2A
    assert issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False

    again = Desk(FetchCertificate)
    capf(services, phone, again)
    assert again.next_of(OrderDone).certificate == phone.lsc.der  # type: ignore[union-attr]  # of that form
    assert again.proved.certificate.kind == "lsc"

    gone = Desk(DeleteCertificate)
    assert capf(services, phone, gone)[1] is CapfReason.UPDATE_CERTIFICATE
    assert phone.lsc is None


@pytest.mark.parametrize("order", [install, FetchCertificate, DeleteCertificate])
def test_a_phone_that_refuses_is_told_of_by_name(
    services: PhoneServicesProcess, order: Callable[[int], ToServices]
) -> None:
    phone, desk = CapfPhone(NAME, identity(f"CP-9971-{NAME}"), at_order=AtOrder.REFUSES), Desk(order)
    _client, reason = capf(services, phone, desk)
    failed = desk.next_of(SessionFailed)
    assert isinstance(failed, SessionFailed)
    assert (failed.refusal, failed.detail) == ("phone-refuses", "reason 7")
    assert reason is CapfReason.INVALID_ELEMENT


def test_a_phone_that_ends_in_the_middle_is_told_of_by_name(services: PhoneServicesProcess) -> None:
    desk = Desk()
    line = services.connect(PhoneService.CAPF, desk)
    client = CapfClient(line, phone_context(capf_service().certificate))
    client.receive()
    client.close()
    failed = desk.next_of(SessionFailed)
    assert isinstance(failed, SessionFailed)
    assert failed.refusal == "hangs"


def test_a_recorded_answer_for_a_session_is_refused_in_another(services: PhoneServicesProcess) -> None:
    phone = CapfPhone(NAME, identity(f"CP-8841-{NAME}"), signs_for_session=True)
    capf(services, phone, Desk())
    recorded, desk = dict(phone.shown), Desk(install)
    line = services.connect(PhoneService.CAPF, desk)
    with contextlib.closing(CapfClient(line, phone_context(capf_service().certificate))) as client:
        assert client.run(CapfPhone(NAME), lambda _session: recorded) is CapfReason.INVALID_ELEMENT
    assert desk.next_of(ConnectionOver)
    assert not any(isinstance(each, LscMade) for each in desk.heard.queue)


def test_another_sessions_number_is_refused(services: PhoneServicesProcess) -> None:
    desk = Desk()
    line = services.connect(PhoneService.CAPF, desk)
    with contextlib.closing(CapfClient(line, phone_context(capf_service().certificate))) as client:
        assert client.receive().session == desk.session
        client.send(CapfCommand.AUTH_RESPONSE, {CapfElement.VERSION: b"\3"})  # it says session 0
        assert client.receive().number(CapfElement.REASON) == CapfReason.INVALID_ELEMENT
    failed = desk.next_of(SessionFailed)
    assert isinstance(failed, SessionFailed)
    assert failed.refusal == "not-capf"


def test_tvs_says_valid_with_its_time_and_invalid(services: PhoneServicesProcess) -> None:
    context, memory = phone_context(tvs_service().certificate, newest_tls="1.0"), tvs_client.TvsMemory()
    line = services.connect(PhoneService.TVS, Desk())
    valid = tvs_client.ask(line, context, f"CP-9971-{NAME}", capf_service().der)
    assert (valid.status, valid.roles, valid.ttl_s) == (TvsStatus.VALID, (TrustRole.CCM,), 3600)
    memory.remember(capf_service().certificate, valid, 1000.0)
    assert memory.roles(capf_service().certificate, 4599.0) == frozenset({TrustRole.CCM})
    assert memory.roles(capf_service().certificate, 4600.0) is None

    line = services.connect(PhoneService.TVS, Desk())
    invalid = tvs_client.ask(line, context, f"CP-9971-{NAME}", tvs_service().der)
    assert invalid.status is TvsStatus.INVALID
    memory.remember(tvs_service().certificate, invalid, 1000.0)
    assert memory.roles(tvs_service().certificate, 1000.0) is None


def test_the_lists_certificate_alone_is_taken_by_a_phone(services: PhoneServicesProcess) -> None:
    line = services.connect(PhoneService.CAPF, Desk())
    with pytest.raises(ssl.SSLError):
        CapfClient(line, phone_context(tvs_service().certificate))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(min_size=1, max_size=400))
def test_junk_in_place_of_tls_ends_that_connection_alone(services: PhoneServicesProcess, junk: bytes) -> None:
    desk = Desk()
    with services.connect(PhoneService.CAPF, desk) as line:
        with contextlib.suppress(OSError):
            line.sendall(junk)
            line.shutdown(socket.SHUT_WR)
        assert desk.next_of(ConnectionOver)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.booleans())
def test_junk_inside_tls_ends_that_connection_alone(
    services: PhoneServicesProcess, junk: bytes, is_framed: bool
) -> None:
    desk = Desk()
    line = services.connect(PhoneService.CAPF, desk)
    context = phone_context(capf_service().certificate)
    line.settimeout(WITHIN_S)
    with context.wrap_socket(line) as phone:
        first = CapfFrame.from_bytes(phone.recv(4096))
        frame = b"\x55\2" + first.session.to_bytes(4) + len(junk).to_bytes(2) + junk
        with contextlib.suppress(OSError):
            phone.sendall(frame if is_framed else junk)
    assert desk.next_of(ConnectionOver)


def test_many_phones_at_once_are_served_and_one_too_many_is_not_waited_for(services: PhoneServicesProcess) -> None:
    lines = [services.connect(PhoneService.CAPF, Desk()) for _each in range(64)]
    desk = Desk()
    with services.connect(PhoneService.CAPF, desk) as one_more:
        one_more.settimeout(WITHIN_S)
        assert one_more.recv(1) == b""
        assert desk.next_of(ConnectionOver)
    for line in lines:
        line.close()
    until = time.monotonic() + WITHIN_S
    while not services.is_idle:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert capf(services, CapfPhone(NAME, identity(f"CP-9971-{NAME}")), Desk())[1] is CapfReason.NO_ACTION


def test_the_process_holds_no_file_no_right_and_no_other_process(services: PhoneServicesProcess) -> None:
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{services.pid}/status").read_text().splitlines()
                  if ":\t" in line)  # fmt: skip
    assert status["CapEff"].strip() == status["CapPrm"].strip() == "0" * 16
    assert status["NoNewPrivs"].strip() == "1"
    assert status["Seccomp"].strip() == "2"
    assert int(status["Threads"]) == 1
    if os.geteuid() == 0:
        assert status["Uid"].split()[0] != "0"
        assert list(Path(f"/proc/{services.pid}/root").iterdir()) == []


def test_the_openssl_command_as_a_phone_of_2008(services: PhoneServicesProcess) -> None:
    """Another implementation of TLS's client, through a port of the loopback."""
    desk = Desk()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1", "-cipher", "ALL:@SECLEVEL=0"]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            outside, _address = server.accept()
            with outside, services.connect(PhoneService.CAPF, desk) as inside:
                outside.settimeout(0.05)
                inside.settimeout(0.05)
                said, until = b"", time.monotonic() + WITHIN_S
                os.set_blocking(child.stdout.fileno(), False)
                while b"U\x01" + desk.session.to_bytes(4) not in said and time.monotonic() < until:
                    for one, other in ((outside, inside), (inside, outside)):
                        with contextlib.suppress(TimeoutError):
                            other.sendall(one.recv(65536))
                    said += child.stdout.read() or b""
            child.kill()
    assert b"Protocol  : TLSv1\n" in said
    assert b"U\x01" + desk.session.to_bytes(4) in said


def test_keys_that_do_not_belong_together_are_said() -> None:
    certificate, _key = pem(capf_service())
    _other, key = pem(tvs_service())
    with pytest.raises(PhoneServicesUnfit, match="KEY_VALUES_MISMATCH"):
        PhoneServicesProcess(UseKeys(certificate, key, certificate, key))
    with pytest.raises(PhoneServicesUnfit):
        PhoneServicesProcess(UseKeys("", Secret(""), "", Secret("")))


def test_the_process_outlives_the_thread_that_needed_it() -> None:
    """Requests are answered by threads that end when nothing is to do; Linux ends a thread's children with it."""
    made: list[PhoneServicesProcess] = []
    thread = threading.Thread(target=lambda: made.append(PhoneServicesProcess(service_keys())))
    thread.start()
    thread.join()
    (services,) = made
    try:
        for _time in range(3):
            phone = CapfPhone(NAME, identity(f"CP-9971-{NAME}"))
            assert capf(services, phone, Desk())[1] is CapfReason.NO_ACTION
        assert not services.is_over
    finally:
        services.end()


def test_a_process_that_dies_ends_its_phones_and_is_over() -> None:
    services, desk = PhoneServicesProcess(service_keys()), Desk()
    with services.connect(PhoneService.CAPF, desk) as line:
        os.kill(services.pid, 9)
        assert desk.next_of(ConnectionOver)
        line.settimeout(WITHIN_S)
        assert line.recv(1) == b""
    assert services.is_over
    with pytest.raises(PhoneServicesUnfit, match="ended"):
        services.connect(PhoneService.CAPF, Desk())
    services.end()
