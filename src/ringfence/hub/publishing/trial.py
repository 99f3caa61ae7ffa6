"""An edit that would leave a phone out of the next publish is refused where it is made, as far as that can be known.

One phone of each model that the edit concerns is read and rendered before and after it, in the edit's transaction.
Families with templates of the operator's own are not rendered here: their templates run in a process of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from sqlalchemy import func, select

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.publishing.left_out import FAULTS_OF_ONE_PHONE, LeftOutPhone
from ringfence.hub.publishing.site_rows import read_phones
from ringfence.hub.store.change import Change
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.setting_models import OwnTemplateRow
from ringfence.phones.errors import CredentialsDisagree, IncompletePhone
from ringfence.phones.families import model as model_of
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope


class _Reached(IntEnum):
    """How far a phone comes."""

    NOTHING = 0
    READ = 1
    RENDERED = 2


@contextmanager
def keeps_phones(hub: Hub, change: Change, place: SettingPlace) -> Iterator[None]:
    """Raise at the end of the block if phones at ``place`` come less far than before it; the error says why.

    A phone that could not even be read may still not be read, but for no new reason of the same kind. What another
    edit may complete is no fault yet.
    """
    macs = _some_phones(change, place)
    before = _try(hub, change, macs)
    yield
    change.session.flush()
    for mac, (reached, fault) in _try(hub, change, macs).items():
        if fault is None or mac not in before:
            continue
        reached_before, old = before[mac]
        is_another_of_the_kind = type(fault) is type(old) and old is not None and fault.what != old.what
        if reached < reached_before or (reached is _Reached.NOTHING and is_another_of_the_kind):
            where = fault.where or f"phone {Mac(mac)}"
            raise type(fault)(fault.what, where=where, to_do=fault.to_do)


def _some_phones(change: Change, place: SettingPlace) -> list[str]:
    """Return one phone of each model at a place."""
    chosen = select(func.min(PhoneRow.mac)).where(PhoneRow.lines.any()).group_by(PhoneRow.model)
    match place.scope:
        case Scope.ORGANISATION:
            pass
        case Scope.SITE:
            chosen = chosen.where(PhoneRow.site_id == place.subject)
        case Scope.GROUP:
            chosen = chosen.where(PhoneRow.group_id == place.subject)
        case Scope.PHONE | Scope.LINE:
            chosen = chosen.where(PhoneRow.mac == place.subject)
    return list(change.session.scalars(chosen))


def _try(hub: Hub, change: Change, macs: list[str]) -> dict[str, tuple[_Reached, RingfenceError | None]]:
    own = set(change.session.scalars(select(OwnTemplateRow.family).distinct()))
    found: dict[str, tuple[_Reached, RingfenceError | None]] = {}
    for phone in read_phones(change.session, hub.sealer, macs, change.now):
        if isinstance(phone, LeftOutPhone):
            found[phone.mac.bare] = (_Reached.NOTHING, phone.fault)
            continue
        try:
            if model_of(phone.model)[0].id not in own:
                hub.renderer.render(phone)
            found[phone.mac.bare] = (_Reached.RENDERED, None)
        except (IncompletePhone, CredentialsDisagree):
            found[phone.mac.bare] = (_Reached.RENDERED, None)
        except FAULTS_OF_ONE_PHONE as fault:
            found[phone.mac.bare] = (_Reached.READ, fault)
    return found
