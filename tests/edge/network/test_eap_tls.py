"""EAP-TLS and RADIUS as the checker of keys speaks them, with Python's TLS as the phone: no network, no clock."""

import contextlib
import hashlib
import hmac
import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.network.port_access import eap, radius
from ringfence.edge.network.port_access.checker import KeyChecker, server_context
from ringfence.edge.network.port_access.messages import CheckKeys, KeyFault, KeyRefused, KeyShown
from ringfence.edge.network.port_access.server_key import server_key
from ringfence.secret import Secret
from support.box_network import PHONE_MAC, STRANGER_MAC
from support.makers import Maker

pytestmark = pytest.mark.needs("openssl")
NAME = f"CP-9971-SEP{PHONE_MAC}"
SECRET = b"shared"


@dataclass
class Place:
    orders: CheckKeys
    maker: Maker
    folder: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder, maker = tmp_path_factory.mktemp("eap"), Maker("Cisco Systems")
    certificate, key = server_key(folder)
    orders = CheckKeys(certificate, key, (maker.pem,), (PHONE_MAC,), Secret(SECRET.decode()))
    return Place(orders, maker, folder)


class Phone:
    """A phone's side: answers EAP packets, and acknowledges fragments."""

    def __init__(self, paths: tuple[Path, Path], identity: str = NAME, naks: bytes = b"") -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("DEFAULT@SECLEVEL=0")
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(*paths)
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out)
        self._identity, self._naks = identity.encode(), naks
        self._received = self._to_send = b""
        self.fragments = 0

    def start(self) -> bytes:
        return response(1, eap.Method.IDENTITY, self._identity)

    def answer(self, packet: bytes) -> bytes:
        identifier, method, data = packet[1], packet[4], packet[5:]
        if method != eap.Method.TLS or self._naks:
            wanted, self._naks = self._naks or bytes([eap.Method.TLS]), b""
            return response(identifier, eap.Method.NAK, wanted)
        flags, data = data[0], data[1:]
        if flags & 0x80:
            data = data[4:]
        if flags & 0x40:
            self.fragments += 1
            self._received += data
            return response(identifier, eap.Method.TLS, b"\0")
        if not self._to_send:
            self._in.write(self._received + data)
            self._received = b""
            with contextlib.suppress(ssl.SSLError):  # it wants more, or was refused
                self._tls.do_handshake()
            self._to_send = self._out.read()
        part, self._to_send = self._to_send[:400], self._to_send[400:]
        return response(identifier, eap.Method.TLS, bytes([0x40 if self._to_send else 0]) + part)


def response(identifier: int, method: int, data: bytes) -> bytes:
    return bytes([eap.Code.RESPONSE, identifier]) + (len(data) + 5).to_bytes(2) + bytes([method]) + data


def played(session: eap.EapTlsSession, phone: Phone) -> eap.Step:
    """Let both talk until the session ends."""
    step = session.receive(phone.start())
    while isinstance(step, eap.EapAsked):
        step = session.receive(phone.answer(step.packet))
    return step


def test_a_phone_with_a_certificate_in_sha_1_passes_and_its_name_is_told(place: Place) -> None:
    phone = Phone(place.maker.phone(place.folder, NAME))
    step = played(eap.EapTlsSession(server_context(place.orders)), phone)
    assert isinstance(step, eap.EapPassed)
    assert (step.common_names, step.packet[0], len(step.packet)) == ((NAME,), eap.Code.SUCCESS, 4)
    assert phone.fragments, "the server's certificate needs more than one packet"


@pytest.mark.parametrize("naks", [bytes([13]), bytes([43, 13])])
def test_a_phone_that_refuses_the_first_method_and_names_tls_is_offered_that(place: Place, naks: bytes) -> None:
    phone = Phone(place.maker.phone(place.folder, NAME), naks=naks)
    step = played(eap.EapTlsSession(server_context(place.orders), first_offer=43), phone)
    assert isinstance(step, eap.EapPassed)


def test_a_phone_that_takes_no_tls_at_all_fails(place: Place) -> None:
    phone = Phone(place.maker.phone(place.folder, NAME), naks=bytes([4]))
    step = played(eap.EapTlsSession(server_context(place.orders)), phone)
    assert step == eap.EapFailed(b"\x04\x02\0\x04", "it does not take EAP-TLS")


def test_a_phone_that_refuses_for_ever_fails(place: Place) -> None:
    session = eap.EapTlsSession(server_context(place.orders), first_offer=43)
    step: eap.Step = session.receive(response(1, eap.Method.IDENTITY, b"x"))
    for _ in range(eap.MOST_NAKS + 1):
        assert isinstance(step, eap.EapAsked)
        step = session.receive(response(step.packet[1], eap.Method.NAK, b"\x0d"))
    assert isinstance(step, eap.EapFailed)


def test_fragments_without_end_are_not_kept(place: Place) -> None:
    session = eap.EapTlsSession(server_context(place.orders))
    step: eap.Step = session.receive(response(1, eap.Method.IDENTITY, b"x"))
    while isinstance(step, eap.EapAsked):
        step = session.receive(response(step.packet[1], eap.Method.TLS, b"\x40" + b"x" * 1400))
    assert step.why == "it sends more than a handshake has"  # type: ignore[union-attr]  # it is Failed, or has no why


@given(st.lists(st.one_of(st.binary(max_size=60), st.tuples(st.integers(0, 255), st.binary(max_size=40))), max_size=8))
def test_whatever_a_stranger_sends_raises_nothing_and_lets_nobody_in(
    place: Place, packets: list[bytes | tuple[int, bytes]]
) -> None:
    session = eap.EapTlsSession(server_context(place.orders))
    step: eap.Step = session.receive(response(1, eap.Method.IDENTITY, b"x"))
    for each in packets:
        number = step.packet[1] if isinstance(step, eap.EapAsked) else 0
        step = session.receive(each if isinstance(each, bytes) else response(number, *each))
        assert not isinstance(step, eap.EapPassed)


# -- with RADIUS around it ------------------------------------------------------------------------------------------


def request(eap_packet: bytes, mac: str = PHONE_MAC, state: bytes = b"", number: int = 1) -> bytes:
    """Return what hostapd would send."""
    station = "-".join(mac[at : at + 2] for at in range(0, 12, 2)).encode()
    parts = [(31, station), *((79, eap_packet[at : at + 253]) for at in range(0, len(eap_packet), 253))]
    parts += [(24, state)] if state else []
    attributes = b"".join(bytes([kind, len(value) + 2]) + value for kind, value in parts)
    size = 20 + len(attributes) + 18
    head = bytes([1, number]) + size.to_bytes(2) + hashlib.sha256(bytes([number])).digest()[:16]
    signature = hmac.new(SECRET, head + attributes + b"\x50\x12" + bytes(16), "md5").digest()
    return head + attributes + b"\x50\x12" + signature


def attributes_of(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    at = 20
    while at < len(data):
        found[data[at]] = found.get(data[at], b"") + data[at + 2 : at + data[at + 1]]
        at += data[at + 1]
    return found


def checked(checker: KeyChecker, phone: Phone, mac: str = PHONE_MAC) -> tuple[int, KeyShown | KeyRefused | None]:
    """Let a phone authenticate through RADIUS; return the last answer's kind, and what was told."""
    answered, said = checker.answer(request(phone.start(), mac))
    for number in range(2, 200):
        if answered[0] != radius.RadiusKind.CHALLENGE:
            break
        found = attributes_of(answered)
        answered, said = checker.answer(request(phone.answer(found[79]), mac, found[24], number))
    return answered[0], said


@pytest.mark.parametrize(
    ("common", "mac", "kind", "said"),
    [
        (NAME, PHONE_MAC, radius.RadiusKind.ACCEPT, KeyShown(PHONE_MAC, NAME)),
        (f"SEP{PHONE_MAC}", PHONE_MAC, radius.RadiusKind.ACCEPT, KeyShown(PHONE_MAC, f"SEP{PHONE_MAC}")),
        (NAME, STRANGER_MAC, radius.RadiusKind.REJECT, KeyRefused(STRANGER_MAC, KeyFault.OTHER_PHONE, NAME)),
        (
            f"SEP{STRANGER_MAC}", STRANGER_MAC, radius.RadiusKind.REJECT,
            KeyRefused(STRANGER_MAC, KeyFault.NO_PHONE, f"SEP{STRANGER_MAC}"),
        ),
        ("laptop", PHONE_MAC, radius.RadiusKind.REJECT, KeyRefused(PHONE_MAC, KeyFault.NO_NAME, "laptop")),
        (f"SEP{PHONE_MAC}0", PHONE_MAC, radius.RadiusKind.REJECT,
         KeyRefused(PHONE_MAC, KeyFault.NO_NAME, f"SEP{PHONE_MAC}0")),
    ],
)  # fmt: skip
def test_whose_key_it_is_decides(place: Place, common: str, mac: str, kind: int, said: KeyShown | KeyRefused) -> None:
    phone = Phone(place.maker.phone(place.folder, common))
    assert checked(KeyChecker(place.orders), phone, mac) == (kind, said)


def test_a_foreign_issuer_and_an_expired_certificate_are_told_apart(place: Place) -> None:
    checker = KeyChecker(place.orders)
    for paths, fault in (
        (Maker("Else").phone(place.folder / "foreign", NAME), KeyFault.FOREIGN),
        (place.maker.phone(place.folder / "expired", NAME, is_expired=True), KeyFault.EXPIRED),
    ):
        kind, said = checked(checker, Phone(paths))
        assert isinstance(said, KeyRefused)
        assert (kind, said.fault) == (radius.RadiusKind.REJECT, fault)


def test_an_answer_that_got_lost_is_given_once_more(place: Place) -> None:
    checker = KeyChecker(place.orders)
    phone = Phone(place.maker.phone(place.folder, NAME))
    found = attributes_of(checker.answer(request(phone.start()))[0])
    again = request(phone.answer(found[79]), PHONE_MAC, found[24], 2)
    assert checker.answer(again) == checker.answer(again)


def test_a_session_belongs_to_one_address(place: Place) -> None:
    checker = KeyChecker(place.orders)
    phone = Phone(place.maker.phone(place.folder, NAME))
    found = attributes_of(checker.answer(request(phone.start(), STRANGER_MAC))[0])
    assert checker.answer(request(phone.answer(found[79]), PHONE_MAC, found[24], 2)) == (b"", None)


def test_who_does_not_have_the_secret_gets_no_answer(place: Place) -> None:
    checker = KeyChecker(place.orders)
    good = request(response(1, eap.Method.IDENTITY, b"x"))
    for at in range(len(good)):
        wrong = good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :]
        assert checker.answer(wrong) == (b"", None), at
    assert checker.answer(good[:-18]) == (b"", None)
    assert checker.answer(good)[0]


@given(st.binary(max_size=200))
def test_no_datagram_of_a_stranger_is_answered(place: Place, data: bytes) -> None:
    assert KeyChecker(place.orders).answer(data) == (b"", None)


def test_the_boxs_own_key_is_kept_and_made_anew_in_time(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    first = server_key(folder, 1_700_000_000.0)
    assert server_key(folder, 1_700_000_000.0 + 86400) == first
    assert server_key(folder, 1_700_000_000.0 + 4 * 365 * 86400) != first
    assert (folder / "port-access.pem").stat().st_mode & 0o777 == 0o600
    (folder / "port-access.pem").write_text("torn")
    assert server_key(folder)[0].startswith("-----BEGIN CERTIFICATE")
