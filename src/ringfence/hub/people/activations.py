"""Activation codes: phones that are prepared without their MAC address, and adopted by whoever stands at them."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from ringfence.hub.errors import BadSelection
from ringfence.hub.fleet import activation_use, activations
from ringfence.hub.fleet.activation_use import CodeUser, PhoneAtHand
from ringfence.hub.fleet.activations import PreparedPhone
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.sign_in_throttle import SignInThrottle
from ringfence.hub.people.callers import Caller, TheCaller, TheHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.phones import phone_view
from ringfence.hub.people.rights import RIGHTS, Right
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.activations import (
    ActivationLineView,
    ActivationUse,
    ActivationView,
    NewActivation,
    NewActivationView,
)
from ringfence.hub.people.schemas.phones import PhoneView
from ringfence.hub.store.activation_models import ActivationRow
from ringfence.phones.mac import Mac
from ringfence.secret import Secret

router = APIRouter(tags=["activations"])


def _throttle(request: Request) -> SignInThrottle:
    found: SignInThrottle = request.app.state.code_throttle
    return found


TheCodeThrottle = Annotated[SignInThrottle, Depends(_throttle)]
"""What counts wrong codes."""


@router.post("/activations", status_code=201)
def create_activation(body: NewActivation, hub: TheHub, caller: TheCaller) -> NewActivationView:
    """Prepare a phone without its MAC address. The code that adopts one is good once, and shown only here."""
    lines = {line.index: line for line in body.lines}
    if len(lines) < len(body.lines):
        raise BadSelection("a line is given twice", to_do="Give each key one line.")
    parts = {
        index: LineParts(
            line.label or None, line.name, line.display_name or None, line.auth_name or None,
            None if line.password is None else Secret(line.password),
        )
        for index, line in lines.items()
    }  # fmt: skip
    prepared = PreparedPhone(body.site, body.model, body.description, body.group, parts)
    with hub.change(caller.name) as change:
        row, code = activations.create(change, hub.sealer, prepared)
        return NewActivationView(**_view(row, change.now).model_dump(), code=code.to_text())


@router.get("/activations")
def list_activations(
    hub: TheHub,
    _caller: TheCaller,
    page: ThePage,
    site: Annotated[str | None, Query(description="Only phones that may be adopted at this site")] = None,
    ended_too: Annotated[bool, Query(description="Also codes that were used, revoked, or have ended")] = False,
) -> Items[ActivationView]:
    """List the prepared phones, newest first."""
    now = hub.clock()
    with hub.database.reading() as session:
        found = activations.find(session, page, now, ended_too=ended_too, site_id=site)
        return Items.of(found.each(lambda row: _view(row, now)))


@router.post("/activations/use")
def use_activation(body: ActivationUse, hub: TheHub, caller: TheCaller, throttle: TheCodeThrottle) -> PhoneView:
    """Adopt a phone that waits as the one that was prepared with this code."""
    at_hand = PhoneAtHand(body.phone, body.site, body.model)
    return phone_view(activation_use.use(hub, throttle, code_user(caller), body.code, at_hand))


@router.get("/activations/{activation}")
def show_activation(activation: str, hub: TheHub, _caller: TheCaller) -> ActivationView:
    """Show a prepared phone."""
    with hub.database.reading() as session:
        return _view(activations.get(session, activation), hub.clock())


@router.delete("/activations/{activation}", status_code=204)
def revoke_activation(activation: str, hub: TheHub, caller: TheCaller) -> None:
    """Revoke a code, with what was prepared for it."""
    with hub.change(caller.name) as change:
        activations.revoke(change, activation)


def code_user(caller: Caller) -> CodeUser:
    """Return who a caller is to codes."""
    return CodeUser(caller.id, caller.name, Right.EDIT in RIGHTS[caller.role])


def _view(row: ActivationRow, now: float) -> ActivationView:
    return ActivationView(
        id=row.id, ending=row.ending, state=activations.state_of(row, now), site=row.site_id, model=row.model,
        description=row.description, group=row.group_id,
        lines=[
            ActivationLineView(
                index=line.index, name=line.name, label=line.label, display_name=line.display_name,
                auth_name=line.auth_name,
            )
            for line in row.lines
        ],
        created_at=row.created_at, created_by=row.created_by, ends_at=row.ends_at, used_at=row.used_at,
        used_by=row.used_by, mac=str(Mac(row.mac)) if row.mac else None, revoked_at=row.revoked_at,
    )  # fmt: skip
