import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from ringfence.identity.certificates import (
    EDGE_LIFETIME_S,
    EdgeIdentity,
    fingerprint,
    issue_edge_certificate,
    issue_server_certificate,
    key_from_pem,
    key_to_pem,
    make_authority,
    make_request,
    read_certificate,
    read_identity,
    read_request,
    renewal_due,
    to_pem,
    validity,
)
from ringfence.identity.errors import BadCertificate, BadRequestForCertificate

NOW = 1_800_000_000.0
KEY, EDGE_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
AUTHORITY = make_authority(KEY, "Ringfence hub CA", serial=1, now=NOW)
WHO = EdgeIdentity("e1", "home-office-anna")


def edge_certificate() -> x509.Certificate:
    request = read_request(make_request(EDGE_KEY, "pi"))
    return issue_edge_certificate(AUTHORITY, KEY, request, WHO, serial=2, now=NOW)


def test_an_edges_certificate_names_edge_and_site_and_is_issued_by_the_authority() -> None:
    certificate = edge_certificate()
    certificate.verify_directly_issued_by(AUTHORITY)
    assert read_identity(certificate) == WHO
    assert certificate.public_key() == EDGE_KEY.public_key()
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]  # type: ignore[attr-defined]


def test_what_a_request_says_of_itself_is_not_taken_over() -> None:
    request = read_request(make_request(EDGE_KEY, "ringfence:edge:admin:site:everything"))
    certificate = issue_edge_certificate(AUTHORITY, KEY, request, WHO, serial=3, now=NOW)
    assert read_identity(certificate) == WHO
    assert "admin" not in certificate.subject.rfc4514_string()


def test_a_servers_certificate_names_hosts_and_addresses() -> None:
    certificate = issue_server_certificate(
        AUTHORITY, KEY, EDGE_KEY.public_key(), ["hub.example.org", "127.0.0.1", "::1"], serial=4, now=NOW
    )
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["hub.example.org"]
    assert [str(address) for address in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1"]
    with pytest.raises(BadCertificate):
        read_identity(certificate)


def test_a_request_signed_by_another_key_is_refused() -> None:
    pem = make_request(EDGE_KEY, "pi")
    with pytest.raises(BadRequestForCertificate):
        read_request(pem[:200] + ("A" if pem[200] != "A" else "B") + pem[201:])


def test_a_request_with_an_rsa_key_is_refused() -> None:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    with pytest.raises(BadRequestForCertificate):
        read_request(request.public_bytes(serialization.Encoding.PEM).decode())


@pytest.mark.parametrize("junk", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"])
def test_junk_is_no_certificate_no_key_and_no_request(junk: str) -> None:
    with pytest.raises(BadCertificate):
        read_certificate(junk)
    with pytest.raises(BadCertificate):
        key_from_pem(junk.encode())
    with pytest.raises(BadRequestForCertificate):
        read_request(junk)


def test_renewal_is_due_after_two_thirds_of_a_life() -> None:
    certificate = edge_certificate()
    begins, ends = validity(certificate)
    assert begins < NOW < ends
    assert not renewal_due(certificate, NOW)
    assert not renewal_due(certificate, NOW + EDGE_LIFETIME_S * 0.6)
    assert renewal_due(certificate, NOW + EDGE_LIFETIME_S * 0.7)


def test_pem_and_back() -> None:
    certificate = edge_certificate()
    assert read_certificate(to_pem(certificate)) == certificate
    assert len(fingerprint(certificate)) == 64
    assert key_from_pem(key_to_pem(KEY)).private_numbers() == KEY.private_numbers()
