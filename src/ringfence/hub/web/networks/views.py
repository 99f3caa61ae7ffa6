"""What a site asks of its boxes' networks, and what its boxes told."""

from collections.abc import Sequence

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.box_errors import BadNetwork
from ringfence.hub.errors import ChangedMeanwhile, UnknownSite
from ringfence.hub.fleet import box_numbering, boxes, network_for_edges, networks, sites
from ringfence.hub.fleet import network_words as words
from ringfence.hub.fleet.networks import NetworkParts, SiteNetwork, WifiPart
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store import pages
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.network_models import BoxRow
from ringfence.hub.store.pages import Page
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.secret import Secret
from ringfence.wire.network_messages import PortAccess

router = APIRouter(prefix="/sites/{site}/network")

_MOST_SHOWN = Page(50)
_BY_DEFAULT, _NAMED = "default", "named"
_YES = "yes"


@router.get("")
def show_network(site: str, page: TheWebPage) -> PageAnswer:
    """Show what a site asks, and its boxes."""
    return _show(page, site)


@router.post("")
def change_network(site: str, page: TheFormPage, form: TheForm) -> Response:
    """Change what a site asks; its boxes go by it within a second."""
    try:
        parts = _parts(page, form)
        with page.hub.change(page.caller.name) as change:
            check_unchanged(form, _values(networks.get(change.session, site)))
            try:
                networks.change(change, page.hub.sealer, site, parts)
            except UnknownSite as fault:
                sites.get(change.session, site)  # whose page this is
                raise BadNetwork(fault.what, to_do=fault.to_do) from None
            box_numbering.number_site(change, site, page.hub.config.box_pool_of(page.hub.organisation_id))
    except (BadInput, ChangedMeanwhile) as fault:
        return _show(page, site, fault, form)
    return page.go("sites", site, "network", done="saved")


def _show(page: WebPage, site: str, fault: RingfenceError | None = None, form: Form = NO_FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        row, asked = sites.get(session, site), networks.get(session, site)
        values = {
            "site": row,
            "port_access": [(each.value, each.value) for each in PortAccess],
            "reach": [words.reach_in_words(each) for each in network_for_edges.reach(session, row.id, asked)],
            "rows": _boxes(session, row.id),
            "has_passphrase": asked.has_wifi_passphrase,
        }
    shown = _values(asked)
    if fault is not None:
        typed = {name: each for name, each in form.items() if name != "wifi_passphrase"}
        return page.refused("networks/network.html", fault, typed, mark=mark(shown), **values)
    return page.show("networks/network.html", fault=None, form=shown, mark=mark(shown), **values)


def _boxes(session: Session, site_id: str) -> Sequence[tuple[BoxRow, EdgeRow]]:
    found = pages.read(session, boxes.choose(session, site_id), _MOST_SHOWN, BoxRow.site_id, BoxRow.edge_id)
    return [(box, session.get_one(EdgeRow, box.edge_id)) for box in found.rows]


def _values(asked: SiteNetwork) -> Form:
    return {
        "is_box": _YES if asked.is_box else "", "known_only": _YES if asked.known_only else "",
        "guests": _YES if asked.guests else "", "prefix": str(asked.prefix), "mtu": str(asked.mtu),
        "uplink_kbit": str(asked.uplink_kbit or ""),
        "domain": asked.domain, "ntp_servers": "\n".join(asked.ntp_servers),
        "names": "\n".join(f"{name}={','.join(addresses)}" for name, addresses in asked.names.items()),
        "reach_by": _BY_DEFAULT if asked.reach is None else _NAMED, "reach": "\n".join(asked.reach or ()),
        "direct_media": "\n".join(asked.direct_media), "port_access": str(asked.port_access),
        "wifi_ssid": asked.wifi_ssid, "wifi_country": asked.wifi_country,
    }  # fmt: skip


def _parts(page: WebPage, form: Form) -> NetworkParts:
    by_default = form.get("reach_by") == _BY_DEFAULT
    passphrase = form.get("wifi_passphrase", "")
    return NetworkParts(
        is_box=bool(form.get("is_box")), known_only=bool(form.get("known_only")), guests=bool(form.get("guests")),
        prefix=int(page.number(form, "prefix", least=0, most=32)),
        mtu=int(page.number(form, "mtu", least=0, most=65_535)),
        uplink_kbit=int(page.number(form, "uplink_kbit", least=0, most=10_000_000)) if form.get("uplink_kbit") else 0,
        domain=form.get("domain", "").strip(), ntp_servers=form.get("ntp_servers", "").split(),
        names=dict(_name(line) for line in form.get("names", "").splitlines() if line.strip()),
        reach=None if by_default else form.get("reach", "").split(), reach_by_default=by_default,
        direct_media=form.get("direct_media", "").split(), port_access=form.get("port_access"),
        wifi=WifiPart(
            form.get("wifi_ssid", ""), form.get("wifi_country", ""), Secret(passphrase) if passphrase else None
        ),
    )  # fmt: skip


def _name(line: str) -> tuple[str, list[str]]:
    name, equals, addresses = line.partition("=")
    if not equals:
        raise BadNetwork(f"{line[:60]!r} is no name with its addresses", to_do="Write pbx.example.org=192.0.2.10.")
    return name, [each.strip() for each in addresses.split(",") if each.strip()]
