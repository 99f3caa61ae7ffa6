"""Settings at each scope; the catalogue; and which values apply to a phone, and why."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query

from ringfence.hub.errors import NotSet
from ringfence.hub.fleet import settings
from ringfence.hub.fleet.settings import ORGANISATION, Given, SettingPlace
from ringfence.hub.people.callers import TheCaller, TheHub, ThePhone
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.settings import (
    CatalogueEntryView,
    NewSettingValue,
    SettingAtScopeView,
    SettingExplanationView,
    SettingView,
)
from ringfence.hub.publishing import file_values, trial
from ringfence.phones.rendering.resolve_settings import Scope, settings_named
from ringfence.phones.rendering.resolve_settings import Setting as SettingOfFamily

router = APIRouter(tags=["settings"])


def _organisation() -> SettingPlace:
    return ORGANISATION


def _site(site: str) -> SettingPlace:
    return SettingPlace(Scope.SITE, site)


def _group(group: str) -> SettingPlace:
    return SettingPlace(Scope.GROUP, group)


def _phone(mac: ThePhone) -> SettingPlace:
    return SettingPlace(Scope.PHONE, mac.bare)


def _line(mac: ThePhone, index: Annotated[int, Path(ge=1, le=1000, description="The line's key")]) -> SettingPlace:
    return SettingPlace(Scope.LINE, mac.bare, index)


Effective = Annotated[bool, Query(description="Also return values from wider scopes, not only those set here")]


@router.get("/settings/catalogue")
def list_catalogue(_caller: TheCaller, family: str | None = None) -> Items[CatalogueEntryView]:
    """List all settings, or those of one family."""
    return Items(items=[_entry(entry, families) for entry, families in settings.catalogue(family)])


@router.get("/phones/{mac}/settings")
def show_effective(mac: ThePhone, hub: TheHub, _caller: TheCaller) -> Items[SettingView]:
    """Show every setting of a phone with its value and the scope that it comes from."""
    with hub.database.reading() as session:
        return Items(items=[_setting(item) for item in settings.effective(session, _phone(mac))])


@router.get("/phones/{mac}/explain")
def explain(mac: ThePhone, hub: TheHub, _caller: TheCaller, name: str | None = None) -> Items[SettingExplanationView]:
    """Show for each setting of a phone, or for one, which value applies and what every scope says."""
    with hub.database.reading() as session:
        found = settings.explain(session, mac, name)
        texts = file_values.published_texts(hub, session, mac)
    return Items(items=[_explanation(item, file_values.in_file(texts, item.setting)) for item in found])


def _add_scope(path: str, what: str, place_of: Callable[..., SettingPlace]) -> None:
    """Add the four routes of one scope."""

    @router.get(path, operation_id=f"list_{what}_settings", summary=f"List {what} settings")
    def list_here(
        place: Annotated[SettingPlace, Depends(place_of)], hub: TheHub, _caller: TheCaller, effective: Effective = False
    ) -> Items[SettingView]:
        """List what is set here, by name."""
        with hub.database.reading() as session:
            found = settings.effective(session, place) if effective else settings.given(session, place)
        return Items(items=[_setting(item) for item in found])

    @router.get(path + "/{name:path}", operation_id=f"show_{what}_setting", summary=f"Show one {what} setting")
    def show_here(
        name: str, place: Annotated[SettingPlace, Depends(place_of)], hub: TheHub, _caller: TheCaller
    ) -> SettingView:
        """Show the value that applies here, and the scope that it comes from."""
        with hub.database.reading() as session:
            found = [item for item in settings.effective(session, place) if item.setting.name == name]
        if not found:
            settings_named((), name)  # names the nearest ones where there is no such setting
            raise NotSet(f"{name} is not set for {place}", to_do="Phones use their family's default.")
        return _setting(found[0])

    @router.put(path + "/{name:path}", operation_id=f"put_{what}_setting", summary=f"Set one {what} setting")
    def put_here(
        name: str,
        body: NewSettingValue,
        place: Annotated[SettingPlace, Depends(place_of)],
        hub: TheHub,
        caller: TheCaller,
    ) -> SettingView:
        """Set a value; errors name the nearest settings, the limits and the unit, or the phone that can't have it."""
        with hub.change(caller.name) as change, trial.keeps_phones(hub, change, place):
            return _setting(settings.put(change, hub.sealer, place, name, body.value))

    @router.delete(
        path + "/{name:path}",
        status_code=204,
        operation_id=f"unset_{what}_setting",
        summary=f"Unset one {what} setting",
    )
    def unset_here(
        name: str, place: Annotated[SettingPlace, Depends(place_of)], hub: TheHub, caller: TheCaller
    ) -> None:
        """Unset a value; wider scopes apply from then on."""
        with hub.change(caller.name) as change:
            settings.unset(change, place, name)


_add_scope("/settings/organisation", "organisation", _organisation)
_add_scope("/settings/sites/{site}", "site", _site)
_add_scope("/settings/groups/{group}", "group", _group)
_add_scope("/settings/phones/{mac}/lines/{index}", "line", _line)
_add_scope("/settings/phones/{mac}", "phone", _phone)


def _explanation(item: settings.SettingExplanation, in_file: str | None) -> SettingExplanationView:
    last = len(item.given) - 1
    return SettingExplanationView(
        name=item.setting.name, secret=item.setting.secret, written=item.written, in_file=in_file,
        element=item.setting.element, notes=list(item.notes),
        help=item.setting.help, mark=str(item.setting.mark), source=item.setting.source,
        given=[
            SettingAtScopeView(scope=scope, place=place, value=None if item.setting.secret else value, wins=at == last)
            for at, (scope, place, value) in enumerate(item.given)
        ],
    )  # fmt: skip


def _setting(item: Given) -> SettingView:
    return SettingView(
        name=item.setting.name, value=item.value, scope=item.scope, secret=item.setting.secret, unit=item.setting.unit,
        help=item.setting.help,
    )  # fmt: skip


def _entry(entry: SettingOfFamily, families: list[str]) -> CatalogueEntryView:
    return CatalogueEntryView(
        name=entry.name, type=str(entry.type), default=entry.default, unit=entry.unit, minimum=entry.minimum,
        maximum=entry.maximum, choices=list(entry.choices), scopes=[str(scope) for scope in entry.scopes],
        secret=entry.secret, families=families, takes=entry.takes, help=entry.help, source=entry.source,
        mark=str(entry.mark),
    )  # fmt: skip
