"""What the agent says of itself: noted as it happens, and told to ``ringfence edge status``."""

import os
import time
from dataclasses import replace

from ringfence.edge.phones.serving import Serving
from ringfence.edge.reporting.log import Log
from ringfence.edge.reporting.status import Status
from ringfence.edge.software.trial import SoftwareTrial
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.identity.certificates import validity
from ringfence.wire.messages import EdgeProblem

CONFIRM_S = 3600.0
"""How often the moment of the last confirmation is written: tells an age, and spares an SD card."""


class StatusKeeper:
    """Keeps one agent's status; its threads note what they do.

    ``refreshed_at`` is when the kept release was last verified against a living hub, in Unix seconds.
    """

    def __init__(self, folder: EdgeFolder, log: Log, refreshed_at: float) -> None:
        self._folder = folder
        self._log = log
        enrolment = folder.enrolment()
        self.state = Status(
            pid=os.getpid(),
            edge_id=enrolment.edge_id,
            site_id=enrolment.site_id,
            site_name=enrolment.site_name,
            hub_url=enrolment.hub_url,
            started_at=time.time(),
            confirmed_at=max(refreshed_at, _last_confirmation(folder)),
        )
        self.problem_kind: EdgeProblem | None = None
        self._trial, self._is_current = SoftwareTrial(), False
        self.take_certificate()

    def take_certificate(self) -> None:
        """Note until when the folder's certificate is valid. BadCertificate."""
        self.state.certificate_ends_at = validity(self._folder.credentials().certificate)[1]

    def note_connected(self, hub_url: str) -> None:
        """Note that the hub's event stream is open, at one of its addresses."""
        self.state.hub_url = hub_url
        self.state.connected_since = time.time()
        self._log("info", f"Connected to the hub at {self.state.hub_url}.")
        self._tell_if_well()

    def note_disconnected(self) -> None:
        """Note that the hub's event stream is not open."""
        if self.state.connected_since:
            self._log("warning", "The connection to the hub ended.")
        self.state.connected_since = 0.0

    def note_contact(self) -> None:
        """Note that something came from the hub just now."""
        self.state.last_contact = time.time()

    def note_confirmed(self, now: float) -> None:
        """Note that the hub has confirmed what is served; ``now`` is its time. DiskFull, DiskFault."""
        if now - self.state.confirmed_at >= CONFIRM_S:
            self._folder.disk.replace(self._folder.cache / "confirmed", str(now).encode())
        self.state.confirmed_at = now

    def note_problem(self, sentence: str, kind: EdgeProblem = EdgeProblem.OTHER) -> bool:
        """Report a problem once; return whether it is new."""
        if sentence == self.state.problem:
            return False
        self.state.problem, self.problem_kind = sentence, kind
        self._log("warning", sentence)
        return True

    def note_success(self) -> None:
        """Note that the problem is over: what the hub has is served, and its state is in force."""
        self.state.problem, self.problem_kind = "", None
        self._is_current = True
        self._tell_if_well()

    def _tell_if_well(self) -> None:
        """Tell who tries this version that it is connected and current (``software.launcher``)."""
        if self._is_current and self.state.connected_since:
            self._trial.tell()

    def now(self, serving: Serving, *, reports_waiting: int, guard: str) -> Status:
        """Return how things are now; ``guard`` is what the guard asks for, in words."""
        state, release = replace(self.state), serving.release
        state.addresses = serving.addresses
        state.http_addresses = serving.http_addresses
        state.worker_pid = serving.worker_pid
        state.guard = guard
        state.advice = serving.advice
        state.release = release.number if release else 0
        state.files = len(release.targets) if release else 0
        state.release_since = serving.release_since
        state.reports_waiting = reports_waiting
        state.phones = serving.phones.all()
        state.told = serving.notices(time.time())
        return state


def _last_confirmation(folder: EdgeFolder) -> float:
    """Return when the hub confirmed the release last, as far as it was written down; 0 if it was not."""
    try:
        return float(folder.disk.read(folder.cache / "confirmed") or b"0")
    except ValueError:
        return 0.0  # tells an age, and is written again
