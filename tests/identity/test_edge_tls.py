"""The certificates of edges' keys for phones by HTTPS: their form, and what is refused."""

from collections.abc import Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from ringfence.identity.certificates import make_authority, to_pem
from ringfence.identity.edge_tls import LARGEST_BYTES, make_edge_tls, read_edge_tls
from ringfence.identity.errors import BadRequestForCertificate
from ringfence.phones.trust.certificate_rules import check_listed, name_as_text

NOW = 1_790_000_000.0
EDGE = "edge-0011aabbccdd"
KEY = ec.derive_private_key(0x1234567, ec.SECP256R1())
MADE = make_edge_tls(KEY, EDGE, serial=0xABCDEF, now=NOW)


def test_it_is_as_phones_ask_of_certificates_in_their_list() -> None:
    check_listed(MADE, takes_curves=True)
    assert name_as_text(MADE.subject) == f"CN={EDGE}-00abcdef,OU=Ringfence edge,O=Ringfence"
    assert MADE.subject == MADE.issuer
    assert len(MADE.public_bytes(Encoding.DER)) < LARGEST_BYTES
    assert read_edge_tls(to_pem(MADE), EDGE, NOW) == MADE


def by_another_key() -> x509.Certificate:
    builder = x509.CertificateBuilder(
        MADE.issuer, MADE.subject, MADE.public_key(), MADE.serial_number,
        MADE.not_valid_before_utc, MADE.not_valid_after_utc,
    )  # fmt: skip
    return builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())


@pytest.mark.parametrize(
    ("pem", "complaint"),
    [
        (lambda: "", "can't be read"),
        (lambda: to_pem(MADE) + "-----BEGIN PRIVATE KEY-----", "or holds more"),
        (lambda: to_pem(MADE) * 9, "longer than such a certificate"),
        (lambda: to_pem(by_another_key()), "its own key has not signed it"),
        (lambda: to_pem(make_edge_tls(KEY, "edge-of-another", serial=5, now=NOW)), "does not name edge"),
        (lambda: to_pem(make_authority(KEY, EDGE, serial=5, now=NOW)), "does not name edge"),
        (lambda: to_pem(make_edge_tls(KEY, EDGE, serial=5, now=NOW + 9 * 86_400)), "not valid now"),
        (lambda: to_pem(make_edge_tls(KEY, EDGE, serial=5, now=NOW - 3_600 * 24 * 365 * 9.5)), "for a year more"),
        (
            lambda: to_pem(make_edge_tls(ec.generate_private_key(ec.SECP384R1()), EDGE, serial=5, now=NOW)),
            "not one on P-256",
        ),
    ],
)
def test_what_an_edge_can_t_offer(pem: Callable[[], str], complaint: str) -> None:
    with pytest.raises(BadRequestForCertificate, match=complaint):
        read_edge_tls(pem(), EDGE, NOW)
