"""Drafts that are published at a time: the hub does then what whoever ordered it would do."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from ringfence.errors import RingfenceError
from ringfence.hub import logs, within
from ringfence.hub.core import Hub
from ringfence.hub.errors import UnknownDraft
from ringfence.hub.fleet import access_scopes, drafts
from ringfence.hub.people import rights
from ringfence.hub.people.app import people_app
from ringfence.hub.people.callers import Caller, caller_of
from ringfence.hub.people.draft_requests import DraftPlayer
from ringfence.hub.people.rights import Role
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.store.access_scope import AccessScope
from ringfence.hub.store.draft_models import DraftRow

_log = logs.get("drafts")


@dataclass(frozen=True, slots=True)
class _Due:
    hub: Hub
    draft: DraftRow


class ScheduledDrafts:
    """Publishes drafts when their time has come; one that can't be is told, and stops no other."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._app = people_app(hub, (_already_known,))
        self._player = DraftPlayer(self._app)

    async def publish_due(self) -> None:
        """Publish what is due."""
        waiting = await run_in_threadpool(self._due)
        for due in waiting:
            try:
                await self._publish(due)
            except UnknownDraft:
                _log.info(
                    "a draft was gone before its time: published by another process, or discarded", draft=due.draft.id
                )
            except RingfenceError as fault:
                _log.error("a draft was not published at its time", draft=due.draft.id, problem=str(fault))
                await run_in_threadpool(_note_failure, due, fault.what)

    async def _publish(self, due: _Due) -> None:
        draft = due.draft
        hub, caller = await run_in_threadpool(_as_ordered, due)
        scope: Scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "https",
            "server": ("hub", 443), "client": None, "root_path": "", "app": self._app,
        }  # fmt: skip
        sites = await self._player.publish(scope, hub, caller, draft.id, despite_conflicts=False)
        if sites:
            await run_in_threadpool(publishing.publish, hub, draft.publish_by, site_ids=sites, comment=draft.comment)

    def _due(self) -> Sequence[_Due]:
        now = self._hub.clock()
        found = []
        for hub in within.having(self._hub, DraftRow, DraftRow.publish_at <= now):
            with hub.database.reading() as session:
                found += [_Due(hub, draft) for draft in drafts.due(session, now)]
        return found


def _as_ordered(due: _Due) -> tuple[Hub, Caller]:
    """Return whoever ordered it, and the hub as they have it now.

    Raises:
        NotSignedIn: They have no access any more.
        ScopeExceeded: Their role may not publish drafts any more.
    """
    draft, organisation_id = due.draft, due.hub.organisation_id
    with within.everywhere(due.hub).database.reading() as session:
        holder = access_scopes.holder(session, organisation_id, draft.publish_by_id, due.hub.clock())
        scope = AccessScope.of(holder.id, holder.limited_to)
        path = f"{rights.V1}/drafts/{draft.id}/publish"
        rights.check(Role(holder.role), "POST", path, is_limited=scope is not None)
    caller = Caller(draft.publish_by_id, draft.publish_by, Role.OWNER, organisation_id, scope=scope)
    return within.organisation(due.hub, organisation_id, scope), caller


def _already_known(request: Request) -> Caller | None:
    """Return the caller that the player has named; nobody else asks this application."""
    return caller_of(request)


def _note_failure(due: _Due, problem: str) -> None:
    """Keep why a draft was not published; where its edits are made, and only its files are not, the log tells it."""
    with due.hub.change("the hub") as change:
        try:
            draft = drafts.get(change.session, due.draft.id, drafts.DraftReader("", sees_all=True))
        except UnknownDraft:
            told = f"{due.draft.name}: its edits are made, but its sites are not published: {problem}"
            change.note("draft.not-published", due.draft.id, told)
        else:
            drafts.note_failure(change, draft, problem)
