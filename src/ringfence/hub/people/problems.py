"""How the people's API reports errors: one shape for all, a status for each family, never a traceback."""

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
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
from ringfence.hub.errors import NameRefused, NotSignedIn, PhoneNotRegistered
from ringfence.hub.people.schemas import ProblemView

_log = logs.get("people")
_WORD = re.compile(r"(?<!^)(?=[A-Z])")
_OLDER_WORDS: dict[type[RingfenceError], str] = {NameRefused: "bad-name", PhoneNotRegistered: "not-registered"}
_SERVER_ERROR = 500
_WRONG_METHOD = 405

# Any: FastAPI's own form of its `responses` argument.
RESPONSES: dict[int | str, dict[str, Any]] = {
    401: {"model": ProblemView, "description": "No API token that this hub knows"},
    403: {"model": ProblemView, "description": "This token may not do that"},
    404: {"model": ProblemView, "description": "There is nothing with this name"},
    409: {"model": ProblemView, "description": "It already exists, or somebody else is changing it"},
    422: {"model": ProblemView, "description": "What was sent can't be used"},
    500: {"model": ProblemView, "description": "A stored value can't be opened, or the hub had an internal error"},
    503: {"model": ProblemView, "description": "The machine can't do it at the moment"},
}


def install(app: FastAPI) -> None:
    """Make ``app`` answer every error in the same shape."""
    app.add_exception_handler(RingfenceError, _on_fault)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(OverflowError, _on_overflow)
    app.add_exception_handler(Exception, _on_bug)


def _on_fault(request: Request, fault: Exception) -> JSONResponse:
    if not isinstance(fault, RingfenceError):
        raise TypeError("installed for RingfenceError")
    return answer_to(request, fault)


def answer_to(request: Request, fault: RingfenceError) -> JSONResponse:
    """Return the answer to a fault, with the status of its family."""
    status = _status(fault)
    if status >= _SERVER_ERROR:
        _log.error("request failed", method=request.method, path=request.url.path, problem=fault.what)
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(fault, NotSignedIn) else None
    problem = ProblemView(what=fault.what, where=fault.where, to_do=fault.to_do, kind=_kind(type(fault)))
    return _answer(status, problem, headers)


def _on_validation(_request: Request, fault: Exception) -> JSONResponse:
    """Name the first field that is wrong; never its value, which may be a password."""
    errors = fault.errors() if isinstance(fault, RequestValidationError) else []
    first = errors[0] if errors else {"loc": (), "msg": "it can't be used"}
    where = ".".join(str(part) for part in first["loc"])
    return _answer(
        422, ProblemView(what=f"a field is not valid: {first['msg']}", where=where, to_do="", kind="bad-field")
    )


def _on_http(request: Request, fault: Exception) -> JSONResponse:
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
    return _answer(fault.status_code, problem, headers)


def _methods(request: Request) -> set[str]:
    """Return the methods that a path has; each may be a route of its own (RFC 9110, section 15.5.6)."""
    for path, methods in request.app.openapi()["paths"].items():
        if compile_path(path)[0].fullmatch(request.url.path):
            return {method.upper() for method in methods}
    return {"GET"}  # all that is in no description, such as /healthz


def _on_overflow(_request: Request, _fault: Exception) -> JSONResponse:
    """Answer for a number or a time that nothing here can hold."""
    problem = ProblemView(what="a number is too large", where="", to_do="Give a smaller one.", kind="bad-field")
    return _answer(422, problem)


async def _on_bug(request: Request, fault: Exception) -> JSONResponse:
    _log.error("internal error", method=request.method, path=request.url.path, exc_info=fault)
    problem = ProblemView(
        what="the hub had an internal error", where="", to_do="See the hub's log, and report it.", kind="internal"
    )
    return _answer(500, problem)


def _kind(fault: type[RingfenceError]) -> str:
    """Return the word for programs: the class's name, or what it was when programs first saw it."""
    return _OLDER_WORDS.get(fault) or _WORD.sub("-", fault.__name__).lower()


def _answer(status: int, problem: ProblemView, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), status, {**(headers or {}), "Cache-Control": "no-store"})


def _status(fault: RingfenceError) -> int:
    match fault:
        case NotSignedIn():
            return 401
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
