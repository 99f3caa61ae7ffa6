"""Where edges say that phones in their rooms reach them, and sites whose phones were not told where.

What an edge says is a suggestion, and changes nothing: a person takes it as the setting ``edge_url`` of the edge's own
site. Only private addresses are suggested, so no edge can propose to send phones to a machine on the internet.
"""

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from ringfence.addresses import host_port
from ringfence.hub.store.models import EdgeRow, PhoneRow, SiteRow
from ringfence.hub.store.phone_book_models import PhoneBookRow, PhoneBookSiteRow
from ringfence.hub.store.setting_models import OrganisationSettingRow, SiteSettingRow

SETTING = "edge_url"
MOST_KEPT = 8
MOST_SITES = 20
"""Sites that are named where phones have no address; the others are counted."""
_HOST_PORT = re.compile(r"(\[[0-9A-Fa-f:]{2,39}\]|[0-9.]{7,15}):([1-9][0-9]{0,4})")
_LARGEST_PORT = 65_535
_OF_ROOMS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
"""RFC 1918 and RFC 4193."""


@dataclass(frozen=True, slots=True)
class SiteWithoutAddress:
    """A site whose phones were not told where their edge is, with the URLs that its edges suggest."""

    id: str
    name: str
    suggested: Sequence[str]


@dataclass(frozen=True, slots=True)
class SitesWithoutAddress:
    """How many sites there are, and the first of them."""

    count: int
    sites: Sequence[SiteWithoutAddress]


def kept(told: Iterable[str]) -> str:
    """Return what of the addresses that an edge tells is kept: a few private ones, each once."""
    found = dict.fromkeys(plain for plain in map(_plain, list(told)[: 4 * MOST_KEPT]) if plain)
    return " ".join(list(found)[:MOST_KEPT])


def addresses(edge: EdgeRow) -> list[str]:
    """Return where phones reach an edge, as it says, as ``host:port``."""
    return edge.http_addresses.split()


def suggested(session: Session, site_ids: Sequence[str]) -> dict[str, list[str]]:
    """Return the URLs that sites' edges suggest, by site; revoked edges suggest nothing."""
    chosen = select(EdgeRow).where(EdgeRow.site_id.in_(site_ids), EdgeRow.revoked_at.is_(None))
    found: dict[str, dict[str, None]] = {site_id: {} for site_id in site_ids}
    for edge in session.scalars(chosen.order_by(EdgeRow.site_id, EdgeRow.enrolled_at, EdgeRow.id)):
        found[edge.site_id].update(dict.fromkeys(f"http://{each}" for each in addresses(edge)))
    return {site_id: list(urls)[:MOST_KEPT] for site_id, urls in found.items()}


def misses_books(session: Session, site_id: str) -> bool:
    """Return whether there is a phone book for a site, and neither it nor the organisation says where its edge is."""
    says = select(SiteSettingRow.name).where(SiteSettingRow.site_id == site_id, SiteSettingRow.name == SETTING)
    chosen = select(PhoneBookSiteRow.book_id).where(PhoneBookSiteRow.site_id == site_id)
    book = select(PhoneBookRow.id).where(PhoneBookRow.is_everywhere | PhoneBookRow.id.in_(chosen)).limit(1)
    is_told = _organisation_has(session) or session.scalar(says) is not None
    return not is_told and session.scalar(book) is not None


def without(session: Session, book: PhoneBookRow) -> SitesWithoutAddress:
    """Return the sites with phones that a phone book is for, and where neither they nor the organisation say where."""
    if _organisation_has(session):
        return SitesWithoutAddress(0, ())
    is_wanted = _are_without()
    if not book.is_everywhere:
        chosen = select(PhoneBookSiteRow.site_id).where(PhoneBookSiteRow.book_id == book.id)
        is_wanted = is_wanted & SiteRow.id.in_(chosen)
    count = session.scalar(select(func.count()).select_from(SiteRow).where(is_wanted)) or 0
    rows = session.scalars(select(SiteRow).where(is_wanted).order_by(SiteRow.name_key).limit(MOST_SITES)).all()
    urls = suggested(session, [row.id for row in rows])
    return SitesWithoutAddress(count, [SiteWithoutAddress(row.id, row.name, urls[row.id]) for row in rows])


def _are_without() -> ColumnElement[bool]:
    says = select(SiteSettingRow.name).where(SiteSettingRow.site_id == SiteRow.id, SiteSettingRow.name == SETTING)
    return select(PhoneRow.mac).where(PhoneRow.site_id == SiteRow.id).exists() & ~says.exists()


def _organisation_has(session: Session) -> bool:
    chosen = select(OrganisationSettingRow.name).where(OrganisationSettingRow.name == SETTING)
    return session.scalar(chosen) is not None


def _plain(told: str) -> str:
    """Return an address as it is kept; empty where it is not a private one with a port."""
    found = _HOST_PORT.fullmatch(told)
    if found is None or int(found[2]) > _LARGEST_PORT:
        return ""
    try:
        address = ipaddress.ip_address(found[1].strip("[]"))
    except ValueError:
        return ""
    return host_port(str(address), int(found[2])) if any(address in network for network in _OF_ROOMS) else ""
