"""How the people's API reports errors: one shape for all, a status for each family, never a traceback.

Whoever reads a page gets the same as a page, from whoever makes pages.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import compile_path

from ringfence.errors import (
    BadInput,
    Conflict,
    ContentRefused,
    EnvironmentFault,
    NotFound,
    NotPermitted,
    PeerFault,
    RingfenceError,
)
from ringfence.hub import logs
from ringfence.hub.errors import NameRefused, PhoneNotRegistered, TooManyTries
from ringfence.hub.people.schemas import ProblemView
from ringfence.hub.sign_in_errors import NotSignedIn

_log = logs.get("people")
TOLD_TO_BROWSERS: Mapping[str, str] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
"""What every answer tells browsers that says nothing else by itself: keep, guess, run and frame nothing of it."""
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_OLDER_WORDS: dict[type[RingfenceError], str] = {NameRefused: "bad-name", PhoneNotRegistered: "not-registered"}
_SERVER_ERROR = 500
_WRONG_METHOD = 405

# Any: FastAPI's own form of its `responses` argument.
RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemView, "description": "No API token and no session that this hub knows"},
    403: {"model": ProblemView, "description": "The caller may not do that, or must confirm first who they are"},
    404: {"model": ProblemView, "description": "There is nothing with this name"},
    409: {"model": ProblemView, "description": "It already exists, or somebody else is changing it"},
    422: {"model": ProblemView, "description": "What was sent can't be used"},
    500: {"model": ProblemView, "description": "A stored value can't be opened, or the hub had an internal error"},
    503: {"model": ProblemView, "description": "The machine can't do it at the moment"},
}


class ProblemPage(Protocol):
    """Shows a problem to somebody who reads pages."""

    def __call__(self, request: Request, status: int, problem: ProblemView) -> Response:
        """Return the page."""


def install(app: FastAPI, page: ProblemPage | None = None) -> None:
    """Make ``app`` answer every error in the same shape; whoever reads pages gets ``page``, where there is one."""
    app.state.problem_page = page
    app.add_exception_handler(RingfenceError, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OverflowError, _on_overflow)
    app.add_exception_handler(Exception, _on_bug)


def _on_fault(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, RingfenceError):
        raise TypeError("installed for RingfenceError")
    return answer_to(request, fault)


def answer_to(request: Request, fault: RingfenceError) -> Response:
    """Return the answer to a fault, with the status of its family."""
    status = status_of(fault)
    if status >= _SERVER_ERROR:
        _log.error("request failed", method=request.method, path=request.url.path, problem=fault.what)
    headers: dict[str, str] = {}
    if isinstance(fault, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    elif isinstance(fault, TooManyTries):
        headers["Retry-After"] = str(fault.wait_s)
    problem = ProblemView(what=fault.what, where=fault.where, to_do=fault.to_do, kind=_kind(type(fault)))
    return _answer(request, status, problem, headers)


def _on_validation(request: Request, fault: Exception) -> Response:
    """Name the first field that is wrong; never its value, which may be a password."""
    errors = fault.errors() if isinstance(fault, RequestValidationError) else []
    first = errors[0] if errors else {"loc": (), "msg": "it can't be used"}
    where = ".".join(str(part) for part in first["loc"])
    return _answer(
        request, 422, ProblemView(what=f"a field is not valid: {first['msg']}", where=where, to_do="", kind="bad-field")
    )


def _on_http(request: Request, fault: Exception) -> Response:
    if not isinstance(fault, HTTPException):
        raise TypeError("installed for HTTPException")
    what = {404: "there is nothing at this path", 405: "this path does not allow this method"}.get(
        fault.status_code, str(fault.detail)
    )
    kind = {404: "not-found", 405: "bad-method"}.get(fault.status_code, "bad-request")
    problem = ProblemView(
        what=what, where=f"{request.method} {request.url.path[:200]}", to_do="See /openapi.json.", kind=kind
    )
    headers = dict(fault.headers or {})
    if fault.status_code == _WRONG_METHOD:
        headers["Allow"] = ", ".join(sorted(_methods(request)))
    return _answer(request, fault.status_code, problem, headers)


def _methods(request: Request) -> set[str]:
    """Return the methods that a path has; each may be a route of its own (RFC 9110, section 15.5.6)."""
    there = [
        context.methods or set()
        for context in iter_route_contexts(request.app.routes)
        if compile_path(context.path or "")[0].fullmatch(request.url.path)
    ]
    return set[str]().union(*there)


def _on_overflow(request: Request, _fault: Exception) -> Response:
    """Answer for a number or a time that nothing here can hold."""
    problem = ProblemView(what="a number is too large", where="", to_do="Give a smaller one.", kind="bad-field")
    return _answer(request, 422, problem)


async def _on_bug(request: Request, fault: Exception) -> Response:
    _log.error("internal error", method=request.method, path=request.url.path, exc_info=fault)
    problem = ProblemView(
        what="the hub had an internal error", where="", to_do="See the hub's log, and report it.", kind="internal"
    )
    return _answer(request, 500, problem)


def _kind(fault: type[RingfenceError]) -> str:
    """Return the word for programs: the class's name, or what it was when programs first saw it."""
    return _OLDER_WORDS.get(fault) or _WORD.sub("-", fault.__name__).lower()


def _answer(request: Request, status: int, problem: ProblemView, headers: dict[str, str] | None = None) -> Response:
    page: ProblemPage | None = request.app.state.problem_page
    if page is not None and is_for_a_page(request):
        answer = page(request, status, problem)
    else:
        answer = JSONResponse(problem.model_dump(), status)
    answer.headers.update(headers or {})
    for name, value in TOLD_TO_BROWSERS.items():
        answer.headers.setdefault(name, value)
    return answer


def is_for_a_page(request: Request) -> bool:
    """Return whether a request is from somebody who reads pages."""
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("accept", "")


def status_of(fault: RingfenceError) -> int:
    """Return the status of a fault's family."""
    match fault:
        case NotSignedIn():
            return 401
        case TooManyTries():
            return 429
        case NotPermitted():
            return 403
        case NotFound():
            return 404
        case Conflict():
            return 409
        case BadInput() | PeerFault():
            return 422
        case EnvironmentFault():
            return 503
        case ContentRefused():
            return 500
        case _:
            return 500
