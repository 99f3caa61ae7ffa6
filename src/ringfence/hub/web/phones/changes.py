"""Forms that add, change, reload, block and remove a phone."""

from collections.abc import Sequence

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.errors import ApprovalMissing, StillTrusting
from ringfence.hub.fleet import groups, phone_removal, phones, sites
from ringfence.hub.fleet.guard import blocks
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.people.callers import ThePhone
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.publishing import trial
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.telephony import reload_by_pbx
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.marks import check_unchanged, mark
from ringfence.hub.web.page import FieldRefused, TheFormPage
from ringfence.phones.families import families
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope

router = APIRouter(prefix="/phones")

ACTIONS = {"restart": "Fetch its files and register again", "reset": "Boot", "check-version": "Look for newer firmware"}
"""What a phone can be told, in words."""


def models_by_family() -> Sequence[tuple[str, str]]:
    """Return all models for a choice: value and title."""
    return [
        (model.name, f"{model.title} ({family.id})")
        for family in families().values()
        for model in family.models.values()
    ]


@router.get("/-/new")
def show_new_phone(page: TheFormPage) -> PageAnswer:
    """Show the form for a new phone; the address may say its site already."""
    form = {"site": page.query.get("site", ""), "mac": page.query.get("mac", ""), "model": page.query.get("model", "")}
    return page.show("phones/new.html", form=form, fault=None, models=models_by_family())


@router.post("/-/new")
def add_phone(page: TheFormPage, form: TheForm) -> Response:
    """Add a phone and lead on to its first line."""
    try:
        mac = Mac.parse(form.get("mac", ""))
        with page.hub.change(page.caller.name) as change:
            site_id = find_site(change.session, form.get("site", ""))
            phones.add(change, mac, site_id, form.get("model", ""), form.get("description", ""))
    except (BadInput, ApprovalMissing) as fault:
        return page.refused("phones/new.html", fault, form, models=models_by_family())
    return page.go("phones", str(mac), "lines", "1", done="phone-added")


@router.get("/{mac}/change")
def show_change(mac: ThePhone, page: TheFormPage) -> PageAnswer:
    """Show the form that changes a phone."""
    with page.hub.database.reading() as session:
        form = _values(phones.get(session, mac))
        there = groups.find(session)
    return page.show(
        "phones/change.html", address=mac, form=form, mark=mark(form), fault=None, groups=there,
        models=models_by_family(),
    )  # fmt: skip


@router.post("/{mac}/change")
def change_phone(mac: ThePhone, page: TheFormPage, form: TheForm) -> Response:
    """Change a phone's site, group, model, description or known firmware."""
    place = SettingPlace(Scope.PHONE, mac.bare)
    try:
        with page.hub.change(page.caller.name) as change, trial.keeps_phones(page.hub, change, place):
            check_unchanged(form, _values(phones.get(change.session, mac)))
            parts = phones.PhoneParts(
                find_site(change.session, form.get("site", "")), form.get("model"), form.get("description"),
                form.get("group"), form.get("running_load"),
            )  # fmt: skip
            phones.change(change, mac, parts)
    except (BadInput, ApprovalMissing) as fault:
        with page.hub.database.reading() as session:
            there, now = groups.find(session), _values(phones.get(session, mac))
        return page.refused(
            "phones/change.html", fault, form, address=mac, mark=mark(now), groups=there, models=models_by_family()
        )
    return page.go("phones", str(mac), done="saved")


@router.get("/{mac}/reload")
def ask_to_reload(mac: ThePhone, page: TheFormPage) -> PageAnswer:
    """Ask what a phone is to be told."""
    with page.hub.database.reading() as session:
        phones.get(session, mac)
    return page.show("phones/reload.html", address=mac, form={}, fault=None, actions=ACTIONS)


@router.post("/{mac}/reload")
def reload_phone(mac: ThePhone, page: TheFormPage, form: TheForm) -> Response:
    """Send a phone an order, through its PBX or its edge."""
    try:
        match form.get("action", ""):
            case "restart" | "reset" | "check-version" as action:
                told = reload_by_pbx.tell(page.hub, mac, action)
            case other:
                raise FieldRefused("action", f"there is no order {other[:40]!r}", to_do="Choose one.")
    except RingfenceError as fault:
        return page.refused("phones/reload.html", fault, form, address=mac, actions=ACTIONS)
    with page.hub.change(page.caller.name) as change:
        change.note("phone.reload", str(mac), f"{action} through {told.pbx}")
    return page.go("phones", str(mac), done="told-in-room" if told.in_room else "told")


@router.get("/{mac}/block")
def ask_to_block(mac: ThePhone, page: TheFormPage) -> PageAnswer:
    """Ask whether a phone is to be blocked, or let in again."""
    with page.hub.database.reading() as session:
        return page.show("phones/block.html", address=mac, phone=phones.get(session, mac), fault=None)


@router.post("/{mac}/block")
def block_phone(mac: ThePhone, page: TheFormPage, form: TheForm) -> Response:
    """Block a phone at every site, or end its block."""
    with page.hub.change(page.caller.name) as change:
        if form.get("do") == "unblock":
            blocks.unblock(change, mac)
        else:
            blocks.block(change, mac)
    return page.go("phones", str(mac), done="saved")


@router.get("/{mac}/remove")
def ask_to_remove(mac: ThePhone, page: TheFormPage) -> PageAnswer:
    """Ask whether a phone is to be removed."""
    with page.hub.database.reading() as session:
        phones.get(session, mac)
        held = phone_removal.refusal(session, mac)
        return page.show("phones/remove.html", address=mac, form={}, fault=held, holds_something=held is not None)


@router.post("/{mac}/remove")
def remove_phone(mac: ThePhone, page: TheFormPage, form: TheForm) -> Response:
    """Remove a phone; the next publish removes its files."""
    try:
        with page.hub.change(page.caller.name) as change:
            if form.get("keeps_list") != "yes":
                phone_removal.check(change.session, mac)
            phones.remove(change, mac)
    except StillTrusting as fault:
        return page.refused("phones/remove.html", fault, form, address=mac, holds_something=True)
    return page.go("phones", done="removed")


def _values(phone: PhoneRow) -> Form:
    return {
        "site": phone.site_id, "model": phone.model, "group": phone.group_id or "", "description": phone.description,
        "running_load": phone.running_load,
    }  # fmt: skip


def find_site(session: Session, text: str) -> str:
    """Return the id of the site that somebody means by its id or name.

    Raises:
        UnknownSite: There is none; the error names the nearest ids.
    """
    found = sites.find(session, text.strip())
    if found is None:
        raise sites.unknown(session, text)
    return found.id
