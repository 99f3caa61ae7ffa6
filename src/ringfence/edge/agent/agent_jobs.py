"""What an agent's jobs get of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.jobs.capture import Capturing
from ringfence.edge.jobs.diagnosis import Diagnosis
from ringfence.edge.jobs.edge_jobs import EdgeJobs
from ringfence.edge.jobs.kinds import JobTools, job_kinds
from ringfence.edge.phones.site_worker import WorkerSource
from ringfence.edge.reporting import status
from ringfence.edge.reporting.recent_log import RecentLog
from ringfence.edge.storage.folder import EdgeFolder


@dataclass(frozen=True, slots=True)
class ProcessRights:
    """What a process may do for jobs.

    ``begin_again`` has it end and its program begin again, or raises JobRefused; without it nothing does.
    """

    begin_again: Callable[[], None] | None = None
    capturing: Capturing = field(default_factory=lambda: Capturing(None))


NO_RIGHTS = ProcessRights()


@dataclass(frozen=True, slots=True)
class RunningAgent:
    """What is asked of an agent at work: how it reaches its hub, how it is, and what its process may do."""

    client: Callable[[], HubClient]
    status: Callable[[], status.Status]
    rights: ProcessRights


def agent_jobs(
    folder: EdgeFolder, workers: WorkerSource, clock: HubClock, log: RecentLog, agent: RunningAgent
) -> EdgeJobs:
    """Return the jobs of an agent."""
    hearing = workers.hearing
    diagnosis = Diagnosis(
        lambda: agent.client().url,
        lambda: time.time() - clock.now() if clock.is_known else None,
        hearing.leases if hearing is not None else None,
    )
    tools = JobTools(
        lambda: status.in_words(agent.status(), running=True, folder=folder), log, diagnosis,
        agent.rights.begin_again, agent.rights.capturing,
    )  # fmt: skip
    return EdgeJobs(folder, job_kinds(tools), lambda news: agent.client().tell_job(news), clock.now, log)
