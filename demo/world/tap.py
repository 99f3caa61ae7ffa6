"""Everything that passes one machine's interface, with its time: for counting audio, and for looking who is named."""

import socket
import struct
import threading
import time
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Self

from support.namespaces import entered

_ALL, _IPV4, _ARP, _UDP = 0x0003, 0x0800, 0x0806, 17
_MOST_FRAMES = 500_000
_LOOK_S = 0.2
_BUFFER_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; ``at`` is of the monotonic clock, in seconds."""

    at: float
    is_sent: bool
    data: bytes

    @property
    def kind(self) -> int:
        """Its EtherType."""
        return int.from_bytes(self.data[12:14])

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses in its headers, IPv4's or ARP's."""
        start = {_IPV4: 26, _ARP: 28}.get(self.kind)
        if start is None:
            return ()
        second = start + (4 if self.kind == _IPV4 else 10)
        return tuple(str(IPv4Address(self.data[at : at + 4])) for at in (start, second))

    @property
    def udp(self) -> tuple[int, int, bytes] | None:
        """A UDP packet's ports and what is in it."""
        if self.kind != _IPV4 or self.data[23] != _UDP:
            return None
        start = 14 + 4 * (self.data[14] & 0xF)
        source, destination = struct.unpack_from("!HH", self.data, start)
        return source, destination, self.data[start + 8 :]


class Tap:
    """Hears an interface until ``close``; at most half a million frames."""

    def __init__(self, namespace: str, device: str) -> None:
        with entered(namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.bind((device, _ALL))
        self._socket.settimeout(_LOOK_S)
        self._over = threading.Event()
        self.frames: list[Frame] = []
        self._thread = threading.Thread(target=self._hear, name=f"tap at {device}")
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def close(self) -> None:
        """Hear no more; the frames stay."""
        self._over.set()
        self._thread.join()
        self._socket.close()

    def audio(self, host: str, port: int) -> list[float]:
        """Return when packets for this address and UDP port passed."""
        found = []
        for frame in list(self.frames):
            udp = frame.udp
            if udp is not None and udp[1] == port and frame.hosts[1] == host:
                found.append(frame.at)
        return found

    def _hear(self) -> None:
        while not self._over.is_set() and len(self.frames) < _MOST_FRAMES:
            try:
                data, (_device, _protocol, kind, *_) = self._socket.recvfrom(65_535)
            except TimeoutError:
                continue
            except OSError:
                return  # the interface is gone
            self.frames.append(Frame(time.monotonic(), kind == socket.PACKET_OUTGOING, data))
