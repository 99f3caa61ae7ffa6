"""Requests inside a draft: its edits are made first, in a transaction that is undone when the answer is there.

A request says by the header ``Ringfence-Draft`` which draft it is about. What it reads is as the draft has it. What it
edits is tried, and if it can be done becomes one more edit of the draft.

A page says so by a cookie, and a form by the field that its page gave it, so that one of an older tab goes where it was
meant to. What a page shows that a draft can't hold is as it is without.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import DraftBroken, NotInDraft, UnknownDraft
from ringfence.hub.event_streams import Wakeups
from ringfence.hub.fleet import drafts
from ringfence.hub.people import forms, problems
from ringfence.hub.people.callers import Caller, caller_of, hub_of, keep_hub
from ringfence.hub.people.rights import RIGHTS, V1, Right, Role, asked_for
from ringfence.hub.people.schemas import ProblemView
from ringfence.hub.sign_in_errors import NotSignedIn
from ringfence.hub.store import edits as counted_edits
from ringfence.hub.store import touched, unapproved_edits
from ringfence.hub.store.change import Change, called_by
from ringfence.hub.store.database import BoundDatabase
from ringfence.hub.store.draft_models import DraftEditRow, DraftRow
from ringfence.hub.store.joined import JoinedDatabase
from ringfence.hub.store.models import SiteRow

DRAFT_HEADER = "ringfence-draft"
DRAFT_COOKIE = "__Host-ringfence-draft"
"""The cookie with the draft that somebody edits in by pages."""
DRAFT_SHOWN = "draft_shown"
"""The key in ``scope["state"]`` of the draft that a page is of."""
PLAYER = "draft_player"
"""The key in ``scope["state"]`` of what plays drafts."""
_DRAFTS = f"{V1}/drafts"
_EDITABLE = tuple(f"{V1}/{noun}" for noun in ("settings", "phones", "groups", "templates"))
_NOT_BY_PAGES = "/phones/-/import"
"""Pages that take more than one request to change anything."""
_READING = frozenset({"GET", "HEAD"})
_FIRST_ERROR = 400
_DONE_BY_A_PAGE = 303
_NOT_KEPT = frozenset({forms.TOKEN, forms.ORGANISATION, forms.DRAFT, "shown"})
"""Fields of a form that are about the page it was sent from."""
_LARGEST_ANSWER_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PlayedRequest:
    """A request as it is played."""

    method: str
    path: str
    """With its query."""
    body: bytes = field(default=b"", repr=False)

    @property
    def is_of_a_page(self) -> bool:
        """Whether it is what a page sends, and no request of the API."""
        return not self.path.startswith(f"{V1}/")

    @property
    def content_type(self) -> str:
        """What its body is."""
        return forms.ENCODED if self.is_of_a_page else "application/json"


@dataclass(slots=True)
class Played:
    """What a request was answered."""

    messages: list[Message] = field(default_factory=list)
    body: bytes = b""

    @property
    def status(self) -> int:
        """The answer's status."""
        return next((message["status"] for message in self.messages if "status" in message), 500)

    async def take(self, message: Message) -> None:
        """Take a part of the answer."""
        self.messages.append(message)
        self.body += message.get("body", b"")
        if len(self.body) > _LARGEST_ANSWER_BYTES:
            raise NotInDraft("the answer is too long to be had inside a draft", to_do="Ask for less of it.")


@dataclass(frozen=True, slots=True)
class InDraft:
    """A hub as a draft has it, in the transaction that it was played in."""

    hub: Hub
    database: JoinedDatabase
    draft: DraftRow
    edits: Sequence[DraftEditRow]
    affected: Mapping[str, int]
    """The sites whose files the draft may change, and how often each had been edited before."""


class DraftPlayer:
    """Makes a draft's edits by handing their requests to ``app``, which handles them as any others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    @asynccontextmanager
    async def playing(
        self, scope: Scope, hub: Hub, draft_id: str, reader: drafts.DraftReader, *, despite_conflicts: bool = True
    ) -> AsyncIterator[InDraft]:
        """Make a draft's edits; they are undone at the end, unless the block has kept them.

        Args:
            scope: The request on whose behalf it is.
            hub: The organisation's hub.
            draft_id: The draft.
            reader: Who asks.
            despite_conflicts: Whether it goes on where somebody else has written meanwhile.

        Raises:
            UnknownDraft: There is none, or it is not the reader's to see.
            DraftConflicts: Somebody else has written what it edits.
            DraftBroken: One of its edits can't be made any more.
        """
        with unapproved_edits.only_in_drafts(are_edits=False):
            async with self._playing(scope, hub, draft_id, reader, despite_conflicts=despite_conflicts) as inside:
                yield inside

    @asynccontextmanager
    async def _playing(
        self, scope: Scope, hub: Hub, draft_id: str, reader: drafts.DraftReader, *, despite_conflicts: bool
    ) -> AsyncIterator[InDraft]:
        database = await run_in_threadpool(JoinedDatabase, hub.database)
        try:
            inside = replace(hub, database=database, wakeups=Wakeups())
            draft, rows, before = await run_in_threadpool(
                _read, inside, draft_id, reader, despite_conflicts=despite_conflicts
            )
            for row in rows:
                author = Caller(row.caller_id, row.who, Role.OWNER, hub.organisation_id)
                body = drafts.body_of(row, hub.sealer)
                with called_by(row.caller_id, row.address):
                    answer = await self.ask(scope, inside, author, PlayedRequest(row.method, row.path, body))
                if answer.status >= _FIRST_ERROR:
                    raise _broken(draft, row, answer)
            after = await run_in_threadpool(_edited, database)
            affected = {site_id: before.get(site_id, 0) for site_id in after if before.get(site_id) != after[site_id]}
            yield InDraft(inside, database, draft, rows, affected)
        finally:
            await run_in_threadpool(database.drop)

    async def ask(
        self, scope: Scope, hub: Hub, caller: Caller, asked: PlayedRequest, *, shown: DraftRow | None = None
    ) -> Played:
        """Return what ``app`` answers to a request about ``hub`` by ``caller``; ``shown``: as a page of this draft."""
        path, _mark, query = asked.path.partition("?")
        kept = ("type", "asgi", "http_version", "scheme", "server", "client", "root_path", "app", "extensions")
        inner = {name: scope[name] for name in kept if name in scope}
        headers = [(b"content-type", asked.content_type.encode()), (b"host", b"hub")]
        inner |= {
            "method": asked.method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": headers, "state": {},
        }  # fmt: skip
        keep_hub(inner, caller, hub)
        if asked.is_of_a_page:
            forms.keep(Request(inner), asked.body)
        if shown is not None:
            headers.append((b"accept", b"text/html"))
            inner["state"][DRAFT_SHOWN] = shown
        waiting: list[Message] = [{"type": "http.request", "body": asked.body, "more_body": False}]

        async def receive() -> Message:
            return waiting.pop() if waiting else {"type": "http.disconnect"}

        answer = Played()
        await self._app(inner, receive, answer.take)
        return answer

    async def publish(
        self, scope: Scope, hub: Hub, caller: Caller, draft_id: str, *, despite_conflicts: bool
    ) -> list[str]:
        """Make a draft's edits for good, and end it; return the sites whose files it may have changed.

        Raises:
            UnknownDraft, DraftConflicts, DraftBroken: As ``playing``.
            ApprovalMissing: A second person has to approve it first, or what it publishes has changed since.
        """
        reader = reader_of(caller)
        async with self.playing(scope, hub, draft_id, reader, despite_conflicts=despite_conflicts) as inside:
            await run_in_threadpool(_keep, inside, caller.name)
        hub.wakeups.wake_sites(inside.database.session.info.get(counted_edits.TOLD, set()))
        return list(inside.affected)

    async def approve(self, scope: Scope, hub: Hub, caller: Caller, draft_id: str, seen: int | None) -> None:
        """Approve a draft as it is; ``seen``: the version that the caller has looked at, None if they do not say.

        Raises:
            UnknownDraft, DraftBroken: As ``playing``.
            ApprovalMissing: It is the caller's own.
            DraftChanged: It has changed since they looked.
        """
        reader = reader_of(caller)
        async with self.playing(scope, hub, draft_id, reader) as inside:
            version, affected = inside.draft.version if seen is None else seen, inside.affected

        def approve() -> None:
            with hub.change(caller.name) as change:
                draft = drafts.get(change.session, draft_id, reader)
                drafts.approve(change, draft, caller.id, version, affected)

        await run_in_threadpool(approve)


class DraftRequests:
    """Handles requests that name a draft, and hands all others on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._player = DraftPlayer(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request as the draft has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})[PLAYER] = self._player
        request = Request(scope, receive)
        try:
            draft_id = _draft_of(request)
            answer = await self._inside(request, draft_id) if draft_id else None
        except UnknownDraft as fault:
            if not _is_shown(request):
                await problems.answer_to(request, fault)(scope, receive, send)
                return
            answer = None  # it was published or discarded: the page is as it is without
        except RingfenceError as fault:
            await problems.answer_to(request, fault)(scope, receive, send)
            return
        if answer is None:
            await self._app(scope, receive, send)
            return
        for message in answer.messages:
            await send(message)

    async def _inside(self, request: Request, draft_id: str) -> Played:
        caller = caller_of(request)
        if caller is None:
            raise NotSignedIn("drafts are for those who are signed in")
        hub = hub_of(request)
        asked = await _asked(request)
        is_edit = request.method not in _READING
        if "?" in request.scope["path"] or (is_edit and not _may_be_kept(asked)):
            raise NotInDraft(
                "this can't be a part of a draft, which holds settings, phones, lines, groups and templates",
                where=f"{asked.method} {request.scope['path'][:200]}",
                to_do="Do it without the draft.",
            )
        reader = reader_of(caller)
        await run_in_threadpool(_check_there, hub, draft_id, reader)
        async with self._player.playing(request.scope, hub, draft_id, reader) as inside:
            info, version = inside.database.session.info, inside.draft.version
            known = {place: held for edit in inside.edits for place, held in edit.found.items()}
            if is_edit:
                info[touched.TOUCHED] = {}
            shown = inside.draft if asked.is_of_a_page else None
            answer = await self._player.ask(request.scope, inside.hub, caller, asked, shown=shown)
            found = _found_first(info.pop(touched.TOUCHED, {}), known)
        if is_edit and _is_done(asked, answer):
            address = request.client.host if request.client else ""
            kept = _as_kept(asked)
            edit = drafts.NewEdit(caller.name, caller.id, address, kept.method, kept.path, kept.body, found)
            await run_in_threadpool(_add, hub, draft_id, reader, version, edit)
        return answer


def _draft_of(request: Request) -> str:
    """Return the id of the draft that a request is about; empty where it is about none."""
    path: str = request.scope["path"]
    if path.startswith(V1):
        return "" if path.startswith(_DRAFTS) else request.headers.get(DRAFT_HEADER, "")
    if not _is_below(V1 + path, _EDITABLE) or path.startswith(_NOT_BY_PAGES):
        return ""
    if request.method in _READING:
        return request.cookies.get(DRAFT_COOKIE, "") if _is_shown(request) else ""
    if asked_for(request.method, path) is not Right.EDIT:
        return ""  # such as an order to a phone, which is given at once
    return (forms.form_of(request) or {}).get(forms.DRAFT, "")


def _is_shown(request: Request) -> bool:
    """Return whether a request asks for a page that somebody reads, and not for a stream or a table."""
    return request.method in _READING and problems.is_for_a_page(request)


async def _asked(request: Request) -> PlayedRequest:
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["path"] + (f"?{query}" if query else "")
    form = forms.form_of(request)
    body = await request.body() if form is None else urlencode(form).encode()
    return PlayedRequest(request.method, path, body)


def _is_done(asked: PlayedRequest, answer: Played) -> bool:
    return answer.status == _DONE_BY_A_PAGE if asked.is_of_a_page else answer.status < _FIRST_ERROR


def _as_kept(asked: PlayedRequest) -> PlayedRequest:
    """Return a request as a draft keeps it: of a form what was typed, without what its page gave it."""
    if not asked.is_of_a_page:
        return asked
    typed = forms.parse(asked.content_type, asked.body)
    return replace(
        asked, body=urlencode({name: text for name, text in typed.items() if name not in _NOT_KEPT}).encode()
    )


def reader_of(caller: Caller) -> drafts.DraftReader:
    """Return who a caller is to drafts."""
    return drafts.DraftReader(caller.id, Right.OWN in RIGHTS[caller.role])


def _may_be_kept(asked: PlayedRequest) -> bool:
    path = asked.path.partition("?")[0]
    of_api = V1 + path if asked.is_of_a_page else path
    return _is_below(of_api, _EDITABLE) and asked_for(asked.method, path) is Right.EDIT


def _is_below(path: str, places: Sequence[str]) -> bool:
    return any(path == place or path.startswith(f"{place}/") for place in places)


def _found_first(found: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """Return what was found where an edit writes; where an earlier edit of the draft wrote before, what that found."""
    return {place: known.get(place, held) for place, held in found.items() if not touched.is_of_new_row(place, known)}


def _check_there(hub: Hub, draft_id: str, reader: drafts.DraftReader) -> None:
    """Raise UnknownDraft where there is none: browsers go on naming drafts that are published, and play would lock."""
    with hub.database.reading() as session:
        drafts.get(session, draft_id, reader)


def _read(
    hub: Hub, draft_id: str, reader: drafts.DraftReader, *, despite_conflicts: bool
) -> tuple[DraftRow, Sequence[DraftEditRow], dict[str, int]]:
    with hub.database.reading() as session:
        draft = drafts.get(session, draft_id, reader)
        rows = drafts.edits(session, draft_id)
        if not despite_conflicts:
            drafts.check_approved(session, draft)
            drafts.check_conflicts(session, draft, rows)
        return draft, rows, _edited(hub.database)


def _edited(database: BoundDatabase) -> dict[str, int]:
    """Return how often each site was edited."""
    with database.reading() as session:
        return {row.id: row.edits for row in session.execute(select(SiteRow.id, SiteRow.edits))}


def _keep(inside: InDraft, who: str) -> None:
    drafts.check_as_approved(inside.database.session, inside.draft, inside.affected)
    with inside.database.writing() as session:
        drafts.end(Change(session, who, inside.hub.clock()), inside.draft, "draft.publish")
    inside.database.keep()


def _add(hub: Hub, draft_id: str, reader: drafts.DraftReader, version: int, edit: drafts.NewEdit) -> None:
    with hub.change(edit.who) as change:
        drafts.add_edit(change, drafts.get(change.session, draft_id, reader), version, edit, hub.sealer)


def _broken(draft: DraftRow, edit: DraftEditRow, answer: Played) -> DraftBroken:
    try:
        why = ProblemView.model_validate_json(answer.body).what
    except ValueError:
        why = f"status {answer.status}"
    return DraftBroken(
        f"edit {edit.number} of draft {draft.name!r} can't be made any more: {why}",
        where=f"{edit.method} {edit.path.partition('?')[0]}",
        to_do=f"Take it out: ringfence draft drop {draft.id} {edit.number}",
    )
