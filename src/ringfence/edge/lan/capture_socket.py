"""The packet socket of captures, made while the process has the right to, and idle until one is asked for.

Idle it receives nothing, and it never receives more than its filter lets pass: the filter is locked before the process
gives up its rights (``frame_capture``). It is there only where the machine's owner allows captures.
"""

import contextlib
import ctypes
import errno
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass

from ringfence.edge.errors import NoFrames
from ringfence.edge.lan.capture_bpf import WHOLE, capture_filter

_BUFFER_BYTES = 4 << 20
_SO_ATTACH_FILTER, _SO_LOCK_FILTER, _SO_TIMESTAMPNS, _SO_RCVBUFFORCE = 26, 44, 35, 33
_SOL_PACKET, _STATISTICS = 263, 6
_PROGRAM, _COUNTED, _TIME = struct.Struct("@HP"), struct.Struct("=II"), struct.Struct("@qq")
_INSTRUCTION_BYTES = 8
_ADDRESS = struct.Struct("=HHi12x")
_EVERY_PROTOCOL, _NO_PROTOCOL = 0x0003, 0x88B5
"""All; and one that is for experiments, which nobody sends: a bound socket can't be bound to none again."""
_LOOK_EVERY_S = 0.5
_LONGEST_CONTROL = 256


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """A frame as it was on the wire, when (nanoseconds since the epoch), and on which interface."""

    at_ns: int
    interface: str
    data: bytes


class CaptureSocket:
    """Captures, one at a time.

    Args:
        tftp_ports: Where TFTP is asked for.
        sip_ports: Where SIP is spoken.

    Raises:
        NoFrames: This machine does not let us see frames.
    """

    def __init__(self, tftp_ports: Collection[int], sip_ports: Collection[int]) -> None:
        program = capture_filter(tftp_ports, sip_ports)
        buffer = ctypes.create_string_buffer(program, len(program))
        try:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        except OSError as fault:
            raise _unavailable(fault) from fault
        try:
            argument = _PROGRAM.pack(len(program) // _INSTRUCTION_BYTES, ctypes.addressof(buffer))
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, argument)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
            except PermissionError:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        except OSError as fault:
            self._socket.close()
            raise _unavailable(fault) from fault
        self._lock = threading.Lock()
        self.lost = 0
        """How many frames of the last capture the kernel could not keep."""

    def frames(self, seconds: float, is_over: Callable[[], bool]) -> Generator[CapturedFrame | None, None, None]:
        """Return frames as they come, for so long; None now and then while there is none.

        Raises:
            NoFrames: The machine does not let us.
        """
        with self._lock:
            self.lost = 0
            try:
                self._drain()
                self._bind(_EVERY_PROTOCOL)
                until = time.monotonic() + seconds
                while not is_over() and (left_s := until - time.monotonic()) > 0:
                    yield self._next(min(left_s, _LOOK_EVERY_S))
            except OSError as fault:
                raise _unavailable(fault) from fault
            finally:
                with contextlib.suppress(OSError):
                    self.lost = _COUNTED.unpack(self._socket.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTED.size))[1]
                    self._bind(_NO_PROTOCOL)
                    self._drain()

    def close(self) -> None:
        """End it for good."""
        self._socket.close()

    def _next(self, timeout_s: float) -> CapturedFrame | None:
        self._socket.settimeout(timeout_s)
        try:
            data, control, _flags, (interface, *_more) = self._socket.recvmsg(WHOLE, _LONGEST_CONTROL)
        except TimeoutError:
            return None
        except OSError as fault:
            if fault.errno == errno.ENETDOWN:
                return None  # an interface went down
            raise
        at_ns = time.time_ns()
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, _SO_TIMESTAMPNS) and len(value) == _TIME.size:
                seconds, nanoseconds = _TIME.unpack(value)
                at_ns = seconds * 1_000_000_000 + nanoseconds
        return CapturedFrame(at_ns, str(interface), data)

    def _bind(self, protocol: int) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        everywhere = _ADDRESS.pack(socket.AF_PACKET, socket.htons(protocol), 0)
        if libc.bind(self._socket.fileno(), everywhere, len(everywhere)):
            fault = ctypes.get_errno()
            raise OSError(fault, os.strerror(fault))

    def _drain(self) -> None:
        """Drop what is still there of before. OSError."""
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(1):
                continue


def _unavailable(fault: OSError) -> NoFrames:
    to_do = "Check that the kernel has packet sockets."
    if fault.errno in {errno.EPERM, errno.EACCES}:
        to_do = "Start the edge as root, or give its service the capability CAP_NET_RAW."
    return NoFrames(f"can't capture on this machine: {fault.strerror}", to_do=to_do)
