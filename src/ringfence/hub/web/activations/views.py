"""Activation codes: preparing phones, and adopting them by a code."""

from collections.abc import Iterator, Sequence
from functools import partial

from fastapi import APIRouter, Response
from sqlalchemy import String, func

from ringfence.errors import RingfenceError
from ringfence.hub.fleet import activation_use, activations, groups
from ringfence.hub.fleet.activation_use import PhoneAtHand
from ringfence.hub.fleet.activations import PreparedPhone
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.people.activations import TheCodeThrottle, code_user
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store.activation_models import ActivationRow
from ringfence.hub.store.models import PhoneGroupRow
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer, csv_answer
from ringfence.hub.web.moments import iso
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.hub.web.phones.changes import find_site, models_by_family
from ringfence.phones.mac import Mac

router = APIRouter(prefix="/activations")

_COLUMNS: lists.Columns = {
    "phone": (ActivationRow.description, ActivationRow.id),
    "site": (func.coalesce(ActivationRow.site_id, "", type_=String()), ActivationRow.id),
    "model": (ActivationRow.model, ActivationRow.id),
    "ends": (ActivationRow.created_at, ActivationRow.id),  # all are good for as long
}
_NEWEST = "-ends"
_HEADING = ("activation", "state", "site", "model", "description", "group", "lines", "code", "by", "ends", "mac")


@router.get("")
def list_activations(page: TheWebPage) -> PageAnswer:
    """Show the prepared phones, newest first unless a heading asks for another order."""
    ended_too = bool(page.query.get("all"))
    with page.hub.database.reading() as session:
        found = lists.read(page, session, activations.choose(page.now, ended_too=ended_too), _COLUMNS, _NEWEST)
    return page.show("activations/list.html", rows=found.rows, next=found.next, ended_too=ended_too, state=_state(page))


@router.get("/-/csv")
def export_activations(page: TheWebPage) -> Response:
    """Return the prepared phones that the list shows, all of them, as a table for a spreadsheet."""
    lists.order(page, _COLUMNS, _NEWEST)  # what can't be is refused before the table begins
    return csv_answer("activations.csv", _HEADING, _table(page))


@router.get("/-/new")
def show_new_activation(page: TheFormPage) -> PageAnswer:
    """Show the form that prepares a phone."""
    form = {"site": page.query.get("site", "")}
    return page.show("activations/new.html", form=form, fault=None, models=models_by_family(), groups=_groups(page))


@router.post("/-/new")
def create_activation(page: TheFormPage, form: TheForm) -> PageAnswer:
    """Prepare a phone, and show its code, this once."""
    try:
        with page.hub.change(page.caller.name) as change:
            site = form.get("site", "").strip()
            prepared = PreparedPhone(
                find_site(change.session, site) if site else "", form.get("model", ""), form.get("description", ""),
                form.get("group", ""), _lines(form),
            )  # fmt: skip
            row, code = activations.create(change, page.hub.sealer, prepared)
    except RingfenceError as fault:
        return page.refused("activations/new.html", fault, form, models=models_by_family(), groups=_groups(page))
    return page.show("activations/created.html", row=row, code=code.to_text())


@router.get("/use")
def show_use(page: TheFormPage) -> PageAnswer:
    """Show the form in which a code is told; the address may say which phone it is."""
    form = {name: page.query.get(name, "") for name in ("phone", "site")}
    return _show_use(page, form)


@router.post("/use")
def use_activation(page: TheFormPage, form: TheForm, throttle: TheCodeThrottle) -> Response:
    """Adopt a phone that waits."""
    at_hand = PhoneAtHand(form.get("phone", ""), form.get("site", "").strip(), form.get("model", ""))
    try:
        phone = activation_use.use(page.hub, throttle, code_user(page.caller), form.get("code", ""), at_hand)
    except RingfenceError as fault:
        return _show_use(page, form, fault)
    return page.go("phones", str(Mac(phone.mac)), done="let-in")


@router.get("/{activation}")
def show_activation(activation: str, page: TheWebPage) -> PageAnswer:
    """Show a prepared phone."""
    with page.hub.database.reading() as session:
        row = activations.get(session, activation)
    return page.show("activations/activation.html", row=row, state=_state(page))


@router.get("/{activation}/revoke")
def ask_to_revoke(activation: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a code is to be revoked."""
    with page.hub.database.reading() as session:
        return page.show("activations/revoke.html", row=activations.get(session, activation))


@router.post("/{activation}/revoke")
def revoke_activation(activation: str, page: TheFormPage) -> Response:
    """Revoke a code, with what was prepared for it."""
    with page.hub.change(page.caller.name) as change:
        activations.revoke(change, activation)
    return page.go("activations", done="revoked")


def _show_use(page: WebPage, form: Form = NO_FORM, fault: RingfenceError | None = None) -> PageAnswer:
    if fault is None:
        return page.show("activations/use.html", form=form, fault=None, models=models_by_family())
    return page.refused("activations/use.html", fault, form, models=models_by_family())


def _table(page: WebPage) -> Iterator[tuple[object, ...]]:
    chosen = activations.choose(page.now, ended_too=bool(page.query.get("all")))
    for _session, rows in lists.parts(page, lambda _session: chosen, _COLUMNS, _NEWEST):
        for row in rows:
            lines = ", ".join(f"{line.name}={line.label}" if line.label else line.name for line in row.lines)
            yield (
                row.id, activations.state_of(row, page.now), row.site_id or "", row.model, row.description,
                row.group_id or "", lines, f"…{row.ending}", row.created_by, iso(row.ends_at),
                Mac(row.mac) if row.mac else "",
            )  # fmt: skip


def _state(page: WebPage) -> object:
    return partial(activations.state_of, now=page.now)


def _groups(page: WebPage) -> Sequence[tuple[PhoneGroupRow, int]]:
    with page.hub.database.reading() as session:
        return groups.find(session)


def _lines(form: Form) -> dict[int, LineParts]:
    texts = [text.strip() for text in form.get("lines", "").splitlines() if text.strip()]
    parts = (text.partition("=") for text in texts)
    return {index: LineParts(label or None, name) for index, (name, _equals, label) in enumerate(parts, 1)}
