"""An edge's jobs: orders come with the state, wait in short queues, and are done one after the other.

Three threads do them: one those that are over in seconds, one those that take as long as the hub asked for (logs that
are followed, captures), so that a capture holds up no diagnosis and there is one capture at a time, and one for a
phone's web page, of which one at a time is open.
"""

import contextlib
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ringfence.edge.errors import JobOver, JobRefused
from ringfence.edge.jobs.policy import JobPolicy, read_policy
from ringfence.edge.jobs.record import BegunJob, JobRecord
from ringfence.edge.jobs.telling import JobTelling, Post
from ringfence.edge.reporting.log import Log
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import EnvironmentFault, RingfenceError
from ringfence.wire import codec
from ringfence.wire.job_messages import MOST_ORDERS, EdgeJobState, JobKind, JobOrder, JobOrders
from ringfence.wire.messages import StatePart

RESTART_EVERY_S, REBOOT_EVERY_S = 60.0, 600.0
"""How often this process or its machine begins again at most, by the machine's own clock."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_ENDING = frozenset({JobKind.RESTART, JobKind.REBOOT})
"""Kinds that end this process: how they went is told by the next one."""


@dataclass(frozen=True, slots=True)
class Work:
    """One job to do: what was asked, what this machine allows, and where to tell what is found."""

    order: JobOrder
    policy: JobPolicy
    telling: JobTelling


Job = Callable[[Work], str]
"""Does a job and returns a sentence that says how it went; JobRefused, JobOver or EnvironmentFault."""


@dataclass(slots=True)
class _Queue:
    orders: "queue.Queue[JobOrder | None]" = field(default_factory=lambda: queue.Queue(MOST_ORDERS))
    thread: threading.Thread | None = None


class EdgeJobs:
    """The state's part with jobs, and the threads that do them.

    Args:
        folder: The edge's folder, with its policy file.
        kinds: What does each kind.
        post: Tells the hub.
        now: The hub's time.
        log: Receives a line for each job that is begun or refused.
    """

    name = StatePart.JOBS

    def __init__(
        self, folder: EdgeFolder, kinds: Mapping[JobKind, Job], post: Post, now: Callable[[], float], log: Log
    ) -> None:
        self._folder = folder
        self._kinds = kinds
        self._post = post
        self._now = now
        self._log = log
        self._record = JobRecord(folder)
        self._stopping = threading.Event()
        self._waiting: set[str] = set()
        self._told: tuple[JobOrder, ...] = ()
        self._queues = {"jobs": _Queue(), "long jobs": _Queue(), "phone's page": _Queue()}

    # A part of the state

    def keep(self, told: bytes) -> None:
        """Do nothing but read: what was stored is offered again if it is still to be done. BadMessage."""
        codec.from_json(JobOrders, told)

    def take(self, told: bytes) -> bool:
        """Queue what is new; return whether there is anything new. BadMessage."""
        orders = codec.from_json(JobOrders, told).orders[:MOST_ORDERS]
        before, self._told = self._told, orders
        for order in orders:
            if order.number not in self._waiting and not self._record.knows(order.number):
                try:
                    self._queues[_queue_of(order)].orders.put_nowait(order)
                except queue.Full:
                    continue  # it is offered again with the next state
                self._waiting.add(order.number)
        return orders != before

    def apply(self) -> None:
        """Do nothing: a job is done when it comes."""

    def on_time(self) -> None:
        """Do nothing: an order that is too old is looked at when it is its turn."""

    # What this machine allows

    def allowed(self) -> tuple[tuple[str, ...], str]:
        """Return which jobs this machine allows, and why none are, in words, if its file can't be used."""
        try:
            return read_policy(self._folder.path).allowed(), ""
        except JobRefused as refused:
            return (), str(refused)

    # Threads

    def start(self) -> None:
        """Begin to do jobs; those that a restart has ended are answered first."""
        for name, each in self._queues.items():
            each.thread = threading.Thread(target=self._run, args=(each, name == "jobs"), name=name, daemon=True)
            each.thread.start()

    def stop(self) -> None:
        """End what is under way; it is answered by the next process."""
        self._stopping.set()
        for each in self._queues.values():
            with contextlib.suppress(queue.Full):  # then its thread is awake anyway
                each.orders.put_nowait(None)
        for each in self._queues.values():
            if each.thread is not None and each.thread is not threading.current_thread():
                each.thread.join(timeout=10)

    def _run(self, jobs: _Queue, answers_first: bool) -> None:
        if answers_first:
            for begun in self._record.open_jobs():
                self._answer(begun)
        while not self._stopping.is_set():
            order = jobs.orders.get()
            if order is None or self._stopping.is_set():
                return
            try:
                self._do(order)
            except Exception as bug:  # noqa: BLE001 - a job's bug must not end what serves phones; it is told
                self._log("warning", f"Job {order.number} ended by a fault of ours: {type(bug).__name__}: {bug}")

    def _do(self, order: JobOrder) -> None:
        self._waiting.discard(order.number)
        if self._record.knows(order.number) or order.until <= self._now():
            return
        telling = JobTelling(order.number, secrets.token_hex(8), self._post, self._stopping)
        try:
            policy = read_policy(self._folder.path)
            policy.check(order)
            self._check_not_again(order.kind)
            self._note(order, telling.attempt)
            telling.take()
            self._log("info", f"Job {order.number} of the hub begins: {order.kind}.")
            sentence = self._kinds[JobKind(order.kind)](Work(order, policy, telling))
        except JobOver as over:
            self._log("info", f"Job {order.number}: {over.what}.")
            self._close(order.number)
        except JobRefused as refused:
            self._end(telling, EdgeJobState.REFUSED, str(refused))
        except RingfenceError as failed:
            self._end(telling, EdgeJobState.FAILED, str(failed))
        except Exception:
            self._end(telling, EdgeJobState.FAILED, "a fault of ours in the edge ended it; its log has more")
            raise
        else:
            if order.kind not in _ENDING and not self._stopping.is_set():
                self._end(telling, EdgeJobState.DONE, sentence)

    def _check_not_again(self, kind: str) -> None:
        """Raise JobRefused for a restart or a reboot soon after the last one: no hub keeps phones from being served."""
        before = self._record.newest(kind)
        if kind == JobKind.RESTART and before is not None and before.boot == boot_id():
            if 0 <= up_s() - before.up_s < RESTART_EVERY_S:
                raise JobRefused(f"the edge restarts once in {RESTART_EVERY_S:.0f} s", to_do="Ask again later.")
        elif kind == JobKind.REBOOT and up_s() < REBOOT_EVERY_S:
            raise JobRefused(f"the machine reboots once in {REBOOT_EVERY_S / 60:.0f} min", to_do="Ask again later.")

    def _note(self, order: JobOrder, attempt: str) -> None:
        """Note that a job begins; EnvironmentFault where a restart would forget that it did."""
        try:
            self._record.begin(BegunJob(order.number, order.kind, attempt, self._now(), boot_id(), up_s()))
        except EnvironmentFault:
            if order.kind in _ENDING:
                raise  # it would be done again, and again

    def _answer(self, begun: BegunJob) -> None:
        """Tell what became of a job that the end of the process before has ended."""
        telling = JobTelling(begun.number, begun.attempt, self._post, self._stopping)
        after_s = max(0, round(self._now() - begun.at))
        if begun.kind == JobKind.RESTART:
            self._end(telling, EdgeJobState.DONE, f"The edge's program has started again, {after_s} s after the order.")
        elif begun.kind == JobKind.REBOOT and (begun.boot != boot_id() or begun.up_s > up_s()):
            self._end(telling, EdgeJobState.DONE, f"The machine has started again, {after_s} s after the order.")
        elif begun.kind == JobKind.REBOOT:
            self._end(
                telling, EdgeJobState.FAILED, "the edge's program has started again, but the machine did not reboot"
            )
        else:
            self._end(telling, EdgeJobState.FAILED, "the edge's program was started anew while it was at it")

    def _end(self, telling: JobTelling, state: EdgeJobState, sentence: str) -> None:
        try:
            telling.end(state, sentence)
        except JobOver:
            if self._stopping.is_set():
                return  # the next process answers
        self._log("info", f"Job {telling.number} {state}: {sentence}")
        self._close(telling.number)

    def _close(self, number: str) -> None:
        try:
            self._record.end(number)
        except EnvironmentFault:
            return  # then it is answered once more after a restart, and the hub knows better


def _queue_of(order: JobOrder) -> str:
    if order.kind == JobKind.PHONE_WEB:
        return "phone's page"
    return "long jobs" if order.kind == JobKind.CAPTURE or order.seconds > 0 else "jobs"


def up_s() -> float:
    """Return for how long the machine is up."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Return which boot of the machine this is; empty where the machine does not say, as to a confined service."""
    try:
        return _BOOT_ID.read_text().strip()[:40]
    except OSError:
        return ""
