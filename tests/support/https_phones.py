"""Phones that fetch their files by HTTPS, as tests hold them: makers' certificates, and clients of any age."""

import contextlib
import datetime as dt
import socket
import ssl
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import h11
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ringfence.hub.phone_listener.listeners import PhoneListeners
from ringfence.phones.mac import Mac
from support.makers import NOW, Maker
from support.phone_identities import DAY, cisco, key_number
from support.running_hub import RunningHub

WITHIN_S = 60.0
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
ADDRESSES = iter(range(2, 250))


@dataclass(frozen=True)
class Factory:
    """A phone's certificate and its key."""

    certificate: x509.Certificate
    key: Key

    def write(self, folder: Path) -> Path:
        """Put both into a file; return it."""
        made = folder / "phone.pem"
        key = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        made.write_bytes(key + self.certificate.public_bytes(Encoding.PEM))
        return made


def small_business(
    mac: str, model: str = "SPA-504G", serial: str = "CBT141400UK", maker: Maker | None = None, *,
    key: Key | None = None, begins: dt.timedelta = -10 * DAY, ends: dt.timedelta = 30 * DAY,
) -> Factory:  # fmt: skip
    """A certificate as SPA and Multiplatform phones have it: OU is the model, L the serial, S the MAC address."""
    names = [
        (NameOID.ORGANIZATIONAL_UNIT_NAME, model), (NameOID.LOCALITY_NAME, serial),
        (NameOID.STATE_OR_PROVINCE_NAME, mac),
    ]  # fmt: skip
    return signed(names, maker, key=key, begins=begins, ends=ends)


def enterprise(common: str, maker: Maker | None = None, *, key: Key | None = None) -> Factory:
    """A certificate as enterprise phones have it."""
    return signed([(NameOID.ORGANIZATION_NAME, "Cisco Systems Inc."), (NameOID.COMMON_NAME, common)], maker, key=key)


def signed(
    names: list[tuple[x509.ObjectIdentifier, str]], maker: Maker | None = None, *, key: Key | None = None,
    begins: dt.timedelta = -10 * DAY, ends: dt.timedelta = 30 * DAY,
) -> Factory:  # fmt: skip
    maker, key = maker or cisco(), key or key_number(1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(oid, value) for oid, value in names]))
        .issuer_name(maker.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + begins)
        .not_valid_after(NOW + ends)
        .sign(maker.key, hashes.SHA256())
    )
    return Factory(certificate, key)


@dataclass
class HttpsAnswer:
    status: int
    headers: Mapping[str, str]
    data: bytes
    tls: str = ""


@dataclass
class HttpsPhone:
    """A client of the listener: what it shows, which TLS it speaks, and from where it comes."""

    port: int
    factory: Factory | None = None
    version: ssl.TLSVersion | None = None
    host: str = field(default_factory=lambda: f"127.0.1.{next(ADDRESSES)}")
    agent: str = ""

    def context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if self.version is not None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)
                context.set_ciphers("ALL:@SECLEVEL=0")
                context.minimum_version = context.maximum_version = self.version
        if self.factory is not None:
            with tempfile.TemporaryDirectory() as folder:
                context.load_cert_chain(self.factory.write(Path(folder)))
        return context

    @contextlib.contextmanager
    def connected(self) -> Iterator[ssl.SSLSocket]:
        with (
            socket.create_connection(("127.0.0.1", self.port), WITHIN_S, (self.host, 0)) as line,
            self.context().wrap_socket(line) as tls,
        ):
            yield tls

    def get(self, path: str, **headers: str) -> HttpsAnswer:
        with self.connected() as tls:
            return self.get_over(tls, path, **headers)

    def get_over(self, tls: ssl.SSLSocket, path: str, **headers: str) -> HttpsAnswer:
        sent = {"Host": "phones.example.org", "Connection": "close", "User-Agent": self.agent, **headers}
        lines = [
            f"GET {path} HTTP/1.1",
            *(f"{name.replace('_', '-')}: {value}" for name, value in sent.items() if value),
        ]
        tls.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
        return read_answer(tls)


def read_answer(tls: ssl.SSLSocket) -> HttpsAnswer:
    http = h11.Connection(h11.CLIENT)
    http.send(h11.Request(method="GET", target="/", headers=[("Host", "x")]))
    http.send(h11.EndOfMessage())
    answer = HttpsAnswer(0, {}, b"", tls.version() or "")
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            if not (data := tls.recv(65536)):
                raise ConnectionError("it ended")
            http.receive_data(data)
        elif isinstance(event, h11.Response):
            answer.status = event.status_code
            answer.headers = {name.decode(): value.decode() for name, value in event.headers}
        elif isinstance(event, h11.Data):
            answer.data += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return answer


@dataclass
class AtListener:
    """A hub whose listeners run, and where they are."""

    running: RunningHub
    listeners: PhoneListeners
    port: int
    old_port: int
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 4096)))

    def site(self) -> str:
        return self.running.site(f"By HTTPS {next(self.numbers)}")

    def phone(self, site: str, model: str = "8841-3PCC") -> str:
        """A phone of a site that has a line; its bare address."""
        bare = f"000E08{next(self.numbers):06X}"
        self.running.phone(site, str(Mac(bare)), model)
        return bare

    def client(self, factory: Factory | None, *, old: bool = False, version: ssl.TLSVersion | None = None,
               agent: str = "") -> HttpsPhone:  # fmt: skip
        return HttpsPhone(self.old_port if old else self.port, factory, version, agent=agent)

    def log(self, site: str) -> list[dict[str, str]]:
        """The site's decisions, the newest first."""
        self.listeners.desk.flush()
        return list(self.running.do("GET", f"/guard/log?site={site}")["items"])

    def alerts(self, site: str) -> list[tuple[str, str]]:
        self.listeners.desk.flush()
        rows = self.running.do("GET", f"/guard/alerts?site={site}")["items"]
        return [(row["kind"], row["sentence"]) for row in rows]


@contextlib.contextmanager
def listening(running: RunningHub) -> Iterator[AtListener]:
    """Listen to phones at two free ports of loopback, for the length of the block."""
    with contextlib.ExitStack() as stack:
        bound = {}
        for is_old in (False, True):
            bound[is_old] = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1024))
        listeners = PhoneListeners(running.hub, running.folder, bound)
        stack.enter_context(listeners.running())
        yield AtListener(running, listeners, bound[False].getsockname()[1], bound[True].getsockname()[1])
