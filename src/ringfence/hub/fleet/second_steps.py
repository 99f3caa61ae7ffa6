"""The second step of a sign-in: a code of an authenticator app (RFC 6238), or one of ten recovery codes.

An app's code is right in its own time step and the one before and after, and only once: neither it nor an earlier one
is right again.
"""

import base64
import hashlib
import hmac
import re
import secrets
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.sign_in_errors import SecondStepRefused
from ringfence.hub.store.change import Change
from ringfence.hub.store.people_models import PersonRow, RecoveryCodeRow
from ringfence.secret import Secret

STEP_S = 30
DIGITS = 6
RECOVERY_CODES = 10
_KEY_BYTES = 20
_RECOVERY_BYTES = 10
_STEPS_AROUND = (-1, 0, 1)


def new_key() -> Secret:
    """Return a new key for an app, in base32."""
    return Secret(base64.b32encode(secrets.token_bytes(_KEY_BYTES)).decode())


def address(key: Secret, person_name: str, hub_name: str) -> Secret:
    """Return what an app reads from a QR code (the apps' own Key URI format)."""
    label = quote(f"{hub_name}:{person_name}")
    query = urlencode({"secret": key.reveal(), "issuer": hub_name, "digits": DIGITS, "period": STEP_S}, quote_via=quote)
    return Secret(f"otpauth://totp/{label}?{query}")


def seal_offer(sealer: Sealer, person: PersonRow, key: Secret) -> str:
    """Return a key that somebody is offered, sealed for them, for a form to bring back."""
    return base64.urlsafe_b64encode(sealer.seal(key, _offer(person))).decode()


def open_offer(sealer: Sealer, person: PersonRow, offer: str) -> Secret:
    """Return the key that somebody was offered.

    Raises:
        SecondStepRefused: It was not offered to them.
    """
    try:
        return sealer.open(base64.urlsafe_b64decode(offer), _offer(person))
    except (SealBroken, ValueError):
        raise SecondStepRefused("this key was not offered to you", to_do="Begin again.") from None


def set_up(change: Change, sealer: Sealer, person: PersonRow, key: Secret, code: str) -> list[str]:
    """Make an app's codes somebody's second step from now on, and return their recovery codes.

    Raises:
        SecondStepRefused: The code is not the app's: it was mistyped, or a clock is wrong.
    """
    step = _step_of(key, code, change.now)
    if step is None:
        raise SecondStepRefused("this is not the code of the app at the moment", to_do=clock_hint(change.now))
    person.sealed_totp_key, person.totp_step = sealer.seal(key, _record(person)), step
    change.note("second-step.set", person.id, person.name)
    return new_recovery_codes(change, person)


def new_recovery_codes(change: Change, person: PersonRow) -> list[str]:
    """Replace somebody's recovery codes, and return the new ones; they are shown only here."""
    change.session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person.id))
    codes = [_grouped(base64.b32encode(secrets.token_bytes(_RECOVERY_BYTES)).decode()) for _ in range(RECOVERY_CODES)]
    change.session.add_all(RecoveryCodeRow(person_id=person.id, code_hash=_hash(code)) for code in codes)
    change.note("recovery-codes.create", person.id, person.name)
    return codes


def remove(change: Change, person: PersonRow) -> None:
    """Let somebody sign in by password alone."""
    if person.sealed_totp_key is not None:
        person.sealed_totp_key = None
        change.session.execute(delete(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person.id))
        change.note("second-step.remove", person.id, person.name)


def is_right(change: Change, sealer: Sealer, person: PersonRow, code: str) -> bool:
    """Return whether a code is right, and use it up: an app's, or a recovery code.

    Transactions that write queue up, so of two sign-ins with one code only one finds it unused.
    """
    if person.sealed_totp_key is None:
        return False
    step = _step_of(sealer.open(person.sealed_totp_key, _record(person)), code, change.now)
    if step is not None and step > person.totp_step:
        person.totp_step = step
        return True
    chosen = delete(RecoveryCodeRow).where(
        RecoveryCodeRow.person_id == person.id, RecoveryCodeRow.code_hash == _hash(code)
    )
    if not change.session.execute(chosen.returning(RecoveryCodeRow.code_hash)).all():
        return False
    change.note("recovery-codes.use", person.id, f"{person.name}, {recovery_codes_left(change.session, person)} left")
    return True


def recovery_codes_left(session: Session, person: PersonRow) -> int:
    """Return how many recovery codes somebody has."""
    chosen = select(func.count()).select_from(RecoveryCodeRow).where(RecoveryCodeRow.person_id == person.id)
    return session.scalar(chosen) or 0


def clock_hint(now: float) -> str:
    """Return what to do about a code that is not right."""
    shown = datetime.fromtimestamp(now, UTC)
    return (
        f"Wait for the next code, as each is right once. The hub's clock says {shown:%H:%M:%S} UTC: "
        "if the app's device says another time, correct the one that is wrong."
    )


def _step_of(key: Secret, code: str, now: float) -> int | None:
    """Return the time step whose code this is; None if it is none's near now."""
    typed = re.sub(r"\s", "", code)
    if re.fullmatch(rf"[0-9]{{{DIGITS}}}", typed) is None:
        return None
    machine = TOTP(base64.b32decode(key.reveal()), DIGITS, SHA1(), STEP_S)  # noqa: S303 - what all apps do
    for around in _STEPS_AROUND:
        step = int(now) // STEP_S + around
        if step >= 0 and hmac.compare_digest(machine.generate(step * STEP_S), typed.encode()):
            return step
    return None


def _record(person: PersonRow) -> str:
    return f"second-step:{person.id}"


def _offer(person: PersonRow) -> str:
    return f"second-step-offer:{person.id}"


def _grouped(text: str) -> str:
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4)).lower()


def _hash(code: str) -> str:
    plain = re.sub(r"[\s-]", "", code).lower()
    return hashlib.sha256(plain.encode("utf-8", "surrogateescape")).hexdigest()
