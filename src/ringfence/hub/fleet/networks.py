"""What a site asks of its boxes' networks, as people set it; the rest has defaults."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from sqlalchemy.orm import Session

from ringfence.hub.box_errors import BadNetwork
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.fleet import network_words as words
from ringfence.hub.fleet import sites
from ringfence.hub.store import edits
from ringfence.hub.store.change import Change
from ringfence.hub.store.network_models import SiteNetworkRow
from ringfence.secret import Secret
from ringfence.wire.network_messages import PortAccess

LEAST_PREFIX = words.PREFIXES[1]
_NO_NAMES: Mapping[str, Sequence[str]] = MappingProxyType({})
_PLAIN = ("prefix", "mtu", "known_only", "guests", "domain", "is_box", "wifi_ssid", "wifi_country", "uplink_kbit")


@dataclass(frozen=True, slots=True)
class SiteNetwork:
    """What one site asks. ``reach`` is None for what follows from its phones' SIP servers."""

    is_box: bool = False
    prefix: int = LEAST_PREFIX
    mtu: int = 1420
    known_only: bool = True
    guests: bool = False
    domain: str = ""
    ntp_servers: tuple[str, ...] = ()
    names: Mapping[str, Sequence[str]] = field(default_factory=lambda: _NO_NAMES)
    reach: tuple[str, ...] | None = None
    direct_media: tuple[str, ...] = ()
    port_access: PortAccess = PortAccess.OFF
    wifi_ssid: str = ""
    wifi_country: str = ""
    has_wifi_passphrase: bool = False
    uplink_kbit: int = 0


@dataclass(frozen=True, slots=True)
class WifiPart:
    """A Wi-Fi network; an empty name for none. Without a passphrase, that of the same name stays."""

    ssid: str
    country: str = ""
    passphrase: Secret | None = None


@dataclass(frozen=True, slots=True)
class NetworkParts:
    """Changes to what a site asks, in the words that people write; None leaves a part as it is."""

    is_box: bool | None = None
    prefix: int | None = None
    mtu: int | None = None
    known_only: bool | None = None
    guests: bool | None = None
    domain: str | None = None
    ntp_servers: Sequence[str] | None = None
    names: Mapping[str, Sequence[str]] | None = None
    reach: Sequence[str] | None = None
    reach_by_default: bool = False
    """Whether to go back to what follows from the SIP servers."""
    direct_media: Sequence[str] | None = None
    port_access: str | None = None
    wifi: WifiPart | None = None
    uplink_kbit: int | None = None


def get(session: Session, site_id: str) -> SiteNetwork:
    """Return what a site asks; UnknownSite if there is no such site."""
    row = session.get(SiteNetworkRow, sites.get(session, site_id).id)
    return SiteNetwork() if row is None else of_row(row)


def of_row(row: SiteNetworkRow) -> SiteNetwork:
    """Return what a row says."""
    return SiteNetwork(
        row.is_box, row.prefix, row.mtu, row.known_only, row.guests, row.domain, tuple(row.ntp_servers),
        dict(row.names), None if row.reach is None else tuple(row.reach), tuple(row.direct_media),
        PortAccess(row.port_access), row.wifi_ssid, row.wifi_country, row.sealed_wifi_passphrase is not None,
        row.uplink_kbit,
    )  # fmt: skip


def change(change: Change, sealer: Sealer, site_id: str, parts: NetworkParts) -> SiteNetwork:
    """Change parts of what a site asks; its boxes go by them within a second.

    Raises:
        UnknownSite: There is no such site, or none of those to exchange media with.
        BadNetwork: The first word that means nothing, or a part that can't be without another.
    """
    session, site = change.session, sites.get(change.session, site_id)
    before = get(session, site.id)
    after = _changed(session, before, parts)
    passphrase = parts.wifi.passphrase if parts.wifi is not None else None
    if after == before and passphrase is None:
        return before
    row = session.get(SiteNetworkRow, site.id)
    if row is None:
        row = SiteNetworkRow(site_id=site.id, sealed_wifi_passphrase=None, wifi_changed_at=None)
        session.add(row)
    for name in _PLAIN:
        setattr(row, name, getattr(after, name))
    row.ntp_servers, row.direct_media = list(after.ntp_servers), list(after.direct_media)
    row.names = {name: list(addresses) for name, addresses in after.names.items()}
    row.reach = None if after.reach is None else list(after.reach)
    row.port_access = after.port_access.value
    if passphrase is not None and after.wifi_ssid:
        row.sealed_wifi_passphrase = sealer.seal(passphrase, _record(site.id))
        row.wifi_changed_at = change.now
        after = replace(after, has_wifi_passphrase=True)
    elif not after.wifi_ssid:
        row.sealed_wifi_passphrase = row.wifi_changed_at = None
    edits.tell_guards(session, {*before.direct_media, *after.direct_media})
    change.note("site.network", site.id, _told(before, after, is_new_passphrase=passphrase is not None))
    return after


def wifi_passphrase(session: Session, sealer: Sealer, site_id: str) -> Secret:
    """Return the passphrase of a site's Wi-Fi network; empty if there is none."""
    row = session.get(SiteNetworkRow, site_id)
    if row is None or row.sealed_wifi_passphrase is None:
        return Secret("")
    return sealer.open(row.sealed_wifi_passphrase, _record(site_id))


def _changed(session: Session, before: SiteNetwork, parts: NetworkParts) -> SiteNetwork:
    said = {name: each for name in _READERS if (each := getattr(parts, name)) is not None}
    after = replace(before, **{name: _READERS[name](each) for name, each in said.items()})
    if parts.reach_by_default and parts.reach:
        raise BadNetwork("what phones may reach is either named, or what follows from their SIP servers")
    if parts.reach_by_default or parts.reach is not None:
        after = replace(after, reach=None if parts.reach_by_default else tuple(words.read_reach(parts.reach or ())))
    if parts.direct_media is not None:
        after = replace(after, direct_media=_sites(session, parts.direct_media))
    return after if parts.wifi is None else _with_wifi(after, parts.wifi)


def _with_wifi(before: SiteNetwork, said: WifiPart) -> SiteNetwork:
    if not said.ssid:
        if said.passphrase is not None or said.country:
            raise BadNetwork("a Wi-Fi network without a name has neither passphrase nor country")
        return replace(before, wifi_ssid="", wifi_country="", has_wifi_passphrase=False)
    ssid = words.read_ssid(said.ssid)
    if said.passphrase is not None:
        words.check_passphrase(said.passphrase.reveal())
    elif ssid != before.wifi_ssid or not before.has_wifi_passphrase:
        raise BadNetwork(f"the Wi-Fi network {ssid!r} needs a passphrase")
    return replace(before, wifi_ssid=ssid, wifi_country=words.read_country(said.country or before.wifi_country))


def _sites(session: Session, said: Sequence[str]) -> tuple[str, ...]:
    if len(said) > words.MOST_SITES:
        raise BadNetwork(f"a site exchanges media directly with at most {words.MOST_SITES} sites, not {len(said)}")
    return tuple(dict.fromkeys(sites.get(session, each).id for each in said))


def _port_access(said: str) -> PortAccess:
    try:
        return PortAccess(said.casefold())
    except ValueError:
        raise BadNetwork(
            f"{said[:40]!r} says nothing of 802.1X", to_do=f"Use one of: {', '.join(PortAccess)}."
        ) from None


# Any: each part of its own type.
_READERS: Mapping[str, Callable[[Any], Any]] = MappingProxyType({
    "is_box": bool,
    "known_only": bool,
    "guests": bool,
    "prefix": lambda said: words.read_number("the length of a subnet's prefix", said, words.PREFIXES),
    "mtu": lambda said: words.read_number("the MTU", said, words.MTUS),
    "uplink_kbit": lambda said: words.read_number("what a line takes", said, words.UPLINK_KBIT) if said else 0,
    "domain": lambda said: words.read_name(said) if said else "",
    "ntp_servers": lambda said: tuple(words.read_ntp_servers(said)),
    "names": words.read_names,
    "port_access": _port_access,
})  # fmt: skip
"""What reads each part that is read by itself."""


def _record(site_id: str) -> str:
    return f"wifi:{site_id}"


def _told(before: SiteNetwork, after: SiteNetwork, *, is_new_passphrase: bool) -> str:
    """Return what changed, for the audit log; the rows say the rest."""
    names = [each for each in SiteNetwork.__dataclass_fields__ if getattr(before, each) != getattr(after, each)]
    told = [each.replace("_", " ").replace("is box", "box") for each in names if each != "has_wifi_passphrase"]
    return ", ".join([*told, *(["Wi-Fi passphrase"] if is_new_passphrase else [])])
