"""Requests inside a draft: its edits are made first, in a transaction that is undone when the answer is there.

A request says by the header ``Ringfence-Draft`` which draft it is about. What it reads is as the draft has it. What it
edits is tried, and if it can be done becomes one more edit of the draft.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from sqlalchemy import select
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import DraftBroken, NotInDraft
from ringfence.hub.event_streams import Wakeups
from ringfence.hub.fleet import drafts
from ringfence.hub.people import problems
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
PLAYER = "draft_player"
"""The key in ``scope["state"]`` of what plays drafts."""
_DRAFTS = f"{V1}/drafts"
_EDITABLE = tuple(f"{V1}/{noun}" for noun in ("settings", "phones", "groups", "templates"))
_READING = frozenset({"GET", "HEAD"})
_FIRST_ERROR = 400
_LARGEST_ANSWER_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PlayedRequest:
    """A request as it is played."""

    method: str
    path: str
    """With its query."""
    body: bytes = field(default=b"", repr=False)


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

    async def ask(self, scope: Scope, hub: Hub, caller: Caller, asked: PlayedRequest) -> Played:
        """Return what ``app`` answers to a request about ``hub`` by ``caller``."""
        path, _mark, query = asked.path.partition("?")
        kept = ("type", "asgi", "http_version", "scheme", "server", "client", "root_path", "app", "extensions")
        inner = {name: scope[name] for name in kept if name in scope}
        inner |= {
            "method": asked.method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "headers": [(b"content-type", b"application/json"), (b"host", b"hub")], "state": {},
        }  # fmt: skip
        keep_hub(inner, caller, hub)
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
        draft_id = request.headers.get(DRAFT_HEADER, "")
        path: str = scope["path"]
        if not draft_id or not path.startswith(V1) or path.startswith(_DRAFTS):
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._inside(request, draft_id)
        except RingfenceError as fault:
            await problems.answer_to(request, fault)(scope, receive, send)
            return
        for message in answer.messages:
            await send(message)

    async def _inside(self, request: Request, draft_id: str) -> Played:
        caller = caller_of(request)
        if caller is None:
            raise NotSignedIn("drafts are for those who are signed in")
        hub = hub_of(request)
        query = request.scope["query_string"].decode("latin-1")
        path = request.scope["path"] + (f"?{query}" if query else "")
        asked = PlayedRequest(request.method, path, await request.body())
        is_edit = request.method not in _READING
        if "?" in request.scope["path"] or (is_edit and not _may_be_kept(asked)):
            raise NotInDraft(
                "this can't be a part of a draft, which holds settings, phones, lines, groups and templates",
                where=f"{asked.method} {request.scope['path'][:200]}",
                to_do="Do it without the draft.",
            )
        reader = reader_of(caller)
        async with self._player.playing(request.scope, hub, draft_id, reader) as inside:
            info, version = inside.database.session.info, inside.draft.version
            known = {place: held for edit in inside.edits for place, held in edit.found.items()}
            if is_edit:
                info[touched.TOUCHED] = {}
            answer = await self._player.ask(request.scope, inside.hub, caller, asked)
            found = _found_first(info.pop(touched.TOUCHED, {}), known)
        if is_edit and answer.status < _FIRST_ERROR:
            address = request.client.host if request.client else ""
            edit = drafts.NewEdit(caller.name, caller.id, address, asked.method, path, asked.body, found)
            await run_in_threadpool(_add, hub, draft_id, reader, version, edit)
        return answer


def reader_of(caller: Caller) -> drafts.DraftReader:
    """Return who a caller is to drafts."""
    return drafts.DraftReader(caller.id, Right.OWN in RIGHTS[caller.role])


def _may_be_kept(asked: PlayedRequest) -> bool:
    path = asked.path.partition("?")[0]
    is_there = any(path == place or path.startswith(f"{place}/") for place in _EDITABLE)
    return is_there and asked_for(asked.method, path) is Right.EDIT


def _found_first(found: dict[str, str], known: dict[str, str]) -> dict[str, str]:
    """Return what was found where an edit writes; where an earlier edit of the draft wrote before, what that found."""
    return {place: known.get(place, held) for place, held in found.items() if not touched.is_of_new_row(place, known)}


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
