"""A capture: frames of the phones' network, told to the hub as a file that tshark and Wireshark read."""

import contextlib
import struct
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from ringfence.counted import counted
from ringfence.edge.errors import JobRefused, NoFrames
from ringfence.edge.jobs.edge_jobs import Work
from ringfence.edge.jobs.policy import read_policy
from ringfence.edge.lan.capture_socket import CaptureSocket

_TELL_EVERY_S = 2.0
_TELL_BYTES = 256 << 10
_HEAD = struct.Struct("=IHHiIII")
_RECORD = struct.Struct("=IIII")
_NANOSECONDS, _ETHERNET, _LONGEST = 0xA1B23C4D, 1, 65_535
HEAD = _HEAD.pack(_NANOSECONDS, 2, 4, 0, 0, _LONGEST, _ETHERNET)
"""How such a file begins (draft-ietf-opsawg-pcap): times in nanoseconds, frames of Ethernet."""


@dataclass(frozen=True, slots=True)
class Capturing:
    """What captures, or why nothing does, and the ports of what is captured."""

    socket: CaptureSocket | None
    why_not: str = ""
    tftp_ports: Collection[int] = (69,)
    sip_ports: Collection[int] = (5060,)

    def run(self, work: Work) -> str:
        """Capture as was asked; JobRefused where this machine does not let us."""
        if self.socket is None:
            raise JobRefused(self.why_not or "this edge was started while its owner allowed no captures")
        order = work.order
        from ringfence.edge.jobs.capture_packets import CapturePackets  # noqa: PLC0415 - for as long as few capture

        chosen = CapturePackets(self.tftp_ports, self.sip_ports, with_secrets=order.with_secrets)
        recording = _Recording(work, order.most_bytes)
        frames = self.socket.frames(order.seconds, lambda: recording.is_full or work.telling.stopping.is_set())
        with contextlib.closing(frames):
            for frame in frames:
                if frame is not None and _is_wanted(frame.interface, work.policy.capture_interfaces):
                    recording.add(_record(frame.at_ns, chosen.take(frame.data)))
                recording.tell_when_due()
        recording.tell()
        return _in_words(recording.kept, self.socket.lost, is_full=recording.is_full)


def open_capturing(folder: Path, tftp_ports: Collection[int]) -> Capturing:
    """Return what captures, if the machine's owner allows it; its socket needs a right that is given up afterwards."""
    ports = {port for port in tftp_ports if port}
    try:
        policy = read_policy(folder)
        if not policy.capture or not ports:
            return Capturing(None)
        sip_ports = policy.capture_sip_ports
        return Capturing(CaptureSocket(ports, sip_ports), tftp_ports=ports, sip_ports=sip_ports)
    except (JobRefused, NoFrames) as fault:
        return Capturing(None, fault.what)


class _Recording:
    """The file, as far as it has come, of which the hub has most."""

    def __init__(self, work: Work, most_bytes: int) -> None:
        self._telling = work.telling
        self._most_bytes = most_bytes
        self._waiting = bytearray(HEAD)
        self._size = len(HEAD)
        self._tell_at = time.monotonic() + _TELL_EVERY_S
        self.kept = 0
        self.is_full = False

    def add(self, record: bytes) -> None:
        """Add a record, if there is one and room for it."""
        self.is_full = self.is_full or self._size + len(record) > self._most_bytes
        if record and not self.is_full:
            self._waiting += record
            self._size, self.kept = self._size + len(record), self.kept + 1

    def tell_when_due(self) -> None:
        """Tell the hub what is new, now and then; or look whether somebody has cancelled the job. JobOver."""
        if len(self._waiting) >= _TELL_BYTES:
            self.tell()
        elif time.monotonic() >= self._tell_at:
            if self._waiting:
                self.tell()
            else:
                self._telling.look()
                self._tell_at = time.monotonic() + _TELL_EVERY_S

    def tell(self) -> None:
        """Tell the hub what is new. JobOver."""
        self._telling.data(bytes(self._waiting))
        self._waiting.clear()
        self._tell_at = time.monotonic() + _TELL_EVERY_S


def _record(at_ns: int, frame: bytes | None) -> bytes:
    if frame is None:
        return b""
    seconds, nanoseconds = divmod(at_ns, 1_000_000_000)
    return _RECORD.pack(seconds & 0xFFFFFFFF, nanoseconds, len(frame), len(frame)) + frame


def _is_wanted(interface: str, named: Collection[str]) -> bool:
    return interface in named if named else interface != "lo"


def _in_words(kept: int, lost: int, *, is_full: bool) -> str:
    said = f"The edge has captured {counted(kept, 'packet')}"
    if is_full:
        said += ", until the file was as large as it may be"
    if lost:
        said += f"; {lost} more came too fast to be seen"
    return f"{said}."
