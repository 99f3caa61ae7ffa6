"""The lease file of this network's DHCP server, read again when it has changed.

The server owns the file: it appends to it, writes it anew in place (dnsmasq) or puts another in its place (dhcpd, Kea).
What is found half written adds to what was known before, for a phone whose line is yet to come has its lease still.
"""

import os
import stat
import threading
import time
from pathlib import Path

from ringfence.guard.leases import Lease, LeasesRead, examine_leases

LARGEST_BYTES = 16 * 1024 * 1024
_SETTLED_NS = 100_000_000
"""A file that was changed within this time of its reading may change again without another time of change."""

_State = tuple[int, int, int]


class LeaseFile:
    """Whose an address is by a DHCP server's file; may be asked from any thread.

    ``fault`` says in a sentence why nothing could be read at the last look, and is empty where all is well; a file that
    is not there (yet) is no fault. ``skipped`` counts the lines that made no sense.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self.skipped = 0
        self._leases: dict[str, Lease] = {}
        self._state: _State | None = None
        self._lock = threading.Lock()

    def lease_of(self, address: str, now: float) -> Lease | None:
        """Return the lease of an IPv4 address that holds at ``now`` (Unix seconds); None where there is none."""
        with self._lock:
            self._look()
            lease = self._leases.get(address.removeprefix("::ffff:"))
        return lease if lease is not None and lease.until > now else None

    def mac_of(self, address: str, now: float) -> str | None:
        """Return the bare MAC address that has an IPv4 address at ``now``; None where nobody has."""
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
