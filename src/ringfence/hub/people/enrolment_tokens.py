"""Enrolment tokens, each of which lets one edge join a site."""

from fastapi import APIRouter

from ringfence.hub.fleet import enrolment_tokens, sites
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.enrolment_tokens import EnrolmentTokenView, NewEnrolmentToken, NewEnrolmentTokenView
from ringfence.hub.store import models, pages
from ringfence.identity.tokens import EnrolmentToken as TokenText

router = APIRouter()


@router.post("/sites/{site}/tokens", status_code=201, tags=["enrolment"])
def create_token(
    site: str, hub: TheHub, caller: TheCaller, wanted: NewEnrolmentToken | None = None
) -> NewEnrolmentTokenView:
    """Create a one-time token with which one edge joins the site. It is shown only once."""
    with hub.change(caller.name) as change:
        row, secret = enrolment_tokens.create(change, site, wanted.days if wanted is not None else 1)
        name = sites.get(change.session, site).name
    text = TokenText(hub.device_url, hub.authority.fingerprint, secret, int(row.expires_at), name).to_text()
    return NewEnrolmentTokenView(**_token(row).model_dump(), token=text)


@router.get("/sites/{site}/tokens", tags=["enrolment"])
def list_tokens(site: str, hub: TheHub, _caller: TheCaller, page: ThePage) -> Items[EnrolmentTokenView]:
    """List a site's tokens and whether they were used, newest first."""
    with hub.database.reading() as session:
        return Items.of(pages.cut(enrolment_tokens.find(session, site), page).each(_token))


@router.delete("/tokens/{token}", status_code=204, tags=["enrolment"])
def revoke_token(token: str, hub: TheHub, caller: TheCaller) -> None:
    """Revoke an enrolment token."""
    with hub.change(caller.name) as change:
        enrolment_tokens.revoke(change, token)


def _token(row: models.EnrolmentTokenRow) -> EnrolmentTokenView:
    return EnrolmentTokenView(
        id=row.id, site=row.site_id, created_at=row.created_at, created_by=row.created_by, expires_at=row.expires_at,
        used_at=row.used_at, edge=row.edge_id, revoked_at=row.revoked_at,
    )  # fmt: skip
