"""Callers, identified before a request's body is read on every path that is not open to all, and handed to handlers.

Each way to identify a caller is an ``Authentication``: a program's bearer token, and the cookie of a person's session.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Protocol

from fastapi import Depends, Path, Request, Response
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.errors import RingfenceError
from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.errors import ScopeExceeded
from ringfence.hub.fleet import api_tokens, organisations, sessions
from ringfence.hub.people import problems, rights
from ringfence.hub.people.refused_sign_ins import RefusedSignIns
from ringfence.hub.people.rights import Role, is_open
from ringfence.hub.sign_in_errors import ConfirmationNeeded, NotSignedIn
from ringfence.hub.store import unapproved_edits
from ringfence.hub.store.access_scope import AccessScope
from ringfence.hub.store.change import called_by
from ringfence.phones.mac import Mac

ON_CALLER = "on_caller"
"""The key in ``scope["state"]`` of what is told a caller's id as soon as it is known; absent without a listener."""

ACCOUNT_PATH = "/account"
"""Where somebody's own things are, below it."""

CONFIRM_PATH = f"{ACCOUNT_PATH}/confirm"
"""The page on which somebody who is signed in proves once more who they are."""

ORGANISATION_HEADER = "ringfence-organisation"
"""Which organisation a request is about; without it, the token's own."""

COOKIE = "__Host-ringfence"
"""The cookie with a session's secret; by its name, browsers send it to this host alone and over TLS alone."""

CHOICE_COOKIE = "__Host-ringfence-organisation"
"""The cookie with the organisation that somebody of the hub looks at; nobody else's browser is believed about it."""

_CALLER, _HUB, _RECOGNISED = "caller", "hub", "recognised"
_bearer = HTTPBearer(auto_error=False, description="An API token, `rft_…`")


@dataclass(frozen=True, slots=True)
class Caller:
    """The person or program that a request is from: a person's id and name, or those of an API token."""

    id: str
    name: str
    role: Role
    organisation_id: str
    """Whose rows the request is about, and nobody else's."""
    is_hubwide: bool = False
    """Whether it may name any organisation; then it is the provider's."""
    names_organisation: bool = False
    """Whether it has named one, or is about whatever there is where only that makes sense, such as metrics."""
    form_token: str = ""
    """What each form that it is shown gives back; empty for those who bring their proof with each request."""
    session_id: str = ""
    """The session that it comes by; empty for programs."""
    display_name: str = ""
    """What a person is called."""
    scope: AccessScope | None = None
    """The part of the organisation that it is limited to; None for all of it."""
    is_confirmed: bool = True
    """Whether it has proved lately who it is; programs do so with each request."""

    @property
    def is_limited(self) -> bool:
        """Whether it is for a part of the organisation only."""
        return self.scope is not None


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
    hub: Hub = request.app.state.hub
    now = hub.clock()
    asked = request.headers.get(ORGANISATION_HEADER, "")
    with within.everywhere(hub).database.reading() as session:
        token = api_tokens.authenticate(session, text, now)
        _check_organisation(session, asked, token.organisation_id, is_hubwide=token.is_hubwide)
    if token.last_used_at is None or now - token.last_used_at > api_tokens.USE_NOTED_EVERY_S:
        own = within.organisation(hub, token.organisation_id).database
        own.write_if_free(lambda session: api_tokens.note_use(session, token.id, now))
    return Caller(
        token.id, token.name, Role(token.role), asked or token.organisation_id, token.is_hubwide, bool(asked),
        scope=AccessScope.of(token.id, token.limited_to),
    )  # fmt: skip


def session_cookie(request: Request) -> Caller | None:
    """Identify a person by their session's cookie."""
    text = request.cookies.get(COOKIE, "")
    if not text:
        return None
    hub: Hub = request.app.state.hub
    now = hub.clock()
    asked = request.headers.get(ORGANISATION_HEADER, "")
    with within.everywhere(hub).database.reading() as session:
        row, person = sessions.authenticate(session, text, now)
        if not asked and person.is_hubwide:
            asked = _chosen(request, session)
        _check_organisation(session, asked, person.organisation_id, is_hubwide=person.is_hubwide)
    if now - row.last_used_at > sessions.USE_NOTED_EVERY_S:
        own = within.organisation(hub, row.organisation_id).database
        own.write_if_free(lambda session: sessions.note_use(session, row.id, now))
    return Caller(
        person.id, person.name, Role(person.role), asked or person.organisation_id, person.is_hubwide, bool(asked),
        form_token=sessions.form_token(text), session_id=row.id, display_name=person.display_name,
        scope=AccessScope.of(person.id, person.limited_to),
        is_confirmed=abs(now - row.confirmed_at) < sessions.CONFIRMED_FOR_S,
    )  # fmt: skip


def _chosen(request: Request, session: Session) -> str:
    """Return the organisation that somebody of the hub has chosen for its pages; their account is their own's.

    Empty without one, and where it is gone: then they see by the page's head that it is another.
    """
    chosen, path = request.cookies.get(CHOICE_COOKIE, ""), request.scope["path"]
    if not chosen.isprintable() or path.startswith((f"{rights.V1}/", ACCOUNT_PATH)):
        return ""
    return chosen if organisations.is_there(session, chosen) else ""


def _check_organisation(session: Session, asked: str, own: str, *, is_hubwide: bool) -> None:
    """Raise UnknownOrganisation where a request is about one that is not the caller's to know."""
    if asked and not (asked == own or (is_hubwide and organisations.is_there(session, asked))):
        raise organisations.unknown(asked)


AUTHENTICATIONS: tuple[Authentication, ...] = (bearer_token, session_cookie)
"""All ways; the first that identifies the caller counts."""


class WayIn(Protocol):
    """Leads somebody who reads pages to where they sign in."""

    async def __call__(self, request: Request, fault: NotSignedIn) -> Response:
        """Return the answer; of the body it reads what it must."""


class CallersFirst:
    """Lets a request in once its caller is known; otherwise answers before its body is read.

    What the caller's role does not include is refused here too, for every route (``people/rights.py``).
    """

    def __init__(self, app: ASGIApp, authentications: Sequence[Authentication]) -> None:
        self._app = app
        self._authentications = authentications
        self._refused = RefusedSignIns()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Identify the caller and pass the request on, or answer 401."""
        if scope["type"] == "http" and not is_open(scope["path"]):
            request = Request(scope, receive)
            try:
                state = scope.setdefault("state", {})
                state[_RECOGNISED] = partial(self._recognise, request)
                state[_CALLER] = caller = await run_in_threadpool(state[_RECOGNISED])
                if ON_CALLER in state:
                    state[ON_CALLER](caller.id)
                rights.check(caller.role, request.method, scope["path"], is_limited=caller.is_limited)
                _check_confirmed(caller, request)
            except RingfenceError as fault:
                if isinstance(fault, NotSignedIn):
                    await self._refused.note(request)
                answer = await self._refused_answer(request, fault)
                if {"transfer-encoding", "content-length"} & set(request.headers):
                    answer.headers["Connection"] = "close"  # the body is a stranger's; it is not worth taking
                await answer(scope, receive, _guarded(send))
                return
            address = request.client.host if request.client else ""
            in_drafts = rights.edits_in_drafts(caller.role, request.method, scope["path"])
            with called_by(caller.id, address), unapproved_edits.only_in_drafts(are_edits=in_drafts):
                await self._app(scope, receive, _guarded(send))
            return
        await self._app(scope, receive, _guarded(send))

    @staticmethod
    async def _refused_answer(request: Request, fault: RingfenceError) -> Response:
        way_in: WayIn | None = request.app.state.way_in
        if way_in is not None and isinstance(fault, NotSignedIn) and problems.is_for_a_page(request):
            return await way_in(request, fault)
        return problems.answer_to(request, fault)

    def _recognise(self, request: Request) -> Caller:
        for authentication in self._authentications:
            if (caller := authentication(request)) is not None:
                return caller
        raise NotSignedIn(
            "this request needs an API token", to_do="Send it as `Authorization: Bearer rft_…`, or sign in."
        )


def _check_confirmed(caller: Caller, request: Request) -> None:
    if rights.asks_for_confirmation(request.method, request.scope["path"]):
        check_confirmed(caller)


def check_confirmed(caller: Caller) -> None:
    """Raise ConfirmationNeeded where somebody has not proved lately who they are."""
    if not caller.is_confirmed:
        minutes = int(sessions.CONFIRMED_FOR_S) // 60
        raise ConfirmationNeeded(
            f"secrets are shown for {minutes} minutes after a sign-in",
            to_do=f"Confirm who you are, at {CONFIRM_PATH}, and ask again.",
        )


def _guarded(send: Send) -> Send:
    """Return a ``send`` that tells browsers what to do with each answer, where the answer itself does not.

    They keep none, as many hold secrets, take none for another kind than it says, and run and frame nothing in it.
    """

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, text in problems.TOLD_TO_BROWSERS.items():
                headers.setdefault(name, text)
        await send(message)

    return sending


def caller_of(request: Request) -> Caller | None:
    """Return the caller whom ``CallersFirst`` identified; None where it did not, or had not to."""
    caller: Caller | None = request.scope.get("state", {}).get(_CALLER)
    return caller


def check_still(request: Request) -> None:
    """Check, while a long answer is given, that its caller may still have it as they could when they asked.

    It reads the database, and so blocks.

    Raises:
        NotSignedIn: They are signed out, their token has ended, or they have other rights by now.
    """
    state = request.scope["state"]
    before: Caller = state[_CALLER]
    now: Caller = state[_RECOGNISED]()
    if replace(now, is_confirmed=before.is_confirmed) != before:
        raise NotSignedIn("your rights have changed meanwhile", to_do="Ask again.")


def keep_hub(scope: Scope, caller: Caller, hub: Hub) -> None:
    """Let the handlers of a request have ``hub``, which is the caller's organisation's in another way than usual."""
    scope["state"] |= {_CALLER: caller, _HUB: hub}


def hub_of(request: Request) -> Hub:
    """Return the hub as the caller's organisation has it; on open paths, as the first one does."""
    given: Hub | None = request.scope.get("state", {}).get(_HUB)
    if given is not None:
        return given
    hub: Hub = request.app.state.hub
    caller = caller_of(request)
    return hub if caller is None else within.organisation(hub, caller.organisation_id, caller.scope)


TheHub = Annotated[Hub, Depends(hub_of)]


def _whole_hub(request: Request) -> Hub:
    """Return the hub with all organisations' rows for a caller whom none limits; otherwise as it is."""
    caller: Caller = request.scope["state"][_CALLER]
    hub = hub_of(request)
    return within.everywhere(hub) if caller.is_hubwide and not caller.names_organisation else hub


TheWholeHub = Annotated[Hub, Depends(_whole_hub)]
"""For counts."""


def _providers_hub(request: Request) -> Hub:
    """Return the hub with the rows of all organisations, for those who run it.

    Raises:
        ScopeExceeded: The caller is one organisation's.
    """
    caller: Caller = request.scope["state"][_CALLER]
    if not caller.is_hubwide:
        raise ScopeExceeded("this is for those who run the hub", to_do="Use a token of the hub's own.")
    return within.everywhere(request.app.state.hub)


def _peoples_url(request: Request) -> str:
    """Return where people find the hub, for links that are given to them; if hub.toml does not say, as the caller."""
    hub: Hub = request.app.state.hub
    return hub.config.people_url.rstrip("/") or f"https://{request.headers.get('host', '')}"


ThePeoplesUrl = Annotated[str, Depends(_peoples_url)]


TheProvidersHub = Annotated[Hub, Depends(_providers_hub)]


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
