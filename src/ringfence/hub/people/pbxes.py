"""PBXes that the hub talks to."""

from fastapi import APIRouter

from ringfence.hub.fleet import pbxes
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.pbxes import NewPbx, PbxCheckView, PbxView
from ringfence.hub.store import pages, pbx_models
from ringfence.hub.telephony import links
from ringfence.secret import Secret

router = APIRouter(tags=["sip"])


@router.post("/pbxes", status_code=201)
def add_pbx(body: NewPbx, hub: TheHub, caller: TheCaller) -> PbxView:
    """Add a PBX for the hub to talk to."""
    with hub.change(caller.name) as change:
        row = pbxes.add(
            change, hub.sealer, body.name, body.kind, body.url, body.user, Secret(body.secret), body.realm,
            body.sip_servers, trust=body.trust, networks=hub.config.pbx_networks,
            allows_clear_text=body.allow_clear_text,
        )  # fmt: skip
        return _pbx(row)


@router.get("/pbxes")
def list_pbxes(hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[PbxView]:
    """List the PBXes that the hub talks to."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(pbxes.find(session), page).each(_pbx))


@router.post("/pbxes/{pbx}/check")
def check_pbx(pbx: str, hub: TheHub, _caller: TheCaller) -> PbxCheckView:
    """Check whether a PBX answers, and return its version."""
    with hub.database.reading() as session:
        row = pbxes.get(session, pbx)
    return PbxCheckView(version=links.link(hub, row).check())


@router.delete("/pbxes/{pbx}", status_code=204)
def remove_pbx(pbx: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a PBX."""
    with hub.change(caller.name) as change:
        pbxes.remove(change, pbx)


def _pbx(row: pbx_models.PbxRow) -> PbxView:
    return PbxView(
        id=row.id, kind=row.kind, url=row.url, user=row.user, realm=row.realm,
        sip_servers=[host for host in row.sip_servers.split(",") if host], created_at=row.created_at,
        is_pinned=bool(row.trust), warning=pbxes.warning(row),
    )  # fmt: skip
