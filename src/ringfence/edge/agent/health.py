"""How an edge is, as the hub is told it: its disk is looked at, and what hinders the rest is noted elsewhere."""

import time
from collections.abc import Callable, Sequence

from ringfence import __version__
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.agent.status_keeper import StatusKeeper
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.edge.storage.reserve import RESERVE_BYTES
from ringfence.errors import EnvironmentFault
from ringfence.wire.messages import EdgeHealth, EdgeMode, EdgeProblem

AllowedJobs = tuple[tuple[str, ...], str]
"""Which jobs are allowed, and why none are."""
TELL_ANYWAY_S = 900.0
"""How often it is told although nothing changed: so the hub sees a clock that runs off."""


class HealthTeller:
    """Looks after the disk's reserve, and tells the hub what changed; used by one thread at a time."""

    def __init__(
        self,
        folder: EdgeFolder,
        status: StatusKeeper,
        addresses: Callable[[], Sequence[str]],
        jobs: Callable[[], AllowedJobs],
    ) -> None:
        """Begin; ``addresses`` tells where phones may reach its HTTP, ``jobs`` which jobs this machine allows."""
        self._folder = folder
        self._status = status
        self._addresses = addresses
        self._jobs = jobs
        self._told: tuple[object, ...] = ()
        self._tell_at = 0.0

    def on_connected(self) -> None:
        """Tell all of it again: the hub may have been restored, or be another process."""
        self._tell_at = 0.0

    def look(self) -> EdgeHealth:
        """Take the reserve back if there is room, and return how the edge is now."""
        self._folder.reserve.take()
        free = self._free_bytes()
        state, kind = self._status.state, self._status.problem_kind
        addresses = tuple(self._addresses())
        if not self._folder.reserve.is_there and free < 2 * RESERVE_BYTES:
            sentence = (
                f"the disk is full: {free / 1e6:.1f} MB are free. Free some space; the edge then goes on by itself."
            )
            return EdgeHealth(
                time.time(),
                EdgeProblem.DISK_FULL,
                sentence,
                free,
                addresses,
                *self._jobs(),
                mode=self._mode(),
                version=__version__,
            )
        return EdgeHealth(
            time.time(),
            kind or "",
            state.problem if kind else "",
            free,
            addresses,
            *self._jobs(),
            mode=self._mode(),
            version=__version__,
        )

    def tell(self, client: HubClient) -> None:
        """Tell the hub how the edge is, if that is news or due.

        Raises:
            HubUnreachable, HubRefused: It did not take it; it is told again next time.
        """
        health = self.look()
        news = (
            health.problem,
            health.sentence,
            health.http_addresses,
            health.jobs,
            health.jobs_problem,
            health.mode,
        )
        if news == self._told and time.monotonic() < self._tell_at:
            return
        client.tell_health(health)
        self._told, self._tell_at = news, time.monotonic() + TELL_ANYWAY_S

    def _mode(self) -> EdgeMode:
        vault = self._folder.vault
        return EdgeMode.LOCKED if vault.is_locked else EdgeMode.SEALED if vault.is_complete else EdgeMode.OPEN

    def _free_bytes(self) -> int:
        try:
            return self._folder.disk.free_bytes(self._folder.path)
        except EnvironmentFault:
            return 0
