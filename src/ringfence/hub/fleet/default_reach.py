"""What a site's phones may reach through a tunnel where nobody has named it: their SIP servers that are addresses.

Where ``protect_calls`` is tunnel, these are the servers' inner addresses (``tunnel_sip_server``).

Signalling goes to the servers' ports, by UDP and TCP; media goes to any high UDP port of the same address, as each PBX
has its own range. A server that is a name opens nothing: whoever answers for the name would open the tunnel.
"""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import AddressValueError, IPv4Address
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from ringfence.hub.box_errors import BadNetwork
from ringfence.hub.fleet import network_words as words
from ringfence.hub.store.edits import SIP_SERVERS
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    LineSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.phones.settings.protection import PROTECT_CALLS, ProtectCalls
from ringfence.phones.settings.protection import SERVERS as TUNNEL_SERVERS
from ringfence.wire.network_messages import NetworkReach, Protocol

_NAMES = (*SIP_SERVERS, *dict.fromkeys(SIP_SERVERS.values()), PROTECT_CALLS, *TUNNEL_SERVERS.values())
_PORT, _TLS_PORT = 5060, 5061
_MEDIA = (1024, words.LARGEST_PORT)

Values = Mapping[str, object]
"""Settings by name."""


def of_sites(session: Session, site_ids: Sequence[str]) -> dict[str, list[NetworkReach]]:
    """Return what sites' phones may reach by default, each in a fixed order, with as many queries as for one."""
    servers: dict[str, set[tuple[IPv4Address, int]]] = {site_id: set() for site_id in site_ids}
    for site_id, values in _each_line(session, site_ids):
        servers[site_id].update(_servers(values))
    return {site_id: _opened(sorted(found)) for site_id, found in servers.items()}


def _opened(servers: Sequence[tuple[IPv4Address, int]]) -> list[NetworkReach]:
    opened: dict[NetworkReach, None] = {}
    for address, port in servers:
        network = f"{address}/32"
        for each in dict.fromkeys((port, _TLS_PORT)):
            opened[NetworkReach(network, Protocol.TCP.value, each, each)] = None
        if port < _MEDIA[0]:
            opened[NetworkReach(network, Protocol.UDP.value, port, port)] = None
        opened[NetworkReach(network, Protocol.UDP.value, *_MEDIA)] = None
    return list(opened)[: words.MOST_REACH]


def _servers(values: Values) -> Iterator[tuple[IPv4Address, int]]:
    goes_inside = values.get(PROTECT_CALLS) == ProtectCalls.TUNNEL
    for name, port_name in SIP_SERVERS.items():
        inner = values.get(TUNNEL_SERVERS.get(name, "")) if goes_inside else None
        try:
            address = IPv4Address(str(inner or values.get(name) or ""))
            words.read_route(str(address))
        except (AddressValueError, BadNetwork):
            continue
        said = values.get(port_name)
        yield address, said if isinstance(said, int) and 0 < said <= words.LARGEST_PORT else _PORT


def _each_line(session: Session, site_ids: Sequence[str]) -> Iterator[tuple[str, Values]]:
    """Return the values that count for each line of sites' phones, and for each phone without lines."""
    of_all = {row.name: row.value for row in _rows(session, OrganisationSettingRow)}
    sites: dict[str, dict[str, object]] = {site_id: dict(of_all) for site_id in site_ids}
    for row in _rows(session, SiteSettingRow, SiteSettingRow.site_id.in_(site_ids)):
        sites[row.site_id][row.name] = row.value
    chosen = select(PhoneRow.mac, PhoneRow.site_id, PhoneRow.group_id).where(PhoneRow.site_id.in_(site_ids))
    phones = session.execute(chosen).all()
    groups: dict[str, dict[str, object]] = {}
    for row in _rows(session, GroupSettingRow, GroupSettingRow.group_id.in_({each[2] for each in phones if each[2]})):
        groups.setdefault(row.group_id, {})[row.name] = row.value
    there = select(PhoneRow.mac).where(PhoneRow.site_id.in_(site_ids))
    own: dict[str, dict[str, object]] = {}
    for row in _rows(session, PhoneSettingRow, PhoneSettingRow.mac.in_(there)):
        own.setdefault(row.mac, {})[row.name] = row.value
    by_phone = {
        mac: (site_id, {**sites[site_id], **groups.get(group or "", {}), **own.get(mac, {})})
        for mac, site_id, group in phones
    }
    yield from by_phone.values()
    lines: dict[tuple[str, int], dict[str, object]] = {}
    for row in _rows(session, LineSettingRow, LineSettingRow.mac.in_(there)):
        lines.setdefault((row.mac, row.index), {})[row.name] = row.value
    for (mac, _index), values in lines.items():
        site_id, of_phone = by_phone[mac]
        yield site_id, {**of_phone, **values}


# Any: rows of any of the tables of settings, whose keys differ.
def _rows(session: Session, table: type[Any], *conditions: ColumnElement[bool]) -> Iterator[Any]:
    yield from session.scalars(select(table).where(table.name.in_(_NAMES), *conditions))
