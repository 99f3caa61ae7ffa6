"""Signing in by a passkey."""

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from ringfence.errors import BadInput
from ringfence.hub.people.forms import TheForm
from ringfence.hub.sign_in_errors import SignInRefused, TooManySignIns
from ringfence.hub.web.passkeys import CREDENTIAL, ThePasskeySignIns
from ringfence.hub.web.sign_in.visit import TheVisit, check_cookies

router = APIRouter()


@router.post("/sign-in/passkey/challenge")
def ask(visit: TheVisit, sign_ins: ThePasskeySignIns) -> JSONResponse:
    """Return what the browser asks a passkey."""
    check_cookies(visit)
    return JSONResponse(sign_ins.challenge(visit.visitor))


@router.post("/sign-in/passkey")
def sign_in(visit: TheVisit, form: TheForm, sign_ins: ThePasskeySignIns) -> Response:
    """Sign somebody in by what their passkey answers."""
    try:
        signed_in = sign_ins.sign_in(form.get(CREDENTIAL, ""), visit.visitor)
    except (SignInRefused, TooManySignIns, BadInput) as fault:
        return visit.show("sign_in/sign_in.html", form, fault)
    return visit.come_in(signed_in, form)
