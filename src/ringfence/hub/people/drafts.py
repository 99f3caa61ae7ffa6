"""Drafts: create, look, preview, approve, publish, discard. Edits come by requests that name a draft."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, EditsNotPublished
from ringfence.hub.fleet import drafts
from ringfence.hub.people.callers import Caller, TheCaller, TheHub
from ringfence.hub.people.draft_requests import PLAYER, DraftPlayer, reader_of
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.publish import publication_view
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.drafts import (
    ApprovalRule,
    DraftApproval,
    DraftChanges,
    DraftDetailsView,
    DraftEditView,
    DraftOrder,
    DraftPreviewView,
    DraftPublishedView,
    DraftView,
    NewDraft,
)
from ringfence.hub.publishing import pieces, rollouts
from ringfence.hub.publishing import publish as publishing
from ringfence.hub.publishing.publish import Publication
from ringfence.hub.publishing.rollouts import NewRollout
from ringfence.hub.store import pages
from ringfence.hub.store.draft_models import DraftRow

router = APIRouter(tags=["drafts"])

_IDLE_WITHIN_S = 86_400.0
"""How long phones that are told when they are idle have to take their files."""


@router.get("/drafts")
def list_drafts(hub: TheHub, caller: TheCaller, page: ThePage) -> Items[DraftView]:
    """List one's own drafts and those that are shared, the newest first."""
    with hub.database.reading() as session:
        found = pages.cut(drafts.find(session, reader_of(caller)), page)
        return Items.of(found.each(lambda draft: _view(draft, len(drafts.edits(session, draft.id)))))


@router.post("/drafts", status_code=201)
def create_draft(body: NewDraft, hub: TheHub, caller: TheCaller) -> DraftView:
    """Create a draft without edits."""
    with hub.change(caller.name) as change:
        return _view(drafts.create(change, body.name, caller.id, is_shared=body.shared), 0)


@router.get("/drafts/approval")
def show_approval(hub: TheHub, _caller: TheCaller) -> ApprovalRule:
    """Show whether drafts need a second person's approval."""
    with hub.database.reading() as session:
        return ApprovalRule(needed=drafts.needs_approval(session))


@router.put("/drafts/approval")
def set_approval(body: ApprovalRule, hub: TheHub, caller: TheCaller) -> ApprovalRule:
    """Set whether drafts need a second person's approval; then only owners publish without one."""
    with hub.change(caller.name) as change:
        drafts.require_approval(change, body.needed)
    return body


@router.get("/drafts/{draft}")
def show_draft(draft: str, hub: TheHub, caller: TheCaller) -> DraftDetailsView:
    """Show a draft with its edits, and what others have changed meanwhile."""
    with hub.database.reading() as session:
        row = drafts.get(session, draft, reader_of(caller))
        rows = drafts.edits(session, row.id)
        places: dict[int, list[str]] = {}
        for each in drafts.conflicts(session, rows):
            places.setdefault(each.number, []).append(each.place)
        return DraftDetailsView(
            **_view(row, len(rows)).model_dump(),
            needs_approval=drafts.needs_approval(session),
            list_of_edits=[
                DraftEditView(
                    number=edit.number, at=edit.at, who=edit.who, method=edit.method, path=edit.path,
                    conflicts=places.get(edit.number, []),
                )
                for edit in rows
            ],
        )  # fmt: skip


@router.patch("/drafts/{draft}")
def change_draft(draft: str, body: DraftChanges, hub: TheHub, caller: TheCaller) -> DraftView:
    """Rename a draft, or share it."""
    with hub.change(caller.name) as change:
        row = drafts.get(change.session, draft, reader_of(caller))
        drafts.rename(change, row, body.name, is_shared=body.shared)
        return _view(row, len(drafts.edits(change.session, row.id)))


@router.delete("/drafts/{draft}", status_code=204)
def discard_draft(draft: str, hub: TheHub, caller: TheCaller) -> None:
    """Discard a draft with its edits."""
    with hub.change(caller.name) as change:
        drafts.end(change, drafts.get(change.session, draft, reader_of(caller)), "draft.discard")


@router.delete("/drafts/{draft}/edits/{number}", status_code=204)
def drop_draft_edit(draft: str, number: int, hub: TheHub, caller: TheCaller) -> None:
    """Take an edit out of a draft."""
    with hub.change(caller.name) as change:
        drafts.drop_edit(change, drafts.get(change.session, draft, reader_of(caller)), number)


@router.get("/drafts/{draft}/preview")
async def preview_draft(
    draft: str, request: Request, hub: TheHub, caller: TheCaller, diffs: bool = True
) -> DraftPreviewView:
    """Show what a draft would change: which files of which phones, and how."""
    affected, done = await preview(request, hub, caller, draft, with_diffs=diffs)
    return DraftPreviewView(sites=affected, publication=publication_view(done))


@router.post("/drafts/{draft}/approve")
async def approve_draft(
    draft: str, request: Request, hub: TheHub, caller: TheCaller, body: DraftApproval | None = None
) -> DraftView:
    """Approve a draft's edits as they are; the next edit of it, or of the sites that it changes, ends the approval."""
    await approve(request, hub, caller, draft, None if body is None else body.version)

    def show() -> DraftView:
        with hub.database.reading() as session:
            row = drafts.get(session, draft, reader_of(caller))
            return _view(row, len(drafts.edits(session, row.id)))

    return await run_in_threadpool(show)


@router.post("/drafts/{draft}/publish")
async def publish_draft(
    draft: str, body: DraftOrder, request: Request, hub: TheHub, caller: TheCaller
) -> DraftPublishedView:
    """Make a draft's edits and publish the sites that they change, now or at a time."""
    if body.at is not None and body.when_idle:
        raise BadSelection("a draft is published at a time or when phones are idle", to_do="Choose one of them.")
    if body.at is not None:
        view = await run_in_threadpool(_schedule, hub, caller, draft, body)
        return DraftPublishedView(draft=view, publication=None)
    if body.when_idle:
        begun = await publish_when_idle(request, hub, caller, draft, despite_conflicts=body.despite_conflicts)
        return DraftPublishedView(draft=None, publication=None, rollout=begun)
    done = await publish(request, hub, caller, draft, body.comment, despite_conflicts=body.despite_conflicts)
    return DraftPublishedView(draft=None, publication=None if done is None else publication_view(done))


async def preview(
    request: Request, hub: Hub, caller: Caller, draft_id: str, *, with_diffs: bool
) -> tuple[list[str], Publication]:
    """Return the sites that a draft affects, and what a publish of them would do."""
    async with _player(request).playing(request.scope, hub, draft_id, reader_of(caller)) as inside:
        affected = list(inside.affected)
        due = await run_in_threadpool(pieces.read, inside.hub, affected, with_held=True)
    # Rendering is long; nobody waits for it.
    return affected, await run_in_threadpool(publishing.preview, hub, due, with_diffs=with_diffs)


async def approve(request: Request, hub: Hub, caller: Caller, draft_id: str, seen: int | None) -> None:
    """Approve a draft, if it still is the version that was seen; None: as it is."""
    await _player(request).approve(request.scope, hub, caller, draft_id, seen)


async def publish(
    request: Request, hub: Hub, caller: Caller, draft_id: str, comment: str, *, despite_conflicts: bool
) -> Publication | None:
    """Make a draft's edits and publish the sites that they change; None where they change none.

    Raises:
        EditsNotPublished: The edits are made, and the publish failed.
    """
    player = _player(request)
    affected = await player.publish(request.scope, hub, caller, draft_id, despite_conflicts=despite_conflicts)
    return await run_in_threadpool(_publish, hub, caller.name, affected, comment)


async def publish_when_idle(
    request: Request, hub: Hub, caller: Caller, draft_id: str, *, despite_conflicts: bool
) -> str | None:
    """Make a draft's edits and begin a rollout that tells no phone in a call; None where they change no site.

    Returns:
        The rollout's id.

    Raises:
        EditsNotPublished: The edits are made, and no rollout could begin.
    """

    def name() -> str:
        with hub.database.reading() as session:
            return drafts.get(session, draft_id, reader_of(caller)).name

    draft_name = await run_in_threadpool(name)
    player = _player(request)
    affected = await player.publish(request.scope, hub, caller, draft_id, despite_conflicts=despite_conflicts)
    return await run_in_threadpool(_begin_rollout, hub, caller.name, affected, draft_name)


def _begin_rollout(hub: Hub, who: str, site_ids: list[str], name: str) -> str | None:
    if not site_ids:
        return None
    new = NewRollout(name, site_ids, ("rest",), _IDLE_WITHIN_S, when_idle=True)
    try:
        return rollouts.create(hub, who, new).rollout.id
    except RingfenceError as fault:
        raise _not_published(fault) from fault


def _not_published(fault: RingfenceError) -> EditsNotPublished:
    return EditsNotPublished(
        f"the draft's edits are made, but not published: {fault.what}",
        where=fault.where,
        to_do="Publish again: ringfence publish",
    )


def _publish(hub: Hub, who: str, site_ids: list[str], comment: str) -> Publication | None:
    if not site_ids:
        return None
    try:
        return publishing.publish(hub, who, site_ids=site_ids, comment=comment)
    except RingfenceError as fault:
        raise _not_published(fault) from fault


def _schedule(hub: Hub, caller: Caller, draft_id: str, body: DraftOrder) -> DraftView:
    with hub.change(caller.name) as change:
        row = drafts.get(change.session, draft_id, reader_of(caller))
        drafts.check_approved(change.session, row)
        drafts.schedule(change, row, body.at, caller.id, body.comment)
        return _view(row, len(drafts.edits(change.session, row.id)))


def _player(request: Request) -> DraftPlayer:
    player: DraftPlayer = request.scope["state"][PLAYER]
    return player


def _view(row: DraftRow, count: int) -> DraftView:
    return DraftView(
        id=row.id, name=row.name, author=row.author, shared=row.is_shared, created_at=row.created_at,
        changed_at=row.changed_at, edits=count, approved_by=row.approved_by, publish_at=row.publish_at,
        problem=row.problem, version=row.version,
    )  # fmt: skip
