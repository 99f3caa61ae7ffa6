"""Phones' lines."""

from typing import Annotated

from fastapi import APIRouter, Path

from ringfence.hub.fleet import (
    lines,
    phones,
)
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.lines import LineChanges, LinePutView, LineView, PasswordView
from ringfence.hub.publishing import trial
from ringfence.hub.store import models
from ringfence.phones.settings.types import Scope
from ringfence.secret import Secret

router = APIRouter()

Index = Annotated[int, Path(ge=1, le=1000, description="The line's key, from 1")]


@router.get("/phones/{mac}/lines", tags=["lines"])
def list_lines(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> Items[LineView]:
    """List a phone's lines."""
    with hub.database.reading() as session:
        return Items(items=[line_view(row) for row in phones.get(session, mac).lines])


@router.put("/phones/{mac}/lines/{index}", tags=["lines"])
def put_line(mac: ThePhone, index: Index, body: LineChanges, hub: TheHub, caller: TheCaller) -> LinePutView:
    """Add or change a line. A phone's first line gets a generated password, which its other lines share."""
    parts = lines.LineParts(
        label=body.label, name=body.name, display_name=body.display_name, auth_name=body.auth_name,
        password=None if body.password is None else Secret(body.password),
    )  # fmt: skip
    place = SettingPlace(Scope.PHONE, mac.bare)
    with hub.change(caller.name) as change, trial.keeps_phones(hub, change, place):
        line = lines.put(change, hub.sealer, mac, index, parts)
        change.session.flush()
        sharing = lines.phones_with_user(change.session, [line.name]).get(line.name, ())
        return LinePutView(**line_view(line).model_dump(), also_on=[str(other) for other in sharing if other != mac])


@router.delete("/phones/{mac}/lines/{index}", status_code=204, tags=["lines"])
def remove_line(mac: ThePhone, index: Index, hub: TheHub, caller: TheCaller) -> None:
    """Remove a line."""
    with hub.change(caller.name) as change:
        lines.remove(change, hub.sealer, mac, index)


@router.post("/phones/{mac}/lines/{index}/password/reveal", tags=["lines"])
def reveal_password(mac: ThePhone, index: Index, hub: TheHub, caller: TheCaller) -> PasswordView:
    """Show the SIP password that a line registers with; the audit log records this."""
    with hub.change(caller.name) as change:
        return PasswordView(password=lines.reveal(change, hub.sealer, mac, index).reveal())


@router.post("/phones/{mac}/lines/{index}/password/rotate", tags=["lines"])
def rotate_password(mac: ThePhone, index: Index, hub: TheHub, caller: TheCaller) -> LineView:
    """Give a line a new generated password; the PBX needs it too."""
    with hub.change(caller.name) as change:
        return line_view(lines.rotate(change, hub.sealer, mac, index))


def line_view(row: models.LineRow) -> LineView:
    """Return a line in the API's form."""
    return LineView(
        index=row.index, label=row.label, name=row.name, display_name=row.display_name, auth_name=row.auth_name
    )
