"""What an agent's jobs get of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ringfence.edge.agent.box import Box
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.jobs.capture import Capturing
from ringfence.edge.jobs.diagnosis import Diagnosis
from ringfence.edge.jobs.edge_jobs import EdgeJobs
from ringfence.edge.jobs.kinds import JobTools, job_kinds
from ringfence.edge.jobs.phone_web import PhoneWeb, on_this_wire
from ringfence.edge.phones.phone_services import PhoneServicesPort
from ringfence.edge.phones.site_worker import WorkerSource
from ringfence.edge.reporting import status
from ringfence.edge.reporting.recent_log import RecentLog
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.wire.network_messages import BoxTunnel


@dataclass(frozen=True, slots=True)
class ProcessRights:
    """What a process may do for jobs.

    ``begin_again`` has it end and its program begin again, or raises JobRefused; without it nothing does.
    """

    begin_again: Callable[[], None] | None = None
    capturing: Capturing = field(default_factory=lambda: Capturing(None))
    phone_services: PhoneServicesPort | None = None
    """Where phones connect to CAPF and TVS, if they may here."""


NO_RIGHTS = ProcessRights()
HANDSHAKE_S = 180.0
"""A tunnel in use that has shaken hands longer ago is dead: WireGuard does so every two minutes."""


@dataclass(frozen=True, slots=True)
class RunningAgent:
    """What is asked of an agent at work: how it reaches its hub, how it is, what its process may do, and its box."""

    client: Callable[[], HubClient]
    status: Callable[[], status.Status]
    rights: ProcessRights
    box: Box | None = None
    host_of: Callable[[str], str | None] | None = None
    """Where a phone last took its file; None for a site of a gateway."""


def agent_jobs(
    folder: EdgeFolder, workers: WorkerSource, clock: HubClock, log: RecentLog, agent: RunningAgent
) -> EdgeJobs:
    """Return the jobs of an agent; from now on phones' connections are carried to its hub."""
    if agent.rights.phone_services is not None and (host_of := agent.host_of) is not None:
        agent.rights.phone_services.start(
            lambda *phone: agent.client().carry_phone(*phone), lambda mac: host_of(mac) is not None, log
        )
    hearing = workers.hearing
    diagnosis = Diagnosis(
        lambda: agent.client().url,
        lambda: time.time() - clock.now() if clock.is_known else None,
        hearing.leases if hearing is not None else None,
        lambda: box_in_words(agent.box, time.time()),
    )
    phone_web = (
        None
        if agent.host_of is None
        else PhoneWeb(on_this_wire(agent.host_of), lambda news: agent.client().exchange_phone_web(news))
    )
    tools = JobTools(
        lambda: status.in_words(agent.status(), running=True, folder=folder), log, diagnosis,
        agent.rights.begin_again, agent.rights.capturing, phone_web,
    )  # fmt: skip
    return EdgeJobs(folder, job_kinds(tools), lambda news: agent.client().tell_job(news), clock.now, log)


def box_in_words(box: Box | None, now: float) -> Sequence[str]:
    """Return how a box's port and its tunnels are, a line each; “!” before what is wrong. None without a box."""
    if box is None:
        return ()
    standing = box.standing()
    wrong = {finding.sentence for finding in standing.findings}
    return [
        *(f"! {line}" if line in wrong else line for line in box.in_words()),
        *(_tunnel_in_words(tunnel, now) for tunnel in standing.tunnels),
    ]


def _tunnel_in_words(tunnel: BoxTunnel, now: float) -> str:
    to = f"tunnel to {tunnel.concentrator}" + (", in use" if tunnel.is_used else "")
    if not tunnel.handshake_at:
        return f"! {to}: no handshake yet"
    ago_s = max(0.0, now - tunnel.handshake_at)
    mark = "! " if tunnel.is_used and ago_s > HANDSHAKE_S else ""
    return f"{mark}{to}: last handshake {ago_s:.0f} s ago, {tunnel.sent_bytes} B out, {tunnel.received_bytes} B in"
