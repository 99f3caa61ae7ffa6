"""Passkeys: what people have of them, and which of them an answer is from."""

import hashlib
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ringfence.hub.errors import NameRefused
from ringfence.hub.fleet.relying_party import NewPasskey, RelyingParty
from ringfence.hub.sign_in_errors import PasskeyRefused, PasskeysUnavailable, UnknownPasskey
from ringfence.hub.store import pages
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.people_models import PasskeyRow, PersonRow

MOST_OF_ONE = 20
LONGEST_NAME = 60


def relying_party(url: str, name: str) -> RelyingParty:
    """Return the hub as passkeys know it.

    Args:
        url: Where people find its pages.
        name: What it is called.

    Raises:
        PasskeysUnavailable: It is reached by an address alone.
    """
    found = RelyingParty.at(url, name)
    if found is None:
        raise PasskeysUnavailable(
            f"browsers use passkeys at a host name alone, and this hub is at {url}",
            to_do="Whoever runs it can give it one: `people_url` in hub.toml.",
        )
    return found


def user_handle(person: PersonRow) -> bytes:
    """Return by what a passkey knows whose it is: at most 64 bytes that say nothing of the person."""
    return f"{person.organisation_id}/{person.id}".encode()


def add(change: Change, person: PersonRow, rp_id: str, made: NewPasskey, name: str) -> PasskeyRow:
    """Add a passkey that somebody has just made.

    Args:
        change: The change that it is part of.
        person: Whose it is.
        rp_id: The host that it is bound to.
        made: What the browser told of it.
        name: What its owner calls it.

    Raises:
        NameRefused: It can't be called that.
        PasskeyRefused: Somebody has it already, or they have too many.
    """
    digest = _digest(made.credential_id)
    if change.session.scalar(select(PasskeyRow.id).where(PasskeyRow.credential_digest == digest)) is not None:
        raise taken()
    if count(change.session, person) >= MOST_OF_ONE:
        raise PasskeyRefused(f"nobody has more than {MOST_OF_ONE} passkeys", to_do="Remove one first.")
    row = PasskeyRow(
        id=new_id("passkey"), person_id=person.id, name=check_name(name), rp_id=rp_id, credential_digest=digest,
        credential_id=made.credential_id, public_key=made.public_key, sign_count=made.sign_count,
        is_synced=made.is_synced, created_at=change.now,
    )  # fmt: skip
    change.session.add(row)
    change.session.flush()
    change.note("passkey.add", person.id, f"{person.name}: {row.id}, {row.name}")
    return row


def by_credential(session: Session, credential_id: bytes) -> tuple[PasskeyRow, PersonRow] | None:
    """Return the passkey that an answer names, and whose it is, in a session for all organisations."""
    found = session.execute(
        select(PasskeyRow, PersonRow)
        .join(
            PersonRow,
            (PersonRow.organisation_id == PasskeyRow.organisation_id) & (PersonRow.id == PasskeyRow.person_id),
        )
        .where(PasskeyRow.credential_digest == _digest(credential_id))
    ).first()
    return None if found is None else (found[0], found[1])


def use(change: Change, row: PasskeyRow, sign_count: int) -> bool:
    """Note that a passkey was used, and return whether it may be.

    Where an authenticator counts, its counter grows with each use. One that does not grow is another device's with a
    copy of the key (WebAuthn, section 6.1.1).
    """
    if (sign_count or row.sign_count) and sign_count <= row.sign_count:
        change.note("passkey.copied", row.person_id, f"{row.id}, {row.name}: {sign_count} after {row.sign_count}")
        return False
    row.sign_count, row.last_used_at = sign_count, change.now
    return True


def find(session: Session, person: PersonRow, page: Page) -> Paged[PasskeyRow]:
    """Return a page of somebody's passkeys, by their ids."""
    return pages.read(session, select(PasskeyRow).where(PasskeyRow.person_id == person.id), page, PasskeyRow.id)


def of_person(session: Session, person: PersonRow) -> Sequence[PasskeyRow]:
    """Return somebody's passkeys, the oldest first."""
    chosen = select(PasskeyRow).where(PasskeyRow.person_id == person.id)
    return session.scalars(chosen.order_by(PasskeyRow.created_at, PasskeyRow.id)).all()


def count(session: Session, person: PersonRow) -> int:
    """Return how many passkeys somebody has."""
    chosen = select(func.count()).select_from(PasskeyRow).where(PasskeyRow.person_id == person.id)
    return session.scalar(chosen) or 0


def counts(session: Session, person_ids: Sequence[str]) -> Mapping[str, int]:
    """Return how many passkeys people have; those with none are left out."""
    chosen = select(PasskeyRow.person_id, func.count()).where(PasskeyRow.person_id.in_(person_ids))
    return dict(iter(session.execute(chosen.group_by(PasskeyRow.person_id))))


def count_elsewhere(session: Session, rp_id: str) -> int:
    """Return how many passkeys can't be used, as they were made when the hub was at another host."""
    return session.scalar(select(func.count()).select_from(PasskeyRow).where(PasskeyRow.rp_id != rp_id)) or 0


def get(session: Session, person: PersonRow, passkey_id: str) -> PasskeyRow:
    """Return a passkey of somebody.

    Raises:
        UnknownPasskey: They have none with this id.
    """
    row: PasskeyRow | None = session.get(PasskeyRow, passkey_id)
    if row is None or row.person_id != person.id:
        raise UnknownPasskey(
            f"{person.name} has no passkey {passkey_id[:40]!r}",
            to_do=f"`ringfence person passkeys list {person.name}` shows all.",
        )
    return row


def rename(change: Change, row: PasskeyRow, name: str) -> None:
    """Call a passkey something else; NameRefused if it can't be called that."""
    if (name := check_name(name)) != row.name:
        old, row.name = row.name, name
        change.note("passkey.rename", row.person_id, f"{row.id}: {old} → {name}")


def remove(change: Change, row: PasskeyRow) -> None:
    """Remove a passkey: nobody comes in with it any more."""
    change.session.delete(row)
    change.note("passkey.remove", row.person_id, f"{row.id}, {row.name}")


def remove_all(change: Change, person: PersonRow) -> None:
    """Remove all passkeys of somebody."""
    for row in of_person(change.session, person):
        remove(change, row)


def taken() -> PasskeyRefused:
    """Return the refusal of a passkey that somebody has."""
    return PasskeyRefused("this passkey is here already", to_do="Use another device, or another password manager.")


def check_name(name: str) -> str:
    """Return what a passkey can be called; NameRefused if it can't."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise NameRefused(f"a passkey's name must have 1 to {LONGEST_NAME} printable characters")
    return name


def _digest(credential_id: bytes) -> str:
    return hashlib.sha256(credential_id).hexdigest()
