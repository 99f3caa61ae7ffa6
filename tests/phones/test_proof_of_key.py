"""Who shows a phone's certificate to CAPF, and has its key: every refusal by name."""

import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from ringfence.phones.errors import CertificateRefused
from ringfence.phones.trust.phone_certificates import CertificateKind, Issuers, KeyProof, judge_proof
from ringfence.phones.trust.proof_of_key import ShownProof, is_signature, sudi_part
from ringfence.phones.trust.refusals import SENTENCES, CertificateRefusal
from ringfence.phones.trust.roles import SigningHash
from ringfence.sim.capf_client import PhoneIdentity, sudi
from support.makers import NOW
from support.phone_identities import DAY, capf_service, cisco, forger, identity, old_identity

NAME = "SEP001122334455"
OTHERS = "SEP0011223344FF"
SESSION = 0xFEED0001
ISSUERS = Issuers((cisco().certificate,), (capf_service().certificate,))


def shown(of: PhoneIdentity, name: str = NAME, *, session: int | None = None) -> ShownProof:
    data = name.encode() + b"\0" + of.der
    signed = of.sign(data, SigningHash.SHA1), sudi_part(SigningHash.SHA512, of.sign(data, SigningHash.SHA512))
    return ShownProof(name, of.der, *signed, sudi(of, session) if session is not None else b"")


def refusal_of(proof: ShownProof, session: int = SESSION) -> str:
    with pytest.raises(CertificateRefused) as caught:
        judge_proof(proof, session, ISSUERS, NOW.timestamp())
    assert caught.value.what == SENTENCES[CertificateRefusal(caught.value.refusal)]
    return caught.value.refusal


def test_a_makers_certificate_with_its_key_counts() -> None:
    judged = judge_proof(shown(identity(f"CP-9971-{NAME}")), SESSION, ISSUERS, NOW.timestamp())
    assert judged.certificate.kind is CertificateKind.MIC
    assert not judged.certificate.is_expired
    assert judged.proof is KeyProof.REPLAYABLE


def test_one_in_sha_1_counts_too() -> None:
    of = old_identity(f"CP-7965G-{NAME}")
    proof = replace(shown(of), sha2_signed_data=b"")  # phones of that age may have no other digest
    a_little_later = (NOW + DAY).timestamp()
    assert judge_proof(proof, SESSION, ISSUERS, a_little_later).certificate.kind is CertificateKind.MIC


def test_what_is_signed_for_the_session_is_fresh_and_a_recorded_one_is_refused() -> None:
    of = identity(f"CP-8841-{NAME}")
    recorded = shown(of, session=SESSION)
    assert judge_proof(recorded, SESSION, ISSUERS, NOW.timestamp()).proof is KeyProof.FRESH
    assert refusal_of(recorded, SESSION + 1) == "wrong-sudi"


def test_whoever_recorded_an_old_phone_proves_no_more_than_that() -> None:
    """A recorded answer can't be told from the phone: so it never counts as fresh."""
    recorded = shown(identity(f"CP-7965G-{NAME}"))
    for session in (1, 2):
        assert judge_proof(recorded, session, ISSUERS, NOW.timestamp()).proof is KeyProof.REPLAYABLE


def test_an_expired_one_is_told_and_one_of_the_future_refused() -> None:
    expired = identity(f"CP-7965G-{NAME}", ends=dt.timedelta(days=-1))
    assert judge_proof(shown(expired), SESSION, ISSUERS, NOW.timestamp()).certificate.is_expired
    assert refusal_of(shown(identity(f"CP-7965G-{NAME}", begins=DAY))) == "not-yet"


def test_a_local_certificate_counts_by_our_own_issuer_alone() -> None:
    class _Capf:
        certificate, key = capf_service().certificate, capf_service().key

    own = identity(NAME, _Capf())  # type: ignore[arg-type]  # as far as issuing goes, it is one
    assert judge_proof(shown(own), SESSION, ISSUERS, NOW.timestamp()).certificate.kind is CertificateKind.LSC
    with pytest.raises(CertificateRefused, match="no CA"):
        judge_proof(shown(own), SESSION, Issuers(ISSUERS.makers), NOW.timestamp())


def test_elliptic_curves_count_where_the_phone_has_them() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    rsa_one = identity(f"CP-8841-{NAME}").certificate
    certificate = (
        x509.CertificateBuilder(rsa_one.issuer, rsa_one.subject, key.public_key(), 9, rsa_one.not_valid_before_utc,
                                rsa_one.not_valid_after_utc).sign(cisco().key, hashes.SHA256())
    )  # fmt: skip
    assert judge_proof(shown(PhoneIdentity(certificate, key)), SESSION, ISSUERS, NOW.timestamp())


MIC = identity(f"CP-9971-{NAME}")
WRONG: dict[str, tuple[Callable[[], ShownProof], str]] = {
    "another name": (lambda: shown(MIC, "ATA001122334455"), "bad-name"),
    "lower case": (lambda: shown(MIC, "SEP0011223344ff"), "bad-name"),
    "no certificate": (lambda: replace(shown(MIC), certificate=b""), "no-certificate"),
    "no DER": (lambda: replace(shown(MIC), certificate=b"0\x82junk"), "unreadable"),
    "too long": (lambda: replace(shown(MIC), certificate=MIC.der + b"\0" * 4096), "unreadable"),
    "foreign CA of the same name": (lambda: shown(identity(f"CP-9971-{NAME}", forger())), "foreign-issuer"),
    "another phone's certificate": (lambda: shown(identity(f"CP-9971-{OTHERS}")), "other-phone"),
    "another phone's under its own name for ours": (lambda: shown(MIC, OTHERS), "other-phone"),
    "a name that is no phone's": (lambda: shown(identity("CP-9971")), "no-name"),
    "a name with more behind it": (lambda: shown(identity(f"CP-9971-{NAME}\nx")), "no-name"),
    "no signature": (lambda: replace(shown(MIC), signed_data=b"", sha2_signed_data=b""), "no-proof"),
    "a signature of another key": (
        lambda: replace(shown(MIC), signed_data=shown(identity(f"CP-9971-{NAME}", key=2)).signed_data), "wrong-proof"),
    "a wrong one beside a right one": (
        lambda: replace(shown(MIC), sha2_signed_data=sudi_part(3, b"\1" * 256)), "wrong-proof"),
    "another digest's number": (lambda: replace(shown(MIC), sha2_signed_data=sudi_part(2, b"\1" * 256)), "wrong-proof"),
    "one that is cut short": (lambda: replace(shown(MIC), sha2_signed_data=b"\3\1\0\1"), "wrong-proof"),
    "a short signature": (lambda: replace(shown(MIC), signed_data=shown(MIC).signed_data[:-1]), "wrong-proof"),
    "junk for the session": (lambda: replace(shown(MIC), sudi_data=b"\0\0"), "wrong-sudi"),
    "something behind it": (lambda: replace(shown(MIC), sudi_data=sudi(MIC, SESSION) + b"\0"), "wrong-sudi"),
    "another phone signs for the session": (
        lambda: replace(shown(MIC), sudi_data=sudi(identity(f"CP-9971-{OTHERS}", key=3), SESSION)), "other-phone"),
    "a forger signs for the session": (
        lambda: replace(shown(MIC), sudi_data=sudi(identity(f"CP-9971-{NAME}", forger()), SESSION)), "foreign-issuer"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
def test_every_refusal_has_its_name(wrong: str) -> None:
    make, refusal = WRONG[wrong]
    assert refusal_of(make()) == refusal


def test_a_weak_key_is_refused() -> None:
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - the size is what this is about
    rsa_one = identity(f"CP-7940-{NAME}").certificate
    of = x509.CertificateBuilder(rsa_one.issuer, rsa_one.subject, weak.public_key(), 9, rsa_one.not_valid_before_utc,
                                 rsa_one.not_valid_after_utc).sign(cisco().key, hashes.SHA256())  # fmt: skip
    assert judge_proof(shown(PhoneIdentity(of, weak)), SESSION, ISSUERS, NOW.timestamp())  # the oldest phones' size
    curve = ec.generate_private_key(ec.SECP256K1())
    unfit = x509.CertificateBuilder(rsa_one.issuer, rsa_one.subject, curve.public_key(), 9,
                                    rsa_one.not_valid_before_utc,
                                    rsa_one.not_valid_after_utc).sign(cisco().key, hashes.SHA256())  # fmt: skip
    assert refusal_of(shown(PhoneIdentity(unfit, curve))) == "unfit-key"


def _raw(block: bytes) -> bytes:
    """What the phone's key makes of a whole block, whatever its padding."""
    assert isinstance(MIC.key, rsa.RSAPrivateKey)
    numbers = MIC.key.private_numbers()
    return pow(int.from_bytes(block), numbers.d, numbers.public_numbers.n).to_bytes(256)


DATA = b"what is signed"
DIGEST = hashlib.sha1(DATA, usedforsecurity=False).digest()
BLOCKS = {
    "zeros behind the digest": b"\0\1" + b"\xff" * (253 - 20 - 9) + b"\0" + DIGEST + b"\0" * 9,
    "junk behind the digest": b"\0\1" + b"\xff" * 8 + b"\0" + DIGEST + b"j" * (256 - 11 - 20),
    "less than eight bytes of padding": b"\0\1" + b"\xff" * 7 + b"\0" + b"\0" * (256 - 10 - 20) + DIGEST,
    "a hole in the padding": b"\0\1" + b"\xff" * 100 + b"\xfe" + b"\xff" * (253 - 20 - 101) + b"\0" + DIGEST,
    "padding of type 2": b"\0\2" + b"\xff" * (253 - 20) + b"\0" + DIGEST,
    "no padding": b"\0" * (256 - 20) + DIGEST,
    "the digest's beginning alone": b"\0\1" + b"\xff" * (253 - 19) + b"\0" + DIGEST[:19],
}


@pytest.mark.parametrize("block", BLOCKS)
def test_the_whole_block_is_looked_at(block: str) -> None:
    assert len(BLOCKS[block]) == 256
    assert not is_signature(MIC.key.public_key(), _raw(BLOCKS[block]), DATA, SigningHash.SHA1)


def test_a_digest_with_its_usual_frame_around_it_is_no_phones() -> None:
    whole = b"\0\1" + b"\xff" * (253 - 20) + b"\0" + DIGEST
    assert is_signature(MIC.key.public_key(), _raw(whole), DATA, SigningHash.SHA1)
    assert isinstance(MIC.key, rsa.RSAPrivateKey)
    framed = MIC.key.sign(DATA, PKCS1v15(), hashes.SHA256())
    assert not is_signature(MIC.key.public_key(), framed, DATA, SigningHash.SHA512)


def test_the_document_names_every_refusal() -> None:
    document = (Path(__file__).parents[2] / "docs" / "phone-certificates.md").read_text()
    assert [word for word in CertificateRefusal if f"`{word}`" not in document] == []
