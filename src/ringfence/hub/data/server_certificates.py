"""Checks of a certificate that phones are to see at a listener, before it is put to work there."""

from collections.abc import Collection
from datetime import UTC, datetime
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ringfence.hub.certificate_errors import UnfitServerCertificate
from ringfence.identity.certificates import validity

LARGEST_BYTES = 64 * 1024
MOST_IN_CHAIN = 10
_CLOCK = "Is this machine's clock right?"

Chain = tuple[x509.Certificate, ...]


def read_chain(pem: str) -> Chain:
    """Return the certificates of a file, the server's own first.

    Args:
        pem: The certificate in PEM, with those between it and its CA behind it.

    Raises:
        UnfitServerCertificate: It is too large, holds none or too many, or what can't be read.
    """
    if len(pem) > LARGEST_BYTES:
        raise UnfitServerCertificate(f"the certificate has more than {LARGEST_BYTES // 1024} KB")
    try:
        chain = tuple(x509.load_pem_x509_certificates(pem.encode()))
    except ValueError:
        raise UnfitServerCertificate("this is no certificate in PEM") from None
    if len(chain) > MOST_IN_CHAIN:
        raise UnfitServerCertificate(f"these are more than {MOST_IN_CHAIN} certificates")
    return chain


def check(chain: Chain, key: PublicKeyTypes, names: Collection[str], now: float) -> None:
    """Check that phones can be shown a certificate: its key, its names, its time, its use, and its chain.

    Args:
        chain: The server's certificate, then each issuer's.
        key: The public part of the key that it is to be used with.
        names: Every name that it must be for.
        now: The time, in Unix seconds.

    Raises:
        UnfitServerCertificate: It can't be used; it says why.
    """
    own = chain[0]
    if own.public_key() != key:
        raise UnfitServerCertificate("the certificate is for another key than the hub's request")
    found = names_of(own)
    if missing := [each for each in names if not is_for(each, found)]:
        raise UnfitServerCertificate(
            f"the certificate is not for {', '.join(missing)}", where=f"it is for {', '.join(found)[:300] or 'nobody'}"
        )
    begins_at, ends_at = validity(own)
    if now < begins_at:
        raise UnfitServerCertificate(f"the certificate begins only on {_moment(begins_at)}", to_do=_CLOCK)
    if now >= ends_at:
        raise UnfitServerCertificate(f"the certificate has ended on {_moment(ends_at)}", to_do=_CLOCK)
    _check_use(own)
    for issued, issuer in pairwise(chain):
        _check_issued(issued, issuer)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the DNS names that a certificate is for; its common name's, where it has no others."""
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return tuple(each.lower() for each in alternative.get_values_for_type(x509.DNSName))
    except (x509.ExtensionNotFound, ValueError):
        pass
    # SPA's CA signs the subject alone; what may follow the name there begins with a slash (docs/sources.md)
    common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return tuple(str(each.value).partition("/")[0].lower() for each in common)


def is_for(name: str, found: Collection[str]) -> bool:
    """Return whether a certificate with these names is for a name, which a star may stand for a part of."""
    _first, _dot, rest = name.partition(".")
    return name in found or (bool(rest) and f"*.{rest}" in found)


def _check_use(certificate: x509.Certificate) -> None:
    try:
        uses = set(certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return
    except ValueError:
        raise UnfitServerCertificate("the certificate's extensions can't be read") from None
    if not {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & uses:
        raise UnfitServerCertificate("the certificate is not for servers")


def _check_issued(issued: x509.Certificate, issuer: x509.Certificate) -> None:
    try:
        issued.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise UnfitServerCertificate(
            f"the chain is broken: {issuer.subject.rfc4514_string()[:120]} has not issued the certificate before it",
            to_do="Put each certificate's issuer behind it.",
        ) from None


def _moment(unix_s: float) -> str:
    return f"{datetime.fromtimestamp(unix_s, UTC):%Y-%m-%d %H:%M} UTC"
