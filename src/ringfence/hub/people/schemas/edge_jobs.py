"""Schemas of the people's API: jobs of edges."""

from typing import Literal

from pydantic import BaseModel, Field

from ringfence.hub.fleet import edge_jobs
from ringfence.hub.people.schemas import Input, SiteId, UnixSeconds
from ringfence.wire.job_messages import LARGEST_CAPTURE_BYTES, LONGEST_CAPTURE_S, LONGEST_FOLLOW_S, MOST_LINES
from ringfence.wire.phone_web_messages import LARGEST_BODY_BYTES, LONGEST_S, LONGEST_TARGET, MOST_HEADERS, SHORTEST_S

Wait = Field(
    default=0.0, ge=0, le=edge_jobs.LONGEST_WAIT_S,
    description="For how many seconds it waits for an edge that is away; 0: it is refused unless the edge is connected",
)  # fmt: skip


class NewEdgeJob(Input):
    """A job for an edge."""

    edge: str = Field(max_length=60, description="The edge's id, or that of a site with one edge")
    why: str = Field(default="", max_length=edge_jobs.LONGEST_WHY, description="Why, for the audit log")
    wait_s: float = Wait


class NewLogsJob(NewEdgeJob):
    """The newest lines of an edge's log, and those that come."""

    lines: int = Field(default=200, ge=1, le=MOST_LINES)
    follow_s: int = Field(default=0, ge=0, le=LONGEST_FOLLOW_S, description="For how long new lines are told")


class NewCaptureJob(NewEdgeJob):
    """What phones say on their network: TFTP, SIP and DHCP."""

    seconds: int = Field(default=30, ge=1, le=LONGEST_CAPTURE_S)
    most_bytes: int = Field(default=4 << 20, ge=1024, le=LARGEST_CAPTURE_BYTES)


class NewPhoneWebJob(Input):
    """A phone's own web page, opened through its edge."""

    phone: str = Field(max_length=40, description="Its MAC address")
    edge: str = Field(default="", max_length=60, description="An edge of its site; empty where the site has one")
    why: str = Field(max_length=edge_jobs.LONGEST_WHY, description="Why, for the audit log")
    wait_s: float = Wait
    seconds: int = Field(default=600, ge=SHORTEST_S, le=LONGEST_S, description="For how long it is open")


class NewPhoneWebRequest(Input):
    """What a browser asks of the phone."""

    method: str = Field(max_length=10, examples=["GET"])
    target: str = Field(max_length=LONGEST_TARGET, description="The path at the phone, with its query")
    headers: list[tuple[str, str]] = Field(
        default=[], max_length=MOST_HEADERS, description="In lower case; some are known, others are refused"
    )
    body: str = Field(default="", max_length=2 * LARGEST_BODY_BYTES, description="In base64")
    tls: bool = Field(default=False, description="At the phone's port 443 instead of 80")


class PhoneWebRequestView(BaseModel):
    """A request that was queued."""

    number: int


class PhoneWebAnswerView(BaseModel):
    """What the phone answered."""

    answered: bool = Field(description="Whether there is an answer; it is given once")
    status: int = Field(default=0, description="0 where the phone could not be asked")
    headers: list[tuple[str, str]] = []
    body: str = Field(default="", description="In base64")
    leads_to_tls: bool = Field(default=False, description="Whether a location is at the phone's port 443")
    problem: str = Field(default="", description="Why the phone could not be asked, in words")


class EdgeJobView(BaseModel):
    """A job of an edge."""

    id: str
    edge: str
    site: SiteId
    kind: str = Field(description="status, logs, diagnose, capture, restart, reboot or phone-web")
    state: str = Field(
        description="waiting, queued, running, done, refused, failed, cancelled, expired or lost; the first three go on"
    )
    why: str
    asked_at: UnixSeconds
    asked_by: str
    approved_by: str = Field(description="Who approved it; empty if nobody had to")
    until: UnixSeconds = Field(description="Until when its edge may begin")
    began_at: UnixSeconds | None
    ended_at: UnixSeconds | None
    lines: int
    seconds: int
    most_bytes: int
    with_secrets: bool
    phone: str | None = Field(description="The phone whose web page it opens")
    with_changes: bool = Field(description="Whether something may be changed at that page")
    requests: int = Field(description="How many requests were made of that page")
    sentence: str = Field(description="How it ended, as its edge says")
    size_bytes: int = Field(description="Of its capture, as far as it has come and is still kept")


class EdgeJobResultView(EdgeJobView):
    """A job of an edge with what was found."""

    result: str = Field(description="Text, as its edge says, in lines; cleaned of what would move a terminal")


class JobApprovalRule(Input):
    """What has to be before a capture, a restart, a reboot or a phone's page."""

    needed: Literal["none", "fresh-sign-in", "second-person"]


class CaptureView(BaseModel):
    """A capture with secrets."""

    data: str = Field(description="The file, in base64")
