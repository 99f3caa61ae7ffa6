"""Your passkeys: add, name, remove; and confirming who you are by one."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.fleet import browser_names, passkeys, sessions
from ringfence.hub.fleet.relying_party import host_of
from ringfence.hub.people.callers import CONFIRM_PATH
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.people.problems import status_of
from ringfence.hub.sign_in_errors import ConfirmationNeeded, SignInRefused, TooManySignIns
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.web.account.views import TheOwnPage, confirming
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheWebPage, WebPage
from ringfence.hub.web.passkeys import CREDENTIAL, PasskeyPlace, ThePasskeySignIns, ThePlace
from ringfence.hub.web.sign_in import typed

router = APIRouter()

PATH = "/account/passkeys"


@router.get(PATH)
def list_own_passkeys(page: TheWebPage, place: ThePlace, request: Request) -> Response:
    """Show somebody's passkeys, and how to add one."""
    if page.caller.session_id and not page.caller.is_confirmed:
        return RedirectResponse(f"{CONFIRM_PATH}?next={PATH}", 303)
    form = {"name": browser_names.in_short(request.headers.get("user-agent", ""))[: passkeys.LONGEST_NAME]}
    return _shown(page, place, form)


@router.post(PATH + "/challenge")
def offer(page: TheOwnPage, sign_ins: ThePasskeySignIns) -> JSONResponse:
    """Return what the browser asks for a new passkey."""
    _check_confirmed(page)
    return JSONResponse(sign_ins.offer(page.hub, page.caller.id, page.caller.session_id))


@router.post(PATH)
def add(page: TheOwnPage, place: ThePlace, form: TheForm, sign_ins: ThePasskeySignIns) -> Response:
    """Add the passkey that the browser has made."""
    _check_confirmed(page)
    try:
        name, answer = form.get("name", ""), form.get(CREDENTIAL, "")
        sign_ins.add(page.hub, page.caller.id, page.caller.session_id, answer, name)
    except BadInput as fault:
        return _shown(page, place, form, fault)
    return page.go("account", "passkeys", done="passkey-added")


@router.post(PATH + "/{passkey}/rename")
def rename(passkey: str, page: TheOwnPage, place: ThePlace, form: TheForm) -> Response:
    """Call one's own passkey something else."""
    _check_confirmed(page)
    try:
        with page.hub.change(page.caller.name) as change:
            person = change.session.get_one(PersonRow, page.caller.id)
            passkeys.rename(change, passkeys.get(change.session, person, passkey), form.get("name", ""))
    except BadInput as fault:
        return _shown(page, place, NO_FORM, fault)
    return page.go("account", "passkeys", done="saved")


@router.post(PATH + "/{passkey}/remove")
def remove(passkey: str, page: TheOwnPage) -> Response:
    """Remove one's own passkey, and end one's other sessions."""
    _check_confirmed(page)
    with page.hub.change(page.caller.name) as change:
        person = change.session.get_one(PersonRow, page.caller.id)
        passkeys.remove(change, passkeys.get(change.session, person, passkey))
        sessions.end_all(change, person, but=page.caller.session_id)
    return page.go("account", "passkeys", done="passkey-removed")


@router.post(CONFIRM_PATH + "/challenge")
def ask_again(page: TheOwnPage, sign_ins: ThePasskeySignIns) -> JSONResponse:
    """Return what the browser of somebody who is signed in asks one of their passkeys."""
    return JSONResponse(sign_ins.challenge_again(page.hub, page.caller.id, page.caller.session_id))


@router.post(CONFIRM_PATH + "/passkey")
def confirm(page: TheOwnPage, request: Request, form: TheForm, sign_ins: ThePasskeySignIns) -> Response:
    """Note that somebody has proved by a passkey who they are."""
    onward = form.get("next", "/")
    try:
        sign_ins.confirm(page.hub, page.caller.id, page.caller.session_id, form.get(CREDENTIAL, ""))
    except (SignInRefused, TooManySignIns, BadInput) as fault:
        return confirming(page, request, {"next": onward}, fault)
    return RedirectResponse(typed.own_path(onward), 303)


def _shown(page: WebPage, place: PasskeyPlace, form: Form, fault: RingfenceError | None = None) -> PageAnswer:
    with page.hub.database.reading() as session:
        person: PersonRow | None = session.get(PersonRow, page.caller.id) if page.caller.session_id else None
        rows = passkeys.of_person(session, person) if person is not None else ()
    return page.show(
        "account/passkeys.html", 200 if fault is None else status_of(fault), person=person, rows=rows, place=place,
        form=form, fault=fault, host=host_of(page.hub.people_url),
    )  # fmt: skip


def _check_confirmed(page: WebPage) -> None:
    if not page.caller.is_confirmed:
        raise ConfirmationNeeded("this is for whoever has just proved who they are", to_do=f"Do so at {CONFIRM_PATH}.")
