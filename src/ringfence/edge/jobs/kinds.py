"""What each kind of job does; diagnoses and captures have files of their own."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ringfence.counted import counted
from ringfence.edge.errors import JobRefused
from ringfence.edge.jobs.capture import Capturing
from ringfence.edge.jobs.diagnosis import Diagnosis
from ringfence.edge.jobs.edge_jobs import Job, Work
from ringfence.edge.jobs.phone_web import PhoneWeb
from ringfence.edge.reporting.recent_log import RecentLog
from ringfence.wire.job_messages import LONGEST_FOLLOW_S, MOST_LINES, JobKind

REBOOT_WITHIN_S = 60
_LOOK_EVERY_S = 2.0


@dataclass(frozen=True, slots=True)
class JobTools:
    """What jobs need of the agent.

    ``begin_again`` has the agent's program ended and started again; it raises JobRefused where nothing would,
    and is None for a site of a gateway.
    """

    status: Callable[[], Sequence[str]]
    log: RecentLog
    diagnosis: Diagnosis
    begin_again: Callable[[], None] | None
    capturing: Capturing
    phone_web: PhoneWeb | None = None
    """None for a site of a gateway, which has no phone on its own wire."""


def job_kinds(tools: JobTools) -> Mapping[JobKind, Job]:
    """Return what does each kind that this agent can do."""

    def status(work: Work) -> str:
        work.telling.text("".join(f"{line}\n" for line in tools.status()))
        return "The edge has told how it is."

    def diagnose(work: Work) -> str:
        problems = tools.diagnosis.run(work)
        return f"The edge has found {counted(problems, 'problem')}." if problems else "The edge has found no problem."

    def restart(_work: Work) -> str:
        if tools.begin_again is None:
            raise JobRefused("this edge is one of several sites of a gateway, which is not restarted for one of them")
        tools.begin_again()
        return ""

    def phone_web(work: Work) -> str:
        if tools.phone_web is None:
            raise JobRefused("this edge is one of several sites of a gateway, which has no phone on its own wire")
        return tools.phone_web.run(work)

    return {
        JobKind.STATUS: status,
        JobKind.LOGS: lambda work: _logs(work, tools.log),
        JobKind.DIAGNOSE: diagnose,
        JobKind.CAPTURE: tools.capturing.run,
        JobKind.RESTART: restart,
        JobKind.REBOOT: _reboot,
        JobKind.PHONE_WEB: phone_web,
    }


def _logs(work: Work, log: RecentLog) -> str:
    """Tell the newest lines, and for as long as was asked those that come."""
    lines = log.last(min(work.order.lines, MOST_LINES))
    work.telling.text("".join(f"{line.text}\n" for line in lines))
    told, after = len(lines), lines[-1].number if lines else log.newest
    until = time.monotonic() + min(work.order.seconds, LONGEST_FOLLOW_S)
    while (left_s := until - time.monotonic()) > 0 and not work.telling.stopping.is_set():
        news = log.after(after, min(left_s, _LOOK_EVERY_S))
        if news:
            after, told = news[-1].number, told + len(news)
        work.telling.text("".join(f"{line.text}\n" for line in news))
    return f"The edge has told {counted(told, 'line')} of its log."


def _reboot(work: Work) -> str:
    """Run the command of the policy file, which needs root's rights."""
    command = work.policy.reboot_command
    if not command:
        raise JobRefused("jobs.toml of this machine names no command that reboots it")
    if os.geteuid() != 0 and command == type(work.policy)().reboot_command:
        raise JobRefused(
            "the edge runs without the right to reboot the machine",
            to_do="Let jobs.toml name a reboot_command that this user may run.",
        )
    try:
        done = subprocess.run(  # noqa: S603 - the machine's owner wrote it, and nothing of the hub is in it
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=REBOOT_WITHIN_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired, ValueError) as fault:
        raise JobRefused(f"the command that reboots this machine could not be run: {type(fault).__name__}") from None
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()[:200]
        raise JobRefused(f"the command that reboots this machine ended with status {done.returncode}: {said}")
    work.telling.stopping.wait(REBOOT_WITHIN_S)
    return ""
