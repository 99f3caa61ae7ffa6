"""Changing a key of an organisation's trust, step by step, so that no phone is ever without a key that it knows.

| Role | First step | Second step, once phones hold the list of the first |
|---|---|---|
| TFTP, CAPF, TVS, CCM | a new key is in the list too, and the old one is used | the new one is used, the old is out |
| SAST 1 | a new key takes its place in a list that SAST 2 signs | none: what is changed next waits for it |
| SAST 2 | that of a new recovery file takes its place in a list that SAST 1 signs | as SAST 1 |

A list has two SAST keys and names the one that signs it, so that each of the two is changed by the other one. For a new
SAST 1, lost or not, the hub says what is to be signed (``begin_recovery``), and the command that has opened the
recovery file signs it (``recover``). Keys that are lost with SAST 1 are made anew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.trust_models import TrustKeyRow, TrustListRow
from ringfence.hub.trust import pbx_certificates, role_certificates, trust_keys, trust_lists
from ringfence.hub.trust.errors import (
    ChallengeRefused,
    RecoveryFileNeeded,
    RotationBegun,
    SastLost,
    TrustKeyForeign,
    TrustKeyMissing,
)
from ringfence.hub.trust.key_roles import AT_THE_HUB, KeyRole
from ringfence.hub.trust.key_stores import HASHES
from ringfence.hub.trust.trust_keys import OFFLINE, KeyState, MadeKey
from ringfence.identity.certificates import fingerprint
from ringfence.phones.trust.roles import Signer

_SIGNED_WITHIN_S = 600
"""How long a recovery may take from its beginning."""


@dataclass(frozen=True, slots=True)
class ToSign:
    """A list that the recovery key is to sign: its time, and the bytes by the list's forms."""

    signed_at: int
    data: Mapping[str, bytes]


def rotate(hub: Hub, change: Change, role: KeyRole, made: MadeKey | None) -> TrustListRow:
    """Take the next step of changing a key that the hub keeps.

    Args:
        hub: The organisation's hub.
        change: Who does it, and when.
        role: The key's.
        made: A new key of the role where the step needs one (``needs_key``).

    Raises:
        TrustNotInitialised: There are no keys.
        RecoveryFileNeeded: The role is SAST's: ``recover``, ``replace_recovery``.
        SastLost: SAST 1, which would sign the list, is not there.
        PhonesBehind: The step before has not come to every phone.
        PbxBehind: A PBX has the old certificate still.
        RotationBegun: Somebody else has taken the step meanwhile.
    """
    _check_is_made_here(role)
    session = change.session
    sast, signer = _sast(hub, session)
    coming = _next(hub, session, role)
    if (made is None) is (coming is None):
        raise RotationBegun("somebody else has done a step of this meanwhile", to_do="Look: ringfence trust show.")
    is_known = coming is not None and _is_in_newest(session, coming)
    if coming is not None and is_known:
        trust_lists.check_held(session)
        if role is KeyRole.CCM:
            pbx_certificates.check_given(session, coming)
        trust_keys.current(session, role).state = KeyState.RETIRED.value
        coming.state = KeyState.CURRENT.value
    else:
        trust_lists.check_may_follow(session, sast)
        if made is not None:
            _add_next(change, made)
    session.flush()
    why = f"{role}: the new key is used, the old one is out" if is_known else f"{role}: a new key"
    row = trust_lists.add(change, trust_keys.listed(session), signer, sast, why)
    change.note("trust.rotate", role, f"list {row.id}: {why}")
    return row


def needs_key(hub: Hub, session: Session, role: KeyRole) -> bool:
    """Return whether the next step of changing a role's key begins with a new one.

    Raises:
        RecoveryFileNeeded: As ``rotate``.
    """
    _check_is_made_here(role)
    return _next(hub, session, role) is None


def replace_recovery(hub: Hub, change: Change, recovery_pem: str) -> TrustListRow:
    """Put the certificate of a new recovery file's key in the place of SAST 2's. It has not been shown to open yet.

    Raises:
        TrustNotInitialised, SastLost, PhonesBehind: As ``rotate``.
        BadRecoveryCertificate, TrustClockWrong: As ``trust_keys.initialise``.
    """
    session = change.session
    sast, signer = _sast(hub, session)
    trust_lists.check_may_follow(session, sast)
    certificate = role_certificates.read_recovery(recovery_pem, change.now)
    old = trust_keys.current(session, KeyRole.SAST_2)
    old.state = KeyState.RETIRED.value
    trust_keys.add(change, MadeKey(new_id("trust"), KeyRole.SAST_2, certificate, OFFLINE), KeyState.CURRENT)
    session.flush()
    row = trust_lists.add(change, trust_keys.listed(session), signer, sast, "another recovery file")
    change.note("trust.rotate", KeyRole.SAST_2, f"list {row.id}: SAST 2 is {fingerprint(certificate)}")
    return row


def lost(hub: Hub, session: Session) -> Sequence[KeyRole]:
    """Return the roles whose current keys are not where they are kept, or are others'.

    Raises:
        TrustNotInitialised: There are no keys.
        TrustKeyStoreAway: The store can't be asked.
    """
    return [role for role in AT_THE_HUB if _is_lost(hub, trust_keys.current(session, role))]


def begin_recovery(hub: Hub, change: Change, made: Sequence[MadeKey]) -> ToSign:
    """Make ready to put new keys in the place of SAST 1 and of what else is lost; nothing else changes yet.

    Args:
        hub: The organisation's hub.
        change: Who does it, and when.
        made: New keys of those roles (``to_recover``), where there are none from the last time that this was begun.

    Raises:
        PhonesBehind: Some phones are not known to have heard of this recovery key.
        RotationBegun: Somebody else has begun meanwhile.
        TrustClockWrong: The hub's clock is behind the newest list's time.
    """
    for each in made:
        if _next(hub, change.session, each.role) is not None:
            raise RotationBegun("somebody else does this at the same time", to_do="Look: ringfence trust show.")
        _add_next(change, each)
    if made:
        change.note("trust.begin-recovery", ", ".join(each.role for each in made))
    change.session.flush()
    recovery = trust_keys.current(change.session, KeyRole.SAST_2)
    trust_lists.check_may_follow(change.session, recovery)
    keys, _promoted = _recovered(hub, change.session)
    signed_at = trust_lists.next_time(change.session, change.now)
    return ToSign(signed_at, trust_lists.to_sign(keys, signed_at, recovery))


def to_recover(hub: Hub, session: Session) -> Sequence[KeyRole]:
    """Return the roles for which a recovery needs new keys that are not there yet.

    Raises:
        TrustNotInitialised, TrustKeyStoreAway: As ``lost``.
    """
    wanted = dict.fromkeys([KeyRole.SAST_1, *lost(hub, session)])
    return [role for role in wanted if _next(hub, session, role) is None]


def recover(hub: Hub, change: Change, signed_at: int, signatures: Mapping[str, bytes]) -> TrustListRow:
    """Take a list into use that the recovery key has signed, with the keys that ``begin_recovery`` was given.

    Raises:
        ChallengeRefused: Something is not signed by SAST 2, the recovery was not begun, or too long ago, or a list was
            made meanwhile.
        PhonesBehind: Some phones are not known to have heard of this recovery key.
    """
    session = change.session
    newest, next_time = trust_lists.newest(session), trust_lists.next_time(session, change.now)
    is_in_order = newest is None or signed_at > newest.signed_at
    if to_recover(hub, session) or not is_in_order or not next_time - _SIGNED_WITHIN_S <= signed_at <= next_time:
        raise ChallengeRefused("this was begun too long ago, or something else was changed", to_do="Begin again.")
    recovery = trust_keys.current(session, KeyRole.SAST_2)
    trust_lists.check_may_follow(session, recovery)
    keys, promoted = _recovered(hub, session)
    _check_signatures(recovery, trust_lists.to_sign(keys, signed_at, recovery), signatures)
    for key in promoted:
        trust_keys.current(session, KeyRole(key.role)).state = KeyState.RETIRED.value
        session.flush()
        key.state = KeyState.CURRENT.value
    row = trust_lists.store(change, keys, signed_at, signatures, recovery, "new keys, by the recovery key")
    change.note("trust.recover", ", ".join(each.role for each in promoted), f"list {row.id}")
    return row


def _check_is_made_here(role: KeyRole) -> None:
    """Raise RecoveryFileNeeded for a SAST, which is changed by the other one."""
    if role is KeyRole.SAST_1:
        raise RecoveryFileNeeded(
            "a new SAST 1 needs the recovery key's signature", to_do="Make it: ringfence trust recover FILE."
        )
    if role is KeyRole.SAST_2:
        raise RecoveryFileNeeded(
            "the key of SAST 2 is not made at the hub", to_do="Make it: ringfence trust rotate sast-2 --to FILE."
        )


def _recovered(hub: Hub, session: Session) -> tuple[Sequence[TrustKeyRow], Sequence[TrustKeyRow]]:
    """Return the keys of the list that a recovery leads to, and those of them that are new."""
    promoted = {row.role: row for role in (KeyRole.SAST_1, *lost(hub, session)) if (row := _next(hub, session, role))}
    keys = [promoted.get(row.role, row) for row in trust_keys.in_use(session) if row not in promoted.values()]
    return keys, list(promoted.values())


def _check_signatures(recovery: TrustKeyRow, data: Mapping[str, bytes], signatures: Mapping[str, bytes]) -> None:
    key = trust_keys.certificate_of(recovery).public_key()
    if not isinstance(key, rsa.RSAPublicKey) or set(signatures) != set(data):
        raise ChallengeRefused("not all forms of the list are signed", to_do="Begin again.")
    try:
        for form, (_version, digest) in trust_lists.FORMS.items():
            key.verify(signatures[form], data[form], padding.PKCS1v15(), HASHES[digest])
    except InvalidSignature:
        raise ChallengeRefused(
            "the list is not signed by SAST 2 as it is to be", where=recovery.fingerprint,
            to_do="Begin again, with the recovery file of the key with this fingerprint.",
        ) from None  # fmt: skip


def _sast(hub: Hub, session: Session) -> tuple[TrustKeyRow, Signer]:
    row = trust_keys.current(session, KeyRole.SAST_1)
    try:
        return row, trust_keys.signer_of(hub, row)
    except (TrustKeyMissing, TrustKeyForeign) as fault:
        raise SastLost(
            f"SAST 1, which signs lists, is lost: {fault.what}", where=fault.where,
            to_do="Restore it from your copy of the hub, or use the recovery file: ringfence trust recover FILE.",
        ) from None  # fmt: skip


def _is_lost(hub: Hub, row: TrustKeyRow) -> bool:
    try:
        trust_keys.signer_of(hub, row)
    except (TrustKeyMissing, TrustKeyForeign):
        return True
    return False


def _is_in_newest(session: Session, key: TrustKeyRow) -> bool:
    """Return whether the newest list names a key; one that an unfinished recovery has made is in none."""
    row = trust_lists.newest(session)
    return row is not None and key.id in row.records


def _next(hub: Hub, session: Session, role: KeyRole) -> TrustKeyRow | None:
    """Return the next key of a role; one that is lost is none."""
    row = session.scalar(_all_next(role))
    return None if row is None or _is_lost(hub, row) else row


def _add_next(change: Change, made: MadeKey) -> None:
    """Store a next key; one that is lost makes room for it."""
    for row in change.session.scalars(_all_next(made.role)):
        row.state = KeyState.RETIRED.value
    trust_keys.add(change, made, KeyState.NEXT)


def _all_next(role: KeyRole) -> Select[TrustKeyRow]:
    return select(TrustKeyRow).where(TrustKeyRow.role == role.value, TrustKeyRow.state == KeyState.NEXT.value)


def rotate_now(hub: Hub, who: str, role: KeyRole) -> None:
    """Take the next step of changing a key (``rotate``) in somebody's name; destroy what is used no more."""
    with hub.database.reading() as session:
        trust_keys.current(session, KeyRole.SAST_1)
        roles = [role] if needs_key(hub, session, role) else []
    with trust_keys.made_keys(hub, roles) as made, hub.change(who) as change:
        rotate(hub, change, role, made[0] if made else None)
    trust_keys.destroy_retired(hub)


def begin_now(hub: Hub, who: str) -> ToSign:
    """Begin a recovery (``begin_recovery``) in somebody's name, with the keys that it needs."""
    with hub.database.reading() as session:
        roles = to_recover(hub, session)
    with trust_keys.made_keys(hub, roles) as made, hub.change(who) as change:
        return begin_recovery(hub, change, made)
