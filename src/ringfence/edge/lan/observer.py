"""What the agent observes about senders of requests: frames, DHCP leases, and the announcements of devices.

The worker asks for it, and the request waits some milliseconds for the answer (``server.access.evidence_wait``).
"""

import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from cachetools import FIFOCache

from ringfence.edge.errors import NoFrames
from ringfence.edge.lan.dhcp_lease_file import LeaseFile
from ringfence.edge.lan.frame_capture import FrameWatch, open_frames
from ringfence.edge.lan.frame_sources import HeardFrame
from ringfence.guard.announcements import Announcement
from ringfence.guard.dhcp import DhcpRequest
from ringfence.guard.evidence import (
    Announced,
    AskedDhcp,
    Leased,
    OnTheWire,
    Sighting,
)

WAIT_S = 0.02
"""How long a frame is waited for: it has come before its datagram, and the watch may still be about to take it."""
PATIENCE = 0.1
"""The largest share of time spent waiting: requests whose frames are never seen must not delay the others."""
MOST_ANNOUNCED = 1024
"""Of how many MAC addresses is kept what they said; those that said something longest ago go first."""


@dataclass(frozen=True, slots=True)
class _Kept:
    announced: Announced
    until: float


class Hearing:
    """Observes until ``stop``. ``why_no_frames`` says why frames are not watched, and is empty if they are."""

    def __init__(self, *, tftp_ports: Collection[int], http_ports: Collection[int], leases: Path | None = None) -> None:
        self._leases = LeaseFile(leases) if leases is not None else None
        self._announced: FIFOCache[str, _Kept] = FIFOCache(MOST_ANNOUNCED)
        self._dhcp: FIFOCache[str, AskedDhcp] = FIFOCache(MOST_ANNOUNCED)
        self._lock = threading.Lock()
        self._patience_s, self._waited_at = PATIENCE, time.monotonic()
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

    def of(self, host: str, port: int) -> OnTheWire:
        """Return what was observed about the sender at an address and port."""
        frames = () if self._frames is None else self._wait_for(self._frames, host, port)
        lease = self._leases.lease_of(host, time.time()) if self._leases is not None else None
        return OnTheWire(
            tuple(Sighting(seen.mac, seen.interface, seen.ttl) for seen in frames),
            None if lease is None else Leased(lease.mac, lease.hostname, lease.vendor_class),
            self._said_by(frames[-1].mac) if frames else None,
            self._asked_by(frames[-1].mac) if frames else None,
        )

    def _wait_for(self, watch: FrameWatch, host: str, port: int) -> tuple[HeardFrame, ...]:
        began_at = time.monotonic()
        self._patience_s = min(PATIENCE, self._patience_s + PATIENCE * (began_at - self._waited_at))
        found = watch.wait_for(host, port, min(WAIT_S, self._patience_s))
        self._waited_at = time.monotonic()
        self._patience_s -= self._waited_at - began_at
        return found

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
