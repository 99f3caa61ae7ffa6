"""Lists of signer version 1.1, with the keys of one site's edges, by which phones get their configuration over HTTPS.

They are made from the organisation's newest list when a site is published, as the keys of edges are that site's alone,
and are signed by SAST 1. So only a phone that knows SAST 1 finds one; after a change of SAST 1 a phone finds the
organisation's own list first, which SAST 2 has signed.
"""

from collections.abc import Sequence

from cryptography import x509
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.trust import trust_keys, trust_lists
from ringfence.hub.trust.errors import TrustNotInitialised
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.trust_list import ITL_NAME, TrustRecord, trust_list


def newest_is_by_sast_1(session: Session) -> bool:
    """Return whether the newest list is signed by the SAST 1 of today: then every phone that is given it knows that."""
    row = trust_lists.newest(session)
    return row is not None and row.signed_by == trust_keys.current(session, KeyRole.SAST_1).id


def https_list(
    hub: Hub, session: Session, digest: SigningHash, edges: Sequence[x509.Certificate], changed_at: int
) -> bytes:
    """Return the list for phones of one site, in the form that they take: the same bytes each time.

    Args:
        hub: The organisation's hub.
        session: Reads its keys.
        digest: The hash that the phones' firmware checks.
        edges: The certificates of the site's edges; none for the list of signer version 1.0 that ends HTTPS.
        changed_at: When these last changed, in Unix seconds: the list is no older.

    Raises:
        TrustNotInitialised: There are no keys yet.
        LimitExceeded: It would have more than 64 KB.
        RingfenceError: SAST 1 can't sign; the error says why.
    """
    row = trust_lists.newest(session)
    if row is None:
        raise TrustNotInitialised("there is no trust list yet", to_do="Make the keys: ringfence trust init FILE.")
    records = [*trust_keys.records(session), *(TrustRecord(TrustRole.TFTP, each) for each in edges)]
    return trust_list(
        records, filename=ITL_NAME, signed_at=max(row.signed_at, changed_at),
        signer=trust_keys.signer(hub, session, TrustRole.SAST), digest=digest,
        signer_version=(1, 1) if edges else (1, 0),
    )  # fmt: skip
