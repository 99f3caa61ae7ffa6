"""Sign-in providers: OpenID Connect, by which an organisation's people come in."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from sqlalchemy.orm import Session

from ringfence.hub.fleet import access_scopes, sign_in_providers
from ringfence.hub.fleet.sign_in_providers import GroupMapping, ProviderValues
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.provider_sign_ins import ProviderSignIns
from ringfence.hub.people.rights import Role
from ringfence.hub.people.schemas import AccessScopeView, Items
from ringfence.hub.people.schemas.sign_in_providers import (
    GroupMappingView,
    NewGroupMapping,
    NewSignInProvider,
    SignInProviderChanges,
    SignInProviderCheckView,
    SignInProviderView,
)
from ringfence.hub.store.sign_in_provider_models import SignInProviderRow
from ringfence.secret import Secret

router = APIRouter(tags=["access"])


def provider_sign_ins(request: Request) -> ProviderSignIns:
    """Return what people of this hub do with sign-in providers."""
    found: ProviderSignIns = request.app.state.provider_sign_ins
    return found


TheProviderSignIns = Annotated[ProviderSignIns, Depends(provider_sign_ins)]


@router.get("/sign-in-providers")
def list_sign_in_providers(
    hub: TheHub, _caller: TheCaller, page: ThePage, sign_ins: TheProviderSignIns
) -> Items[SignInProviderView]:
    """List the sign-in providers of the organisation."""
    with hub.database.reading() as session:
        found = sign_in_providers.find(session, page)
        return Items.of(found.each(lambda row: _provider(row, sign_ins)))


@router.post("/sign-in-providers", status_code=201)
def add_sign_in_provider(
    body: NewSignInProvider, hub: TheHub, caller: TheCaller, sign_ins: TheProviderSignIns
) -> SignInProviderView:
    """Add a sign-in provider; nobody comes in by it before one of its groups has a role."""
    with hub.change(caller.name) as change:
        values = ProviderValues(
            body.name, body.issuer, body.client_id, mappings(change.session, body.groups), body.group_claim,
            body.scopes, body.session_hours,
        )  # fmt: skip
        row = sign_in_providers.add(change, hub.sealer, body.id, values, Secret(body.client_secret))
        return _provider(row, sign_ins)


@router.get("/sign-in-providers/{provider}")
def show_sign_in_provider(
    provider: str, hub: TheHub, _caller: TheCaller, sign_ins: TheProviderSignIns
) -> SignInProviderView:
    """Show a sign-in provider."""
    with hub.database.reading() as session:
        return _provider(sign_in_providers.get(session, provider), sign_ins)


@router.patch("/sign-in-providers/{provider}")
def change_sign_in_provider(
    provider: str, body: SignInProviderChanges, hub: TheHub, caller: TheCaller, sign_ins: TheProviderSignIns
) -> SignInProviderView:
    """Change a sign-in provider; roles hold from its people's next sign-in on."""
    with hub.change(caller.name) as change:
        row = sign_in_providers.get(change.session, provider)
        groups = mappings(change.session, body.groups) if body.groups is not None else None
        values = ProviderValues(
            row.name if body.name is None else body.name,
            row.issuer if body.issuer is None else body.issuer,
            row.client_id if body.client_id is None else body.client_id,
            sign_in_providers.mappings_of(row) if groups is None else groups,
            row.group_claim if body.group_claim is None else body.group_claim,
            row.asked_scopes if body.scopes is None else body.scopes,
            row.session_hours if body.session_hours is None else body.session_hours,
        )
        sign_in_providers.set_values(change, row, values)
        if body.client_secret is not None:
            sign_in_providers.set_secret(change, hub.sealer, row, Secret(body.client_secret))
        return _provider(row, sign_ins)


@router.post("/sign-in-providers/{provider}/check")
def check_sign_in_provider(
    provider: str, hub: TheHub, _caller: TheCaller, sign_ins: TheProviderSignIns
) -> SignInProviderCheckView:
    """Ask a sign-in provider for its addresses and keys."""
    with hub.database.reading() as session:
        issuer = sign_in_providers.get(session, provider).issuer
    found, keys = sign_ins.look(issuer)
    return SignInProviderCheckView(authorization_endpoint=found.authorization_endpoint, keys=keys)


@router.delete("/sign-in-providers/{provider}", status_code=204)
def remove_sign_in_provider(provider: str, hub: TheHub, caller: TheCaller) -> None:
    """Remove a sign-in provider; the sessions of its people end."""
    with hub.change(caller.name) as change:
        sign_in_providers.remove(change, sign_in_providers.get(change.session, provider))


def mappings(session: Session, groups: Sequence[NewGroupMapping]) -> list[GroupMapping]:
    """Return what groups may do, with sites and groups that are there."""
    return [
        GroupMapping(each.group, each.role.value, access_scopes.of_body(session, each.limited_to)) for each in groups
    ]


def _provider(row: SignInProviderRow, sign_ins: ProviderSignIns) -> SignInProviderView:
    groups = [
        GroupMappingView(group=each.group, role=Role(each.role), limited_to=AccessScopeView.of(each.limited_to))
        for each in sign_in_providers.mappings_of(row)
    ]
    return SignInProviderView(
        id=row.id, name=row.name, issuer=row.issuer, client_id=row.client_id, groups=groups,
        group_claim=row.group_claim, scopes=row.asked_scopes, session_hours=row.session_hours,
        redirect_uri=sign_ins.redirect_uri, created_at=row.created_at, created_by=row.created_by,
    )  # fmt: skip
