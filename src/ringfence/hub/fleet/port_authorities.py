"""CAs of phone manufacturers, whose certificates 802.1X accepts on the phone's port of an organisation's boxes."""

import hashlib
from collections.abc import Sequence

from cryptography import x509
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.box_errors import BadNetwork, PortAuthorityTaken, UnknownPortAuthority
from ringfence.hub.store import edits, pages
from ringfence.hub.store.change import Change
from ringfence.hub.store.network_models import PortAuthorityRow, SiteNetworkRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.identity.certificates import fingerprint, to_pem, validity
from ringfence.printable import printable
from ringfence.wire.network_messages import PortAccess

MOST = 32
LARGEST_BYTES = 16 * 1024
_ID_DIGITS = 12


def add(change: Change, pem: str) -> PortAuthorityRow:
    """Add a CA's certificate in PEM.

    Raises:
        BadNetwork: It is no certificate of a CA, has ended, or there are too many.
        PortAuthorityTaken: It is there already.
    """
    certificate = _read(pem, change.now)
    digest = fingerprint(certificate)
    if change.session.get(PortAuthorityRow, _id(digest)) is not None:
        raise PortAuthorityTaken(f"this CA's certificate is there already, as {_id(digest)}")
    if (change.session.scalar(select(func.count()).select_from(PortAuthorityRow)) or 0) >= MOST:
        raise BadNetwork(f"an organisation has at most {MOST} CAs for 802.1X", to_do="Remove one that is not needed.")
    row = PortAuthorityRow(
        id=_id(digest), subject=printable(certificate.subject.rfc4514_string(), 200), fingerprint=digest,
        ends_at=validity(certificate)[1], pem=to_pem(certificate), added_at=change.now, added_by=change.who,
    )  # fmt: skip
    change.session.add(row)
    _tell(change)
    change.note("port-authority.add", row.id, row.subject)
    return row


def find(session: Session, page: Page) -> Paged[PortAuthorityRow]:
    """Return a page of the CAs by what they are called."""
    return pages.read(session, select(PortAuthorityRow), page, PortAuthorityRow.subject, PortAuthorityRow.id)


def all_of(session: Session) -> Sequence[PortAuthorityRow]:
    """Return all CAs, which are few."""
    return session.scalars(select(PortAuthorityRow).order_by(PortAuthorityRow.subject, PortAuthorityRow.id)).all()


def get(session: Session, authority_id: str) -> PortAuthorityRow:
    """Return a CA. UnknownPortAuthority."""
    row = session.get(PortAuthorityRow, authority_id)
    if row is None:
        raise unknown(authority_id)
    return row


def remove(change: Change, authority_id: str) -> None:
    """Remove a CA: certificates that it issued are accepted no more."""
    row = get(change.session, authority_id)
    change.session.delete(row)
    _tell(change)
    change.note("port-authority.remove", authority_id, row.subject)


def unknown(authority_id: str) -> UnknownPortAuthority:
    """Return the error that there is no such CA."""
    return UnknownPortAuthority(
        f"there is no CA {authority_id[:40]!r} for 802.1X", to_do="`ringfence port-authority list` shows all."
    )


def _tell(change: Change) -> None:
    asks = select(SiteNetworkRow.site_id).where(SiteNetworkRow.port_access != PortAccess.OFF.value)
    edits.tell_guards(change.session, set(change.session.scalars(asks)))


def _read(pem: str, now: float) -> x509.Certificate:
    if len(pem.encode(errors="replace")) > LARGEST_BYTES:
        raise BadNetwork(f"a CA's certificate has at most {LARGEST_BYTES // 1024} KiB")
    if "PRIVATE KEY" in pem:
        raise BadNetwork("this holds a private key, which nobody but the CA should have", to_do="Give the certificate.")
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
        is_ca = len(found) == 1 and found[0].extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    except (ValueError, TypeError):
        raise BadNetwork(
            "this is not a certificate in PEM", to_do="Give the file that begins with BEGIN CERTIFICATE."
        ) from None
    if len(found) != 1:
        raise BadNetwork(f"there are {len(found)} certificates in this", to_do="Add them one by one.")
    if not is_ca:
        raise BadNetwork("this certificate is not a CA's", to_do="Give that of the CA which issued the phones' own.")
    if validity(found[0])[1] <= now:
        raise BadNetwork("this CA's certificate has ended", to_do="Ask the manufacturer for the one in use.")
    return found[0]


def _id(digest: str) -> str:
    return "ca-" + hashlib.sha256(digest.encode()).hexdigest()[:_ID_DIGITS]
