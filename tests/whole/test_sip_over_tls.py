"""A phone with a trust list and a real Kamailio by TLS 1.0: whom the phone believes, and by what it is believed."""

import contextlib
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ringfence.identity.certificates import to_pem
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.phones.sip.pbx_accounts import PbxKind, SipAccount, export
from ringfence.phones.sip.pbx_tls import DemandedCertificates, PbxTls, TlsPbx, tls_files
from ringfence.phones.trust import tvs
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus, VerifyRequest, VerifyResponse
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.sip_over_tls import show
from ringfence.sim.sip_side import SipHabits
from ringfence.sim.steps import Registered, RegisterFailed, Step
from ringfence.sim.trust_steps import TvsAnswered
from ringfence.sim.trusting_phone import PhoneTrust
from stack import free_port, wait_for
from support.kamailio_server import REALM, Kamailio, running_kamailio
from support.phone_identities import cisco, identity
from support.trust_signers import SignerInHand, fixed_signer
from support.trusted_files import FilesInMemory, TrustedFiles

pytestmark = [pytest.mark.slow, pytest.mark.needs("kamailio-tls")]
MAC, PASSWORD = Mac("001122334455"), Secret("s3cr3tOfAnna")
OWN, ITL = f"SEP{MAC.bare}.cnf.xml", f"ITLSEP{MAC.bare}.tlv"
FILES = TrustedFiles()
LISTED, NEWER = FILES.tftp, fixed_signer("other", 0x0C0D)
"""The key that the list names as CCM, and one that it does not name."""


OWN_CERTIFICATE = identity(f"SEP{MAC.bare}")
DEMANDED = DemandedCertificates((cisco().pem,), {f"SEP{MAC.bare}": ("anna",)}, frozenset({"anna"}), frozenset())


@contextlib.contextmanager
def pbx(folder: Path, by: SignerInHand, demanded: DemandedCertificates | None = None) -> Iterator[Kamailio]:
    """A registrar with a key of CCM, which demands certificates or none."""
    tls = PbxTls(to_pem(by.certificate), Secret(pem_of(by)), str(folder), takes_old=True, demanded=demanded)
    account = SipAccount(MAC, 1, "anna", "Anna", "anna", PASSWORD)
    files = export([account], PbxKind.KAMAILIO, REALM) | tls_files(TlsPbx.KAMAILIO, tls)
    with running_kamailio(folder, files, by_tls=True) as server:
        yield server


def pem_of(by: SignerInHand) -> str:
    return by.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@contextlib.contextmanager
def vouching_tvs(for_whom: SignerInHand) -> Iterator[int]:
    """A TVS with the key that the list names, which vouches for a certificate as CCM; its port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():  # Python warns of what old phones speak
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    show(context, PhoneIdentity(LISTED.certificate, LISTED.key))

    def answer() -> None:
        with listener.accept()[0] as line, context.wrap_socket(line, server_side=True) as secured:
            header = secured.recv(tvs.HEADER_BYTES)
            request = VerifyRequest.from_bytes(header + secured.recv(tvs.body_bytes(header)))
            assert x509.load_der_x509_certificate(request.certificate) == for_whom.certificate
            secured.sendall(VerifyResponse(request.session, TvsStatus.VALID, (TrustRole.CCM,), 3600).to_bytes())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(60)


def configuration(server: Kamailio, tvs_port: int = 1) -> bytes:
    line = LineAccount(1, "Anna", "anna", "Anna Berg", "anna", PASSWORD)
    settings: dict[str, Value] = {
        "sip_server": "127.0.0.1", "sip_transport": "tls", "device_security": "encrypted", "trust": "signed",
        "sip_tls_port": server.tls_port, "sip_listen_port": free_port(),
    }  # fmt: skip
    data = Renderer().render(PhoneToRender(MAC, "9971", "", settings, (line,)))[-1].data
    members = f"<TVS><members><member><port>{tvs_port}</port><address>127.0.0.1</address></member></members></TVS>"
    return data.replace(b"</device>", members.encode() + b"</device>")


@dataclass
class PhoneAtPbx:
    """A phone that boots from files in memory and registers."""

    flash: Path
    mic: PhoneIdentity | None
    roles: tuple[TrustRole, ...] = (TrustRole.TFTP, TrustRole.TVS, TrustRole.CCM)
    steps: list[Step] = field(default_factory=list)

    def register(self, body: bytes) -> Registered | RegisterFailed:
        """Boot, and return what came of the first registration."""
        files = {ITL: FILES.list(roles=self.roles), f"{OWN}.sgn": FILES.signed(body, OWN)}
        phone = VirtualPhone(
            MAC, "9971", ("127.0.0.1", 69), on_step=self.steps.append, fetch=FilesInMemory(files),
            trust=PhoneTrust(PhoneMemory(self.flash), self.mic), sip=SipHabits(registers=True),
        )  # fmt: skip
        with phone:
            wait_for(
                "a registration", lambda: any(isinstance(each, Registered | RegisterFailed) for each in self.steps)
            )
        return next(each for each in self.steps if isinstance(each, Registered | RegisterFailed))


def test_a_phone_shows_its_certificate_to_the_pbx_that_its_list_names(tmp_path: Path) -> None:
    with pbx(tmp_path / "pbx", LISTED, DEMANDED) as server:
        phone = PhoneAtPbx(tmp_path / "flash", OWN_CERTIFICATE)
        done = phone.register(configuration(server))
        assert isinstance(done, Registered), done
        assert done.transport == "tls"
        other = PhoneAtPbx(tmp_path / "other", identity("SEP001122334456", key=2))
        refused = other.register(configuration(server))
        assert isinstance(refused, RegisterFailed)
        assert "Not This Phone's" in str(refused.fault)
        none = PhoneAtPbx(tmp_path / "none", None).register(configuration(server))
        assert isinstance(none, RegisterFailed)


def test_a_pbx_that_the_list_does_not_name_is_believed_by_tvs_alone(tmp_path: Path) -> None:
    with pbx(tmp_path / "pbx", NEWER) as server:
        alone = PhoneAtPbx(tmp_path / "alone", None).register(configuration(server))
        assert isinstance(alone, RegisterFailed)
        assert "neither its lists nor TVS vouch for" in str(alone.fault)
        with vouching_tvs(NEWER) as port:
            phone = PhoneAtPbx(tmp_path / "flash", None)
            done = phone.register(configuration(server, port))
        assert isinstance(done, Registered), done
        assert sum(isinstance(each, TvsAnswered) for each in phone.steps) == 1


def test_a_phone_without_a_list_speaks_to_nobody_by_tls(tmp_path: Path) -> None:
    with pbx(tmp_path / "pbx", LISTED) as server:
        steps: list[Step] = []
        phone = VirtualPhone(
            MAC, "9971", ("127.0.0.1", 69), on_step=steps.append, fetch=FilesInMemory({OWN: configuration(server)}),
            sip=SipHabits(registers=True),
        )  # fmt: skip
        with phone:
            wait_for("a refusal", lambda: any(isinstance(each, RegisterFailed) for each in steps))
        assert server.contacts("anna") == []
