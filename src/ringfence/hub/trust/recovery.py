"""What the hub knows of its recovery file: whether somebody has shown that it opens, and how that is shown.

The hub has no key that opens it. It gives a challenge, and the command that opens the file signs it. A challenge is
sealed by the hub with its time, so that nothing of it is kept, and is bound to its organisation.
"""

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.store.change import Change
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.trust import trust_keys
from ringfence.hub.trust.errors import ChallengeRefused, ForeignRecoveryFile, OlderRecoveryFile, RecoveryNotProven
from ringfence.hub.trust.key_roles import KeyRole
from ringfence.hub.trust.recovery_file import check_proof
from ringfence.hub.trust.trust_keys import certificate_of
from ringfence.secret import Secret

CHALLENGE_S: Final = 600
"""How long a challenge is good for."""
_SLACK_S: Final = 60
"""How far ahead the clock of another process of the hub may be."""
PROOF_LASTS_S: Final = 365 * 86_400
"""After so long the file should be tried again."""
_RECORD: Final = "trust challenge"
OPENS: Final = "The recovery file opens."
"""The sentence where there is nothing to do."""
_HOW: Final = "Do it: ringfence trust check FILE."


@dataclass(frozen=True, slots=True)
class RecoveryStanding:
    """Whether the recovery file was shown to open, and what there is to say about it."""

    proved_at: float | None
    proved_by: str
    is_ready: bool
    sentence: str


def challenge(hub: Hub, session: Session) -> str:
    """Return a challenge for the recovery key, in base64.

    Raises:
        TrustNotInitialised: There is none.
    """
    trust_keys.current(session, KeyRole.SAST_2)
    text = f"{int(hub.clock())} {secrets.token_hex(16)}"
    return base64.b64encode(hub.sealer.seal(Secret(text), _RECORD)).decode()


def prove(hub: Hub, change: Change, challenge_text: str, key_fingerprint: str, signature: str) -> TrustKeyRow:
    """Note that the recovery file opens, as its key has signed a challenge; return the key's row.

    Args:
        hub: The hub that gave the challenge.
        change: Who shows it, and when.
        challenge_text: What ``challenge`` returned.
        key_fingerprint: That of the certificate in the file.
        signature: What ``RecoveryKey.prove`` returned, in base64.

    Raises:
        TrustNotInitialised: There is no recovery key.
        ChallengeRefused: The challenge is not this hub's or too old, or was signed by another key than the one named.
        ForeignRecoveryFile, OlderRecoveryFile: The key is not SAST 2's.
    """
    given, signed = base64_bytes(challenge_text), base64_bytes(signature)
    row = _of_fingerprint(change.session, key_fingerprint)
    _check_age(hub, given, change.now)
    try:
        check_proof(certificate_of(row), given, signed)
    except InvalidSignature:
        raise ChallengeRefused("the challenge is not signed by the key that is named") from None
    row.proved_at, row.proved_by = change.now, change.who
    change.note("trust.check", row.role, row.fingerprint)
    return row


def standing(session: Session, now: float) -> RecoveryStanding:
    """Return what is known of the recovery file.

    Raises:
        TrustNotInitialised: There are no keys.
    """
    row = trust_keys.current(session, KeyRole.SAST_2)
    if row.proved_at is None:
        return RecoveryStanding(
            None, "", is_ready=False, sentence=f"Nobody has shown yet that the recovery file opens. {_HOW}"
        )
    is_old = now - row.proved_at > PROOF_LASTS_S
    sentence = f"The recovery file was last tried more than a year ago. {_HOW}" if is_old else OPENS
    return RecoveryStanding(row.proved_at, row.proved_by, is_ready=True, sentence=sentence)


def check_ready_for_signed(session: Session, now: float) -> str:
    """Check that phones may be switched to signed files, as far as the keys are concerned; return a warning, or "".

    Raises:
        TrustNotInitialised: There are no keys.
        RecoveryNotProven: The recovery file was never shown to open. Were SAST 1 lost then, every phone would have to
            be visited.
    """
    found = standing(session, now)
    if not found.is_ready:
        raise RecoveryNotProven(
            "nobody has shown yet that the recovery file opens, and phones that take signed files alone can't be "
            "recovered without it", to_do=_HOW,
        )  # fmt: skip
    is_old = found.proved_at is not None and now - found.proved_at > PROOF_LASTS_S
    return found.sentence if is_old else ""


def _of_fingerprint(session: Session, key_fingerprint: str) -> TrustKeyRow:
    """Return the row of SAST 2, whose certificate's fingerprint this has to be."""
    row = trust_keys.current(session, KeyRole.SAST_2)
    if row.fingerprint == key_fingerprint:
        return row
    older = (TrustKeyRow.role == KeyRole.SAST_2.value, TrustKeyRow.fingerprint == key_fingerprint)
    if session.scalar(select(TrustKeyRow.id).where(*older).limit(1)) is not None:
        raise OlderRecoveryFile(
            "this recovery file is an older one: another has taken its place", where=row.fingerprint,
            to_do=f"Use the one of the key that was made by {row.made_by}, with this fingerprint on its sheet.",
        )  # fmt: skip
    raise ForeignRecoveryFile(
        "this recovery file holds a key that is not in the lists of this organisation's phones", where=row.fingerprint,
        to_do="Use the file whose sheet has this fingerprint; look at the hub and the organisation that it names.",
    )  # fmt: skip


def _check_age(hub: Hub, given: bytes, now: float) -> None:
    try:
        made_at = int(hub.sealer.open(given, _RECORD).reveal().split()[0])
    except SealBroken:
        raise ChallengeRefused("this challenge is not one that the hub gave", to_do="Begin again.") from None
    if not -_SLACK_S <= now - made_at <= CHALLENGE_S:
        raise ChallengeRefused("this challenge is too old", to_do="Begin again.")


def base64_bytes(text: str) -> bytes:
    """Return what a text in base64 stands for; ChallengeRefused where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ChallengeRefused("this is not base64") from None
