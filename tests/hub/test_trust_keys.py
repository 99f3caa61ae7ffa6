"""The keys of an organisation's trust: how they are made and kept, what they sign, and what is refused."""

import datetime as dt
import shutil
import stat
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from ringfence.errors import RingfenceError
from ringfence.hub import within
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.fleet import organisations
from ringfence.hub.recovery import backup, restore
from ringfence.hub.recovery.sealed_file import Lock, Opener
from ringfence.hub.store.change import Change
from ringfence.hub.trust import key_roles, role_certificates, trust_keys
from ringfence.hub.trust.errors import (
    BadRecoveryCertificate,
    TrustClockWrong,
    TrustInitialised,
    TrustKeyForeign,
    TrustKeyMissing,
    TrustKeyStoreAway,
    TrustNotInitialised,
    UnknownTrustRole,
)
from ringfence.hub.trust.key_roles import AT_THE_HUB, KeyRole
from ringfence.hub.trust.key_stores import HASHES, key_name
from ringfence.hub.trust.recovery_file import RecoveryKey
from ringfence.identity.certificates import key_to_pem, make_authority, to_pem, validity
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.signed_file import read_signed, signed
from ringfence.phones.trust.trust_list import ITL_NAME, read_trust_list, trust_list
from ringfence.secret import Secret

DAY_S = 86_400
LASTS_S = 6 * 365 * DAY_S


@pytest.fixture(scope="module")
def recovery() -> str:
    return to_pem(RecoveryKey.new("main").certificate)


def initialise(hub: Hub, recovery: str) -> None:
    with trust_keys.made_keys(hub) as made, hub.change("Anna") as change:
        trust_keys.initialise(hub, change, made, recovery)


@pytest.fixture
def trusted(idle: Hub, recovery: str) -> Hub:
    """A hub whose first organisation has keys."""
    initialise(idle, recovery)
    return idle


def files(hub: Hub) -> list[Path]:
    assert hub.folder is not None
    return sorted(hub.folder.keys.glob("trust-*"))


def test_each_role_has_a_key_of_its_own_but_the_recovery_keys_is_not_here(trusted: Hub, recovery: str) -> None:
    with trusted.database.reading() as session:
        rows = trust_keys.in_use(session)
    assert [row.role for row in rows] == list(KeyRole)
    assert {row.role: row.kept_in for row in rows} == dict.fromkeys(KeyRole, "file") | {"sast-2": "offline"}
    assert [path.name for path in files(trusted)] == sorted(
        f"{key_name('main', row.id)}.key" for row in rows if row.role in AT_THE_HUB
    )
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files(trusted))
    assert all(stat.S_IMODE(path.parent.stat().st_mode) == 0o700 for path in files(trusted))
    certificates = [trust_keys.certificate_of(row) for row in rows]
    assert to_pem(certificates[1]) == recovery
    assert len({each.subject for each in certificates}) == len({each.serial_number for each in certificates}) == 6
    for row, certificate in zip(rows, certificates, strict=True):
        certificate.verify_directly_issued_by(certificate)
        key = certificate.public_key()
        assert isinstance(key, rsa.RSAPublicKey)
        assert key.key_size == 2048
        names = [
            certificate.subject.get_attributes_for_oid(kind)[0].value
            for kind in (NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME)
        ]
        assert names == ["main", f"Ringfence {row.role}"]
        begins, ends = validity(certificate)
        years = 20 if row.role.startswith("sast") else 10
        assert begins < trusted.clock() - DAY_S
        assert abs(ends - trusted.clock() - years * 365 * DAY_S) <= 2 * DAY_S
        assert certificate.serial_number.bit_length() == 127


@pytest.mark.parametrize("role", [TrustRole.SAST, TrustRole.TFTP, TrustRole.CAPF, TrustRole.TVS, TrustRole.CCM])
@pytest.mark.parametrize("digest", list(SigningHash))
def test_a_signer_signs_with_the_key_of_its_certificate_and_always_the_same(
    trusted: Hub, role: TrustRole, digest: SigningHash
) -> None:
    with trusted.database.reading() as session:
        signer = trust_keys.signer(trusted, session, role)
        row = trust_keys.current(session, key_roles.of_list_role(role))
    assert to_pem(signer.certificate) == row.certificate
    key = signer.certificate.public_key()
    assert isinstance(key, rsa.RSAPublicKey)
    signature = signer.sign(b"a list", digest)
    key.verify(signature, b"a list", padding.PKCS1v15(), HASHES[digest])
    assert signer.sign(b"a list", digest) == signature
    assert "PRIVATE" not in repr(signer)


def test_there_is_nothing_to_sign_with_before(idle: Hub) -> None:
    with idle.database.reading() as session:
        assert trust_keys.in_use(session) == []
        with pytest.raises(TrustNotInitialised, match="ringfence trust init"):
            trust_keys.signer(idle, session, TrustRole.TFTP)
        for role in (TrustRole.APP_SERVER, TrustRole.CCM_AND_TFTP):
            with pytest.raises(UnknownTrustRole):
                trust_keys.signer(idle, session, role)


def test_of_two_at_once_one_has_made_the_keys_and_the_others_are_gone(trusted: Hub, recovery: str) -> None:
    before = files(trusted)
    with pytest.raises(TrustInitialised, match="made by Anna"):
        initialise(trusted, recovery)
    assert files(trusted) == before


def test_where_nobody_knows_whether_rows_are_stored_their_keys_stay(
    idle: Hub, recovery: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_whatever: object) -> None:
        raise DatabaseUnavailable("the connection was lost")

    monkeypatch.setattr(Change, "note", lost)
    with pytest.raises(DatabaseUnavailable):
        initialise(idle, recovery)
    assert len(files(idle)) == len(AT_THE_HUB)


@pytest.fixture
def two(trusted: Hub) -> tuple[Hub, Hub]:
    """Two organisations of a hub, each with keys."""
    with trusted.change("Anna") as change:
        organisations.create(change, "acme", "ACME")
    other = within.organisation(trusted, "acme")
    initialise(other, to_pem(RecoveryKey.new("acme").certificate))
    return trusted, other


def test_organisations_have_nothing_in_common(two: tuple[Hub, Hub]) -> None:
    found = []
    for hub in two:
        with hub.database.reading() as session:
            found.append([(row.id, row.fingerprint) for row in trust_keys.in_use(session)])
    assert len({part for keys in found for key in keys for part in key}) == 24
    assert len(files(two[0])) == 10


def of_tftp(hub: Hub) -> Path:
    assert hub.folder is not None
    with hub.database.reading() as session:
        return hub.folder.keys / f"{key_name('main', trust_keys.current(session, KeyRole.TFTP).id)}.key"


@pytest.mark.parametrize(
    ("content", "refusal", "words"),
    [
        (None, TrustKeyMissing, "is not there"),
        (b"", TrustKeyForeign, "no RSA key"),
        (b"-----BEGIN PRIVATE KEY-----\nMIIE", TrustKeyForeign, "no RSA key"),
        (key_to_pem(ec.generate_private_key(ec.SECP256R1())), TrustKeyForeign, "no RSA key"),
    ],
)
def test_a_key_that_is_not_there_or_none_is_refused_by_name(
    trusted: Hub, content: bytes | None, refusal: type[RingfenceError], words: str
) -> None:
    file = of_tftp(trusted)
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    with trusted.database.reading() as session, pytest.raises(refusal, match=words):
        trust_keys.signer(trusted, session, TrustRole.TFTP)


def test_another_roles_key_is_refused(trusted: Hub) -> None:
    shutil.copy(next(each for each in files(trusted) if each != of_tftp(trusted)), of_tftp(trusted))
    with trusted.database.reading() as session, pytest.raises(TrustKeyForeign, match="not the key of its certificate"):
        trust_keys.signer(trusted, session, TrustRole.TFTP)


def test_a_file_that_cant_be_read_is_named(trusted: Hub) -> None:
    file = of_tftp(trusted)
    file.unlink()
    file.mkdir()
    with trusted.database.reading() as session, pytest.raises(TrustKeyStoreAway, match=r"trust-main-.*\.key"):
        trust_keys.signer(trusted, session, TrustRole.TFTP)


def test_keys_are_there_after_a_start(trusted: Hub) -> None:
    assert trusted.folder is not None
    with closing(open_hub(DataFolder(trusted.folder.path))) as again, again.database.reading() as session:
        assert trust_keys.signer(again, session, TrustRole.SAST).sign(b"", SigningHash.SHA1)


def made(key: rsa.RSAPrivateKey, now: float, **names: str) -> str:
    """A certificate like the recovery key's, with other names."""
    values = {"common_name": "a", "organization_name": "b", "organizational_unit_name": "c"} | names
    subject = x509.Name(
        [x509.NameAttribute(getattr(NameOID, name.upper()), value) for name, value in values.items() if value]
    )
    begin, end = (dt.datetime.fromtimestamp(at, dt.UTC) for at in (now, now + LASTS_S))
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 5, begin, end)
    return to_pem(builder.sign(key, hashes.SHA512()))


KEY, SHORT = (rsa.generate_private_key(65537, bits) for bits in (2048, 1024))
EC = ec.generate_private_key(ec.SECP256R1())
NOW = 1.8e9


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("", "can't be read"),
        ("é", "can't be read"),
        (made(KEY, NOW) + key_to_pem(EC).decode(), "more than a certificate"),
        (made(KEY, NOW) + "#" * 8192, "more than a certificate"),
        (made(SHORT, NOW), "2048 bits"),
        (to_pem(make_authority(EC, "x", serial=1, now=NOW)), "2048 bits"),
        (made(KEY, NOW, organization_name=""), "one CN, one O and one OU"),
        (made(KEY, NOW, common_name="a,b"), "one CN, one O and one OU"),
        (made(KEY, NOW, common_name="é"), "one CN, one O and one OU"),
        (made(KEY, NOW).replace("A", "B", 40), "can't be read"),
    ],
)
def test_a_certificate_that_phones_would_not_take_is_refused(pem: str, words: str) -> None:
    with pytest.raises(BadRecoveryCertificate, match=words):
        role_certificates.read_recovery(pem, NOW + 1)


@pytest.mark.parametrize("now", [-5.0, 0.0, 1.7e9, 2.3e9, 1e18])
def test_a_clock_that_cant_be_right_makes_no_keys(idle: Hub, recovery: str, now: float) -> None:
    idle.clock = lambda: now
    with pytest.raises(TrustClockWrong, match="Set the clock"):
        initialise(idle, recovery)
    assert files(idle) == []


@pytest.mark.parametrize("ahead_s", [-1e6, LASTS_S - 5 * 365 * DAY_S + 60])
def test_a_certificate_by_another_clock_is_refused(ahead_s: float) -> None:
    with pytest.raises(TrustClockWrong, match="Compare the clocks"):
        role_certificates.read_recovery(made(KEY, NOW), NOW + ahead_s)


def test_certificates_end_before_their_times_have_another_form() -> None:
    certificate = role_certificates.make(KeyRole.SAST_1, "main", "trust-1", KEY, serial=1 << 126, now=2.1e9)
    assert certificate.not_valid_after_utc.year == 2049


def test_the_records_make_a_list_that_sast_1_signs_and_phones_load(trusted: Hub) -> None:
    with trusted.database.reading() as session:
        records = trust_keys.records(session)
        sast = trust_keys.signer(trusted, session, TrustRole.SAST)
        tftp = trust_keys.signer(trusted, session, TrustRole.TFTP)
    made = trust_list(records, filename=ITL_NAME, signed_at=int(NOW), signer=sast, digest=SigningHash.SHA1)
    read = read_trust_list(made)
    assert read.verify() == sast.certificate
    assert read.wants_signed_files
    assert [each.role for each in read.records] == [0, 0, 3, 4, 21, 1]
    assert len(made) < 16 * 1024
    file = signed(b"x", filename="x.sgn", signed_at=int(NOW), signer=tftp, digest=SigningHash.SHA512)
    read_signed(file).verify(read.certificates(TrustRole.TFTP)[0])


def test_a_copy_of_the_hub_holds_its_keys(trusted: Hub, tmp_path: Path) -> None:
    assert trusted.folder is not None
    with trusted.database.reading() as session:
        before = trust_keys.signer(trusted, session, TrustRole.SAST).sign(b"list", SigningHash.SHA1)
    made = backup.make(trusted.folder, tmp_path / "copy", Lock(Secret("a passphrase")))
    restore.restore(made.file, tmp_path / "restored", Opener(Secret("a passphrase")))
    with closing(open_hub(DataFolder(tmp_path / "restored"))) as hub, hub.database.reading() as session:
        assert trust_keys.signer(hub, session, TrustRole.SAST).sign(b"list", SigningHash.SHA1) == before
