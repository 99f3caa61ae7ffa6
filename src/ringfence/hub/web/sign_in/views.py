"""Signing in: name and password, the second step, and links."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.fleet import sign_in_links
from ringfence.hub.people.forms import TheForm
from ringfence.hub.people.visitors import SignedIn
from ringfence.hub.sign_in_errors import NotSignedIn, PasswordsBusy, SignInRefused, TooManySignIns
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.sign_in.visit import TheVisit, check_cookies, new_password
from ringfence.secret import Secret

router = APIRouter()

_REFUSED = (SignInRefused, TooManySignIns, PasswordsBusy, BadInput)


@router.get("/sign-in")
def show_sign_in(request: Request, visit: TheVisit) -> PageAnswer:
    """Show the form for name and password."""
    given = request.query_params
    form = {name: given[name][:2000] for name in ("next", "organisation") if name in given}
    return visit.show("sign_in/sign_in.html", form, done=given.get("done") == "signed-out")


@router.post("/sign-in")
def sign_in(visit: TheVisit, form: TheForm) -> Response:
    """Sign somebody in by name and password."""
    try:
        check_cookies(visit)
        password = Secret(form.get("password", ""))
        signed_in = visit.sign_ins.with_password(
            form.get("organisation", "").strip(), form.get("name", ""), password, visit.visitor
        )
    except _REFUSED as fault:
        return visit.show("sign_in/sign_in.html", form, fault)
    return visit.come_in(signed_in, form)


@router.get("/sign-in/second-step")
def show_second_step(visit: TheVisit) -> PageAnswer:
    """Show the form for the second step."""
    return visit.show("sign_in/second_step.html", {})


@router.post("/sign-in/second-step")
def take_second_step(visit: TheVisit, form: TheForm) -> Response:
    """Finish a sign-in by the second step."""
    try:
        signed_in = visit.sign_ins.with_second_step(visit.cookie, form.get("code", ""), visit.visitor)
    except SignInRefused as fault:
        return visit.show("sign_in/second_step.html", form, fault)
    except NotSignedIn as fault:
        return visit.show("sign_in/sign_in.html", form, fault)
    return visit.come_in(signed_in, form)


def _code(request: Request) -> Secret:
    return Secret(request.query_params.get(sign_in_links.CODE, "")[:200])


@router.get(sign_in_links.PATH)
def show_link(visit: TheVisit, code: Annotated[Secret, Depends(_code)]) -> PageAnswer:
    """Show what a link lets somebody do; it is not used up by looking at it."""
    if not code:
        return visit.show("sign_in/paste_link.html", {})
    return _shown(visit, code, {})


@router.post(sign_in_links.PATH)
def use_link(visit: TheVisit, form: TheForm) -> Response:
    """Sign somebody in by a link."""
    code = Secret(form.get("link", "")[:200])
    try:
        check_cookies(visit)
        signed_in = _used(visit, code, form)
    except _REFUSED as fault:
        return _shown(visit, code, form, fault)
    return visit.come_in(signed_in, form)


def _used(visit: TheVisit, code: Secret, form: TheForm) -> SignedIn:
    return visit.sign_ins.with_link(
        code, visit.visitor, name=form.get("name", ""), display_name=form.get("display_name", ""),
        password=new_password(form),
    )  # fmt: skip


def _shown(visit: TheVisit, code: Secret, form: TheForm, fault: RingfenceError | None = None) -> PageAnswer:
    try:
        row, person = visit.sign_ins.link(code)
    except SignInRefused as over:
        return visit.show("sign_in/paste_link.html", {}, over)
    if person is not None and not form:
        form = {"display_name": person.display_name}
    return visit.show(
        "sign_in/link.html", form, fault, person=person, asks_password=row.asks_password, code=code.reveal()
    )
