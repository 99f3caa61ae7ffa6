"""Jobs: what edges are asked to do, and what came of it.

Each kind is started at a path of its own, as roles differ by kind (``rights.py``).
"""

import base64
import binascii

from fastapi import APIRouter, Response

from ringfence.hub.core import Hub
from ringfence.hub.errors import BadSelection, NothingRecorded, ScopeExceeded
from ringfence.hub.fleet import edge_job_alerts, edge_jobs, phone_web, phones
from ringfence.hub.fleet.edge_jobs import NEED_WHY, AskedJob, JobApproval
from ringfence.hub.people import rights
from ringfence.hub.people.callers import Caller, TheCaller, TheHub, check_confirmed
from ringfence.hub.people.pages import TheNewest
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.edge_jobs import (
    CaptureView,
    EdgeJobResultView,
    EdgeJobView,
    JobApprovalRule,
    NewCaptureJob,
    NewEdgeJob,
    NewLogsJob,
    NewPhoneWebJob,
    NewPhoneWebRequest,
    PhoneWebAnswerView,
    PhoneWebRequestView,
)
from ringfence.hub.store.edge_job_models import EdgeJobRow
from ringfence.phones.mac import Mac
from ringfence.wire.job_messages import JobKind
from ringfence.wire.phone_web_messages import PhoneWebRequest

router = APIRouter(tags=["edge-jobs"])

CAPTURE_TYPE = "application/vnd.tcpdump.pcap"


@router.post("/edge-jobs/status", status_code=201)
def start_status(body: NewEdgeJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Ask an edge how it is."""
    return start(hub, caller, AskedJob(JobKind.STATUS, body.edge, body.why, body.wait_s))


@router.post("/edge-jobs/logs", status_code=201)
def start_logs(body: NewLogsJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Ask an edge for the newest lines of its log."""
    return start(hub, caller, AskedJob(JobKind.LOGS, body.edge, body.why, body.wait_s, body.lines, body.follow_s))


@router.post("/edge-jobs/diagnose", status_code=201)
def start_diagnosis(body: NewEdgeJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Ask an edge what its network is like, and whether it reaches the hub and the PBXes."""
    return start(hub, caller, AskedJob(JobKind.DIAGNOSE, body.edge, body.why, body.wait_s))


@router.post("/edge-jobs/capture", status_code=201)
def start_capture(body: NewCaptureJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Ask an edge for what phones say on their network, without secrets."""
    return start(hub, caller, _capture(body, with_secrets=False))


@router.post("/edge-jobs/capture-with-secrets", status_code=201)
def start_capture_with_secrets(body: NewCaptureJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Ask an edge for what phones say on their network, as it is: with their passwords."""
    return start(hub, caller, _capture(body, with_secrets=True))


@router.post("/edge-jobs/restart", status_code=201)
def start_restart(body: NewEdgeJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Have an edge's program end and start again."""
    return start(hub, caller, AskedJob(JobKind.RESTART, body.edge, body.why, body.wait_s))


@router.post("/edge-jobs/reboot", status_code=201)
def start_reboot(body: NewEdgeJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Have an edge's machine start again."""
    return start(hub, caller, AskedJob(JobKind.REBOOT, body.edge, body.why, body.wait_s))


@router.post("/edge-jobs/phone-web", status_code=201)
def open_phone_web(body: NewPhoneWebJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Open a phone's own web page through its edge, to read it."""
    return _open(body, hub, caller, with_changes=False)


@router.post("/edge-jobs/phone-web-changes", status_code=201)
def open_phone_web_for_changes(body: NewPhoneWebJob, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Open a phone's own web page through its edge, to change something there."""
    return _open(body, hub, caller, with_changes=True)


@router.post("/edge-jobs/{job}/phone-web", status_code=201)
def ask_phone_web(job: str, body: NewPhoneWebRequest, hub: TheHub, caller: TheCaller) -> PhoneWebRequestView:
    """Ask something of the page of a phone that you have opened; what changes something is in the audit log."""
    try:
        data = base64.b64decode(body.body, validate=True)
    except (binascii.Error, ValueError):
        raise BadSelection("the body is not base64") from None
    headers = tuple((name.lower(), value) for name, value in body.headers)
    asked = PhoneWebRequest(0, body.method.upper(), body.target, headers, data, body.tls)
    with hub.change(caller.name) as change:
        return PhoneWebRequestView(number=phone_web.ask(change, hub.sealer, job, caller.id, asked))


@router.post("/edge-jobs/{job}/phone-web/{number}")
def take_phone_web_answer(job: str, number: int, hub: TheHub, caller: TheCaller) -> PhoneWebAnswerView:
    """Take what the phone answered, if it has; an answer is given once and kept no longer."""
    with hub.change(caller.name) as change:
        answer = phone_web.answer_of(change, hub.sealer, job, caller.id, number)
    if answer is None:
        return PhoneWebAnswerView(answered=False)
    return PhoneWebAnswerView(
        answered=True, status=answer.status, headers=list(answer.headers), body=base64.b64encode(answer.body).decode(),
        leads_to_tls=answer.leads_to_tls, problem=answer.problem,
    )  # fmt: skip


@router.get("/edge-jobs")
def list_edge_jobs(hub: TheHub, _caller: TheCaller, page: TheNewest, edge: str | None = None) -> Items[EdgeJobView]:
    """List jobs, the newest first: of all edges, or of an edge or site."""
    now = hub.clock()
    with hub.database.reading() as session:
        return Items.of(edge_jobs.find(session, page, edge=edge).each(lambda row: job_view(row, now)))


@router.get("/edge-jobs/approval")
def show_job_approval(hub: TheHub, _caller: TheCaller) -> JobApprovalRule:
    """Show what has to be before a job touches a network or shows what was said there."""
    with hub.database.reading() as session:
        return JobApprovalRule(needed=edge_jobs.approval(session).value)


@router.put("/edge-jobs/approval")
def set_job_approval(body: JobApprovalRule, hub: TheHub, caller: TheCaller) -> JobApprovalRule:
    """Set what has to be before a job touches a network or shows what was said there."""
    with hub.change(caller.name) as change:
        edge_jobs.require_approval(change, JobApproval(body.needed))
    return body


@router.get("/edge-jobs/{job}")
def show_edge_job(job: str, hub: TheHub, _caller: TheCaller) -> EdgeJobResultView:
    """Show a job with what was found."""
    with hub.database.reading() as session:
        row = edge_jobs.get(session, job)
        return EdgeJobResultView(**job_view(row, hub.clock()).model_dump(), result=row.result)


@router.post("/edge-jobs/{job}/cancel")
def cancel_edge_job(job: str, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Cancel a job; an edge that is at it ends it when it next tells of it."""
    with hub.change(caller.name) as change:
        row = edge_jobs.cancel(change, job)
        edge_job_alerts.look(change)
        phone_web.forget(change.session, row.id)
        return job_view(row, change.now)


@router.post("/edge-jobs/{job}/approve")
def approve_edge_job(job: str, hub: TheHub, caller: TheCaller) -> EdgeJobView:
    """Approve a job that waits for it, as a person who may start it and has just proved who they are."""
    if not caller.session_id:
        raise ScopeExceeded("a job is approved by a person who is signed in", to_do="Approve it on its page.")
    check_confirmed(caller)
    with hub.change(caller.name) as change:
        row = edge_jobs.get(change.session, job)
        path = path_of(JobKind(row.kind), with_secrets=row.with_secrets, with_changes=row.with_changes)
        rights.check(caller.role, "POST", path)
        edge_jobs.approve(change, row, caller.id)
        edge_job_alerts.look(change)
        return job_view(row, change.now)


@router.get("/edge-jobs/{job}/capture", response_class=Response, responses={200: {"content": {CAPTURE_TYPE: {}}}})
def download_capture(job: str, hub: TheHub, _caller: TheCaller) -> Response:
    """Download a capture without secrets, for tshark or Wireshark."""
    with hub.database.reading() as session:
        return Response(_captured(hub, edge_jobs.get(session, job), with_secrets=False), media_type=CAPTURE_TYPE)


@router.post("/edge-jobs/{job}/capture-with-secrets")
def reveal_capture(job: str, hub: TheHub, caller: TheCaller) -> CaptureView:
    """Show a capture with secrets; the audit log records this."""
    with hub.change(caller.name) as change:
        row = edge_jobs.get(change.session, job)
        data = _captured(hub, row, with_secrets=True)
        change.note("edge-job.reveal", row.id, f"at {row.edge_id} of {row.site_id}")
    return CaptureView(data=base64.b64encode(data).decode())


def start(hub: Hub, caller: Caller, asked: AskedJob) -> EdgeJobView:
    """Start a job, or let it wait for whoever has to approve it.

    Raises:
        ConfirmationNeeded: Its organisation asks for a fresh sign-in, and the caller's was long ago.
    """
    with hub.change(caller.name) as change:
        needed = edge_jobs.approval(change.session) if asked.kind in NEED_WHY else JobApproval.NONE
        if needed is not JobApproval.NONE and caller.session_id:
            check_confirmed(caller)
        waits = needed is JobApproval.SECOND_PERSON or (needed is JobApproval.FRESH_SIGN_IN and not caller.session_id)
        if asked.kind is JobKind.PHONE_WEB:
            phone_web.phone_at(change.session, Mac(asked.mac), edge_jobs.find_edge(change.session, asked.edge))
        row = edge_jobs.start(change, asked, caller.id, waits=waits)
        if waits:
            edge_job_alerts.tell_of_waiting(change, row)
        return job_view(row, change.now)


def path_of(kind: JobKind, *, with_secrets: bool, with_changes: bool = False) -> str:
    """Return the path at which a kind of job is started, which says who may."""
    end = "-with-secrets" if with_secrets else "-changes" if with_changes else ""
    return f"{rights.V1}/edge-jobs/{kind}{end}"


def job_view(row: EdgeJobRow, now: float) -> EdgeJobView:
    """Return a job in the API's form."""
    return EdgeJobView(
        id=row.id, edge=row.edge_id, site=row.site_id, kind=row.kind, state=edge_jobs.state_of(row, now), why=row.why,
        asked_at=row.asked_at, asked_by=row.asked_by, approved_by=row.approved_by, until=row.until,
        began_at=row.began_at, ended_at=row.ended_at, with_secrets=row.with_secrets, sentence=row.sentence,
        size_bytes=row.size_bytes, phone=str(Mac(row.mac)) if row.mac else None, with_changes=row.with_changes,
        requests=row.web_requests, **row.orders,
    )  # fmt: skip


def _capture(body: NewCaptureJob, *, with_secrets: bool) -> AskedJob:
    return AskedJob(
        JobKind.CAPTURE, body.edge, body.why, body.wait_s, seconds=body.seconds, most_bytes=body.most_bytes,
        with_secrets=with_secrets,
    )  # fmt: skip


def _captured(hub: Hub, row: EdgeJobRow, *, with_secrets: bool) -> bytes:
    with hub.database.reading() as session:
        data = edge_jobs.capture_of(session, hub.sealer, row) if row.with_secrets is with_secrets else b""
    if not data:
        raise NothingRecorded(f"job {row.id} has no such capture", to_do="See what became of it: ringfence edge jobs.")
    return data


def _open(body: NewPhoneWebJob, hub: Hub, caller: Caller, *, with_changes: bool) -> EdgeJobView:
    mac = Mac.parse(body.phone)
    edge = body.edge
    if not edge:
        with hub.database.reading() as session:
            edge = phones.get(session, mac).site_id
    asked = AskedJob(
        JobKind.PHONE_WEB, edge, body.why, body.wait_s, seconds=body.seconds, mac=mac.bare, with_changes=with_changes
    )
    return start(hub, caller, asked)
