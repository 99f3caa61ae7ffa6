"""Settings: the catalogue, what is set at each scope, and where a phone's values come from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from sqlalchemy.orm import Session

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.errors import ApprovalMissing
from ringfence.hub.fleet import groups, phones, settings, sites
from ringfence.hub.fleet.settings import ORGANISATION, SettingPlace
from ringfence.hub.people.callers import ThePhone
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.publishing import trial
from ringfence.hub.web import templates
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.resolve_settings import settings_named
from ringfence.phones.settings.types import Scope, Value

router = APIRouter()

Index = Annotated[int, Path(ge=1, le=1000)]


@dataclass(frozen=True, slots=True)
class PlacePage:
    """A place of settings as pages name it: its path, and what it is called."""

    place: SettingPlace
    segments: tuple[str, ...]
    back: str
    """Where its own page is; empty where it has none."""

    @property
    def command(self) -> str:
        """What the command line calls it."""
        match self.place.scope:
            case Scope.PHONE:
                return f"phone {Mac(self.place.subject)}"
            case Scope.LINE:
                return f"line {Mac(self.place.subject)} {self.place.line}"
            case scope:
                return f"{scope} {self.place.subject}".strip()

    def title(self, session: Session) -> str:
        """Return what people call it; the error where it is not there says so."""
        match self.place.scope:
            case Scope.SITE:
                return sites.get(session, self.place.subject).name
            case Scope.GROUP:
                return groups.get(session, self.place.subject).name
            case Scope.PHONE:
                return _called(session, self.place)
            case Scope.LINE:
                return f"line {self.place.line} of {_called(session, self.place)}"
            case _:
                return "the whole organisation"


def _called(session: Session, place: SettingPlace) -> str:
    phone = phones.get(session, Mac(place.subject))
    return phone.description or str(Mac(phone.mac))


def _organisation() -> PlacePage:
    return PlacePage(ORGANISATION, ("settings", "organisation"), "")


def _site(site: str) -> PlacePage:
    return PlacePage(SettingPlace(Scope.SITE, site), ("settings", "sites", site), "sites")


def _group(group: str) -> PlacePage:
    return PlacePage(SettingPlace(Scope.GROUP, group), ("settings", "groups", group), "")


def _phone(mac: ThePhone) -> PlacePage:
    return PlacePage(SettingPlace(Scope.PHONE, mac.bare), ("phones", str(mac), "settings"), "phones")


def _line(mac: ThePhone, index: Index) -> PlacePage:
    place = SettingPlace(Scope.LINE, mac.bare, index)
    return PlacePage(place, ("phones", str(mac), "lines", str(index), "settings"), "")


@router.get("/settings/catalogue")
def list_catalogue(page: TheWebPage) -> PageAnswer:
    """Show all settings, or those in whose name or meaning a word occurs."""
    wanted = page.query.get("search", "").strip().lower()[:100]
    found = [
        (setting, families)
        for setting, families in settings.catalogue(page.query.get("family") or None)
        if wanted in setting.name or wanted in setting.help.lower()
    ]
    return page.show("settings/catalogue.html", found=found[:MOST_SHOWN], more=max(len(found) - MOST_SHOWN, 0))


MOST_SHOWN = 100
"""How many settings one page shows; searching finds the others."""


@router.get("/phones/{mac}/settings")
def explain_settings(mac: ThePhone, page: TheWebPage) -> PageAnswer:
    """Show a phone's settings: each value, where it comes from, and what it would be without."""
    wanted, only_set = page.query.get("search", "").strip().lower()[:100], page.query.get("only", "") == "set"
    with page.hub.database.reading() as session:
        phone = phones.get(session, mac)
        found = [
            each
            for each in settings.explain(session, mac)
            if (wanted in each.setting.name or wanted in each.setting.help.lower())
            and (len(each.given) > 1 or not only_set)
        ]
    shown, more = found[:MOST_SHOWN], max(len(found) - MOST_SHOWN, 0)
    return page.show("settings/of_phone.html", address=mac, phone=phone, found=shown, more=more)


@router.get("/phones/{mac}/lines/{index}/settings")
def explain_line(place: Annotated[PlacePage, Depends(_line)], page: TheWebPage) -> PageAnswer:
    """Show the settings that a line can have, and which scope each value comes from."""
    with page.hub.database.reading() as session:
        title, found = place.title(session), settings.effective(session, place.place)
    address = Mac(place.place.subject)
    return page.show("settings/of_line.html", place=place, title=title, found=found, address=address)


def _add_list(path: str, place_of: Callable[..., PlacePage]) -> None:
    """Add the page of what is set at one scope."""

    @router.get(path)
    def list_here(place: Annotated[PlacePage, Depends(place_of)], page: TheWebPage) -> PageAnswer:
        """Show what is set here."""
        with page.hub.database.reading() as session:
            title, given = place.title(session), settings.given(session, place.place)
        return page.show("settings/list.html", place=place, title=title, given=given)


def _add_form(path: str, place_of: Callable[..., PlacePage]) -> None:
    """Add the form of one setting at one scope."""

    @router.get(path + "/{name:path}")
    def show_here(name: str, place: Annotated[PlacePage, Depends(place_of)], page: TheFormPage) -> PageAnswer:
        """Show the form of a setting."""
        form = page.query if "value" in page.query else {}
        return _form_of(page, place, name, form, None)

    @router.post(path + "/{name:path}")
    def put_here(
        name: str, place: Annotated[PlacePage, Depends(place_of)], page: TheFormPage, form: TheForm
    ) -> Response:
        """Set a value, or leave it to wider scopes."""
        hub = page.hub
        try:
            with hub.change(page.caller.name) as change, trial.keeps_phones(hub, change, place.place):
                check_unchanged(form, _here(change.session, place, name))
                if form.get("do") == "unset":
                    settings.unset(change, place.place, name)
                else:
                    settings.put(change, hub.sealer, place.place, name, form.get("value", ""))
        except (BadInput, ApprovalMissing) as fault:
            return _form_of(page, place, name, form, fault)
        return page.go(*place.segments, done="saved")


def _form_of(page: WebPage, place: PlacePage, name: str, form: Form, fault: RingfenceError | None) -> PageAnswer:
    setting = settings_named((), name)[0]
    with page.hub.database.reading() as session:
        title, said = place.title(session), _said(session, place, name)
        shown = mark(_here(session, place, name))
    is_here = bool(said) and said[-1][0] == str(place.place.scope)
    if not form and said and said[-1][2] is not None:
        form = {"value": templates.typed(said[-1][2])}
    values = {"place": place, "title": title, "setting": setting, "said": said, "is_here": is_here}
    kept = {"value": ""} if fault is not None and setting.secret else form
    return page.form("settings/setting.html", fault, kept, mark=shown, **values)


def _here(session: Session, place: PlacePage, name: str) -> Form:
    """Return what is set at exactly this place; of a secret only that there is one."""
    found = [each for each in settings.given(session, place.place) if each.setting.name == name]
    if not found:
        return NO_FORM
    return {"value": "a secret" if found[0].setting.secret else templates.typed(found[0].value)}


def _said(session: Session, place: PlacePage, name: str) -> list[tuple[str, str, Value | None]]:
    """Return what scopes say about a setting, from the widest to this one: scope, place in words, value."""
    if place.place.scope is Scope.PHONE:
        known = [each for each in settings.explain(session, Mac(place.place.subject)) if each.setting.name == name]
        return list(known[0].given) if known else []
    found = [each for each in settings.effective(session, place.place) if each.setting.name == name]
    return [(each.scope, each.scope, each.value) for each in found]


_add_list("/settings/organisation", _organisation)
_add_list("/settings/sites/{site}", _site)
_add_list("/settings/groups/{group}", _group)
_add_form("/settings/organisation", _organisation)
_add_form("/settings/sites/{site}", _site)
_add_form("/settings/groups/{group}", _group)
_add_form("/phones/{mac}/settings", _phone)
_add_form("/phones/{mac}/lines/{index}/settings", _line)
