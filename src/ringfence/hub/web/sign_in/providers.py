"""Signing in at a provider: there, and back."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ringfence.errors import BadInput, EnvironmentFault
from ringfence.hub.people.provider_sign_ins import CALLBACK
from ringfence.hub.people.sign_in_providers import TheProviderSignIns
from ringfence.hub.sign_in_errors import LastOwner, NotSignedIn, TooManySignIns, UnknownSignInProvider
from ringfence.hub.web.sign_in import typed
from ringfence.hub.web.sign_in.visit import TheVisit, check_cookies

router = APIRouter()

_REFUSED = (NotSignedIn, TooManySignIns, UnknownSignInProvider, LastOwner, BadInput, EnvironmentFault)
_LONGEST = 5000


@router.get("/sign-in/provider")
def go_there(request: Request, visit: TheVisit, sign_ins: TheProviderSignIns) -> Response:
    """Send somebody to the provider at which they sign in.

    It is a link and no form, as browsers let no form lead to another host here (the policy of content).
    """
    form = {name: request.query_params.get(name, "")[:2000] for name in ("organisation", "provider", "next")}
    if request.headers.get("sec-fetch-site", "none") not in {"none", "same-origin"}:
        return visit.show("sign_in/sign_in.html", form)  # another site's doing
    try:
        check_cookies(visit)
        onward = typed.own_path(form["next"])
        there = sign_ins.begin(form["organisation"].strip(), form["provider"], visit.visitor, onward)
    except _REFUSED as fault:
        return visit.show("sign_in/sign_in.html", form, fault)
    return RedirectResponse(there, 303)


@router.get(CALLBACK)
def come_back(request: Request, visit: TheVisit, sign_ins: TheProviderSignIns) -> Response:
    """Let in whom a provider sends back."""
    given = {name: text[:_LONGEST] for name, text in request.query_params.items()}
    try:
        came = sign_ins.come_back(given, visit.visitor, visit.cookie)
    except _REFUSED as fault:
        return visit.show("sign_in/sign_in.html", {}, fault)
    if came.signed_in is None:
        return RedirectResponse(typed.own_path(came.onward), 303)
    return visit.come_in(came.signed_in, {"next": came.onward})
