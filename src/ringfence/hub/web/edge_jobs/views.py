"""Jobs of edges: asking for one, watching it, and what was found."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.errors import NothingHere
from ringfence.hub.fleet import edge_jobs, edges
from ringfence.hub.fleet.edge_jobs import AskedJob
from ringfence.hub.people.edge_jobs import approve_edge_job, cancel_edge_job, start
from ringfence.hub.people.forms import TheForm
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.hub.web import lists, templates
from ringfence.hub.web.answers import PageAnswer
from ringfence.hub.web.live import LivePart, live_answer
from ringfence.hub.web.page import TheFormPage, TheWebPage, WebPage
from ringfence.wire.job_messages import (
    LARGEST_CAPTURE_BYTES,
    LONGEST_CAPTURE_S,
    LONGEST_FOLLOW_S,
    MOST_LINES,
    JobKind,
)

router = APIRouter(prefix="/edge-jobs")

_COLUMNS: lists.Columns = {
    "asked": (EdgeJobRow.asked_at, EdgeJobRow.id),
    "kind": (EdgeJobRow.kind, EdgeJobRow.id),
    "site": (EdgeJobRow.site_id, EdgeJobRow.id),
}
_NEWEST = "-asked"
_WITH_SECRETS = "capture-with-secrets"
_MIB = 1 << 20
_BEFORE = {"wait_minutes": "0", "lines": "200", "follow": "0", "seconds": "30", "mib": "4"}
"""What the form says before anything is typed."""


@router.get("")
def list_edge_jobs(page: TheWebPage) -> PageAnswer:
    """Show the jobs of all edges, or of one, newest first unless a heading asks for another order."""
    with page.hub.database.reading() as session:
        chosen = edge_jobs.choose(session, page.query.get("edge") or None)
        found = lists.read(page, session, chosen, _COLUMNS, _NEWEST)
    return page.show("edge_jobs/list.html", rows=found.rows, next=found.next, state_of=edge_jobs.state_of)


@router.get("/-/new")
def show_new_edge_job(page: TheFormPage) -> PageAnswer:
    """Show the form that asks an edge for something."""
    return page.form("edge_jobs/new.html", None, {**_BEFORE, "edge": page.query.get("edge", "")})


@router.post("/{kind}")
def start_edge_job(kind: str, page: TheFormPage, form: TheForm) -> Response:
    """Ask an edge for something; each kind is asked for at a path of its own, as rights differ."""
    try:
        job = start(page.hub, page.caller, _asked(page, kind, form))
    except RingfenceError as fault:
        return page.refused("edge_jobs/new.html", fault, form)
    return page.go("edge-jobs", job.id, done="asked")


@router.get("/{job}")
def show_edge_job(job: str, page: TheWebPage) -> PageAnswer:
    """Show a job with what was found."""
    return page.show("edge_jobs/job.html", fault=None, **_found(page.hub, job))


@router.get("/{job}/live")
async def watch_edge_job(job: str, page: TheWebPage) -> StreamingResponse:
    """Tell what comes of a job, as it happens."""

    def look() -> LivePart:
        values = _found(page.hub, job)
        shown = templates.render("edge_jobs/progress.html", now=page.hub.clock(), **values)
        return LivePart(shown, is_final=values["is_over"])

    return await live_answer(page, look)


@router.post("/{job}/cancel")
def cancel_job(job: str, page: TheFormPage) -> Response:
    """Cancel a job."""
    try:
        cancel_edge_job(job, page.hub, page.caller)
    except RingfenceError as fault:
        return page.refused("edge_jobs/job.html", fault, **_found(page.hub, job))
    return page.go("edge-jobs", job, done="job-cancelled")


@router.post("/{job}/approve")
def approve_job(job: str, page: TheFormPage) -> Response:
    """Approve a job that waits for it."""
    try:
        approve_edge_job(job, page.hub, page.caller)
    except RingfenceError as fault:
        return page.refused("edge_jobs/job.html", fault, **_found(page.hub, job))
    return page.go("edge-jobs", job, done="job-approved")


def _found(hub: Hub, job: str) -> dict[str, Any]:  # Any: what a template takes
    now = hub.clock()
    with hub.database.reading() as session:
        row = edge_jobs.get(session, job)
        edge = edges.get(session, row.edge_id)
        return {
            "job": row, "result": row.result, "edge": edge, "state": edge_jobs.state_of(row, now),
            "is_over": edge_jobs.is_over(row, now), "in_short": edge_jobs.in_short(row),
        }  # fmt: skip


def _asked(page: WebPage, kind: str, form: TheForm) -> AskedJob:
    """Return what a form asks for.

    Raises:
        NothingHere: There is no such kind.
        FieldRefused: A number is none, or too large.
    """
    with_secrets = kind == _WITH_SECRETS
    if not with_secrets and kind not in set(JobKind) - {JobKind.PHONE_WEB}:  # a page of ours shows no phone's
        raise NothingHere("there is no such job", where=f"POST /edge-jobs/{kind[:40]}")
    what = JobKind.CAPTURE if with_secrets else JobKind(kind)
    seconds = 0
    if what is JobKind.LOGS:
        seconds = int(page.number(form, "follow", least=0, most=LONGEST_FOLLOW_S))
    elif what is JobKind.CAPTURE:
        seconds = int(page.number(form, "seconds", least=1, most=LONGEST_CAPTURE_S))
    return AskedJob(
        what, form.get("edge", "").strip(), form.get("why", ""),
        page.number(form, "wait_minutes", least=0, most=edge_jobs.LONGEST_WAIT_S / 60) * 60,
        int(page.number(form, "lines", least=1, most=MOST_LINES)) if what is JobKind.LOGS else MOST_LINES, seconds,
        int(page.number(form, "mib", least=1, most=LARGEST_CAPTURE_BYTES / _MIB) * _MIB)
        if what is JobKind.CAPTURE else 0, with_secrets,
    )  # fmt: skip
