"""What the agent observes about senders of requests: frames, DHCP leases, and the announcements of devices.

The worker asks for it, and the request waits for the answer (``server.access.evidence_wait``).
"""

import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from cachetools import FIFOCache

from ringfence.edge.errors import NoFrames
from ringfence.edge.lan.dhcp_lease_file import LeaseFile
from ringfence.edge.lan.frame_capture import FrameWatch, open_frames
from ringfence.guard.announcements import Announcement
from ringfence.guard.dhcp import DhcpRequest
from ringfence.guard.evidence import (
    Announced,
    AskedDhcp,
    Leased,
    OnTheWire,
    ProvedKey,
    Sighting,
)
from ringfence.server.access.evidence_wait import Heard, Question

MOST_ANNOUNCED = 1024
"""Of how many MAC addresses is kept what they said; those that said something longest ago go first."""


@dataclass(frozen=True, slots=True)
class _Kept:
    announced: Announced
    until: float


class Hearing:
    """Observes until ``stop``. ``why_no_frames`` says why frames are not watched, and is empty if they are.

    Args:
        tftp_ports: The ports of requests over TFTP.
        http_ports: Those of requests over HTTP.
        leases: The DHCP server's file.
        keys: Returns which phones have proved a key at this machine's ports.
    """

    def __init__(
        self,
        *,
        tftp_ports: Collection[int],
        http_ports: Collection[int],
        leases: Path | None = None,
        keys: Callable[[], tuple[ProvedKey, ...]] = tuple,
    ) -> None:
        self._keys = keys
        self._leases = LeaseFile(leases) if leases is not None else None
        self._announced: FIFOCache[str, _Kept] = FIFOCache(MOST_ANNOUNCED)
        self._dhcp: FIFOCache[str, AskedDhcp] = FIFOCache(MOST_ANNOUNCED)
        self._lock = threading.Lock()
        self._frames: FrameWatch | None = None
        self.why_no_frames = ""
        if not tftp_ports:
            self.why_no_frames = "the kernel chose the ports that are served"
            return
        try:
            self._frames = open_frames(
                None,
                self._on_announcement,
                tftp_ports=tftp_ports,
                http_ports=http_ports,
                on_dhcp=self._on_dhcp,
            )
        except NoFrames as fault:
            self.why_no_frames = fault.what

    @property
    def watches_frames(self) -> bool:
        """Whether a request whose frame was not seen is suspicious."""
        return self._frames is not None

    @property
    def leases(self) -> LeaseFile | None:
        """The DHCP server's file that is watched, if there is one."""
        return self._leases

    @property
    def is_any(self) -> bool:
        """Whether there is anything to ask."""
        return self._frames is not None or self._leases is not None

    def start(self) -> None:
        """Begin to hear."""
        if self._frames is not None:
            self._frames.start()

    def stop(self) -> None:
        """Hear nothing more."""
        if self._frames is not None:
            self._frames.stop()

    def of(self, questions: Sequence[Question]) -> list[Heard]:
        """Return what was observed about the senders of requests that have arrived."""
        may_have_missed = self._frames is not None and self._frames.catch_up()
        return [Heard(each.serial, self._of(each.host, each.port), may_have_missed) for each in questions]

    def _of(self, host: str, port: int) -> OnTheWire:
        frames = () if self._frames is None else self._frames.seen(host, port)
        lease = self._leases.lease_of(host, time.time()) if self._leases is not None else None
        return OnTheWire(
            tuple(Sighting(seen.mac, seen.interface, seen.ttl) for seen in frames),
            None if lease is None else Leased(lease.mac, lease.hostname, lease.vendor_class),
            self._said_by(frames[-1].mac) if frames else None,
            self._asked_by(frames[-1].mac) if frames else None,
            self._keys(),
        )

    def _said_by(self, mac: str) -> Announced | None:
        with self._lock:
            kept = self._announced.get(mac)
        return kept.announced if kept is not None and time.monotonic() < kept.until else None

    def _asked_by(self, mac: str) -> AskedDhcp | None:
        with self._lock:
            return self._dhcp.get(mac)

    def _on_dhcp(self, asked: DhcpRequest) -> None:
        with self._lock:
            self._dhcp[asked.mac] = AskedDhcp(asked.mac, asked.vendor_class, asked.options)

    def _on_announcement(self, said: Announcement, interface: str) -> None:
        mac = said.mac.bare
        announced = Announced(said.protocol, mac, said.device, said.platform, interface)
        with self._lock:
            self._announced[mac] = _Kept(announced, time.monotonic() + said.ttl_s)
