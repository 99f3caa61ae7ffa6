"""The agent: one process that keeps the newest release beside the phones.

Threads: the stream hears hints from the hub, the synchroniser acts on them, the reporter hands over what happened, two
do jobs, and the supervisor's own watches the worker. The caller's keeps the status. Hints only wake the synchroniser:
what it does depends on metadata alone, so an edge that missed ten hints ends in the same state as one that heard them.
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Sequence

from ringfence.content.hub_endpoints import HubEndpoints
from ringfence.content.release import MINUTES_A_DAY
from ringfence.counted import counted
from ringfence.edge.agent.agent_jobs import NO_RIGHTS, ProcessRights, RunningAgent, agent_jobs
from ringfence.edge.agent.backoff import Backoff
from ringfence.edge.agent.box import Box
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.edge_tls import EdgeTlsPart
from ringfence.edge.agent.enrolment import renew, renew_when_due
from ringfence.edge.agent.guard_rules import GuardRulesPart
from ringfence.edge.agent.health import HealthTeller
from ringfence.edge.agent.hub_connection import ClientFactory, https_client
from ringfence.edge.agent.hub_memory import HubMemoryPart
from ringfence.edge.agent.room_orders import RoomOrdersPart
from ringfence.edge.agent.sealed_storage import SealedStorage
from ringfence.edge.agent.site_state import StateKeeper
from ringfence.edge.agent.standing import StandingTeller
from ringfence.edge.agent.status_keeper import StatusKeeper
from ringfence.edge.agent.sync import refresh, update_roots
from ringfence.edge.errors import DiskFault, DiskFull, HubRefused, HubUnreachable
from ringfence.edge.phones.seen_phones import SeenPhones
from ringfence.edge.phones.serving import Serving
from ringfence.edge.phones.site_worker import WorkerSource
from ringfence.edge.reporting import status
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.reporting.log import Log
from ringfence.edge.reporting.metrics import LocalPagesThread, pages
from ringfence.edge.reporting.recent_log import RecentLog
from ringfence.edge.reporting.status_socket import StatusSocket
from ringfence.edge.storage.cache import Cache
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import ContentRefused, EnvironmentFault, RingfenceError
from ringfence.identity.certificates import authority_id, issuer_id, read_certificate
from ringfence.wire.messages import EdgeProblem, ReportKind

LOOK_AROUND_S = 2.0
LOOK_ANYWAY_S = 900.0
"""How often the hub is asked without a hint; a hint may be lost, a timestamp is renewed."""


class Agent:
    """One enrolled edge at work; ``run`` returns when ``stop`` is called.

    Args:
        folder: The edge's folder, which the caller has locked.
        workers: Provides the worker that serves its phones.
        log: Receives its log lines.
        connect: Creates its connection to the hub.
        metrics: Listening sockets on which it tells how it is; they are taken over.
        box: The phone's port that it keeps, if it is a box.
        rights: What this process may do for jobs.

    Raises:
        NotEnrolled, FolderBroken, BadCertificate, ContentRefused: The folder does not contain what an edge needs.
        DiskFault, DiskFull: The folder can't be used.
        PortInUse, ListenRefused: Phones can't be served where they should be.
    """

    def __init__(
        self,
        folder: EdgeFolder,
        workers: WorkerSource,
        log: Log,
        connect: ClientFactory = https_client,
        *,
        metrics: Sequence[socket.socket] = (),
        box: Box | None = None,
        rights: ProcessRights = NO_RIGHTS,
    ) -> None:
        self._folder = folder
        log = self._log = RecentLog(log)
        self._connect, self._workers = connect, workers
        self._stopping, self._wake = threading.Event(), threading.Event()
        self._wipe = False
        self._revoking = threading.Lock()
        self._bug: Exception | None = None
        enrolment = folder.enrolment()
        self._journal = Journal(folder.reports, folder.disk)
        self._cache = Cache(
            folder.cache, folder.disk, enrolment.site_id, folder.disk.read(folder.root_file) or b"", folder.vault
        )
        kept = self._cache.load()
        self._trusted, self._kept_refusal, self._damaged = kept.trusted, kept.refusal, kept.damaged
        self._status = StatusKeeper(folder, log, kept.refreshed_at)
        folder.disk.reserve = folder.reserve
        self._clock = HubClock(floor=self._status.state.confirmed_at)
        self._client = connect(folder, self._clock, self._trusted.hub)
        self._asked_for_issuer = HubEndpoints()
        self._serving = Serving(
            enrolment.site_name, workers, cache=self._cache, journal=self._journal, phones=SeenPhones(folder), log=log
        )
        running = RunningAgent(lambda: self._client, self._status_now, rights, box, self._serving.host_of)
        self._jobs = agent_jobs(folder, workers, self._clock, log, running)
        self._health = HealthTeller(folder, self._status, self._serving.room_addresses, self._jobs.allowed)
        self._rules, self._memory = GuardRulesPart(self._clock, self._serving.rule), HubMemoryPart()
        self._box = box
        network = (box.part_by(self._clock),) if box is not None else ()
        orders = RoomOrdersPart(self._clock, self._serving.send)
        self._storage = SealedStorage(folder, self._cache, log, self._show_release)
        self._tls = EdgeTlsPart(folder, self._clock, self._serving, log, can_serve=workers.reaches_phones)
        parts = (self._storage, self._rules, self._memory, orders, self._jobs, self._tls, *network)
        self._state = StateKeeper(folder, parts)
        self._standing = StandingTeller(folder, self._state, self._memory)
        self._pages = LocalPagesThread(metrics, pages(self._status_now, folder.path))

    @property
    def addresses(self) -> list[str]:
        """Where phones are served, as ``host:port``."""
        return self._serving.addresses

    @property
    def was_wiped(self) -> bool:
        """Whether the hub asked to wipe the folder, which ``run`` does at its end."""
        return self._wipe

    def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve what is kept, then keep it current, until ``stop`` or until the hub asks to wipe the folder.

        ``on_ready`` is called once phones are served.

        Raises:
            WorkerFault: The worker does not start, or does not take over what is kept.
            DiskFault: A part of the folder could not be wiped.
            Exception: A bug of ours ended one of the threads, and with it the agent.
        """
        self._serving.start()
        telling = StatusSocket(self._folder.status_socket, lambda: status.to_json(self._status_now()))
        try:
            try:
                telling.start()
            except EnvironmentFault as fault:  # a full disk: phones are served all the same
                self._log("warning", f"The status can't be told: {fault}")
            self._pages.start()
            self._show_kept()
            on_ready()
            threads = [
                threading.Thread(target=self._work, args=(work,), name=work.__name__.strip("_"))
                for work in self._works()
            ]
            for thread in threads:
                thread.start()
            self._jobs.start()
            told_at = -1
            while not self._stopping.wait(LOOK_AROUND_S):
                self._serving.phones.save_when_due(time.monotonic())
                self._storage.erase_left()
                minute = int(self._clock.now() // 60) % MINUTES_A_DAY
                if minute != told_at and self._clock.is_known:
                    self._serving.tell_at_night(minute)
                    told_at = minute
            self._client.close()
            self._wake.set()
            self._jobs.stop()
            self._journal.close()
            if self._box is not None:
                self._box.stop()
            for thread in threads:
                thread.join()
        finally:
            self._client.close()
            self._serving.stop()
            telling.close()
            self._pages.close()
            if self._wipe:
                self._folder.wipe()
        if self._bug is not None:
            raise self._bug

    def stop(self) -> None:
        """Let ``run`` return; safe to call from a signal handler."""
        self._stopping.set()

    def _works(self) -> Sequence[Callable[[], None]]:
        own = (self._listen_to_hub, self._synchronise, self._hand_over_reports)
        return own if self._box is None else (*own, self._box.hear)

    def _work(self, work: Callable[[], None]) -> None:
        """Do a thread's work. A bug ends the whole agent: one that goes on without a part of it would look well."""
        try:
            work()
        except Exception as bug:  # noqa: BLE001 - `run` raises it again
            self._bug = bug
            self.stop()

    def _show_kept(self) -> None:
        self._journal.add(time.time(), ReportKind.AGENT_STARTED, "The agent started.")
        self._hold_if_revoked()
        self._state.apply()
        if self._kept_refusal:
            self._status.note_problem(f"the stored release was not used: {self._kept_refusal}")
        if self._damaged:
            self._status.note_problem(f"damaged on disk, so fetched again: {', '.join(self._damaged)}")
        if self._folder.vault.is_locked:
            self._status.note_problem("this edge is sealed: it serves its phones once the hub has given it the key")
        if self._trusted.release is not None:
            self._serving.show(self._trusted.release)
        else:
            self._serving.hide_all()  # “not found” at once, with a line in the log, where a phone would wait in vain

    def _listen_to_hub(self) -> None:
        """Keep one event stream open; every event wakes the synchroniser."""
        pause = Backoff()
        while not self._stopping.is_set():
            try:
                for event in self._client.events():
                    if event.kind == "revoked":
                        self._on_revoked(wipe=event.wipe, keeps_serving=event.keeps_serving)
                        break
                    if event.kind == "greeting":
                        pause.reset()
                        self._health.on_connected()
                        if self._box is not None:
                            self._box.on_connected()
                        self._standing.forget()
                        self._status.note_connected(self._client.url)
                    self._status.note_contact()
                    self._wake.set()
            except RingfenceError as fault:
                self._on_fault(fault)
            self._status.note_disconnected()
            self._stopping.wait(pause.next())

    def _synchronise(self) -> None:
        pause = Backoff()
        self._wake.set()
        while not self._stopping.is_set():
            self._wake.wait(LOOK_ANYWAY_S * (0.8 + 0.4 * random.random()))  # noqa: S311 - jitter, no secret
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                self._refresh()
                pause.reset()
                self._status.note_success()
            except RingfenceError as fault:
                self._on_fault(fault)
                self._wake.wait(pause.next())  # news from the hub may be that it goes on
                if self._stopping.is_set():
                    return
                self._wake.set()

    def _refresh(self) -> None:
        if not self._clock.is_known:
            self._greet()
        is_wanted = self._wants_another_issuer()
        if renew_when_due(self._folder, self._client.renew, self._clock.now(), is_wanted=is_wanted):
            self._asked_for_issuer = self._trusted.hub
            self._take_renewed()
        self._standing.tell(self._client, self._trusted)
        if self._folder.vault.is_locked:
            self._unlock()
        if news := self._state.refresh(self._client):
            self._log(
                "info", f"Received version {self._state.version} of the site's state; changed: {', '.join(news)}."
            )
        self._tls.offer(self._client)
        before = self._trusted.hub
        self._trusted = update_roots(self._client, self._cache, self._trusted)
        if self._trusted.hub != before:
            self._follow_hub()
            return
        result = refresh(self._client, self._cache, self._trusted, self._clock.now())
        self._trusted = result.trusted
        self._status.note_contact()
        self._status.note_confirmed(self._clock.now())
        self._standing.keep(self._trusted)
        if result.release is None or not result.is_new:
            return
        self._serving.show(result.release)
        self._cache.discard_unused(result.release)
        fetched = f"{counted(result.fetched_files, 'file')}, {result.fetched_bytes} B"
        self._log("info", f"Received release {result.release.number}: fetched {fetched}.")

    def _unlock(self) -> None:
        """Have the hub's key open what is kept sealed, and serve it."""
        self._storage.unlock(self._client)
        kept = self._cache.load()
        self._trusted, self._damaged = kept.trusted, kept.damaged
        self._state.read_again()
        self._show_release()

    def _show_release(self) -> None:
        if self._trusted.release is not None:
            self._serving.show(self._trusted.release)

    def _follow_hub(self) -> None:
        """Go on where the hub says that it is from now on, also after a loss of the cache."""
        self._folder.disk.replace(self._folder.root_file, self._trusted.root_bytes)
        self._log("info", f"The hub is at {', '.join(self._trusted.hub.urls)} from now on.")
        self._reconnect()
        self._wake.set()

    def _wants_another_issuer(self) -> bool:
        """Return whether the hub has another CA for edges' certificates by now, and was not asked for one yet."""
        hub = self._trusted.hub
        if not hub.authorities or self._asked_for_issuer == hub:
            return False
        return issuer_id(self._folder.credentials().certificate) != authority_id(read_certificate(hub.authorities[0]))

    def _greet(self) -> None:
        """Learn the hub's time; an edge that was away past its certificate's end renews it first."""
        try:
            self._client.greeting()
        except HubRefused as refused:
            if refused.kind != "certificate-expired":
                raise
            renew(self._folder, self._client.renew)
            self._take_renewed()
            self._client.greeting()

    def _take_renewed(self) -> None:
        self._log("info", "The certificate was renewed.")
        self._reconnect()

    def _reconnect(self) -> None:
        """Go on with the new certificate; the stream ends, and its own thread opens another."""
        self._status.take_certificate()
        old, self._client = self._client, self._connect(self._folder, self._clock, self._trusted.hub)
        old.close()

    def _hand_over_reports(self) -> None:
        pause = Backoff()
        while not self._stopping.is_set():
            try:
                if self._status.state.connected_since:
                    self._health.tell(self._client)
                    if self._box is not None:
                        self._box.tell(self._client)
                batch = self._journal.next_batch(timeout_s=5.0)
                if batch.reports and not self._stopping.is_set():
                    stored = self._client.report(batch)
                    self._journal.acknowledge(stored.stored_through)
                pause.reset()
            except RingfenceError as fault:
                if not isinstance(fault, HubUnreachable):  # the stream says that once for all threads
                    self._on_fault(fault)
                self._stopping.wait(pause.next())

    def _on_fault(self, fault: RingfenceError) -> None:
        """Say what stops the work; what is served stays."""
        if self._stopping.is_set():
            return
        match fault:
            case HubRefused(kind="edge-revoked" | "edge-revoked-serves"):
                self._on_revoked(wipe=False, keeps_serving=fault.kind == "edge-revoked-serves")
            case ContentRefused():
                name = type(fault).__name__
                if self._status.note_problem(f"{name}: {fault}", EdgeProblem.CONTENT_REFUSED):
                    self._journal.add(time.time(), ReportKind.CONTENT_REFUSED, f"{name}: {fault}")
            case DiskFull():
                self._status.note_problem(str(fault), EdgeProblem.DISK_FULL)
            case DiskFault():
                self._status.note_problem(str(fault), EdgeProblem.DISK_FAULT)
            case _:
                self._status.note_problem(str(fault))

    def _on_revoked(self, *, wipe: bool, keeps_serving: bool) -> None:
        """Give out no more secrets, now and after a restart, unless the hub lets this edge go on with what it has."""
        problem = "this edge was revoked at the hub; to go on, enrol it again with a new token"
        if not keeps_serving:
            problem += ". Phones' own files are held back"
        self._status.note_problem(problem)
        with self._revoking:  # every thread that asks the hub may hear of it
            self._folder.note_revoked(keeps_serving=keeps_serving)
            self._hold_if_revoked()
        if wipe:
            self._log("warning", "The hub asked to wipe this edge: everything that it holds is deleted.")
            self._wipe = True
            self.stop()

    def _hold_if_revoked(self) -> None:
        if self._folder.gives_no_secrets:
            self._rules.hold("this edge was revoked at the hub")

    def _guard_in_words(self) -> str:
        hearing = self._workers.hearing
        why_no_frames: str | None = "" if hearing is None else hearing.why_no_frames
        if not self._workers.reaches_phones or (hearing is not None and hearing.watches_frames):
            why_no_frames = None
        refused = self._state.refused.get(self._rules.name, "")
        return self._rules.in_words(refused=refused, why_no_frames=why_no_frames)

    def _status_now(self) -> status.Status:
        found = self._status.now(self._serving, reports_waiting=self._journal.waiting, guard=self._guard_in_words())
        found.network = [] if self._box is None else self._box.in_words()
        found.problem = found.problem or self._health.look().sentence
        return found
