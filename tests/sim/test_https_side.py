"""A simulated SPA or Multiplatform phone by HTTPS: whom it believes, what it speaks, and what it keeps."""

import contextlib
import http.server
import ssl
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import NoTrustList, ServerDistrusted
from ringfence.sim.https_side import HttpsSide, addresses_of
from ringfence.sim.phone import VirtualPhone
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.steps import Fetched, Step
from ringfence.tftp.options import RequestedOptions
from support.https_phones import small_business
from support.makers import NOW, Maker
from support.phone_identities import DAY, cisco, forger, key_number

MAC = Mac("000E08AABB01")
NAME = "phones.example.org"
PROFILE = b"<flat-profile><User_ID_1_>301</User_ID_1_></flat-profile>"
OPTIONS = RequestedOptions()


@dataclass
class SmallServer:
    """A server by HTTPS that answers what a test says."""

    port: int
    answers: dict[str, tuple[int, bytes, str]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Each path, what called itself how, and by which TLS."""

    def url(self, path: str, name: str = NAME) -> str:
        return f"https://{name}:{self.port}{path}"


@contextlib.contextmanager
def serving(
    folder: Path, maker: Maker, common: str, *, old: bool, names: tuple[str, ...] = ()
) -> Iterator[SmallServer]:
    key = key_number(3)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)]))
        .issuer_name(maker.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 30 * DAY)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(list(map(x509.DNSName, names))), critical=False)
    made = builder.sign(maker.key, hashes.SHA256())
    assert isinstance(key, rsa.RSAPrivateKey)
    pem = folder / f"server-{common.replace('/', '-')}.pem"
    pem.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + made.public_bytes(Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = ssl.TLSVersion.TLSv1
    context.load_cert_chain(pem)
    there = SmallServer(0)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert isinstance(self.connection, ssl.SSLSocket)
            there.asked.append((self.path, self.headers["User-Agent"], self.connection.version() or ""))
            status, body, place = there.answers.get(self.path, (404, b"", ""))
            self.send_response(status)
            if place:
                self.send_header("Location", place)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_what: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_what: object) -> None:
            pass  # a phone that refuses the server ends the connection

        def get_request(self) -> tuple[ssl.SSLSocket, tuple[str, int]]:
            line, peer = super().get_request()
            return context.wrap_socket(line, server_side=True, do_handshake_on_connect=False), peer

    with Server(("127.0.0.1", 0), Handler) as server:
        there.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield there
        finally:
            server.shutdown()
            thread.join()


def phone(kind: str, authorities: str, memory: PhoneMemory | None = None, *, address: str = "127.0.0.1") -> HttpsSide:
    return HttpsSide(
        MAC, model_of(kind)[1], authorities, memory=memory or PhoneMemory(),
        resolve=lambda name: (address,) if name.endswith("example.org") else (),
    )  # fmt: skip


def get(side: HttpsSide, url: str) -> bytes:
    return side(("127.0.0.1", 69), url, options=OPTIONS, source_host=None)


def test_an_spa_phone_believes_its_makers_ca_and_the_name_in_the_subject(tmp_path: Path) -> None:
    with serving(tmp_path, cisco(), f"{NAME}/mailto:admin@example.org", old=True) as server:
        server.answers["/a.cfg"] = (200, PROFILE, "")
        assert get(phone("SPA504G", cisco().pem), server.url("/a.cfg")) == PROFILE
        assert server.asked == [("/a.cfg", "Cisco/SPA504G-7.6.2 (000e08aabb01)(CBT141400UK)", "TLSv1")]
        with pytest.raises(ServerDistrusted, match=f"is for {NAME}, not for other.example.org"):
            get(phone("SPA504G", cisco().pem), server.url("/a.cfg", "other.example.org"))
        with pytest.raises(ServerDistrusted, match="does not believe the server"):
            get(phone("SPA504G", forger().pem), server.url("/a.cfg"))
        with pytest.raises(ServerDistrusted):
            get(phone("SPA504G", ""), server.url("/a.cfg"))
        assert len(server.asked) == 1  # whoever is not believed is asked for nothing


def test_an_spa_phone_compares_the_servers_address_with_the_dns(tmp_path: Path) -> None:
    with serving(tmp_path, cisco(), NAME, old=True) as server:
        answers = iter([("127.0.0.1",), ("192.0.2.7",)])
        moved = phone("SPA504G", cisco().pem)
        moved.resolve = lambda _name: next(answers)
        with pytest.raises(ServerDistrusted, match=r"gives phones\.example\.org another address"):
            get(moved, server.url("/a.cfg"))
        assert server.asked == []


def test_a_multiplatform_phone_wants_todays_tls_and_one_of_the_names(tmp_path: Path) -> None:
    with serving(tmp_path, cisco(), "x", old=True, names=(NAME, "more.example.org")) as server:
        server.answers["/a.xml"] = (200, PROFILE, "")
        for name in (NAME, "more.example.org"):
            assert get(phone("8841-3PCC", cisco().pem), server.url("/a.xml", name)) == PROFILE
        assert {tls for _path, _agent, tls in server.asked} == {"TLSv1.3"}
        with pytest.raises(ServerDistrusted, match="Hostname mismatch"):
            get(phone("8841-3PCC", cisco().pem), server.url("/a.xml", "other.example.org"))
    with serving(tmp_path, cisco(), NAME, old=True) as server:
        server.answers["/a.xml"] = (200, PROFILE, "")  # the makers' guide has the common name alone
        assert get(phone("8841-3PCC", cisco().pem), server.url("/a.xml")) == PROFILE


def test_an_spa_phone_gets_nothing_where_tls_1_0_is_not_spoken(tmp_path: Path) -> None:
    with serving(tmp_path, cisco(), NAME, old=False) as server:
        with pytest.raises(FetchFailed, match="no answer by HTTPS"):
            get(phone("SPA504G", cisco().pem), server.url("/a.cfg"))
        with pytest.raises(FetchFailed, match="the DNS does not know"):
            get(phone("SPA504G", cisco().pem), server.url("/a.cfg", "nowhere.test"))


def test_what_has_moved_for_good_is_asked_for_there_ever_after(tmp_path: Path) -> None:
    flash = tmp_path / "flash"
    with serving(tmp_path, cisco(), NAME, old=True) as server:
        server.answers["/old.cfg"] = (301, b"", server.url("/new.cfg"))
        server.answers["/new.cfg"] = (200, PROFILE, "")
        assert get(phone("SPA504G", cisco().pem, PhoneMemory(flash)), server.url("/old.cfg")) == PROFILE
        server.asked.clear()
        assert get(phone("SPA504G", cisco().pem, PhoneMemory(flash)), server.url("/old.cfg")) == PROFILE
        assert [path for path, _agent, _tls in server.asked] == ["/new.cfg"]
        server.answers["/round.cfg"] = (301, b"", server.url("/round.cfg"))
        with pytest.raises(FetchFailed, match="leads on and on"):
            get(phone("SPA504G", cisco().pem), server.url("/round.cfg"))
        server.answers["/clear.cfg"] = (301, b"", "http://phones.example.org/x.cfg")
        with pytest.raises(FetchFailed, match="without HTTPS"):
            get(phone("SPA504G", cisco().pem), server.url("/clear.cfg"))
        server.answers["/once.cfg"] = (302, b"", server.url("/new.cfg"))
        with pytest.raises(FileRefused):
            get(phone("SPA504G", cisco().pem), server.url("/once.cfg"))


def test_a_phone_boots_by_the_rule_that_was_typed_at_it_and_then_by_its_profiles(tmp_path: Path) -> None:
    steps: list[Step] = []
    factory = small_business(MAC.bare.lower())
    with serving(tmp_path, cisco(), NAME, old=True) as server:
        side = phone("SPA504G", cisco().pem)
        side.identity = PhoneIdentity(factory.certificate, factory.key)
        side.rule = server.url("/first/$PSN/$MAU.cfg")
        leads = f"<flat-profile><Profile_Rule>{server.url('/$MA.cfg')}</Profile_Rule></flat-profile>"
        server.answers[f"/first/504G/{MAC.bare}.cfg"] = (200, leads.encode(), "")
        server.answers[f"/{MAC.bare.lower()}.cfg"] = (200, PROFILE, "")
        virtual = VirtualPhone(MAC, "SPA504G", ("127.0.0.1", 69), on_step=steps.append, https=side)
        virtual.boot()
        assert [each.over for each in steps if isinstance(each, Fetched)] == ["https", "https"]
        assert [path for path, _agent, _tls in server.asked][-1] == f"/{MAC.bare.lower()}.cfg"
        server.asked.clear()
        virtual.boot("resync")
        assert [path for path, _agent, _tls in server.asked] == [f"/{MAC.bare.lower()}.cfg"]


def test_phones_without_profiles_have_no_such_side() -> None:
    with pytest.raises(NoTrustList, match="are led to no profile by HTTPS"):
        VirtualPhone(MAC, "7942", ("127.0.0.1", 69), https=phone("7942", ""))
    assert addresses_of("nowhere.invalid") == ()
    assert "127.0.0.1" in addresses_of("127.0.0.1")
