"""The lease file of this network's DHCP server, read again when it has changed.

The server owns the file: it appends to it, rewrites it in place (dnsmasq) or replaces it (dhcpd, Kea). If the file is
half written, its leases are added to the earlier ones, because a phone whose line is still missing keeps its lease.
"""

import os
import stat
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from ringfence.guard.leases import Lease, LeasesRead, examine_leases

LARGEST_BYTES = 16 * 1024 * 1024
_SETTLED_NS = 100_000_000
"""A file that was changed within this time of its reading may change again without another time of change."""

_State = tuple[int, int, int]


class LeaseFile:
    """Which machine has an address, according to a DHCP server's file; safe to use from any thread.

    ``fault`` is a sentence why the last read failed, and empty if it did not; a file that does not exist (yet) is not a
    fault. ``skipped`` counts the lines that made no sense.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self.skipped = 0
        self._leases: dict[str, Lease] = {}
        self._state: _State | None = None
        self._lock = threading.Lock()

    def lease_of(self, address: str, now: float) -> Lease | None:
        """Return the lease of an IPv4 address that is valid at ``now`` (Unix seconds); None if there is none."""
        with self._lock:
            self._look()
            lease = self._leases.get(address.removeprefix("::ffff:"))
        return lease if lease is not None and lease.until > now else None

    def current(self, now: float) -> Sequence[Lease]:
        """Return the leases that are valid at ``now`` (Unix seconds)."""
        with self._lock:
            self._look()
            return [lease for lease in self._leases.values() if lease.until > now]

    def mac_of(self, address: str, now: float) -> str | None:
        """Return the bare MAC address that has an IPv4 address at ``now``; None if there is none."""
        lease = self.lease_of(address, now)
        return None if lease is None else lease.mac

    def _look(self) -> None:
        """Read the file if it is another than at the last look."""
        try:
            if self._state is not None and _state_of(self.path.stat()) == self._state:
                return
            self._read()
        except FileNotFoundError:
            self._leases, self._state, self.fault = {}, None, ""
        except OSError as fault:
            self._leases, self._state, self.fault = {}, None, f"{self.path} can't be read: {fault.strerror}"

    def _read(self) -> None:
        began_ns = time.time_ns()
        with open(self.path, "rb", opener=_open_without_waiting) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                self._refuse(status, "is not a file")
                return
            data = file.read(LARGEST_BYTES + 1)
        if len(data) > LARGEST_BYTES:
            self._refuse(status, f"is larger than {LARGEST_BYTES // 1024 // 1024} MiB")
            return
        read = examine_leases(data)
        self._take(read, is_partial=read.is_cut or not data)
        self.fault, self.skipped = "", read.skipped
        is_settled = abs(began_ns - status.st_mtime_ns) > _SETTLED_NS
        self._state = _state_of(status) if is_settled else None

    def _take(self, read: LeasesRead, *, is_partial: bool) -> None:
        known = self._leases if is_partial else {}
        self._leases = known | {lease.address: lease for lease in read.leases}

    def _refuse(self, status: os.stat_result, why: str) -> None:
        self._leases, self._state = {}, _state_of(status)
        self.fault = f"{self.path} {why}, so no leases are known"


def _open_without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)  # a FIFO in its place must not hold us up


def _state_of(status: os.stat_result) -> _State:
    return status.st_ino, status.st_size, status.st_mtime_ns
