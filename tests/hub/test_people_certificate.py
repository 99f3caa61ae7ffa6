"""A certificate of their own for people: checked at the start, taken over when it is renewed, and never half."""

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringfence.cli.support.api import Login, PeoplesApi
from ringfence.cli.support.errors import HubAway
from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.process import background_jobs, people_certificate
from ringfence.secret import Secret
from stack import wait_for
from support.chosen_database import copied
from support.running_hub import Clock, RunningHub
from support.serving_hub import serving

DAY = dt.timedelta(days=1)
_SIGNS = x509.KeyUsage(
    digital_signature=False, content_commitment=False, key_encipherment=False, data_encipherment=False,
    key_agreement=False, key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False,
)  # fmt: skip


@dataclass
class OtherAuthority:
    """A CA that people's programs know, and the hub does not."""

    folder: Path

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Everybody's CA")])
        made = (
            self._builder(self._name, self._key.public_key(), -1, 400)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_SIGNS, critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = self.folder / "everybody.pem"
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(self, folder: Path, begins: int = -1, ends: int = 90, *, is_client: bool = False) -> None:
        """Write a certificate for this machine, and its key, over those of before."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hub")])
        use = ExtendedKeyUsageOID.CLIENT_AUTH if is_client else ExtendedKeyUsageOID.SERVER_AUTH
        made = (
            self._builder(name, key.public_key(), begins, ends)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        (folder / "people.key").write_bytes(_pem(key))
        (folder / "people.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, begins: int, ends: int
    ) -> x509.CertificateBuilder:
        now = dt.datetime.now(dt.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begins * DAY)
            .not_valid_after(now + ends * DAY)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )


def _pem(key: ec.EllipticCurvePrivateKey, passphrase: bytes = b"") -> bytes:
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


@pytest.fixture
def other(tmp_path: Path) -> OtherAuthority:
    return OtherAuthority(tmp_path)


@pytest.fixture
def folder(made_hub: tuple[Path, Secret], tmp_path: Path, other: OtherAuthority) -> DataFolder:
    """A hub's folder whose hub.toml names a certificate for people, which lies there."""
    copied(made_hub[0], tmp_path / "hub")
    made = DataFolder(tmp_path / "hub")
    made.edit_config(people_certificate="people.pem", people_key="people.key")
    other.issue(made.path)
    return made


@pytest.fixture
def served(folder: DataFolder, made_hub: tuple[Path, Secret], monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningHub]:
    for name in ("CERTIFICATE_EVERY_S", "RENEW_EVERY_S"):
        monkeypatch.setattr(background_jobs, name, 0.05)
    hub, clock = open_hub(folder), Clock()
    hub.clock = clock
    with serving(hub, folder):
        yield RunningHub(folder, hub, made_hub[1], clock)


def _shown(url: str) -> bytes:
    address = urlsplit(url)
    return ssl.get_server_certificate((str(address.hostname), address.port or 0)).encode()


def _login(served: RunningHub, authority: str) -> PeoplesApi:
    url = f"https://localhost:{urlsplit(served.people_url).port}"
    return PeoplesApi(Login(url, served.token, authority))


def test_people_need_no_ca_of_ours_and_edges_do(
    served: RunningHub, other: OtherAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _login(served, other.file.read_text()).get("/whoami")["name"] == "administrator"
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))  # what the system trusts
    assert _login(served, "").get("/whoami")["name"] == "administrator"
    assert served.stranger("GET", "/").status == 404, "edges see the hub's own"


def test_who_pinned_the_hubs_own_ca_is_told_what_to_do(served: RunningHub) -> None:
    with pytest.raises(HubAway) as away:
        _login(served, served.folder.authority_certificate.read_text()).get("/whoami")
    assert "certificate of another CA" in away.value.to_do


def test_a_renewed_certificate_is_taken_over_and_a_broken_one_is_not(
    served: RunningHub, other: OtherAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = list[str]()
    monkeypatch.setattr(people_certificate._log, "warning", lambda event, **_facts: told.append(event))
    path = served.folder.path
    before = _shown(served.people_url)
    key = (path / "people.key").read_bytes()
    (path / "people.key").write_bytes(b"half of a")
    wait_for("the word", lambda: told)
    assert _shown(served.people_url) == before
    (path / "people.key").write_bytes(key)
    other.issue(path)
    wait_for("the new one", lambda: _shown(served.people_url) != before)
    assert _shown(served.people_url) == (path / "people.pem").read_bytes()
    assert _shown(served.device_url) != _shown(served.people_url)


def test_the_hubs_own_renewal_leaves_it(served: RunningHub) -> None:
    before = _shown(served.device_url)
    with served.clock.forward(365 * 86_400):
        wait_for("the hub's own", lambda: _shown(served.device_url) != before)
    assert _shown(served.people_url) == (served.folder.path / "people.pem").read_bytes()


def _nothing(_path: Path, _other: OtherAuthority) -> None:
    (_path / "people.pem").unlink()


def _a_folder(path: Path, _other: OtherAuthority) -> None:
    (path / "people.key").unlink()
    (path / "people.key").mkdir()


def _no_pem(path: Path, _other: OtherAuthority) -> None:
    (path / "people.pem").write_text("none")


def _no_key(path: Path, _other: OtherAuthority) -> None:
    (path / "people.key").write_text("none")


def _locked(path: Path, _other: OtherAuthority) -> None:
    (path / "people.key").write_bytes(_pem(ec.generate_private_key(ec.SECP256R1()), b"secret"))


def _another_key(path: Path, _other: OtherAuthority) -> None:
    (path / "people.key").write_bytes(_pem(ec.generate_private_key(ec.SECP256R1())))


def _ended(path: Path, other: OtherAuthority) -> None:
    other.issue(path, -90, -1)


def _future(path: Path, other: OtherAuthority) -> None:
    other.issue(path, 1, 90)


def _clients(path: Path, other: OtherAuthority) -> None:
    other.issue(path, is_client=True)


@pytest.mark.parametrize(
    ("spoil", "file", "what"),
    [
        (_nothing, "people.pem", "can't read it: No such file"),
        (_a_folder, "people.key", "can't read it: Is a directory"),
        (_no_pem, "people.pem", "no certificate in PEM"),
        (_no_key, "people.key", "no private key in PEM"),
        (_locked, "people.key", "locked with a passphrase"),
        (_another_key, "people.key", "does not belong to the certificate"),
        (_ended, "people.pem", "it ended on 20"),
        (_future, "people.pem", "it begins only on 20"),
        (_clients, "people.pem", "not for servers"),
    ],
)
def test_what_can_not_be_used_is_refused_at_the_start(
    folder: DataFolder, other: OtherAuthority, spoil: Callable[[Path, OtherAuthority], None], file: str, what: str
) -> None:
    spoil(folder.path, other)
    files = people_certificate.files_of(folder)
    assert files is not None
    with pytest.raises(BadConfiguration, match=what) as refused:
        people_certificate.load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files, Clock()())
    assert refused.value.where == str(folder.path / file)


def test_one_of_the_two_is_refused(folder: DataFolder) -> None:
    with pytest.raises(BadConfiguration, match="go together"):
        folder.config().changed(people_key="")
