"""Stores of keys: one suite over files and PKCS #11 tokens, and what is each one's own."""

import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import pkcs11
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ringfence.hub.core import Hub
from ringfence.hub.data.config import make_config
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.trust import pkcs11_keys, role_certificates, trust_keys
from ringfence.hub.trust.errors import TrustKeyMissing, TrustKeyStoreAway
from ringfence.hub.trust.file_keys import FileKeys
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.key_stores import HASHES, KeptSigner, KeyStore
from ringfence.hub.trust.pkcs11_keys import Pkcs11Keys
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import to_pem
from ringfence.phones.trust.roles import SigningHash, TrustRole
from support.soft_token import MODULE, SoftToken, soft_token

NOW = 1.8e9
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("softhsm")


@pytest.fixture
def token(place: Path) -> Iterator[SoftToken]:
    yield soft_token(place, f"trust {next(_numbers)}")
    for each in list(Pkcs11Keys._with_session):
        each.close()


def in_token(token: SoftToken) -> Pkcs11Keys:
    return Pkcs11Keys(MODULE, token.label, token.pin_file)


@pytest.fixture(params=["file", pytest.param("pkcs11", marks=pytest.mark.needs("softhsm"))])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[KeyStore]:
    if request.param == "file":
        yield FileKeys(tmp_path)
        return
    yield in_token(request.getfixturevalue("token"))


def verify(key: rsa.RSAPublicKey, signature: bytes, data: bytes, digest: SigningHash) -> None:
    key.verify(signature, data, padding.PKCS1v15(), HASHES[digest])


def test_a_key_that_is_made_is_there_and_signs(store: KeyStore) -> None:
    made = store.make("trust-main-1")
    found = store.get("trust-main-1")
    assert made.public_key() == found.public_key()
    assert found.key_size == made.key_size == 2048
    for digest in SigningHash:
        signature = found.sign(b"data", padding.PKCS1v15(), HASHES[digest])
        verify(made.public_key(), signature, b"data", digest)
        assert made.sign(b"data", padding.PKCS1v15(), HASHES[digest]) == signature
    assert store.make("trust-main-2").public_key() != made.public_key()


def test_a_certificate_is_signed_by_its_own_key_wherever_it_is(store: KeyStore) -> None:
    key = store.make("trust-main-3")
    certificate = role_certificates.make(KeyRole.TFTP, "main", "trust-3", key, serial=1 << 126, now=NOW)
    certificate.verify_directly_issued_by(certificate)
    signer = KeptSigner.of(store, "trust-main-3", certificate)
    verify(key.public_key(), signer.sign(b"list", SigningHash.SHA1), b"list", SigningHash.SHA1)


def test_what_is_not_there_or_is_destroyed_is_missing(store: KeyStore) -> None:
    with pytest.raises(TrustKeyMissing):
        store.get("trust-main-4")
    store.make("trust-main-4")
    store.remove("trust-main-4")
    store.remove("trust-main-4")
    with pytest.raises(TrustKeyMissing):
        store.get("trust-main-4")


def test_many_sign_at_once(store: KeyStore) -> None:
    key = store.make("trust-main-5")
    signatures: list[bytes] = []

    def sign() -> None:
        found = store.get("trust-main-5")
        signatures.extend(found.sign(b"data", padding.PKCS1v15(), hashes.SHA512()) for _ in range(10))

    threads = [threading.Thread(target=sign) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(signatures) == 80
    assert len(set(signatures)) == 1
    verify(key.public_key(), signatures[0], b"data", SigningHash.SHA512)


@pytest.mark.needs("softhsm")
def test_a_token_gives_no_key_out(token: SoftToken) -> None:
    kept = in_token(token)
    key = kept.make("trust-main-6")
    with pytest.raises(TypeError, match="does not give its keys out"):
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with pytest.raises(TypeError, match="does not give its keys out"):
        key.private_numbers()
    with pytest.raises(TypeError, match="decrypt nothing"):
        key.decrypt(b"", padding.PKCS1v15())
    with pytest.raises(TypeError, match=r"PKCS #1 v1\.5 alone"):
        key.sign(b"", padding.PSS(padding.MGF1(hashes.SHA256()), 20), hashes.SHA256())


@pytest.mark.needs("softhsm")
def test_a_session_that_has_ended_is_opened_again(token: SoftToken) -> None:
    kept = in_token(token)
    sessions: list[object] = []

    def ask(session: object) -> str:
        sessions.append(session)
        if len(sessions) == 1:
            raise pkcs11.SessionHandleInvalid
        return "done"

    assert kept.ask(ask) == "done"
    assert sessions[0] is not sessions[1]
    with pytest.raises(TrustKeyStoreAway, match="DeviceError"):
        kept.ask(_fail)
    assert kept.ask(lambda _session: "again") == "again"


def _fail(_session: object) -> None:
    raise pkcs11.DeviceError


@pytest.mark.needs("softhsm")
def test_another_token_disturbs_none(place: Path, token: SoftToken) -> None:
    kept, other = in_token(token), in_token(soft_token(place, f"trust {next(_numbers)}"))
    key, others = kept.make("trust-main-7"), other.make("trust-main-7")
    assert key.public_key() != others.public_key()
    assert kept.get("trust-main-7").public_key() == key.public_key()
    late = in_token(soft_token(place, f"trust {next(_numbers)}"))
    with pytest.raises(TrustKeyStoreAway, match="NoSuchToken"):
        late.get("trust-main-7")  # it was plugged in while others have sessions
    other.close()
    kept.close()
    late.make("trust-main-7")


@pytest.mark.needs("softhsm")
def test_a_token_that_is_away_is_named(token: SoftToken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for store, words in (
        (Pkcs11Keys(tmp_path / "none.so", token.label, token.pin_file), "can't be loaded"),
        (Pkcs11Keys(MODULE, "nobody's", token.pin_file), "NoSuchToken"),
        (Pkcs11Keys(MODULE, token.label, tmp_path / "nothing"), "No such file"),
    ):
        with pytest.raises(TrustKeyStoreAway, match=words):
            store.get("trust-main-9")
    wrong = tmp_path / "pin"
    wrong.write_text("wrong")
    with pytest.raises(TrustKeyStoreAway, match="PinIncorrect"):
        Pkcs11Keys(MODULE, token.label, wrong).get("trust-main-9")
    kept = in_token(token)
    monkeypatch.setattr(pkcs11_keys, "WAIT_S", 0.0)
    with kept._turn, pytest.raises(TrustKeyStoreAway, match="somebody else"):
        kept.get("trust-main-9")


@pytest.mark.needs("softhsm")
def test_a_hubs_signing_keys_are_in_its_token_and_those_that_speak_tls_in_files(idle: Hub, token: SoftToken) -> None:
    config = idle.config
    idle.config = config.changed(
        trust_key_store="pkcs11", pkcs11_module=str(MODULE), pkcs11_token=token.label,
        pkcs11_pin_file=str(token.pin_file),
    )  # fmt: skip
    with trust_keys.made_keys(idle) as made, idle.change("Anna") as change:
        trust_keys.initialise(idle, change, made, to_pem(RecoveryKey.new("main").certificate))
    with idle.database.reading() as session:
        kept = {row.role: row.kept_in for row in trust_keys.in_use(session)}
        assert kept == {
            "sast-1": "pkcs11", "sast-2": "offline", "tftp": "pkcs11", "capf": "file", "tvs": "file", "ccm": "file",
        }  # fmt: skip
        assert trust_keys.signer(idle, session, TrustRole.TFTP).sign(b"", SigningHash.SHA1)
        assert trust_keys.key_pem(idle, session, TrustRole.CAPF).startswith(b"-----BEGIN PRIVATE KEY")
        with pytest.raises(TrustKeyStoreAway, match="does not give it out"):
            trust_keys.key_pem(idle, session, TrustRole.TFTP)
        idle.config = config
        with pytest.raises(TrustKeyStoreAway, match=r"hub\.toml names none"):
            trust_keys.signer(idle, session, TrustRole.TFTP)


def test_a_token_without_its_name_is_no_configuration() -> None:
    with pytest.raises(BadConfiguration, match="pkcs11_module, pkcs11_token and pkcs11_pin_file"):
        make_config(address="127.0.0.1", trust_key_store="pkcs11")
    with pytest.raises(BadConfiguration, match="trust_key_store"):
        make_config(address="127.0.0.1", trust_key_store="cloud")
