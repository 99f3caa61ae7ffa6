"""Phones' provisioning credentials: made here, put into the phone's file, and proved to its site's edges over HTTP.

A phone learns a credential from its file, which it first takes for another reason: its place on the edge's wire, or a
person who types the credential in. So several are good at a time: each until the phone has used a newer one.
"""

import contextlib
import secrets
import string
from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.data.sealing import Sealer
from ringfence.hub.data_errors import SealBroken
from ringfence.hub.errors import BadSelection, NothingToEnd
from ringfence.hub.fleet import phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.guard_models import ProvisioningCredentialRow
from ringfence.hub.store.models import PhoneRow
from ringfence.phones.credentials import credential_ha1
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.secret import Secret
from ringfence.wire.messages import GuardCredential, GuardCredentialKey

CHARACTERS = 20
"""Letters and digits, 119 bits; Snom's phones hold no more (Tine 2.0, Snom/Controller)."""
MOST_AT_A_TIME = 4
"""Of one phone: who makes more before the phone has fetched its file ends the oldest."""
_ALPHABET = string.ascii_letters + string.digits


def create(change: Change, sealer: Sealer, mac: Mac, *, is_only: bool = False) -> Sequence[ProvisioningCredentialRow]:
    """Give a phone a new credential; return all that are good now, the newest first.

    ``is_only``: the others end at once. A phone that is not on its edge's own wire can't fetch its file then.
    """
    phone = phones.get(change.session, mac)
    _check(phone)
    before = of_phone(change.session, mac)
    row = ProvisioningCredentialRow(
        mac=mac.bare, serial=before[0].serial + 1 if before else 1, sealed_password=b"", created_at=change.now,
        proved_at=None,
    )  # fmt: skip
    row.sealed_password = sealer.seal(_generate(), _record(row))
    change.session.add(row)
    for old in before if is_only else before[MOST_AT_A_TIME - 1 :]:
        change.session.delete(old)
    change.note("guard.credential", str(mac), "new; the others ended" if is_only and before else "new")
    change.session.flush()
    return of_phone(change.session, mac)


def remove(change: Change, mac: Mac) -> None:
    """End all of a phone's credentials; NothingToEnd if it has none."""
    phones.get(change.session, mac)
    rows = of_phone(change.session, mac)
    if not rows:
        raise NothingToEnd(f"phone {mac} has no credential")
    for row in rows:
        change.session.delete(row)
    change.note("guard.credential", str(mac), "removed")


def reveal(change: Change, sealer: Sealer, mac: Mac) -> Secret:
    """Return a phone's newest password, NothingToEnd if it has none; the audit log records this."""
    rows = of_phone(change.session, mac)
    if not rows:
        raise NothingToEnd(
            f"phone {mac} has no credential", to_do=f"Make one: ringfence guard credential create {mac}."
        )
    change.note("guard.credential", str(mac), "shown")
    return sealer.open(rows[0].sealed_password, _record(rows[0]))


def on_used(change: Change, mac: Mac, serial: int) -> None:
    """Note that a phone has fetched its file by a credential: the older ones end."""
    row = change.session.get(ProvisioningCredentialRow, (mac.bare, serial))
    if row is None or row.proved_at is not None:
        return
    row.proved_at = change.now
    older = (ProvisioningCredentialRow.mac == mac.bare) & (ProvisioningCredentialRow.serial < serial)
    for old in change.session.scalars(select(ProvisioningCredentialRow).where(older)):
        change.session.delete(old)


def of_phone(session: Session, mac: Mac) -> Sequence[ProvisioningCredentialRow]:
    """Return a phone's credentials, the newest first."""
    chosen = select(ProvisioningCredentialRow).where(ProvisioningCredentialRow.mac == mac.bare)
    return session.scalars(chosen.order_by(ProvisioningCredentialRow.serial.desc())).all()


def passwords(session: Session, sealer: Sealer) -> Iterator[tuple[str, Secret]]:
    """Yield every phone's passwords with its bare address; none that can't be opened."""
    chosen = select(ProvisioningCredentialRow).order_by(ProvisioningCredentialRow.mac, ProvisioningCredentialRow.serial)
    for row in session.scalars(chosen):
        with contextlib.suppress(SealBroken):
            yield row.mac, sealer.open(row.sealed_password, _record(row))


def newest(session: Session, sealer: Sealer, macs: Collection[str]) -> dict[str, Secret]:
    """Return the newest password of each of these phones that has one; bare address → password."""
    return {mac: found[0][1] for mac, found in _opened(session, sealer, macs).items()}


def for_edges(session: Session, sealer: Sealer, macs: Collection[str]) -> tuple[GuardCredential, ...]:
    """Return what proves these phones' credentials."""
    return tuple(
        GuardCredential(mac, tuple(GuardCredentialKey(serial, credential_ha1(mac, text)) for serial, text in found))
        for mac, found in _opened(session, sealer, macs).items()
    )


def _opened(session: Session, sealer: Sealer, macs: Collection[str]) -> dict[str, list[tuple[int, Secret]]]:
    """Return what each phone has, the newest first; nothing that can't be opened."""
    found: dict[str, list[tuple[int, Secret]]] = {}
    for row in _rows(session, macs):
        with contextlib.suppress(SealBroken):
            password = sealer.open(row.sealed_password, _record(row))
            found.setdefault(row.mac, []).append((row.serial, password))
    return found


def _rows(session: Session, macs: Collection[str]) -> Iterator[ProvisioningCredentialRow]:
    wanted = sorted(macs)
    for start in range(0, len(wanted), 1000):
        chosen = select(ProvisioningCredentialRow).where(
            ProvisioningCredentialRow.mac.in_(wanted[start : start + 1000])
        )
        yield from session.scalars(
            chosen.order_by(ProvisioningCredentialRow.mac, ProvisioningCredentialRow.serial.desc())
        )


def _check(phone: PhoneRow) -> None:
    family, model = model_of(phone.model)
    if not family.takes_credential:
        raise BadSelection(
            f"{model.with_article} can't give a credential when it fetches its file",
            where=f"phone {Mac(phone.mac)}",
            to_do="Its place on its edge's wire proves it; elsewhere open a window: ringfence guard open.",
        )


def _generate() -> Secret:
    return Secret("".join(secrets.choice(_ALPHABET) for _ in range(CHARACTERS)))


def _record(row: ProvisioningCredentialRow) -> str:
    return f"credential:{row.mac}:{row.serial}"
