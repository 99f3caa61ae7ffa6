"""The trust lists of an organisation: what is in them, who signs them, and that no phone is left behind.

A list is the same for all phones of an organisation and stays as it is: whatever changes is in a new one with the next
number and a later time. It is signed once, in each form that some phone takes, and its signatures are kept, so that it
can be served for as long as it is needed whatever becomes of the key.

Invariant: a list is signed by a key that every phone knows which is given it, and that is in the list itself. So after
a change of SAST keys there is no further list until every phone is known to hold the one that tells of it; a phone that
lacks the newest one then holds one with the same SAST keys. One more list may follow that changes SAST 1 again: SAST 2
signs it, and is in all of these.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.counted import counted
from ringfence.hub.store.change import Change
from ringfence.hub.store.trust_models import TrustKeyRow, TrustListRow
from ringfence.hub.trust import holders, role_certificates
from ringfence.hub.trust.errors import PhonesBehind, TrustClockWrong, TrustNotInitialised
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.identity.certificates import read_certificate
from ringfence.phones.trust.roles import Signer, SigningHash
from ringfence.phones.trust.trust_list import ITL_NAME, SIGNER_VERSIONS, TrustRecord, trust_list

FORMS: Mapping[str, tuple[tuple[int, int], SigningHash]] = {
    f"{version[0]}.{version[1]} {digest.name}": (version, digest)
    for version in SIGNER_VERSIONS for digest in SigningHash
}  # fmt: skip
"""The forms in which each list is signed: by signer version and digest."""
_MOST_NAMED = 5
_SAST = frozenset({KeyRole.SAST_1.value, KeyRole.SAST_2.value})
_SLACK_S = 300
"""By how much a clock may be behind."""


@dataclass(slots=True)
class _SignedBefore:
    """A signer that has its signature already; without one it notes what is to be signed."""

    certificate: x509.Certificate
    signature: bytes = b""
    asked: bytes = field(default=b"", init=False)

    def sign(self, data: bytes, digest: SigningHash) -> bytes:
        """Return the signature."""
        del digest
        self.asked = data
        return self.signature or bytes(role_certificates.KEY_BITS // 8)


def newest(session: Session) -> TrustListRow | None:
    """Return the newest list; None before the first."""
    return session.scalar(select(TrustListRow).order_by(TrustListRow.id.desc()).limit(1))


def trust_list_for(session: Session, digest: SigningHash, signer_version: tuple[int, int] = (1, 0)) -> bytes:
    """Return the newest list in the form that a phone takes: the same bytes each time.

    Raises:
        TrustNotInitialised: There is none.
    """
    row = newest(session)
    if row is None:
        raise TrustNotInitialised("there is no trust list yet", to_do="Make the keys: ringfence trust init FILE.")
    signature = base64.b64decode(row.signatures[f"{signer_version[0]}.{signer_version[1]} {digest.name}"])
    keys = _by_id(session, {row.signed_by, *row.records})
    signer = _SignedBefore(read_certificate(keys[row.signed_by].certificate), signature)
    return _written([keys[each] for each in row.records], row.signed_at, signer, digest, signer_version)


def check_may_follow(session: Session, signer: TrustKeyRow) -> None:
    """Check that a next list leaves no phone behind that is signed by this key.

    Raises:
        PhonesBehind: Some lack the newest list, and could not take the next one.
    """
    two = session.scalars(select(TrustListRow).order_by(TrustListRow.id.desc()).limit(2)).all()
    keys = _by_id(session, {each for row in two for each in row.records})
    sast = [{each for each in row.records if keys[each].role in _SAST} for row in two]
    is_in_both = signer.role == KeyRole.SAST_2.value and all(signer.id in each for each in sast)
    if len(sast) > 1 and sast[0] != sast[1] and not is_in_both:
        check_held(session)


def check_held(session: Session) -> None:
    """Raise PhonesBehind where a phone is not known to hold the newest list; it names them."""
    behind = holders.phones_without_last_list(session)
    if behind:
        row = newest(session)
        named = ", ".join(behind[:_MOST_NAMED]) + (" and others" if len(behind) > _MOST_NAMED else "")
        raise PhonesBehind(
            f"{counted(len(behind), 'phone is', 'phones are')} not known to hold list {row.id if row else 0}, and "
            f"could not take the one after the next: {named}",
            to_do="Reload them, or wait until they are on again. Of one that is gone, remove the phone.",
        )


def add(change: Change, keys: Sequence[TrustKeyRow], signer: Signer, signed_by: TrustKeyRow, why: str) -> TrustListRow:
    """Make and sign the next list.

    Args:
        change: In which it is made.
        keys: What is in it, in its order.
        signer: What signs it: a SAST key that all phones know (``check_may_follow``).
        signed_by: That key.
        why: What has changed, in a few words.

    Raises:
        TrustClockWrong: The clock is behind the newest list's time.
        RingfenceError: The signer's key is out of reach.
    """
    signed_at = next_time(change.session, change.now)
    signatures: dict[str, bytes] = {}
    for form, (version, digest) in FORMS.items():
        asked = _SignedBefore(signer.certificate)
        _written(keys, signed_at, asked, digest, version)
        signatures[form] = signer.sign(asked.asked, digest)
    return store(change, keys, signed_at, signatures, signed_by, why)


def to_sign(keys: Sequence[TrustKeyRow], signed_at: int, signed_by: TrustKeyRow) -> dict[str, bytes]:
    """Return what a key that is elsewhere has to sign for a list, by its forms."""
    found = {}
    for form, (version, digest) in FORMS.items():
        asked = _SignedBefore(read_certificate(signed_by.certificate))
        _written(keys, signed_at, asked, digest, version)
        found[form] = asked.asked
    return found


def next_time(session: Session, now: float) -> int:
    """Return the time of a list that is made now: later than that of the one before.

    Raises:
        TrustClockWrong: The clock is behind that, or can't be right.
    """
    role_certificates.check_clock(now)
    row = newest(session)
    before = row.signed_at if row is not None else 0
    if now < before - _SLACK_S:
        raise TrustClockWrong(
            "the newest trust list is from a time that this machine's clock has not reached yet",
            to_do="Set the clock and do it again.",
        )
    return max(int(now), before + 1)


def store(
    change: Change, keys: Sequence[TrustKeyRow], signed_at: int, signatures: Mapping[str, bytes],
    signed_by: TrustKeyRow, why: str,
) -> TrustListRow:  # fmt: skip
    """Store a list with its signatures, by its forms."""
    row = TrustListRow(
        signed_at=signed_at, signed_by=signed_by.id, records=[each.id for each in keys], why=why, made_by=change.who,
        signatures={form: base64.b64encode(each).decode() for form, each in signatures.items()},
    )  # fmt: skip
    change.session.add(row)
    change.session.flush()
    return row


def _written(
    keys: Sequence[TrustKeyRow], signed_at: int, signer: Signer, digest: SigningHash, version: tuple[int, int]
) -> bytes:
    records = [TrustRecord(KeyRole(each.role).in_lists, read_certificate(each.certificate)) for each in keys]
    return trust_list(
        records, filename=ITL_NAME, signed_at=signed_at, signer=signer, digest=digest, signer_version=version
    )


def _by_id(session: Session, ids: set[str]) -> dict[str, TrustKeyRow]:
    return {row.id: row for row in session.scalars(select(TrustKeyRow).where(TrustKeyRow.id.in_(sorted(ids))))}
