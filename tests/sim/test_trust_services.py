"""A virtual phone's errands, to the hub's real CAPF and TVS over TCP: who is believed, and what it brings home."""

import contextlib
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from ringfence.hub.phone_services.messages import (
    CertificateAsked,
    DeleteCertificate,
    DeviceShown,
    EndSession,
    FromServices,
    InstallLsc,
    LscMade,
    OrderDone,
    PhoneService,
    StoreLsc,
    ToServices,
    Verified,
)
from ringfence.hub.phone_services.process import PhoneServicesProcess, new_session
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.trust.capf import CapfReason
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.trust_list import ITL_NAME, TrustRecord, trust_list
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.steps import Step
from ringfence.sim.trust_services import TrustServices
from ringfence.sim.trust_steps import CapfEnded, CapfFailed, TrustStep, TvsAnswered, trust_as_event, trust_in_words
from ringfence.sim.trusting_phone import PhoneTrust
from support.makers import NOW
from support.phone_identities import capf_service, identity, service_keys, tvs_service
from support.trust_signers import SIGNED_AT, fixed_signer
from support.trusted_files import FilesInMemory

DEVICE = "SEP001122334455"
MAC = Mac("001122334455")
COMMON = f"CP-9971-{DEVICE}"


@dataclass
class HubSide:
    """What the hub orders and answers; ``session`` and ``set_number`` are what the process asks of it."""

    order: Callable[[int], ToServices] = lambda number: EndSession(number, CapfReason.NO_ACTION)
    roles: tuple[TrustRole, ...] = ()
    session: int = field(default_factory=new_session)
    number: int = 0
    heard: "queue.Queue[FromServices]" = field(default_factory=queue.Queue)

    def set_number(self, number: int) -> None:
        self.number = number

    def answer(self, message: FromServices) -> ToServices | None:
        self.heard.put(message)
        match message:
            case DeviceShown():
                return self.order(self.number)
            case LscMade():
                return StoreLsc(self.number)
            case OrderDone():
                return EndSession(self.number, CapfReason.UPDATE_CERTIFICATE)
            case CertificateAsked():
                return Verified(self.number, self.roles, 3600)
        return None

    def shown(self) -> list[DeviceShown]:
        return [each for each in list(self.heard.queue) if isinstance(each, DeviceShown)]


def install(number: int) -> ToServices:
    begins = NOW.timestamp()
    return InstallLsc(number, 2048, "2a", begins, begins + 86400)


@pytest.fixture(scope="module")
def services() -> Iterator[PhoneServicesProcess]:
    process = PhoneServicesProcess(service_keys())
    try:
        yield process
    finally:
        process.end()


@contextlib.contextmanager
def port_of(services: PhoneServicesProcess, service: PhoneService, side: HubSide) -> Iterator[int]:
    """A TCP port behind which the service is, as an edge passes it on."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[threading.Thread] = []

    def serve() -> None:
        while True:
            try:
                phone, _peer = listener.accept()
            except OSError:
                return
            connections.append(threading.Thread(target=relay, args=(phone, services.connect(service, side))))
            connections[-1].start()

    server = threading.Thread(target=serve)
    server.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        server.join()
        listener.close()
        for each in connections:
            each.join()


def relay(phone: socket.socket, hub: socket.socket) -> None:
    with phone, hub:
        back = threading.Thread(target=pump, args=(hub, phone))
        back.start()
        pump(phone, hub)
        back.join()


def pump(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    for each in (one, other):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


def configuration(capf: int, tvs: int = 1, mode: int = 4, before: str = "") -> bytes:
    return (
        f"<device><TVS><members><member priority='0'><port>{tvs}</port><address>127.0.0.1</address></member></members>"
        f"</TVS><capfAuthMode>{mode}</capfAuthMode><capfList>{before}<capf><phonePort>{capf}</phonePort>"
        "<processNodeName>127.0.0.1</processNodeName></capf></capfList></device>"
    ).encode()


def phone(*listed: tuple[TrustRole, PhoneIdentity], memory: PhoneMemory | None = None) -> TrustServices:
    """A phone with a MIC, whose list has these."""
    sast = fixed_signer("sast")
    records = [TrustRecord(TrustRole.SAST, sast.certificate)]
    records += [TrustRecord(role, each.certificate) for role, each in listed]
    data = trust_list(records, filename=ITL_NAME, signed_at=SIGNED_AT, signer=sast, digest=SigningHash.SHA1)
    trust = PhoneTrust(memory or PhoneMemory(), identity(COMMON))
    trust.memory.keep_trust_list(ITL_NAME, data)
    return TrustServices(trust, DEVICE, COMMON)


BOTH = (TrustRole.CAPF, capf_service()), (TrustRole.TVS, tvs_service())


def test_a_phone_shows_its_mic_to_a_capf_of_its_list_and_is_left_as_it_was(services: PhoneServicesProcess) -> None:
    side, errand, steps = HubSide(), phone(*BOTH), list[TrustStep]()
    with port_of(services, PhoneService.CAPF, side) as port:
        errand.run(configuration(port), steps.append)
    (ended,) = steps
    assert ended == CapfEnded(f"127.0.0.1:{port}", "NO_ACTION", "", "TLSv1.3")
    assert errand.trust.mic is not None
    assert [each.certificate for each in side.shown()] == [errand.trust.mic.der]
    assert trust_in_words(ended).endswith("ends with NO_ACTION over TLSv1.3; LSC: none")
    assert trust_as_event(ended)["event"] == "capf-ended"


def test_an_lsc_is_kept_shown_first_and_deleted_when_told_to(services: PhoneServicesProcess) -> None:
    memory = PhoneMemory()
    side, steps = HubSide(install), list[TrustStep]()
    with port_of(services, PhoneService.CAPF, side) as port:
        phone(*BOTH, memory=memory).run(configuration(port, mode=3), steps.append)
        later = phone(*BOTH, memory=memory)
        lsc = later.trust.lsc
        assert lsc is not None
        assert f"CN={DEVICE}" in lsc.certificate.subject.rfc4514_string()
        side.order = DeleteCertificate
        later.run(configuration(port, mode=3), steps.append)
    assert [each.certificate for each in side.shown()][1] == lsc.der
    assert later.trust.lsc is None
    assert memory.lsc is None
    assert [step.certificate != "" for step in steps if isinstance(step, CapfEnded)] == [True, False]


def test_mode_4_shows_the_mic_although_there_is_an_lsc(services: PhoneServicesProcess) -> None:
    side, errand, steps = HubSide(), phone(*BOTH), list[TrustStep]()
    errand.trust.lsc = identity(DEVICE, key=2)
    with port_of(services, PhoneService.CAPF, side) as port:
        errand.run(configuration(port, mode=4), steps.append)
        errand.run(configuration(port, mode=3), steps.append)
    assert errand.trust.mic is not None
    assert [each.certificate for each in side.shown()] == [errand.trust.mic.der, errand.trust.lsc.der]


def test_a_capf_that_is_in_no_list_is_asked_about_at_tvs_once_while_the_answer_counts(
    services: PhoneServicesProcess,
) -> None:
    errand, steps = phone(BOTH[1]), list[TrustStep]()
    clock = [1000.0]
    errand.now = lambda: clock[0]
    tvs, capf = HubSide(roles=(TrustRole.CAPF, TrustRole.CCM)), HubSide()
    with port_of(services, PhoneService.TVS, tvs) as asked, port_of(services, PhoneService.CAPF, capf) as port:
        for _ in range(2):
            errand.run(configuration(port, asked), steps.append)
        assert [type(step) for step in steps] == [TvsAnswered, CapfEnded, CapfEnded]
        clock[0] += 3600
        errand.run(configuration(port, asked), steps.append)
    assert sum(isinstance(step, TvsAnswered) for step in steps) == 2
    answered = steps[0]
    assert isinstance(answered, TvsAnswered)
    assert (answered.roles, answered.ttl_s) == (("CAPF", "CCM"), 3600)
    assert "trusts CN=CAPF" in trust_in_words(answered)
    assert trust_as_event(answered)["roles"] == ["CAPF", "CCM"]


@pytest.mark.parametrize(("kind", "over"), [("7965", "TLSv1"), ("9971", "TLSv1"), ("8861", "TLSv1.2")])
def test_a_whole_phone_boots_and_goes_to_capf_by_the_tls_that_it_knows(
    services: PhoneServicesProcess, kind: str, over: str
) -> None:
    side, errand, steps = HubSide(), phone(*BOTH), list[Step]()
    own = "SEP001122334455.cnf.xml"
    with port_of(services, PhoneService.CAPF, side) as port:
        line = LineAccount(1, "Anna", "anna", "Anna", "anna", Secret("s3cr3tOfAnna"))
        rendered = Renderer().render(PhoneToRender(MAC, kind, "", {"sip_server": "192.0.2.10"}, (line,)))[-1].data
        told = configuration(port).removeprefix(b"<device>")
        whole = rendered.replace(b"<capfAuthMode>0</capfAuthMode>", b"").replace(b"</device>", told)
        served = FilesInMemory({own: whole})
        booted = VirtualPhone(MAC, kind, ("192.0.2.1", 69), fetch=served, on_step=steps.append, trust=errand.trust)
        assert booted.boot().label == "Anna"
    assert [step.over for step in steps if isinstance(step, CapfEnded)] == [over]
    assert [each.device_name for each in side.shown()] == [DEVICE]


@pytest.mark.parametrize("roles", [(), (TrustRole.CCM,)])
def test_an_impostor_is_told_nothing(services: PhoneServicesProcess, roles: tuple[TrustRole, ...]) -> None:
    errand, steps = phone(BOTH[1]), list[TrustStep]()
    tvs, capf = HubSide(roles=roles), HubSide(install)
    with port_of(services, PhoneService.TVS, tvs) as asked, port_of(services, PhoneService.CAPF, capf) as port:
        errand.run(configuration(port, asked), steps.append)
    failed = steps[-1]
    assert isinstance(failed, CapfFailed)
    assert "neither its lists nor TVS vouch for CN=CAPF" in trust_in_words(failed)
    assert trust_as_event(failed)["event"] == "capf-failed"
    assert capf.shown() == []
    assert errand.trust.lsc is None


def test_a_tvs_that_is_in_no_list_is_not_believed(services: PhoneServicesProcess) -> None:
    errand, steps = phone((TrustRole.TVS, capf_service())), list[TrustStep]()
    tvs, capf = HubSide(roles=(TrustRole.CAPF,)), HubSide()
    with port_of(services, PhoneService.TVS, tvs) as asked, port_of(services, PhoneService.CAPF, capf) as port:
        errand.run(configuration(port, asked), steps.append)
    assert [type(step) for step in steps] == [CapfFailed]
    assert capf.shown() == []


def test_the_next_capf_is_tried_where_one_is_away(services: PhoneServicesProcess) -> None:
    side, errand, steps = HubSide(), phone(*BOTH), list[TrustStep]()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    away = f"<capf><phonePort>{nobody}</phonePort><processNodeName>127.0.0.1</processNodeName></capf>"
    with port_of(services, PhoneService.CAPF, side) as port:
        errand.run(configuration(port, before=away), steps.append)
    assert [type(step) for step in steps] == [CapfFailed, CapfEnded]


@pytest.mark.parametrize(
    "data", [b"<device/>", b"<device", configuration(1, mode=0), b"<device><capfAuthMode>4</capfAuthMode></device>"]
)
def test_a_phone_that_is_not_told_to_goes_nowhere(data: bytes) -> None:
    steps: list[TrustStep] = []
    phone(*BOTH).run(data, steps.append)
    assert steps == []
