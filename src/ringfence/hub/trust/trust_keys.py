"""The keys of an organisation's trust: making them, signing with them, and which of them phones' lists name.

A key is ``next`` from its making until every phone holds a list that names it, ``current`` while the hub uses it, and
``retired`` from then on. Each role has one current key once the organisation has any. Private keys are made before the
transaction that stores their certificates: what fails takes them out again, and none is ever without its file.
"""

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.trust_models import TrustKeyRow
from ringfence.hub.trust import key_roles, role_certificates, trust_lists
from ringfence.hub.trust.errors import TrustInitialised, TrustKeyStoreAway, TrustNotInitialised
from ringfence.hub.trust.file_keys import FileKeys
from ringfence.hub.trust.key_roles import AT_THE_HUB, IN_FILES, KeyRole
from ringfence.hub.trust.key_stores import KeptSigner, KeyStore, key_name
from ringfence.identity.certificates import fingerprint, read_certificate, to_pem, validity
from ringfence.phones.trust.roles import Signer, TrustRole
from ringfence.phones.trust.trust_list import TrustRecord

OFFLINE = "offline"
"""Where SAST 2 is kept: not at the hub."""
RENEW_BEFORE_S = 365 * 86_400
"""How long before its certificate's end a key is to be renewed: phones are off for months, and all must take a list."""
_ID = "trust"
CHANGED_BY = {KeyRole.SAST_1: "ringfence trust recover FILE", KeyRole.SAST_2: "ringfence trust rotate sast-2 --to FILE"}
"""What changes the keys that the other SAST vouches for."""


class KeyState(StrEnum):
    """What a key is used for now."""

    NEXT = "next"
    CURRENT = "current"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key that was made and is kept, and is in no row yet."""

    id: str
    role: KeyRole
    certificate: x509.Certificate
    kept_in: str


def store_for(hub: Hub, role: KeyRole) -> KeyStore:
    """Return where a hub keeps a role's new keys.

    Raises:
        TrustKeyStoreAway: It has no place for them.
    """
    return store_called(hub, FileKeys.word if role in IN_FILES else hub.config.trust_key_store)


def store_called(hub: Hub, word: str) -> KeyStore:
    """Return the store that a row names.

    Raises:
        TrustKeyStoreAway: The hub can't reach it.
    """
    if hub.folder is None:
        raise TrustKeyStoreAway("this hub is in no folder that could keep keys")
    if word == FileKeys.word:
        return FileKeys(hub.folder.keys)
    config = hub.config
    if not config.pkcs11_module:
        raise TrustKeyStoreAway(
            "a key of the phones' trust is in a PKCS #11 token, and hub.toml names none",
            to_do="Set pkcs11_module, pkcs11_token and pkcs11_pin_file.",
        )
    return _token(config.pkcs11_module, config.pkcs11_token, hub.folder.path / config.pkcs11_pin_file)


@lru_cache(maxsize=4)
def _token(module: str, token: str, pin_file: Path) -> KeyStore:
    try:
        from ringfence.hub.trust.pkcs11_keys import Pkcs11Keys  # noqa: PLC0415 - an extra that few hubs have
    except ModuleNotFoundError:
        raise TrustKeyStoreAway(
            "this installation has no library for PKCS #11", to_do='Install it: pip install "ringfence[hub-pkcs11]".'
        ) from None
    return Pkcs11Keys(Path(module), token, pin_file)


@contextlib.contextmanager
def made_keys(hub: Hub, roles: Sequence[KeyRole] = AT_THE_HUB) -> Iterator[Sequence[MadeKey]]:
    """Make and keep keys for the block, which stores their rows; where it is refused, the keys are destroyed.

    Raises:
        TrustClockWrong: The hub's clock can't be right.
        RingfenceError: The key store can't keep them.
    """
    now = hub.clock()
    role_certificates.check_clock(now)
    made: list[MadeKey] = []
    try:
        for role in roles:
            key_id, store = new_id(_ID), store_for(hub, role)
            key = store.make(key_name(hub.organisation_id, key_id))
            serial = role_certificates.serial_from(secrets.token_bytes(16))
            certificate = role_certificates.make(role, hub.organisation_id, key_id, key, serial=serial, now=now)
            made.append(MadeKey(key_id, role, certificate, store.word))
        yield made
    except DatabaseUnavailable:
        raise  # nobody knows whether their rows are stored: better keys without rows than rows without keys
    except RingfenceError:
        with contextlib.suppress(RingfenceError):
            for each in made:
                store_called(hub, each.kept_in).remove(key_name(hub.organisation_id, each.id))
        raise


def initialise(hub: Hub, change: Change, made: Sequence[MadeKey], recovery_pem: str) -> None:
    """Take new keys into use, and the certificate of a recovery key as SAST 2's; make the first list.

    Raises:
        TrustInitialised: There are keys already; of two at once, the second finds those of the first.
        BadRecoveryCertificate, TrustClockWrong: The certificate can't be used (``role_certificates.read_recovery``).
    """
    check_uninitialised(change.session)
    recovery = role_certificates.read_recovery(recovery_pem, change.now)
    keys = [*made, MadeKey(new_id(_ID), KeyRole.SAST_2, recovery, OFFLINE)]
    for each in sorted(keys, key=lambda key: list(KeyRole).index(key.role)):
        add(change, each, KeyState.CURRENT)
    change.session.flush()
    sast = current(change.session, KeyRole.SAST_1)
    trust_lists.add(change, listed(change.session), signer_of(hub, sast), sast, "the first list")
    change.note("trust.init", ", ".join(KeyRole), f"SAST 2 is {fingerprint(recovery)}")


def check_uninitialised(session: Session) -> None:
    """Raise TrustInitialised where the organisation has keys."""
    found = session.scalar(select(TrustKeyRow.made_by).limit(1))
    if found is not None:
        raise TrustInitialised(
            f"there are keys for the phones' trust already, made by {found}",
            to_do="`ringfence trust show` shows them; `ringfence trust rotate` changes one.",
        )


def add(change: Change, made: MadeKey, state: KeyState) -> TrustKeyRow:
    """Store the row of a key that was made."""
    row = TrustKeyRow(
        id=made.id, role=made.role.value, state=state.value, certificate=to_pem(made.certificate),
        fingerprint=fingerprint(made.certificate), ends_at=validity(made.certificate)[1], kept_in=made.kept_in,
        made_at=change.now, made_by=change.who, proved_at=None, proved_by="",
    )  # fmt: skip
    change.session.add(row)
    return row


def signer(hub: Hub, session: Session, role: TrustRole) -> Signer:
    """Return what signs as a role of the list: for SAST, with SAST 1. One signer may be used many times.

    Raises:
        TrustNotInitialised: There are no keys yet.
        UnknownTrustRole: The hub has no key for the role.
        TrustKeyMissing, TrustKeyForeign, RingfenceError: The key store does not give the key.
    """
    return signer_of(hub, current(session, key_roles.of_list_role(role)))


def signer_of(hub: Hub, row: TrustKeyRow) -> Signer:
    """Return what signs with a key."""
    return KeptSigner.of(store_called(hub, row.kept_in), key_name(hub.organisation_id, row.id), certificate_of(row))


def key_pem(hub: Hub, session: Session, role: TrustRole) -> bytes:
    """Return the current private key of a role in PEM, for what must have it in a process of its own, such as TLS.

    Raises:
        TrustKeyStoreAway: It is kept where it can't be taken out.
    """
    return pem_of(hub, current(session, key_roles.of_list_role(role)))


def pem_of(hub: Hub, row: TrustKeyRow) -> bytes:
    """Return the private key of a certificate in PEM.

    Raises:
        TrustKeyStoreAway: It is kept where it can't be taken out.
        TrustKeyForeign: The key that is kept is not the certificate's.
        RingfenceError: As ``KeyStore.get``.
    """
    if row.kept_in != FileKeys.word:
        raise TrustKeyStoreAway(
            f"the key of {row.role} is kept in a {row.kept_in} token, which does not give it out",
            to_do="Set trust_key_store to file in hub.toml, and change the key.",
        )
    signer_of(hub, row)  # its check: a certificate without its key would be of no use to anybody
    key = store_called(hub, row.kept_in).get(key_name(hub.organisation_id, row.id))
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def records(session: Session) -> Sequence[TrustRecord]:
    """Return the records of the list that phones are to have, in its order.

    Raises:
        TrustNotInitialised: There are no keys yet.
    """
    current(session, KeyRole.SAST_1)
    return [TrustRecord(KeyRole(row.role).in_lists, certificate_of(row)) for row in listed(session)]


def listed(session: Session) -> Sequence[TrustKeyRow]:
    """Return the keys that a list names which is made now, in its order. A list takes two of SAST, so no next one."""
    return [
        row
        for row in in_use(session)
        if row.state == KeyState.CURRENT.value or KeyRole(row.role).in_lists is not TrustRole.SAST
    ]


def destroy_retired(hub: Hub) -> None:
    """Destroy the private keys that are used no more; what the store does not do now is done the next time."""
    with hub.database.reading() as session:
        retired = select(TrustKeyRow.id, TrustKeyRow.kept_in).where(
            TrustKeyRow.state == KeyState.RETIRED.value, TrustKeyRow.kept_in != OFFLINE
        )
        keys = [(key_id, kept_in) for key_id, kept_in in session.execute(retired)]
    for key_id, kept_in in keys:
        with contextlib.suppress(RingfenceError):
            store_called(hub, kept_in).remove(key_name(hub.organisation_id, key_id))


def current(session: Session, role: KeyRole) -> TrustKeyRow:
    """Return the current key of a role.

    Raises:
        TrustNotInitialised: There is none.
    """
    row = session.scalar(
        select(TrustKeyRow).where(TrustKeyRow.role == role.value, TrustKeyRow.state == KeyState.CURRENT.value)
    )
    if row is None:
        raise TrustNotInitialised(
            "there are no keys for the phones' trust yet", to_do="Make them: ringfence trust init FILE."
        )
    return row


def in_use(session: Session) -> Sequence[TrustKeyRow]:
    """Return the keys that are next or current, in the order of their roles; the current one of a role first."""
    rows = session.scalars(select(TrustKeyRow).where(TrustKeyRow.state != KeyState.RETIRED.value)).all()
    roles = [each.value for each in KeyRole]
    return sorted(rows, key=lambda row: (roles.index(row.role), row.state, row.made_at, row.id))


def certificate_of(row: TrustKeyRow) -> x509.Certificate:
    """Return the certificate of a key."""
    return read_certificate(row.certificate)


def next_step(row: TrustKeyRow, now: float) -> str:
    """Return what is to be done about a key, in words; empty for nothing."""
    left_s = row.ends_at - now
    if left_s <= RENEW_BEFORE_S:
        ended = "has ended" if left_s <= 0 else f"ends on {dt.datetime.fromtimestamp(row.ends_at, dt.UTC):%Y-%m-%d}"
        return f"Its certificate {ended}: {CHANGED_BY.get(KeyRole(row.role), f'ringfence trust rotate {row.role}')}"
    return ""
