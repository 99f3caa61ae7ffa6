"""A phone's side of CAPF: it shows its certificate, makes a key when it is asked to, and keeps what it is given."""

import socket
import ssl
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ringfence.phones.trust import capf
from ringfence.phones.trust.capf import CapfCertificateType, CapfCommand, CapfElement, CapfFrame, CapfReason
from ringfence.phones.trust.proof_of_key import digest_of, sudi_part
from ringfence.phones.trust.roles import SigningHash
from ringfence.sim.errors import CapfSaid

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_ANSWER_S = 60.0
_TLS = {
    "1.0": ssl.TLSVersion.TLSv1, "1.1": ssl.TLSVersion.TLSv1_1, "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}  # fmt: skip


class AtOrder(StrEnum):
    """What the phone does when it is ordered something."""

    OBEYS = "obeys"
    REFUSES = "refuses"
    HANGS = "hangs"


@dataclass(frozen=True, slots=True)
class PhoneIdentity:
    """A certificate in a phone, with its key."""

    certificate: x509.Certificate
    key: PrivateKey

    @property
    def der(self) -> bytes:
        """The certificate as it is shown."""
        return self.certificate.public_bytes(Encoding.DER)

    def sign(self, data: bytes, digest: SigningHash) -> bytes:
        """Sign as phones do: RSA the bare digest."""
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(digest_of(data, digest), PKCS1v15(), NoDigestInfo())
        return self.key.sign(data, ec.ECDSA(hashes.SHA1() if digest is SigningHash.SHA1 else hashes.SHA512()))  # noqa: S303 - what phones sign by


@dataclass(slots=True)
class CapfPhone:
    """What of a phone CAPF deals with.

    Args:
        device_name: How it calls itself.
        mic: What its maker gave it; None if it shows none.
        lsc: What a CAPF gave it.
        signs_for_session: Whether it sends SUDI_DATA, as newer phones do.
        signs_sha2: Whether it sends SHA2_SIGNED_DATA.
        password: What somebody typed at it.
        at_order: What it does when it is ordered something.
    """

    device_name: str
    mic: PhoneIdentity | None = None
    lsc: PhoneIdentity | None = None
    signs_for_session: bool = False
    signs_sha2: bool = True
    password: str = ""
    at_order: AtOrder = AtOrder.OBEYS
    shown: dict[CapfElement, bytes] = field(default_factory=dict)
    """What it last answered: what somebody who recorded it has."""

    def answer(self, session: int) -> dict[CapfElement, bytes]:
        """Return what it answers to CAPF's first question; an LSC is shown in preference to the MIC."""
        said = {
            CapfElement.REASON: bytes([CapfReason.UPDATE_CERTIFICATE]),
            CapfElement.VERSION: bytes([capf.VERSION]),
            CapfElement.DEVICE_NAME: capf.text_element(self.device_name),
            CapfElement.PASSWORD: capf.text_element(self.password),
        }
        if (shown := self.lsc or self.mic) is not None:
            kind = CapfCertificateType.LSC if self.lsc is not None else CapfCertificateType.MIC
            data = capf.text_element(self.device_name) + shown.der
            said[CapfElement.CERTIFICATE] = capf.certificate_element(shown.der, kind)
            said[CapfElement.SIGNED_DATA] = shown.sign(data, SigningHash.SHA1)
            if self.signs_sha2:
                signature = shown.sign(data, SigningHash.SHA512)
                said[CapfElement.SHA2_SIGNED_DATA] = sudi_part(SigningHash.SHA512, signature)
            if self.signs_for_session:
                said[CapfElement.SUDI_DATA] = sudi(self.mic or shown, session)
        self.shown = said
        return said


def sudi(identity: PhoneIdentity, session: int) -> bytes:
    """Return a proof for one session."""
    data = session.to_bytes(4, "little") + identity.der
    return b"".join((
        sudi_part(0, identity.der),
        sudi_part(SigningHash.SHA1, identity.sign(data, SigningHash.SHA1)),
        sudi_part(SigningHash.SHA512, identity.sign(data, SigningHash.SHA512)),
    ))  # fmt: skip


Answer = Callable[[int], Mapping[CapfElement, bytes]]


class CapfClient:
    """One session with a CAPF.

    Args:
        line: A connection to it.
        context: The TLS that the phone speaks.
    """

    def __init__(self, line: socket.socket, context: ssl.SSLContext) -> None:
        line.settimeout(_ANSWER_S)
        self._line = context.wrap_socket(line)
        self.certificate = self._line.getpeercert(binary_form=True) or b""
        self.version = self._line.version()
        self._session = 0

    def run(self, phone: CapfPhone, answer: Answer | None = None) -> CapfReason:
        """Go through a session, and return the reason with which CAPF ends it.

        Args:
            phone: The phone, which keeps what it is given.
            answer: What is answered to the first question in place of what the phone would answer.

        Raises:
            CapfSaid: CAPF says what it never says.
            OSError, EOFError: The connection fails, or ends.
        """
        first = self.receive()
        if first.command is not CapfCommand.AUTH_REQUEST or first.number(CapfElement.VERSION) != capf.VERSION:
            raise CapfSaid(f"CAPF begins with {first.command.name}")
        self._session = first.session
        self.send(CapfCommand.AUTH_RESPONSE, (answer or phone.answer)(first.session))
        while (order := self.receive()).command is not CapfCommand.END_SESSION:
            if phone.at_order is AtOrder.HANGS:
                self._line.recv(1)  # until the server has had enough
                raise EOFError
            self._obey(phone, order)
        return CapfReason(order.number(CapfElement.REASON) or 0)

    def _obey(self, phone: CapfPhone, order: CapfFrame) -> None:
        does = phone.at_order is AtOrder.OBEYS
        done = {CapfElement.REASON: bytes([CapfReason.UPDATE_CERTIFICATE if does else CapfReason.INVALID_ELEMENT])}
        match order.command:
            case CapfCommand.KEY_GENERATE_REQUEST if not does:
                self.send(CapfCommand.KEY_GENERATE_RESPONSE, done)
            case CapfCommand.KEY_GENERATE_REQUEST:
                self._make_key(phone, order.wide_number(CapfElement.KEY_SIZE) or 0)
            case CapfCommand.FETCH_CERTIFICATE_REQUEST:
                held = {} if phone.lsc is None else {
                    CapfElement.CERTIFICATE: capf.certificate_element(phone.lsc.der, CapfCertificateType.LSC)
                }  # fmt: skip
                if phone.lsc is None:
                    done = {CapfElement.REASON: bytes([CapfReason.INVALID_ELEMENT])}
                self.send(CapfCommand.FETCH_CERTIFICATE_RESPONSE, {**done, **held})
            case CapfCommand.DELETE_CERTIFICATE_REQUEST:
                phone.lsc = None if does else phone.lsc
                self.send(CapfCommand.DELETE_CERTIFICATE_RESPONSE, done)
            case _:
                raise CapfSaid(f"CAPF orders {order.command.name}")

    def _make_key(self, phone: CapfPhone, bits: int) -> None:
        self.send(CapfCommand.REQUEST_IN_PROGRESS, {})
        key = rsa.generate_private_key(65537, bits)
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        self.send(CapfCommand.KEY_GENERATE_RESPONSE, {CapfElement.PUBLIC_KEY: public})
        order = self.receive()
        der = order.certificate()
        if order.command is CapfCommand.END_SESSION:
            raise CapfSaid("CAPF gives no certificate for the key")
        if order.command is not CapfCommand.STORE_CERTIFICATE_REQUEST or der is None:
            raise CapfSaid(f"CAPF orders {order.command.name}")
        phone.lsc = PhoneIdentity(x509.load_der_x509_certificate(der), key)
        stored = {CapfElement.REASON: bytes([CapfReason.UPDATE_CERTIFICATE])}
        self.send(CapfCommand.STORE_CERTIFICATE_RESPONSE, stored)

    def send(self, command: CapfCommand, elements: Mapping[CapfElement, bytes]) -> None:
        """Send one frame."""
        self._line.sendall(CapfFrame(command, self._session, elements).to_bytes())

    def receive(self) -> CapfFrame:
        """Return CAPF's next frame, which has to come in one record of TLS: phones stall otherwise."""
        data = self._line.recv(capf.HEADER_BYTES + capf.LARGEST_BODY_BYTES)
        if not data:
            raise EOFError
        if capf.body_bytes(data[: capf.HEADER_BYTES]) != len(data) - capf.HEADER_BYTES:
            raise CapfSaid("a frame did not come in one write")
        return CapfFrame.from_bytes(data)

    def close(self) -> None:
        """End the connection."""
        self._line.close()


def phone_context(certificate: x509.Certificate | None, *, newest_tls: str = "") -> ssl.SSLContext:
    """Return a phone's TLS, which trusts one certificate: the one that its list has.

    With None it takes any: the caller looks at what was shown before it says a word. ``newest_tls`` is the newest
    version that it speaks, as families have it (``1.0``, ``1.2``); empty for any.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_ciphers("ALL:@SECLEVEL=0")
    if certificate is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_verify_locations(cadata=certificate.public_bytes(Encoding.PEM).decode())
    if newest_tls:
        with warnings.catch_warnings():  # Python warns of what old phones speak
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
            context.maximum_version = _TLS[newest_tls]
    return context
