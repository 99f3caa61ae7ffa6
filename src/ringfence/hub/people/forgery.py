"""Requests that another site makes a browser send: none of them changes anything.

A browser adds its cookies to every request, whoever makes it send that. So a request that changes something and came in
by a cookie, or is about to get one, must be from one of the hub's own pages: by what the browser says of its origin
(Fetch Metadata, https://w3c.github.io/webappsec-fetch-metadata; RFC 6454), and by a token that only pages of the
session have. One with a token of its own in its head, which no browser adds by itself, needs neither.
"""

import hmac

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ringfence.errors import RingfenceError
from ringfence.hub.errors import OtherOrganisation
from ringfence.hub.people import problems
from ringfence.hub.people.callers import caller_of
from ringfence.hub.people.forms import ORGANISATION, TOKEN, form_of
from ringfence.hub.sign_in_errors import ForgedRequest

FORM_TOKEN_HEADER = "ringfence-form-token"  # noqa: S105 - its name
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_UNTOLD = "null"
"""The origin where a browser keeps it to itself, as a page's referrer policy may ask it to."""
_TO_DO = "Open the hub's own page again, and send it from there."


class ForgedRefused:
    """Refuses forged requests, on every route, before its handler runs."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the request on, or answer 403."""
        if scope["type"] == "http" and scope["method"] not in _SAFE:
            request = Request(scope)
            try:
                check(request)
            except RingfenceError as fault:
                answer = problems.answer_to(request, fault)
                answer.headers["Connection"] = "close"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def check(request: Request) -> None:
    """Check that a request that changes something is none that another site has made.

    Raises:
        ForgedRequest: It may be one.
        OtherOrganisation: Its sender has meanwhile, in another tab, chosen another organisation.
    """
    caller = caller_of(request)
    if not caller.session_id if caller is not None else "authorization" in request.headers:
        return  # a program's
    if not is_from_here(request):
        raise ForgedRequest("this request comes from another site", to_do=_TO_DO)
    if caller is None:
        return  # a stranger's, who has no session that it could misuse
    form = form_of(request) or {}
    given = request.headers.get(FORM_TOKEN_HEADER) or form.get(TOKEN, "")
    if not hmac.compare_digest(given.encode("utf-8", "surrogateescape"), caller.form_token.encode()):
        raise ForgedRequest("the form's token is missing, or is of a session that has ended", to_do=_TO_DO)
    if caller.is_hubwide and form and form.get(ORGANISATION) != caller.organisation_id:
        raise OtherOrganisation(
            f"this form is about organisation {form.get(ORGANISATION, '')[:40]!r}, and this browser looks at "
            f"{caller.organisation_id!r} now",
            to_do="Nothing was changed. Choose that organisation, go back to the form, and send it again.",
        )


def is_from_here(request: Request) -> bool:
    """Return whether the browser says that a page of this hub, or nobody but its user, has made the request."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin", _UNTOLD)
    is_own = origin == f"https://{request.headers.get('host', '')}"
    if origin != _UNTOLD and not is_own:
        return False
    return site == "same-origin" or (site in {None, "none"} and is_own)
