"""The adapter for each kind of PBX; everything else knows only the port."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.fleet import pbxes, phones
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.hub.telephony.pbx.asterisk import Asterisk
from ringfence.hub.telephony.pbx.connection import PbxAccess
from ringfence.hub.telephony.pbx.kamailio import Kamailio
from ringfence.hub.telephony.pbx.port import PbxLink
from ringfence.phones.mac import Mac
from ringfence.secret import Secret

ADAPTERS: Mapping[str, Callable[[str, str, Secret, PbxAccess], PbxLink]] = MappingProxyType(
    {
        "kamailio": lambda url, _user, secret, access: Kamailio(url, secret, access),
        "asterisk": Asterisk,
    }
)


def link(hub: Hub, row: PbxRow) -> PbxLink:
    """Return the adapter for a PBX."""
    access = PbxAccess(hub.config.pbx_networks, row.trust)
    return ADAPTERS[row.kind](row.url, row.user, pbxes.secret_of(hub.sealer, row), access)


def is_registered(hub: Hub, mac: Mac) -> bool | None:
    """Return whether a phone is registered at its PBX; None if no PBX is known, or it does not answer.

    Raises:
        UnknownPhone: There is no such phone.
    """
    with hub.database.reading() as session:
        users = [line.name for line in phones.get(session, mac).lines]
        pbx, _sip_server = pbxes.of_phone(session, mac)
    if pbx is None:
        return None
    connected = link(hub, pbx)
    try:
        return any(connected.contacts(user) for user in users)
    except RingfenceError:
        return None  # ringfence pbx check says why
