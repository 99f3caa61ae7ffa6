"""What a PBX is to accept for phones whose secrets change, and telling it for many phones at once.

While a secret changes, a line has the secret that its published file is to have, and the other one, which is valid
besides it: the old one on the way forward, the new one on the way back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.orm import Session

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import PbxRefused
from ringfence.hub.fleet import accounts, phones
from ringfence.hub.fleet.rotation_stages import RotationStage
from ringfence.hub.telephony.pbx.port import Credential, PbxLink
from ringfence.phones.mac import Mac
from ringfence.phones.sip.pbx_accounts import SipAccount
from ringfence.secret import Secret

ALONE = frozenset({RotationStage.REGISTERING, RotationStage.ENDING})
"""The stages in which the secret of the phone's file is the only one that is accepted."""


def wanted(
    hub: Hub, session: Session, mac: Mac, stage: RotationStage, *, at_once: int, phone_has_other: bool
) -> Sequence[Credential]:
    """Return what the PBX is to accept for a phone in a stage.

    A PBX that takes one password ``at_once`` keeps the one that the phone has until it has fetched its file.
    """
    found: list[Credential] = []
    for account in accounts.of_phone(session, hub.sealer, phones.get(session, mac)):
        if account.old_password is None:
            continue
        passwords = _passwords(account, stage, at_once=at_once, phone_has_other=phone_has_other)
        for at, each in enumerate(found):
            if (each.user, each.passwords) == (account.auth_name, passwords):
                found[at] = replace(each, lines=(*each.lines, account.name))
                break
        else:
            found.append(Credential(account.auth_name, (account.name,), passwords))
    return found


def _passwords(account: SipAccount, stage: RotationStage, *, at_once: int, phone_has_other: bool) -> tuple[Secret, ...]:
    if stage in ALONE:
        return account.passwords[:1]
    if at_once > 1:
        return account.passwords
    return account.passwords[1:] if phone_has_other else account.passwords[:1]


def accept(link: PbxLink, realm: str, credentials: Mapping[Mac, Sequence[Credential]]) -> dict[Mac, RingfenceError]:
    """Make a PBX accept these credentials, in one step if it can; return the phones for which it did not, and why.

    A phone that the PBX refuses does not keep the others from their new secrets.
    """
    try:
        link.accept(realm, [each for of_phone in credentials.values() for each in of_phone])
    except PbxRefused as fault:
        if len(credentials) == 1:
            return dict.fromkeys(credentials, fault)
    except RingfenceError as fault:
        return dict.fromkeys(credentials, fault)
    else:
        return {}
    faults: dict[Mac, RingfenceError] = {}
    for mac, of_phone in credentials.items():
        faults |= accept(link, realm, {mac: of_phone})
    return faults
