"""What a site's phones may reach through a tunnel where nobody has named it: their SIP servers that are addresses.

Signalling goes to the servers' ports, by UDP and TCP; media goes to any high UDP port of the same address, as each PBX
has its own range. A server that is a name opens nothing: whoever answers for the name would open the tunnel.
"""

from collections.abc import Iterator, Mapping
from ipaddress import AddressValueError, IPv4Address

from sqlalchemy import select
from sqlalchemy.orm import Session

from ringfence.hub.errors import BadNetwork
from ringfence.hub.fleet import network_words as words
from ringfence.hub.store.edits import SIP_SERVERS
from ringfence.hub.store.models import LineRow, PhoneRow
from ringfence.hub.store.setting_models import (
    GroupSettingRow,
    LineSettingRow,
    OrganisationSettingRow,
    PhoneSettingRow,
    SiteSettingRow,
)
from ringfence.wire.network_messages import NetworkReach, Protocol

_NAMES = (*SIP_SERVERS, *dict.fromkeys(SIP_SERVERS.values()))
_PORT, _TLS_PORT = 5060, 5061
_MEDIA = (1024, words.LARGEST_PORT)

Values = Mapping[str, object]
"""Settings by name."""


def of_site(session: Session, site_id: str) -> list[NetworkReach]:
    """Return what a site's phones may reach by default, in a fixed order."""
    servers = sorted({server for values in _each_line(session, site_id) for server in _servers(values)})
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
    for name, port_name in SIP_SERVERS.items():
        try:
            address = IPv4Address(str(values.get(name) or ""))
            words.read_route(str(address))
        except (AddressValueError, BadNetwork):
            continue
        said = values.get(port_name)
        yield address, said if isinstance(said, int) and 0 < said <= words.LARGEST_PORT else _PORT


def _each_line(session: Session, site_id: str) -> Iterator[Values]:
    """Return the values that count for each line of a site's phones, and for each phone without lines."""
    everybodys = select(OrganisationSettingRow).where(OrganisationSettingRow.name.in_(_NAMES))
    of_all: dict[str, object] = {row.name: row.value for row in session.scalars(everybodys)}
    sites_own = select(SiteSettingRow).where(SiteSettingRow.site_id == site_id, SiteSettingRow.name.in_(_NAMES))
    of_all |= {each.name: each.value for each in session.scalars(sites_own)}
    phones = session.execute(select(PhoneRow.mac, PhoneRow.group_id).where(PhoneRow.site_id == site_id)).all()
    of_site = select(PhoneRow.mac).where(PhoneRow.site_id == site_id)
    groups: dict[str, dict[str, object]] = {}
    grouped = GroupSettingRow.group_id.in_({group for _mac, group in phones if group})
    for of_group in session.scalars(select(GroupSettingRow).where(grouped, GroupSettingRow.name.in_(_NAMES))):
        groups.setdefault(of_group.group_id, {})[of_group.name] = of_group.value
    own: dict[str, dict[str, object]] = {}
    chosen = select(PhoneSettingRow).where(PhoneSettingRow.mac.in_(of_site), PhoneSettingRow.name.in_(_NAMES))
    for setting in session.scalars(chosen):
        own.setdefault(setting.mac, {})[setting.name] = setting.value
    lines: dict[tuple[str, int], dict[str, object]] = {
        (mac, index): {}
        for mac, index in session.execute(select(LineRow.mac, LineRow.index).where(LineRow.mac.in_(of_site)))
    }
    of_lines = select(LineSettingRow).where(LineSettingRow.mac.in_(of_site), LineSettingRow.name.in_(_NAMES))
    for of_line in session.scalars(of_lines):
        lines.setdefault((of_line.mac, of_line.index), {})[of_line.name] = of_line.value
    by_phone = {mac: {**of_all, **groups.get(group or "", {}), **own.get(mac, {})} for mac, group in phones}
    yield from by_phone.values()
    for (mac, _index), values in lines.items():
        if values:
            yield {**by_phone[mac], **values}
