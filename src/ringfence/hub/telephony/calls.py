"""Which phones are in a call, as far as their PBXes tell.

A PBX is asked once for all of its phones. Where it does not tell, or does not answer, nothing is known of its phones:
whoever is careful about calls says so instead of guessing.
"""

from collections.abc import Iterable, Mapping

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import UnknownPhone
from ringfence.hub.fleet import pbxes, phones
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.hub.telephony import links
from ringfence.phones.mac import Mac


def look(hub: Hub, macs: Iterable[Mac]) -> Mapping[Mac, bool]:
    """Return of each phone whether it is in a call; those of which nothing tells are not among them."""
    found: dict[Mac, bool] = {}
    by_pbx: dict[str, tuple[PbxRow, dict[Mac, set[str]]]] = {}
    with hub.database.reading() as session:
        if not pbxes.find(session):
            return found
        for mac in macs:
            try:
                users = {line.name for line in phones.get(session, mac).lines}
            except UnknownPhone:
                continue
            pbx, _sip_server = pbxes.of_phone(session, mac)
            if pbx is not None:
                by_pbx.setdefault(pbx.id, (pbx, {}))[1][mac] = users
    for pbx, its in by_pbx.values():
        try:
            busy = links.link(hub, pbx).in_calls()
        except RingfenceError:
            continue  # ringfence pbx check says why
        if busy is not None:
            found |= {mac: not users.isdisjoint(busy) for mac, users in its.items()}
    return found
