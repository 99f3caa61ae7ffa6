"""The sites of a gateway, each independent: a fault of one site does not affect the others.

Every site's agent runs in its own thread, which starts by reading the site's folder. If it ends with a fault, the log
names the fault once, the status keeps it, and the site is tried again with back-off, or as soon as its folder is
enrolled again; its phones still get what they got before. A new folder is served; a folder that is removed, wiped or
enrolled as another edge is no longer served.
"""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ringfence.edge.agent.agent import Agent
from ringfence.edge.agent.backoff import LONGEST_PAUSE_S, Backoff
from ringfence.edge.errors import NotEnrolled
from ringfence.edge.gateway.site_folders import require_folder, require_site, site_folder, site_names
from ringfence.edge.reporting.log import Log
from ringfence.edge.storage.disk import disk_faults
from ringfence.edge.storage.folder import EdgeFolder, Enrolment
from ringfence.errors import EnvironmentFault, RingfenceError

MakeAgent = Callable[[EdgeFolder, Enrolment], Agent]
"""Creates the agent of one site; raises what ``Agent`` raises."""


class SiteAttempt:
    """One attempt to serve a site, in its own thread."""

    def __init__(self, folder: EdgeFolder, make_agent: MakeAgent, on_wiped: Callable[[], None]) -> None:
        self._folder = folder
        self._make_agent = make_agent
        self._on_wiped = on_wiped
        self._lock = threading.Lock()
        self._stopping = False
        self._agent: Agent | None = None
        self._serves = threading.Event()
        self._settled = threading.Event()
        self.began_at = time.monotonic()
        self.fault = ""
        """Why it ended, in words; empty if it was stopped."""
        self.bug = ""
        """The traceback of a fault of ours."""
        self.found_nobody = False
        """Whether the folder held no enrolled edge."""
        self._thread = threading.Thread(target=self._run, name=f"site {folder.path.name}")
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    @property
    def serves(self) -> bool:
        """Whether the site's phones have been served by it."""
        return self._serves.is_set()

    def wait_settled(self, timeout_s: float) -> None:
        """Wait until phones are served, or it has ended, or the time is over."""
        self._settled.wait(timeout_s)

    def stop(self) -> None:
        """Have it end; returns at once."""
        with self._lock:
            self._stopping = True
            agent = self._agent
        if agent is not None:
            agent.stop()

    def join(self) -> None:
        """Wait for its end."""
        self._thread.join()

    def _run(self) -> None:
        try:
            require_folder(self._folder)
            self._folder.finish_wipe()
            enrolment = require_site(self._folder)
            with self._folder.lock():
                agent = self._make_agent(self._folder, enrolment)
                with self._lock:
                    self._agent = agent
                    if self._stopping:
                        agent.stop()
                agent.run(self._on_ready)
                if agent.was_wiped:
                    self._on_wiped()
        except RingfenceError as fault:
            self.fault = str(fault)
            self.found_nobody = isinstance(fault, NotEnrolled)
        except Exception as fault:  # noqa: BLE001 - a bug is loud in the log, and does not end the other sites
            self.fault = f"a bug in this program: {type(fault).__name__}: {fault}."
            self.bug = traceback.format_exc()
        finally:
            self._settled.set()

    def _on_ready(self) -> None:
        self._serves.set()
        self._settled.set()


@dataclass(slots=True)
class HostedSite:
    """One site's folder as the gateway knows it. ``name`` is the folder's, which is the site's id."""

    name: str
    folder: EdgeFolder
    attempt: SiteAttempt | None = None
    enrolled_as: bytes | None = None
    """The identity in its folder at the last attempt."""
    problem: str = ""
    """Why it is not in service, in words; empty if it is."""
    retry_at: float = 0.0
    """When it is tried again, by the monotonic clock."""
    is_leaving: bool = False
    is_told_gone: bool = False
    """Whether it was told that its folder is gone; its agent may have noticed that first, and ended."""
    was_served: bool = False
    """Whether the worker may serve something of it."""
    backoff: Backoff = field(default_factory=Backoff)


class HostedSites:
    """The sites of one gateway; only one thread calls its methods, except ``stop_all``.

    Args:
        root: The gateway's folder.
        log: Receives its log lines.
        make_agent: Creates a site's agent.
        let_go: Makes the worker stop serving a site; takes the site's id.
    """

    def __init__(self, root: Path, log: Log, make_agent: MakeAgent, let_go: Callable[[str], None]) -> None:
        self._root = root
        self._log = log
        self._make_agent = make_agent
        self._let_go = let_go
        self._sites: dict[str, HostedSite] = {}
        self._unreadable = ""

    @property
    def problems(self) -> dict[str, str]:
        """Why sites are not at work, in words, by the names of their folders."""
        return {site.name: site.problem for site in self._sites.values() if site.problem}

    def look(self, now: float) -> None:
        """Take up what has appeared, try again what is due, let go what is gone; ``now`` is the monotonic clock's."""
        for site in list(self._sites.values()):
            self._note_end(site, now)
        try:
            names = site_names(self._root)
        except EnvironmentFault as fault:
            if str(fault) != self._unreadable:
                self._log("warning", f"The gateway's sites can't be listed; those already in service go on: {fault}")
            self._unreadable = str(fault)
            return
        self._unreadable = ""
        for site in [site for site in self._sites.values() if site.name not in names]:
            self._leave(site)
        for name in names:
            site = self._sites.setdefault(name, HostedSite(name, site_folder(self._root, name)))
            self._look_at(site, now)

    def wait_settled(self, timeout_s: float) -> None:
        """Wait until every site is served or has a problem, at most for this long."""
        until = time.monotonic() + timeout_s
        for site in self._sites.values():
            if site.attempt is not None:
                site.attempt.wait_settled(max(0.0, until - time.monotonic()))

    def stop_all(self) -> None:
        """End every site's agent and wait for them."""
        attempts = [site.attempt for site in self._sites.values() if site.attempt is not None]
        for attempt in attempts:
            attempt.stop()
        for attempt in attempts:
            attempt.join()

    def _look_at(self, site: HostedSite, now: float) -> None:
        site.is_told_gone = False
        try:
            enrolled_as = _who(site.folder)
        except EnvironmentFault:
            enrolled_as = site.enrolled_as  # who is at work goes on; who is not is told why when it is tried again
        if site.attempt is not None:
            if enrolled_as != site.enrolled_as and not site.is_leaving:
                self._log("warning", f"{site.name}: The site's folder now belongs to another edge, or to none.")
                site.attempt.stop()
                site.is_leaving = True
        elif now >= site.retry_at or enrolled_as != site.enrolled_as:
            if enrolled_as != site.enrolled_as:
                site.backoff.reset()  # what was wrong with the edge before says nothing of this one
            site.enrolled_as = enrolled_as
            site.attempt = SiteAttempt(site.folder, self._make_agent, lambda: self._let_go(site.name))

    def _note_end(self, site: HostedSite, now: float) -> None:
        """Take note of an attempt that serves or that is over."""
        attempt = site.attempt
        if attempt is None:
            return
        site.was_served = site.was_served or attempt.serves
        if not attempt.is_over:
            if attempt.serves and site.problem:
                site.problem = ""
                self._log("info", f"{site.name}: The site is in service again.")
            return
        attempt.join()
        site.attempt = None
        if site.is_leaving:
            site.is_leaving = False
            site.problem = ""
            site.retry_at = now
            return
        if attempt.found_nobody and site.was_served:
            self._let_go(site.name)
            site.was_served = False
        if now - attempt.began_at > LONGEST_PAUSE_S:
            site.backoff.reset()
        pause_s = site.backoff.next()
        site.retry_at = now + pause_s
        problem = attempt.fault or str(NotEnrolled("the hub asked to wipe this site's folder", to_do="Enrol it again."))
        if problem != site.problem:
            self._log(
                "warning", f"{site.name}: The site is not in service: {problem} The gateway will try again by itself."
            )
            if attempt.bug:
                self._log("warning", f"{site.name}: {attempt.bug}")
        site.problem = problem

    def _leave(self, site: HostedSite) -> None:
        """Let a site go whose folder was removed."""
        if not site.is_told_gone:
            self._log("warning", f"{site.name}: The site's folder was removed; the site is no longer served.")
            site.is_told_gone = True
        if site.attempt is not None:
            if not site.is_leaving:
                site.attempt.stop()
                site.is_leaving = True
            return
        del self._sites[site.name]
        if site.was_served:
            self._let_go(site.name)


def _who(folder: EdgeFolder) -> bytes | None:
    """Return what a folder says of who it is, None if it says nothing. DiskFault."""
    with disk_faults(folder.path):
        is_there = folder.path.is_dir()
    return folder.disk.read(folder.enrolment_file) if is_there else None
