"""Drafts: what somebody means to change, looked at, approved by a second person, published or discarded."""

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from ringfence.errors import BadInput, RingfenceError
from ringfence.hub.errors import DraftBroken, DraftChanged
from ringfence.hub.fleet import drafts
from ringfence.hub.people import drafts as drafts_of_api
from ringfence.hub.people.draft_requests import DRAFT_COOKIE, reader_of
from ringfence.hub.people.forms import NO_FORM, Form, TheForm
from ringfence.hub.store.draft_models import DraftRow
from ringfence.hub.store.models import name_key
from ringfence.hub.web import lists
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.page import FieldRefused, TheFormPage, TheWebPage, WebPage

router = APIRouter(prefix="/drafts")

_CELLS: lists.Cells[DraftRow] = {
    "draft": lambda row: name_key(row.name),
    "by": lambda row: row.author,
    "changed": lambda row: row.changed_at,
}


@router.get("")
def list_drafts(page: TheWebPage) -> PageAnswer:
    """Show one's own drafts and those that are shared."""
    return _list(page)


@router.post("")
def create_draft(page: TheWebPage, form: TheForm) -> Response:
    """Create a draft without edits."""
    try:
        with page.hub.change(page.caller.name) as change:
            row = drafts.create(change, form.get("name", ""), page.caller.id, is_shared=form.get("shared", "") == "yes")
            draft_id = row.id
    except BadInput as fault:
        return _list(page, fault, form)
    return page.go("drafts", draft_id, done="created")


def _list(page: WebPage, fault: BadInput | None = None, form: Form = NO_FORM) -> PageAnswer:
    with page.hub.database.reading() as session:
        found = lists.cut(page, drafts.find(session, reader_of(page.caller)), _CELLS)
        rows = [(row, len(drafts.edits(session, row.id))) for row in found.rows]
        values = {"rows": rows, "next": found.next, "needs_approval": drafts.needs_approval(session)}
    return page.form("drafts/list.html", fault, form, **values)


@router.get("/{draft}")
def show_draft(draft: str, page: TheWebPage, request: Request) -> PageAnswer:
    """Show a draft with its edits, and what others have changed meanwhile."""
    return _show(page, draft, is_worked_in=request.cookies.get(DRAFT_COOKIE) == draft)


def _show(
    page: WebPage, draft: str, fault: RingfenceError | None = None, form: Form = NO_FORM, *, is_worked_in: bool = False
) -> PageAnswer:
    with page.hub.database.reading() as session:
        row = drafts.get(session, draft, reader_of(page.caller))
        rows = drafts.edits(session, row.id)
        conflicts: dict[int, list[str]] = {}
        for each in drafts.conflicts(session, rows):
            conflicts.setdefault(each.number, []).append(each.place)
        values = {
            "draft": row,
            "edits": rows,
            "conflicts": conflicts,
            "needs_approval": drafts.needs_approval(session),
            "is_worked_in": is_worked_in,
        }
    return page.form("drafts/draft.html", fault, form, **values)


@router.post("/{draft}/work")
def work_in_draft(draft: str, page: TheWebPage) -> Response:
    """Have the pages of phones, lines, settings, groups and templates show and edit a draft, in this browser."""
    with page.hub.database.reading() as session:
        found = drafts.get(session, draft, reader_of(page.caller)).id
    answer = page.go("phones", done="in-draft")
    answer.set_cookie(DRAFT_COOKIE, found, secure=True, httponly=True, samesite="lax")
    return answer


@router.post("/{draft}/leave")
def leave_draft(draft: str, page: TheWebPage) -> Response:
    """Have all pages be about what there is again."""
    answer = page.go("drafts", draft, done="out-of-draft")
    answer.delete_cookie(DRAFT_COOKIE, secure=True, httponly=True, samesite="lax")
    return answer


@router.get("/{draft}/preview")
async def preview_draft(draft: str, request: Request, page: TheWebPage) -> PageAnswer:
    """Show which files of which phones a draft would change, and how."""
    _affected, done = await drafts_of_api.preview(request, page.hub, page.caller, draft, with_diffs=True)

    def show() -> PageAnswer:
        with page.hub.database.reading() as session:
            row = drafts.get(session, draft, reader_of(page.caller))
        return page.show("drafts/preview.html", draft=row, done=done)

    return await run_in_threadpool(show)


@router.post("/{draft}/approve")
async def approve_draft(draft: str, request: Request, page: TheFormPage, form: TheForm) -> Response:
    """Approve a draft's edits as the page has shown them."""
    seen = form.get("version", "")
    try:
        version = int(seen) if seen.isascii() and seen.isdecimal() else None
        await drafts_of_api.approve(request, page.hub, page.caller, draft, version)
    except (DraftBroken, DraftChanged) as fault:
        return await run_in_threadpool(_show, page, draft, fault)
    return page.go("drafts", draft, done="approved")


@router.post("/{draft}/publish")
async def publish_draft(draft: str, request: Request, page: TheFormPage, form: TheForm) -> Response:
    """Make a draft's edits and publish the sites that they change: now, when phones are idle, or at a time."""
    try:
        if form.get("do", "") in {"at", "not-at"}:
            await run_in_threadpool(_schedule, page, draft, form)
            return page.go("drafts", draft, done="saved")
        despite_conflicts = form.get("despite_conflicts", "") == "yes"
        if form.get("do", "") == "idle":
            rollout = await drafts_of_api.publish_when_idle(
                request, page.hub, page.caller, draft, despite_conflicts=despite_conflicts
            )
            return (
                page.go("rollouts", rollout, done="rollout-begun") if rollout else page.go("drafts", done="published")
            )
        await drafts_of_api.publish(
            request, page.hub, page.caller, draft, form.get("comment", ""),
            despite_conflicts=despite_conflicts,
        )  # fmt: skip
    except RingfenceError as fault:
        return await run_in_threadpool(_show, page, draft, fault, form)
    return page.go("drafts", done="published")


def _schedule(page: WebPage, draft: str, form: Form) -> None:
    """Have a draft published at the time that is typed, or not by itself any more."""
    at = None if form["do"] == "not-at" else page.moment(form, "at")
    if at is None and form["do"] == "at":
        raise FieldRefused("at", "there is no time", to_do="Say when, or publish now.")
    with page.hub.change(page.caller.name) as change:
        row = drafts.get(change.session, draft, reader_of(page.caller))
        drafts.check_approved(change.session, row)
        drafts.schedule(change, row, at, page.caller.id, form.get("comment", ""))


@router.post("/{draft}/discard")
def discard_draft(draft: str, page: TheFormPage) -> Response:
    """Discard a draft with its edits."""
    with page.hub.change(page.caller.name) as change:
        drafts.end(change, drafts.get(change.session, draft, reader_of(page.caller)), "draft.discard")
    return page.go("drafts", done="removed")


@router.get("/{draft}/discard")
def ask_to_discard(draft: str, page: TheFormPage) -> PageAnswer:
    """Ask whether a draft is to be discarded."""
    with page.hub.database.reading() as session:
        row = drafts.get(session, draft, reader_of(page.caller))
        return page.show("drafts/discard.html", draft=row, count=len(drafts.edits(session, row.id)))


@router.post("/{draft}/edits/{number}/drop")
def drop_edit(draft: str, number: int, page: TheFormPage) -> Response:
    """Take an edit out of a draft."""
    with page.hub.change(page.caller.name) as change:
        drafts.drop_edit(change, drafts.get(change.session, draft, reader_of(page.caller)), number)
    return page.go("drafts", draft, done="removed")
