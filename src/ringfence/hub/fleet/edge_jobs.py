"""Jobs: what edges are asked to do. They wait in the database, and go to their edge with its state.

An edge takes a job by telling so first, and one taker alone is told to go on, whoever else has its key. What it tells
then is bounded, cleaned and kept for a while. A job is over when its edge says so, when somebody cancels it, or when
its time has passed: nobody has to be there to note that, since it follows from the time.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, cast

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session, defer

from ringfence.counted import counted
from ringfence.hub.data.sealing import Sealer
from ringfence.hub.errors import (
    ApprovalMissing,
    BadSelection,
    EdgeAway,
    JobRefusedByEdge,
    LimitReached,
    NothingToEnd,
    UnknownEdgeJob,
)
from ringfence.hub.fleet import edges, settings, sites
from ringfence.hub.fleet.settings import SettingPlace
from ringfence.hub.store import pages
from ringfence.hub.store.binding import BoundSession
from ringfence.hub.store.change import Change, new_id
from ringfence.hub.store.edge_job_models import EdgeJobPartRow, EdgeJobRow
from ringfence.hub.store.models import ApiTokenRow, EdgeRow
from ringfence.hub.store.organisation_models import OrganisationRow
from ringfence.hub.store.pages import Page, Paged
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.phones.mac import Mac
from ringfence.phones.settings.types import Scope
from ringfence.printable import printable
from ringfence.secret import Secret
from ringfence.wire.job_messages import (
    LARGEST_CAPTURE_BYTES,
    LARGEST_TEXT,
    LONGEST_CAPTURE_S,
    LONGEST_FOLLOW_S,
    MOST_LINES,
    MOST_ORDERS,
    MOST_REACHED,
    EdgeJobState,
    JobKind,
    JobOrder,
    JobOrders,
)
from ringfence.wire.phone_web_messages import LONGEST_S, SHORTEST_S

LONGEST_WAIT_S: Final = 7 * 86_400.0
NOW_S: Final = 60.0
"""How long an edge that is connected has to take a job that is for now."""
MOST_OPEN_OF_EDGE: Final = 20
MOST_OPEN: Final = 500
"""How many jobs of an organisation wait or run at the same time."""
CAPTURES_BYTES: Final = 256 << 20
"""How many bytes of captures an organisation has; the oldest go first."""
LOST_AFTER_S: Final = 1800.0
"""How long after its time a job may still be told of."""
LONGEST_WHY: Final = 300
_LONGEST_LINE = 1000
_SIP_PORT = 5060
OPEN: Final = (EdgeJobState.WAITING, EdgeJobState.QUEUED, EdgeJobState.RUNNING)
NEED_WHY: Final = frozenset({JobKind.CAPTURE, JobKind.RESTART, JobKind.REBOOT, JobKind.PHONE_WEB})
"""Kinds that touch the network or phones, or show what was said there."""


class JobApproval(StrEnum):
    """What an organisation asks for before a job touches a network or shows what was said there."""

    NONE = "none"
    FRESH_SIGN_IN = "fresh-sign-in"
    """A person who has just proved who they are; what a program asks for waits for one."""
    SECOND_PERSON = "second-person"
    """Such a person, and another than the one who asks."""


@dataclass(frozen=True, slots=True)
class AskedJob:
    """What somebody asks of an edge."""

    kind: JobKind
    edge: str
    """An edge's id, or that of a site with one edge."""
    why: str = ""
    wait_s: float = 0.0
    """How long it waits for an edge that is away; 0: it must be connected now."""
    lines: int = 200
    seconds: int = 0
    most_bytes: int = 0
    with_secrets: bool = False
    mac: str = ""
    """The phone whose web page is to be opened."""
    with_changes: bool = False


def start(change: Change, asked: AskedJob, who_id: str, *, waits: bool = False) -> EdgeJobRow:
    """Queue a job for an edge.

    Args:
        change: The change that it is part of.
        asked: What is asked.
        who_id: The person or API token that asks.
        waits: Whether somebody must approve it before its edge gets it.

    Raises:
        UnknownEdge, UnknownSite, BadSelection: There is no such edge, or no such job.
        EdgeAway: It must be done now, and the edge is not connected.
        JobRefusedByEdge: The edge has told that it does not allow it.
        LimitReached: Too many jobs are open.
    """
    session, now = change.session, change.now
    edge = find_edge(session, asked.edge)
    _check(asked)
    if asked.wait_s <= 0 and not edges.is_connected(edge, now):
        raise EdgeAway(
            f"edge {edge.id} of site {edge.site_id} is not connected",
            to_do="Let the job wait for it: --wait-for 1h.",
        )
    _check_allowed(edge, asked)
    _check_room(session, edge, now)
    row = EdgeJobRow(
        id=new_id("job"), edge_id=edge.id, site_id=edge.site_id, kind=asked.kind,
        orders={"lines": asked.lines, "seconds": asked.seconds, "most_bytes": asked.most_bytes},
        reach=" ".join(_to_reach(session, edge.site_id)) if asked.kind is JobKind.DIAGNOSE else "",
        with_secrets=asked.with_secrets, asked_at=now, asked_by=change.who, asked_by_id=who_id,
        why=printable(asked.why.strip(), LONGEST_WHY), until=now + (asked.wait_s or NOW_S),
        mac=asked.mac, with_changes=asked.with_changes,
        state=EdgeJobState.WAITING if waits else EdgeJobState.QUEUED,
    )  # fmt: skip
    session.add(row)
    change.note("edge-job.start", row.id, f"{in_short(row)} at {edge.id} of {edge.site_id}{_because(row)}")
    return row


def find_edge(session: Session, wanted: str) -> EdgeRow:
    """Return an edge by its id, or a site's only one.

    Raises:
        UnknownEdge, UnknownSite: There is none.
        BadSelection: The site has several.
    """
    if (edge := session.get(EdgeRow, wanted)) is not None:
        if edge.revoked_at is not None:
            raise BadSelection(f"edge {edge.id} is revoked", to_do="Name another: ringfence edge list.")
        return edge
    site = sites.get(session, wanted)
    found = [edge for edge in edges.find(session, site.id) if edge.revoked_at is None]
    if not found:
        raise BadSelection(f"site {site.id} has no edge", to_do=f"Enrol one: ringfence site token {site.id}.")
    if len(found) > 1:
        raise BadSelection(
            f"site {site.id} has {len(found)} edges", to_do=f"Name one of them: {', '.join(each.id for each in found)}."
        )
    return found[0]


def get(session: Session, job_id: str) -> EdgeJobRow:
    """Return a job; UnknownEdgeJob where there is none."""
    row = session.get(EdgeJobRow, job_id)
    if row is None:
        raise UnknownEdgeJob(f"there is no job {job_id[:40]!r}", to_do="`ringfence edge jobs list` shows all.")
    return row


def find(session: Session, page: Page, *, edge: str | None = None) -> Paged[EdgeJobRow]:
    """Return a page of jobs, the newest first: of an edge, or of all."""
    return pages.read(
        session, choose(session, edge), page, EdgeJobRow.asked_at, EdgeJobRow.id, newest_first=not page.is_oldest_first
    )


def choose(session: Session, edge: str | None) -> Select[EdgeJobRow]:
    """Return the query for the jobs of an edge or a site, or for all."""
    chosen = select(EdgeJobRow).options(defer(EdgeJobRow.result))
    if edge is None:
        return chosen
    if session.get(EdgeRow, edge) is not None:
        return chosen.where(EdgeJobRow.edge_id == edge)
    return chosen.where(EdgeJobRow.site_id == sites.get(session, edge).id)


def state_of(row: EdgeJobRow, now: float) -> EdgeJobState:
    """Return how a job is, by its edge's word and the time."""
    state = EdgeJobState(row.state)
    if state in {EdgeJobState.WAITING, EdgeJobState.QUEUED} and row.until <= now:
        return EdgeJobState.EXPIRED
    if state is EdgeJobState.RUNNING and (row.began_at or 0.0) + row.orders["seconds"] + LOST_AFTER_S <= now:
        return EdgeJobState.LOST
    return state


def is_over(row: EdgeJobRow, now: float) -> bool:
    """Return whether nothing more comes of a job."""
    return state_of(row, now) not in OPEN


def cancel(change: Change, job_id: str) -> EdgeJobRow:
    """Cancel a job; an edge that is at it ends it when it next tells of it.

    Raises:
        UnknownEdgeJob: There is none.
        NothingToEnd: It is over.
    """
    row = get(change.session, job_id)
    if is_over(row, change.now):
        raise NothingToEnd(f"job {row.id} is {state_of(row, change.now)} already")
    row.state, row.ended_at = EdgeJobState.CANCELLED, change.now
    change.note("edge-job.cancel", row.id, f"{in_short(row)} at {row.edge_id}")
    return row


def compile_orders(session: Session, edge: EdgeRow, now: float, held: str = "") -> JobOrders:
    """Return the jobs that an edge may begin now; none while it is held back."""
    if held:
        return JobOrders()
    is_due = (EdgeJobRow.state == EdgeJobState.QUEUED) & (EdgeJobRow.until > now)
    chosen = select(EdgeJobRow).where(EdgeJobRow.edge_id == edge.id, is_due)
    return JobOrders(
        tuple(
            JobOrder(
                row.id,
                row.kind,
                row.until,
                with_secrets=row.with_secrets,
                reach=tuple(row.reach.split()),
                mac=row.mac,
                with_changes=row.with_changes,
                **row.orders,
            )
            for row in session.scalars(chosen.order_by(EdgeJobRow.asked_at, EdgeJobRow.id).limit(MOST_ORDERS))
        )
    )


def approval(session: Session) -> JobApproval:
    """Return what an organisation asks for before a job touches a network or shows what was said there."""
    row = session.get(OrganisationRow, cast("BoundSession", session).whose)
    return JobApproval.NONE if row is None else JobApproval(row.jobs_approval)


def require_approval(change: Change, needed: JobApproval) -> None:
    """Set what the organisation asks for."""
    row = change.session.get(OrganisationRow, cast("BoundSession", change.session).whose)
    if row is not None:
        row.jobs_approval = needed
    change.note("edge-job.approval", "organisation", str(needed))


def approve(change: Change, row: EdgeJobRow, person_id: str) -> EdgeJobRow:
    """Let a job's edge have it.

    Args:
        change: The change that it is part of.
        row: The job.
        person_id: Who approves it, having just proved who they are.

    Raises:
        NothingToEnd: It does not wait for anybody.
        ApprovalMissing: It needs somebody else's approval than of whoever asked for it.
    """
    if state_of(row, change.now) is not EdgeJobState.WAITING:
        raise NothingToEnd(f"job {row.id} waits for nobody: it is {state_of(row, change.now)}")
    token = change.session.get(ApiTokenRow, row.asked_by_id)
    askers = {row.asked_by_id, token.created_by_id if token is not None else ""}
    if approval(change.session) is JobApproval.SECOND_PERSON and person_id in askers:
        raise ApprovalMissing("this organisation asks for a second person", to_do="Ask somebody else who may do it.")
    row.state, row.approved_by = EdgeJobState.QUEUED, change.who
    change.note("edge-job.approve", row.id, f"{in_short(row)} at {row.edge_id}{_because(row)}")
    return row


def capture_of(session: Session, sealer: Sealer, row: EdgeJobRow) -> bytes:
    """Return a job's capture, as far as it has come; empty where there is none."""
    chosen = select(EdgeJobPartRow).where(EdgeJobPartRow.job_id == row.id).order_by(EdgeJobPartRow.part)
    return b"".join(
        base64.b64decode(sealer.open(part.sealed_data, record_of(row.id, part.part)).reveal())
        for part in session.scalars(chosen)
    )


def seal_part(sealer: Sealer, row: EdgeJobRow, part: int, data: bytes) -> EdgeJobPartRow:
    """Return a part of a job's capture as it is kept."""
    sealed = sealer.seal(Secret(base64.b64encode(data).decode()), record_of(row.id, part))
    return EdgeJobPartRow(job_id=row.id, part=part, edge_id=row.edge_id, sealed_data=sealed)


def record_of(job_id: str, part: int) -> str:
    """Return the name by which a part of a capture is sealed."""
    return f"edge job:{job_id}:{part}"


def cleaned(text: str) -> str:
    """Return text that an edge told, so that none of it moves a terminal or a page."""
    return "".join(f"{printable(line, _LONGEST_LINE)}\n" for line in text[:LARGEST_TEXT].splitlines())


def in_short(row: EdgeJobRow) -> str:
    """Return what a job is, in a few words."""
    parts = [str(row.kind)]
    if row.orders["seconds"]:
        parts.append(f"{row.orders['seconds']} s")
    if row.with_secrets:
        parts.append("with secrets")
    if row.mac:
        parts.append(f"of phone {Mac(row.mac)}{', with changes' if row.with_changes else ''}")
    if row.web_requests:
        parts.append(counted(row.web_requests, "request"))
    return ", ".join(parts)


def _because(row: EdgeJobRow) -> str:
    return f": {row.why}" if row.why else ""


def _check(asked: AskedJob) -> None:
    if asked.kind in NEED_WHY and not asked.why.strip():
        raise BadSelection(f"a {asked.kind} needs a reason", to_do="Say why, with --why TEXT; the audit log keeps it.")
    if not 0 <= asked.wait_s <= LONGEST_WAIT_S:
        raise BadSelection("a job waits for at most 7 days")
    if not 1 <= asked.lines <= MOST_LINES:
        raise BadSelection(f"a log is shown from 1 to {MOST_LINES} lines")
    if asked.kind is JobKind.LOGS and not 0 <= asked.seconds <= LONGEST_FOLLOW_S:
        raise BadSelection(f"a log is followed for at most {LONGEST_FOLLOW_S} s")
    if asked.kind is JobKind.PHONE_WEB and not SHORTEST_S <= asked.seconds <= LONGEST_S:
        raise BadSelection(f"a phone's page is open from {SHORTEST_S // 60} to {LONGEST_S // 60} min")
    if asked.kind is JobKind.CAPTURE:
        if not 1 <= asked.seconds <= LONGEST_CAPTURE_S:
            raise BadSelection(f"a capture takes from 1 to {LONGEST_CAPTURE_S} s")
        if not 1 <= asked.most_bytes <= LARGEST_CAPTURE_BYTES:
            raise BadSelection(f"a capture has from 1 to {LARGEST_CAPTURE_BYTES >> 20} MiB")


def _check_allowed(edge: EdgeRow, asked: AskedJob) -> None:
    """Refuse what the edge has told that it refuses; one that told nothing is asked."""
    if edge.jobs_problem:
        raise JobRefusedByEdge(edge.jobs_problem.rstrip("."), where=f"edge {edge.id}")
    word = "capture-with-secrets" if asked.with_secrets else str(asked.kind)
    word = f"{word}-changes" if asked.with_changes else word
    allowed = edge.jobs_allowed.split()
    if allowed and word not in allowed:
        raise JobRefusedByEdge(
            f"edge {edge.id} does not allow {word.replace('-', ' ')}",
            to_do="Its owner says so in its jobs.toml; or it is older.",
        )


def _check_room(session: Session, edge: EdgeRow, now: float) -> None:
    is_open = EdgeJobRow.state.in_(OPEN) & ((EdgeJobRow.until > now) | (EdgeJobRow.began_at > now - LOST_AFTER_S))
    of_edge = session.scalar(select(func.count()).where(EdgeJobRow.edge_id == edge.id, is_open)) or 0
    of_all = session.scalar(select(func.count()).select_from(EdgeJobRow).where(is_open)) or 0
    if of_edge >= MOST_OPEN_OF_EDGE or of_all >= MOST_OPEN:
        raise LimitReached(
            f"{counted(of_edge, 'job')} of edge {edge.id} and {of_all} of all are open, the most that there may be",
            to_do="Wait for them, or cancel some: ringfence edge jobs list.",
        )


def _to_reach(session: Session, site_id: str) -> Sequence[str]:
    """Return where a site's phones register, as far as the hub knows it."""
    given = {each.setting.name: each.value for each in settings.effective(session, SettingPlace(Scope.SITE, site_id))}
    hosts = dict.fromkeys(str(given.get(name) or "") for name in ("tunnel_sip_server", "sip_server"))
    for row in session.scalars(select(PbxRow).order_by(PbxRow.id).limit(MOST_REACHED)):
        hosts.update(dict.fromkeys(row.sip_servers.split(",")))
    written = (f"[{host}]" if ":" in host else host for host in hosts if host and not any(map(str.isspace, host)))
    return [f"{host}:{given.get('sip_port') or _SIP_PORT}" for host in written][:MOST_REACHED]
