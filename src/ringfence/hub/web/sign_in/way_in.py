"""Where somebody is led who asks for a page and is not signed in."""

from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from ringfence.hub.errors import BodyRefused
from ringfence.hub.people import bodies, forgery, forms
from ringfence.hub.people.callers import COOKIE
from ringfence.hub.sign_in_errors import NotSignedIn
from ringfence.hub.web.sign_in import typed
from ringfence.hub.web.sign_in.visit import Visit

SIGN_IN = "/sign-in"


async def way_in(request: Request, fault: NotSignedIn) -> Response:
    """Return the way to the sign-in page, from where it goes on to the page that was asked for.

    What was typed into a form of our own is not lost when the session ended meanwhile: the sign-in page brings it back.
    """
    if request.method in {"GET", "HEAD"}:
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(SIGN_IN + (f"?next={quote(path)}" if path != "/" else ""), 303)
    told = await _typed(request)
    form = {"next": request.url.path, "typed": told} if told else {}
    return await run_in_threadpool(Visit(request).show, "sign_in/sign_in.html", form, fault)


async def _typed(request: Request) -> str:
    """Return what a form of ours holds, if it comes from a page that somebody had while they were signed in."""
    if COOKIE not in request.cookies or not forgery.is_from_here(request):
        return ""
    try:
        body = await bodies.read(request, typed.MOST_BYTES)
        form = forms.parse(request.headers.get("content-type", ""), body)
    except (BodyRefused, ClientDisconnect):
        return ""
    return typed.kept(request.url.path, form)
