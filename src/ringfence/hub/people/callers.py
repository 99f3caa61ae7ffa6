"""Callers, identified before a request's body is read on every path that is not open to all, and handed to handlers.

Each way to identify a caller is an ``Authentication``; pages' sessions would be another beside the bearer token.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from fastapi import Depends, Path, Request
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import NotSignedIn, ScopeExceeded
from ringfence.hub.fleet import api_tokens
from ringfence.hub.people import problems, scopes
from ringfence.hub.people.refused_sign_ins import RefusedSignIns
from ringfence.hub.people.scopes import OPEN_PATHS, TokenScope
from ringfence.hub.store.change import called_by
from ringfence.phones.mac import Mac
from ringfence.printable import printable

ON_CALLER = "on_caller"
"""The key in ``scope["state"]`` of what is told a caller's id as soon as it is known; absent without a listener."""

_CALLER = "caller"
_bearer = HTTPBearer(auto_error=False, description="An API token, `rft_…`")


@dataclass(frozen=True, slots=True)
class Caller:
    """The person or program that a request is from; for a bearer token, the token's name."""

    id: str
    name: str
    scope: TokenScope


class Authentication(Protocol):
    """One way to identify a caller."""

    def __call__(self, request: Request) -> Caller | None:
        """Return who a request is from, judging by its headers only; it runs in the thread pool.

        Returns:
            None where the request does not use this way.

        Raises:
            NotSignedIn: The request uses this way, but is not accepted.
        """


def bearer_token(request: Request) -> Caller | None:
    """Identify a caller by the API token in ``Authorization: Bearer rft_…``."""
    scheme, text = get_authorization_scheme_param(request.headers.get("authorization"))
    if scheme.lower() != "bearer" or not text:
        return None
    hub = _hub(request)
    now = hub.clock()
    with hub.database.reading() as session:
        token = api_tokens.authenticate(session, text, now)
    if token.last_used_at is None or now - token.last_used_at > api_tokens.USE_NOTED_EVERY_S:
        with hub.database.writing() as session:
            api_tokens.note_use(session, token.id, now)
    return Caller(token.id, token.name, TokenScope(token.scope))


AUTHENTICATIONS: tuple[Authentication, ...] = (bearer_token,)
"""All ways; the first that identifies the caller counts."""


class CallersFirst:
    """Lets a request in once its caller is known; otherwise answers before its body is read.

    What the caller's scope does not cover is refused here too, for every route.
    """

    def __init__(self, app: ASGIApp, authentications: Sequence[Authentication]) -> None:
        self._app = app
        self._authentications = authentications
        self._refused = RefusedSignIns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Identify the caller and pass the request on, or answer 401."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            request = Request(scope)
            try:
                state = scope.setdefault("state", {})
                state[_CALLER] = caller = await run_in_threadpool(self._recognise, request)
                if ON_CALLER in state:
                    state[ON_CALLER](caller.id)
                if not scopes.may(caller.scope, request.method, request.url.path):
                    raise ScopeExceeded(
                        f"this API token is for {caller.scope} only",
                        where=f"{request.method} {printable(request.url.path, 200)}",
                        to_do="Use an administrator's token.",
                    )
            except RingfenceError as fault:
                if isinstance(fault, NotSignedIn):
                    await self._refused.note(request)
                answer = problems.answer_to(request, fault)
                if {"transfer-encoding", "content-length"} & set(request.headers):
                    answer.headers["Connection"] = "close"  # the body is a stranger's; it is not worth taking
                await answer(scope, receive, send)
                return
            with called_by(caller.id, request.client.host if request.client else ""):
                await self._app(scope, receive, _never_stored(send))
            return
        await self._app(scope, receive, _never_stored(send))

    def _recognise(self, request: Request) -> Caller:
        for authentication in self._authentications:
            if (caller := authentication(request)) is not None:
                return caller
        raise NotSignedIn("this request needs an API token", to_do="Send it as `Authorization: Bearer rft_…`.")


def _never_stored(send: Send) -> Send:
    """Return a ``send`` that tells browsers and proxies to keep no answer: many hold secrets."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).setdefault("Cache-Control", "no-store")
        await send(message)

    return sending


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.hub
    return hub


TheHub = Annotated[Hub, Depends(_hub)]


def _caller(request: Request, _described: Annotated[object, Depends(_bearer)]) -> Caller:
    """Return the caller whom ``CallersFirst`` identified; the second argument is only for the API's description."""
    caller: Caller = request.scope["state"][_CALLER]
    return caller


TheCaller = Annotated[Caller, Depends(_caller)]


def _mac(
    mac: Annotated[str, Path(description="The MAC address, in any usual notation", examples=["00:1B:54:C2:9A:10"])],
) -> Mac:
    return Mac.parse(mac)


ThePhone = Annotated[Mac, Depends(_mac)]
