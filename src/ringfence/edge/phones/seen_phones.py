"""Which phones an edge has served, from where, and which configuration each took last."""

import json
import threading
from dataclasses import asdict

from ringfence.edge.reporting.status import SeenPhone
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.errors import EnvironmentFault
from ringfence.phones.mac import Mac

SAVE_EVERY_S = 300.0
"""A cut of the power loses this much of a hint; an SD card lasts longer."""


class SeenPhones:
    """The phones that this edge has served; kept over restarts so that they can be told to reload.

    Safe to use from several threads. Phones are named by their bare MAC addresses.
    """

    def __init__(self, folder: EdgeFolder) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._changed = False
        self._save_at = 0.0
        try:
            kept = [SeenPhone(**phone) for phone in json.loads(folder.disk.read(folder.phones_file) or b"[]")]
        except (ValueError, TypeError):
            kept = []  # a hint only: the next boot fills it again
        self._phones = {phone.mac: phone for phone in kept}

    def note(self, owner: str, host: str, at: float, name: str, release: int, digest: str | None) -> None:
        """Remember that a phone took a file of its own.

        Args:
            owner: The phone.
            host: The address that took the file.
            at: When, in Unix seconds.
            name: The file's name.
            release: The release that the file is of.
            digest: The digest of the phone's configuration; None if the file is another one.
        """
        mac = str(Mac.parse(owner))
        with self._lock:
            if digest is None:
                digest = self._phones[mac].digest if mac in self._phones else ""
            self._phones[mac] = SeenPhone(mac, host, at, name, release, digest)
            self._changed = True

    def holds_another(self, owner: str, digest: str) -> bool:
        """Return whether a phone last took another configuration than the one of ``digest``."""
        with self._lock:
            phone = self._phones.get(str(Mac.parse(owner)))
            return phone is not None and phone.digest not in {"", digest}

    def host_of(self, owner: str) -> str | None:
        """Return the address from which a phone last took its configuration, or None if it never did."""
        with self._lock:
            phone = self._phones.get(str(Mac.parse(owner)))
            return phone.host if phone else None

    def all(self) -> list[SeenPhone]:
        """Return every phone seen, newest first."""
        with self._lock:
            return sorted(self._phones.values(), key=lambda phone: -phone.last_seen)

    def save_when_due(self, now: float) -> None:
        """Save, but no more often than each SAVE_EVERY_S, however many phones ask; ``now`` is monotonic."""
        if now >= self._save_at:
            self._save_at = now + SAVE_EVERY_S
            self.save()

    def save(self) -> None:
        """Write what changed; without room on the disk it stays in memory."""
        with self._lock:
            if not self._changed:
                return
            data = json.dumps([asdict(phone) for phone in self._phones.values()]).encode()
            self._changed = False
        try:
            self._folder.disk.replace(self._folder.phones_file, data)
        except EnvironmentFault:
            self._changed = True
