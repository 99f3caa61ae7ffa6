"""Certificates: the hub's CA, the certificates that it issues, and requests for them (X.509, RFC 5280, PKCS #10).

Private keys, serial numbers and times are arguments, which callers at the program's boundary create. Keys are P-256,
which every TLS stack and browser accepts.
"""

import datetime as dt
import hashlib
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringfence.identity.errors import BadCertificate, BadRequestForCertificate

PrivateKey = ec.EllipticCurvePrivateKey

DAY_S = 86_400
AUTHORITY_LIFETIME_S = 20 * 365 * DAY_S
SERVER_LIFETIME_S = 365 * DAY_S
EDGE_LIFETIME_S = 30 * DAY_S
CLOCK_SLACK_S = 3600
"""How far before its making a certificate begins to be valid: clocks differ."""
NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME (x509_vfy.h), which Python's ssl takes but has no name for."""

_EDGE_URI = "ringfence:edge:"
_CONCENTRATOR_URI = "ringfence:concentrator:"


@dataclass(frozen=True, slots=True)
class EdgeIdentity:
    """What an edge's certificate says of its holder."""

    edge_id: str
    site_id: str


@dataclass(frozen=True, slots=True)
class ConcentratorIdentity:
    """What a concentrator's certificate says of its holder: it is no edge's, nor is an edge's one of these."""

    concentrator_id: str
    organisation_id: str


def make_authority(key: PrivateKey, name: str, *, serial: int, now: float) -> x509.Certificate:
    """Return the self-signed certificate of a hub's CA."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = _builder(subject, subject, key.public_key(), serial, now, AUTHORITY_LIFETIME_S)
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def issue_server_certificate(
    authority: x509.Certificate,
    authority_key: PrivateKey,
    public_key: ec.EllipticCurvePublicKey,
    hosts: Sequence[str],
    *,
    serial: int,
    now: float,
) -> x509.Certificate:
    """Return a TLS server certificate for ``hosts``, which are DNS names or IP addresses."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Ringfence hub")])
    builder = _builder(subject, authority.subject, public_key, serial, now, SERVER_LIFETIME_S)
    return _leaf(
        builder, authority, authority_key, x509.SubjectAlternativeName([_host(host) for host in hosts]), server=True
    )


def issue_edge_certificate(
    authority: x509.Certificate,
    authority_key: PrivateKey,
    request: x509.CertificateSigningRequest,
    identity: EdgeIdentity | ConcentratorIdentity,
    *,
    serial: int,
    now: float,
    lifetime_s: int = EDGE_LIFETIME_S,
) -> x509.Certificate:
    """Return a TLS client certificate for the key in ``request``; nothing else in the request is used."""
    public_key = request.public_key()
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        raise BadRequestForCertificate("a certificate request contains a key that is not P-256", to_do="Enrol again.")
    if isinstance(identity, EdgeIdentity):
        name, uri = identity.edge_id, f"{_EDGE_URI}{identity.edge_id}:site:{identity.site_id}"
    else:
        name = identity.concentrator_id
        uri = f"{_CONCENTRATOR_URI}{name}:organisation:{identity.organisation_id}"
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    builder = _builder(subject, authority.subject, public_key, serial, now, lifetime_s)
    return _leaf(builder, authority, authority_key, names, server=False)


def make_request(key: PrivateKey, name: str) -> str:
    """Return a certificate signing request for ``key`` in PEM."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "edge")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """Parse a certificate request and check that its key signed it.

    Raises:
        BadRequestForCertificate: It is not a request, or its P-256 key did not sign it.
    """
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key = request.public_key()
        sound = request.is_signature_valid
    except (ValueError, TypeError):
        raise BadRequestForCertificate("a certificate request can't be read", to_do="Enrol again.") from None
    if not sound or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
        raise BadRequestForCertificate("a certificate request isn't signed by its own P-256 key", to_do="Enrol again.")
    return request


def read_certificate(pem: str) -> x509.Certificate:
    """Parse one certificate in PEM.

    Raises:
        BadCertificate: It is not a certificate.
    """
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise BadCertificate("a certificate can't be read", to_do="Restore the file, or enrol again.") from None


def read_identity(certificate: x509.Certificate) -> EdgeIdentity:
    """Return which edge a certificate names.

    Raises:
        BadCertificate: It names none.
    """
    for uri in _uris(certificate):
        edge_id, separator, site_id = uri.removeprefix(_EDGE_URI).partition(":site:")
        if uri.startswith(_EDGE_URI) and separator and edge_id and site_id:
            return EdgeIdentity(edge_id, site_id)
    raise BadCertificate("this certificate does not name an edge", to_do="Enrol again.")


def read_concentrator(certificate: x509.Certificate) -> ConcentratorIdentity:
    """Return which concentrator a certificate names.

    Raises:
        BadCertificate: It names none.
    """
    for uri in _uris(certificate):
        name, separator, organisation_id = uri.removeprefix(_CONCENTRATOR_URI).partition(":organisation:")
        if uri.startswith(_CONCENTRATOR_URI) and separator and name and organisation_id:
            return ConcentratorIdentity(name, organisation_id)
    raise BadCertificate("this certificate does not name a concentrator", to_do="Enrol again.")


def holder_id(certificate: x509.Certificate) -> str:
    """Return the id of the edge or concentrator that a certificate names.

    Raises:
        BadCertificate: It names neither.
    """
    try:
        return read_identity(certificate).edge_id
    except BadCertificate:
        return read_concentrator(certificate).concentrator_id


def _uris(certificate: x509.Certificate) -> Sequence[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return names.get_values_for_type(x509.UniformResourceIdentifier)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return a certificate's SHA-256 in 64 lower-case hexadecimal digits."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def key_fingerprint(key: CertificatePublicKeyTypes) -> str:
    """Return a public key's SHA-256 (of its SubjectPublicKeyInfo in DER), in 64 lower-case hexadecimal digits."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def issuer_id(certificate: x509.Certificate) -> str:
    """Return the key identifier of the CA that issued a certificate, in hexadecimal; empty if it names none."""
    try:
        named = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    except (x509.ExtensionNotFound, ValueError):
        return ""
    return (named or b"").hex()


def authority_id(authority: x509.Certificate) -> str:
    """Return a CA's own key identifier, which ``issuer_id`` of what it issued is."""
    return authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()


def to_pem(certificate: x509.Certificate) -> str:
    """Return a certificate in PEM."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def key_to_pem(key: PrivateKey) -> bytes:
    """Return a private key in PEM (PKCS #8, not encrypted): for files that only their owner reads."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def key_from_pem(pem: bytes) -> PrivateKey:
    """Parse a private key that ``key_to_pem`` wrote.

    Raises:
        BadCertificate: It is not a private key, or not P-256.
    """
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise BadCertificate("a private key can't be read", to_do="Restore the file, or enrol again.") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise BadCertificate("a private key is not P-256", to_do="Restore the file, or enrol again.")
    return key


def validity(certificate: x509.Certificate) -> tuple[float, float]:
    """Return the first and the last moment of a certificate's validity, in Unix seconds."""
    return certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()


def renewal_due(certificate: x509.Certificate, now: float) -> bool:
    """Return whether two thirds of a certificate's life are over, which is when it is renewed."""
    begins, ends = validity(certificate)
    return now >= begins + (ends - begins) * 2 / 3


def _moment(unix_s: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(int(unix_s), dt.UTC)


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, serial: int, now: float, life_s: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(_moment(now - CLOCK_SLACK_S))
        .not_valid_after(_moment(now + life_s))
    )


def _leaf(
    builder: x509.CertificateBuilder,
    authority: x509.Certificate,
    authority_key: PrivateKey,
    names: x509.SubjectAlternativeName,
    *,
    server: bool,
) -> x509.Certificate:
    usage = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
    issuer = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(issuer), critical=False)
        .sign(authority_key, hashes.SHA256())
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
