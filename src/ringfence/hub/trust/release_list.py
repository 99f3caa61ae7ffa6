"""The list that lets a phone go: as the newest one, without TFTP and TVS (TRUST.md, order of operations, 8).

A phone that takes it holds the organisation's SAST keys still, and accepts anybody's files and anybody's next list.
"""

from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.trust import trust_keys, trust_lists
from ringfence.hub.trust.errors import TrustNotInitialised
from ringfence.phones.trust.roles import SigningHash, TrustRole
from ringfence.phones.trust.trust_list import ITL_NAME, trust_list

_LET_GO = frozenset({TrustRole.TFTP, TrustRole.CCM_AND_TFTP, TrustRole.TVS})


def release_list(hub: Hub, session: Session, digest: SigningHash, changed_at: int = 0) -> bytes:
    """Return it, in the form that a phone takes: the same bytes each time. It is no older than ``changed_at``.

    Raises:
        TrustNotInitialised: There are no keys yet.
        RingfenceError: SAST 1 can't sign; the error says why.
    """
    row = trust_lists.newest(session)
    if row is None:
        raise TrustNotInitialised("there is no trust list yet", to_do="Make the keys: ringfence trust init FILE.")
    kept = [each for each in trust_keys.records(session) if each.role not in _LET_GO]
    signer = trust_keys.signer(hub, session, TrustRole.SAST)
    return trust_list(kept, filename=ITL_NAME, signed_at=max(row.signed_at, changed_at), signer=signer, digest=digest)
