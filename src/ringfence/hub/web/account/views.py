"""Your account: password, second step, recovery codes, sessions; confirming who you are; signing out."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from ringfence.errors import BadInput, EnvironmentFault, RingfenceError
from ringfence.hub.errors import ScopeExceeded
from ringfence.hub.fleet import passkeys, second_steps, sessions
from ringfence.hub.people.callers import CONFIRM_PATH
from ringfence.hub.people.forms import Form, TheForm
from ringfence.hub.people.problems import status_of
from ringfence.hub.people.sign_in_providers import TheProviderSignIns
from ringfence.hub.people.sign_ins import SignIns
from ringfence.hub.sign_in_errors import (
    ConfirmationNeeded,
    PasswordsBusy,
    SignInRefused,
    TooManySignIns,
    UnknownSignInProvider,
)
from ringfence.hub.store.people_models import PersonRow
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import TheWebPage, WebPage
from ringfence.hub.web.passkeys import PasskeyPlace
from ringfence.hub.web.qr import qr_code
from ringfence.hub.web.sign_in import typed
from ringfence.hub.web.sign_in.visit import TheVisit, leave, new_password
from ringfence.secret import Secret

router = APIRouter()

_REFUSED = (SignInRefused, TooManySignIns, PasswordsBusy, BadInput)


def _sign_ins(request: Request) -> SignIns:
    found: SignIns = request.app.state.sign_ins
    return found


def _own_page(page: TheWebPage) -> WebPage:
    """Return the page of somebody who signed in.

    Raises:
        ScopeExceeded: A program asks, which has no account.
    """
    if not page.caller.session_id:
        raise ScopeExceeded("this is for people who sign in", to_do="Sign in at /sign-in.")
    return page


TheOwnPage = Annotated[WebPage, Depends(_own_page)]
TheSignIns = Annotated[SignIns, Depends(_sign_ins)]


@router.get("/account")
def show_account(page: TheWebPage) -> PageAnswer:
    """Show somebody their account."""
    with page.hub.database.reading() as session:
        person = _person(session, page)
        return page.show(
            "account/account.html",
            person=person,
            sessions=sessions.of_person(session, person.id, page.now) if person is not None else (),
            passkeys=passkeys.count(session, person) if person is not None else 0,
            codes_left=second_steps.recovery_codes_left(session, person) if person is not None else 0,
        )


@router.get("/account/password")
def show_password(page: TheWebPage) -> PageAnswer:
    """Show the form for another password."""
    return page.show("account/password.html", person=_who(page), fault=None)


@router.post("/account/password")
def change_password(page: TheOwnPage, form: TheForm, sign_ins: TheSignIns) -> Response:
    """Change somebody's own password; their other sessions end."""
    try:
        sign_ins.change_password(page.hub, page.caller.session_id, Secret(form.get("old", "")), new_password(form))
    except _REFUSED as fault:
        return page.show("account/password.html", status_of(fault), person=_who(page), fault=fault)
    return page.go("account", done="password")


@router.get("/account/second-step")
def show_second_step(page: TheWebPage) -> Response:
    """Offer a key to an authenticator app."""
    person = _who(page)
    if person is not None and not page.caller.is_confirmed:
        return RedirectResponse(f"{CONFIRM_PATH}?next=/account/second-step", 303)
    return _offered(page, person, second_steps.new_key())


@router.post("/account/second-step")
def set_second_step(page: TheOwnPage, form: TheForm) -> PageAnswer:
    """Make an app somebody's second step, and show their recovery codes."""
    _check_confirmed(page)
    key: Secret | None = None
    try:
        with page.hub.change(page.caller.name) as change:
            person = change.session.get_one(PersonRow, page.caller.id)
            key = second_steps.open_offer(page.hub.sealer, person, form.get("offer", ""))
            codes = second_steps.set_up(change, page.hub.sealer, person, key, form.get("code", ""))
    except BadInput as fault:
        return _offered(page, _who(page), key or second_steps.new_key(), fault)
    return page.show("account/recovery_codes.html", codes=codes)


@router.post("/account/second-step/remove")
def remove_second_step(page: TheOwnPage) -> Response:
    """Let somebody sign in by their password alone."""
    _check_confirmed(page)
    with page.hub.change(page.caller.name) as change:
        second_steps.remove(change, change.session.get_one(PersonRow, page.caller.id))
    return page.go("account", done="second-step-removed")


@router.post("/account/recovery-codes")
def make_recovery_codes(page: TheOwnPage) -> PageAnswer:
    """Replace somebody's recovery codes, and show the new ones."""
    _check_confirmed(page)
    with page.hub.change(page.caller.name) as change:
        codes = second_steps.new_recovery_codes(change, change.session.get_one(PersonRow, page.caller.id))
    return page.show("account/recovery_codes.html", codes=codes)


@router.get(CONFIRM_PATH)
def show_confirm(page: TheWebPage, request: Request) -> PageAnswer:
    """Ask somebody who is signed in to prove once more who they are."""
    return confirming(page, request, {"next": page.query.get("next", "/")}, None)


@router.post(CONFIRM_PATH)
def confirm(page: TheOwnPage, request: Request, form: TheForm, sign_ins: TheSignIns) -> Response:
    """Note that somebody has proved who they are."""
    try:
        password = Secret(form.get("password", ""))
        sign_ins.confirm(page.hub, page.caller.session_id, password, form.get("code", ""))
    except _REFUSED as fault:
        return confirming(page, request, {"next": form.get("next", "/")}, fault)
    return RedirectResponse(typed.own_path(form.get("next", "/")), 303)


@router.get(CONFIRM_PATH + "/provider")
def confirm_at_provider(page: TheWebPage, request: Request, visit: TheVisit, sign_ins: TheProviderSignIns) -> Response:
    """Send somebody to their provider to prove once more who they are."""
    onward = typed.own_path(page.query.get("next", "/"))
    if not page.caller.session_id:
        return confirming(page, request, {"next": onward}, None)
    try:
        there = sign_ins.begin_again(page.hub, page.caller.id, page.caller.session_id, visit.visitor, onward)
    except (EnvironmentFault, UnknownSignInProvider) as fault:
        return confirming(page, request, {"next": onward}, fault)
    return RedirectResponse(there, 303)


@router.post("/account/sessions/{session}/end")
def end_own_session(session: str, page: TheOwnPage) -> Response:
    """End one of somebody's own sessions."""
    with page.hub.change(page.caller.name) as change:
        sessions.end(change, sessions.get(change.session, session, person_id=page.caller.id, hubwide_too=True))
    return page.go("account", done="session-ended")


@router.post("/account/sessions/end")
def end_other_sessions(page: TheOwnPage) -> Response:
    """End all of somebody's own sessions but this one."""
    with page.hub.change(page.caller.name) as change:
        person = change.session.get_one(PersonRow, page.caller.id)
        sessions.end_all(change, person, but=page.caller.session_id)
    return page.go("account", done="session-ended")


@router.post("/account/sign-out")
def sign_out(page: TheOwnPage, sign_ins: TheProviderSignIns) -> Response:
    """End the session that this request is from; whoever signed in at a provider is told how to leave that, too."""
    there = sign_ins.leave(page.hub, page.caller.id)
    with page.hub.change(page.caller.name) as change:
        sessions.end(change, sessions.get(change.session, page.caller.session_id, hubwide_too=True))
    if there:
        return leave(page.show("account/signed_out.html", there=there))
    return leave(RedirectResponse("/sign-in?done=signed-out", 303))


def confirming(page: WebPage, request: Request, form: Form, fault: RingfenceError | None) -> PageAnswer:
    """Return the page on which somebody proves once more who they are."""
    person = _who(page)
    with page.hub.database.reading() as session:
        has_passkey = person is not None and bool(passkeys.count(session, person))
    return page.show(
        "account/confirm.html", 200 if fault is None else status_of(fault), person=person, fault=fault, form=form,
        has_passkey=has_passkey and PasskeyPlace.of(request, page.hub).is_here,
    )  # fmt: skip


def _person(session: Session, page: WebPage) -> PersonRow | None:
    """Return who is signed in; None for a program, which has no account."""
    person: PersonRow | None = session.get(PersonRow, page.caller.id) if page.caller.session_id else None
    return person


def _who(page: WebPage) -> PersonRow | None:
    with page.hub.database.reading() as session:
        return _person(session, page)


def _check_confirmed(page: WebPage) -> None:
    if not page.caller.is_confirmed:
        raise ConfirmationNeeded("this is for whoever has just proved who they are", to_do=f"Do so at {CONFIRM_PATH}.")


def _offered(page: WebPage, person: PersonRow | None, key: Secret, fault: BadInput | None = None) -> PageAnswer:
    values: dict[str, object] = {}
    if person is not None:
        address = second_steps.address(key, person.name, page.hub.config.name).reveal()
        offer = second_steps.seal_offer(page.hub.sealer, person, key)
        shown = key.reveal()
        values = {
            "qr": qr_code(address), "offer": offer,
            "key": " ".join(shown[at : at + 4] for at in range(0, len(shown), 4)),
        }  # fmt: skip
    status = 200 if fault is None else status_of(fault)
    return page.show("account/second_step.html", status, person=person, fault=fault, **values)
