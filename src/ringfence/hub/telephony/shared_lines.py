"""Lines that several phones have at one PBX: their secret is one, so those phones change it together.

A phone's step is taken when all phones of its group can take it: the old secret ends when the last one has fetched its
new file, the change is done when the last one has registered, and one that does not follow takes the others back.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, ScopeExceeded
from ringfence.hub.fleet import accounts, lines, pbxes, phones
from ringfence.hub.fleet.rotation_stages import GOING_BACK, RotationStage
from ringfence.hub.store.pbx_models import PbxRow, RotationRow
from ringfence.phones.mac import Mac
from ringfence.secret import Secret


def groups(session: Session, serving: Mapping[Mac, PbxRow]) -> list[dict[Mac, PbxRow]]:
    """Return these phones with those that share a line with them at the same PBX, by groups that share lines."""
    found: list[dict[Mac, PbxRow]] = []
    for mac, pbx in serving.items():
        if any(mac in group for group in found):
            continue
        group, unseen = {mac: pbx}, [mac]
        while unseen:
            others = {other: pbx for other in _sharing(session, unseen.pop(), pbx) if other not in group}
            group |= others
            unseen += others
        found.append(group)
    return found


def _sharing(session: Session, mac: Mac, pbx: PbxRow) -> list[Mac]:
    names = {line.name for line in phones.get(session, mac).lines}
    if lines.are_elsewhere(session, names):
        raise ScopeExceeded(
            f"a line of phone {mac} is also one of a phone that this access is not for, and both change together",
            to_do="Ask somebody whose access is for the whole organisation.",
        )
    found: dict[Mac, None] = {}
    for macs in lines.phones_with_user(session, names).values():
        found |= dict.fromkeys(macs)
    there = ((other, pbxes.of_phone(session, other)[0]) for other in found if other != mac)
    return [other for other, row in there if row is not None and row.id == pbx.id]


def check(hub: Hub, session: Session, group: Collection[Mac]) -> None:
    """Refuse a group whose phones don't go by one user and one password for the lines that they share."""
    seen: dict[str, tuple[Mac, str, Secret]] = {}
    for mac in group:
        for account in accounts.of_phone(session, hub.sealer, phones.get(session, mac)):
            other, user, password = seen.setdefault(account.name, (mac, account.auth_name, account.password))
            if (user, password) != (account.auth_name, account.password):
                raise BadSelection(
                    f"{account.name} is also a line of phone {other}, where it has another user or password",
                    where=f"phone {mac}",
                    to_do="Give both phones the same auth name and password, export, and publish; then change it.",
                )


def new_secrets(hub: Hub, session: Session, group: Collection[Mac]) -> dict[tuple[str, str], Secret]:
    """Return a new password for each user and old password of a group; every phone that has these takes it."""
    found: dict[tuple[str, str], Secret] = {}
    for mac in group:
        phone = phones.get(session, mac)
        for line in phone.lines:
            if line.sealed_password:
                key = (line.auth_name or line.name, lines.open_password(hub.sealer, line).reveal())
                made = lines.generate_password(phone)
                found[key] = min(found.get(key, made), made, key=lambda secret: len(secret.reveal()))
    return found


def mates(session: Session, row: RotationRow) -> Sequence[RotationRow]:
    """Return the rows of all phones that change their secrets together with this one's, itself among them."""
    if not row.together:
        return [row]
    chosen = select(RotationRow).where(RotationRow.together == row.together).order_by(RotationRow.mac)
    return session.scalars(chosen).all()


def whole(hub: Hub, macs: Iterable[Mac], stage: RotationStage) -> list[Mac]:
    """Return those of these phones whose whole group is among them, or is in ``stage`` or done already."""
    ready = {mac.bare for mac in macs}
    with hub.database.reading() as session:
        return [
            Mac(bare)
            for bare in sorted(ready)
            if all(
                each.mac in ready or each.stage in {stage, RotationStage.DONE}
                for each in mates(session, session.get_one(RotationRow, bare))
            )
        ]


def phones_by_name(hub: Hub, row: RotationRow) -> Counter[str]:
    """Return how many phones of a group have each line."""
    with hub.database.reading() as session:
        return Counter(line.name for each in mates(session, row) for line in phones.get(session, Mac(each.mac)).lines)


def waits_for_others(session: Session, row: RotationRow) -> bool:
    """Return whether a phone that has its old secret again waits until the others of its group have it too."""
    return any(each.stage in GOING_BACK - {RotationStage.ENDING} for each in mates(session, row))


def keeps_new(session: Session, row: RotationRow) -> bool:
    """Return whether a phone of the group may have the new secret for good, so that the PBX goes on accepting it."""
    return any(each.stage == RotationStage.ROLLED_BACK and each.keeps_new for each in mates(session, row))
