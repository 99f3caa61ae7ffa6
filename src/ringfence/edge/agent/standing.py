"""What an edge says that it has, once on each connection, before anything is asked of it.

A sealed edge that waits for its key can't read what it has. What it said last stands in a small file in the clear:
numbers, and metadata that names no phone.
"""

import threading
from dataclasses import replace

from ringfence.content.trust import TrustedMetadata
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.agent.hub_memory import HubMemoryPart
from ringfence.edge.agent.site_state import StateKeeper
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import RingfenceError
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import EdgeStanding


class StandingTeller:
    """Tells the hub what one edge has; ``forget`` is for another connection, from any thread."""

    def __init__(self, folder: EdgeFolder, state: StateKeeper, memory: HubMemoryPart) -> None:
        self._folder, self._state, self._memory = folder, state, memory
        self._has_told = threading.Event()

    def forget(self) -> None:
        """Tell it again: the hub may be another process, with other data."""
        self._has_told.clear()

    def tell(self, client: HubClient, trusted: TrustedMetadata) -> None:
        """Tell it, unless this connection was told.

        Raises:
            HubUnreachable, HubRefused: The hub did not take it; it is told again next time.
        """
        if self._has_told.is_set():
            return
        self._has_told.set()
        try:
            client.tell_standing(replace(self._standing(trusted), hub_url=client.url))
        except RingfenceError:
            self._has_told.clear()
            raise

    def keep(self, trusted: TrustedMetadata) -> None:
        """Keep it for the time when a sealed folder is locked. DiskFull, DiskFault."""
        if self._folder.vault.is_sealed and not self._folder.vault.is_locked:
            data = codec.to_json(self._standing(trusted))
            if data != self._folder.disk.read(self._folder.standing_file):
                self._folder.disk.replace(self._folder.standing_file, data)

    def _standing(self, trusted: TrustedMetadata) -> EdgeStanding:
        proof = trusted.whole_set() if trusted.release is not None else {}
        now = EdgeStanding(
            release=trusted.release.number if trusted.release is not None else 0,
            timestamp=proof.get("timestamp", b"").decode(),
            snapshot=proof.get("snapshot", b"").decode(),
            state_version=self._state.version,
            memory=self._memory.newest.sealed,
            revoked=self._folder.is_revoked,
            root=trusted.root_bytes.decode(),
        )
        if not self._folder.vault.is_locked:
            return now
        try:
            kept = codec.from_json(EdgeStanding, self._folder.disk.read(self._folder.standing_file) or b"")
        except BadMessage:
            return now
        return replace(kept, revoked=now.revoked, root=now.root)
