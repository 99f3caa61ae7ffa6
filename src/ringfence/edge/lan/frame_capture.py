"""The agent's view of the network: from which MAC address a request really came, and what devices announce.

The kernel's neighbour table says which machine had an address recently; the request's own frame says who sent it. A
packet socket shows that frame, but needs CAP_NET_RAW, so the agent looks, not the worker. Before the socket receives a
single frame, it gets the filter (``frame_bpf``), and a lock so that nobody can remove the filter.

The kernel gives a frame to this socket before it gives the datagram in it to the server. So whoever has a datagram and
then takes all frames that are there (``catch_up``) has its frame too, without waiting for it, unless it was lost.

A separate thread reads the frames meanwhile. In a flood it reads FRAMES_PER_TURN at a time and pauses in between. What
the kernel can't keep is lost: ``catch_up`` says so, and a request without its sighting proves less, never more.
"""

import contextlib
import ctypes
import errno
import os
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Sequence

from ringfence.edge.errors import NoFrames
from ringfence.edge.lan.frame_bpf import ANNOUNCEMENT_BYTES, filter_for
from ringfence.edge.lan.frame_sources import FrameSources, HeardFrame
from ringfence.guard.announcements import Announcement, read_frame
from ringfence.guard.dhcp import DhcpRequest, read_dhcp
from ringfence.guard.errors import BadAnnouncement

FRAMES_PER_TURN = 256
PAUSE_S = 0.01
ANNOUNCEMENTS_PER_S = 100
LOOK_FOR_INTERFACES_S = 5.0
MOST_AT_ONCE = 8192
"""More than the socket can keep."""
MISSED_MATTERS_S = 10.0
"""How long after a frame was lost the request that it carried may still wait to be read."""
_RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024
"""As much as the socket that the requests come by has: no frame is lost whose request is not."""

# <asm/socket.h>, <linux/filter.h>, <linux/if_packet.h>, <linux/if_ether.h>
_SO_ATTACH_FILTER, _SO_LOCK_FILTER, _SO_RCVBUFFORCE = 26, 44, 33
_PROGRAM = struct.Struct("@HP")
_INSTRUCTION_BYTES = 8
_SOL_PACKET, _ADD_MEMBERSHIP, _STATISTICS, _IGNORE_OUTGOING = 263, 1, 6, 23
_COUNTED = struct.Struct("=II")  # tpacket_stats: frames since the last look, and those that were lost
_MEMBERSHIP = struct.Struct("=iHH8s")
_MULTICAST = 0
_ADDRESS = struct.Struct("=HHi12x")  # sockaddr_ll: family, protocol, interface (0: all), and what a bind does not need
_EVERY_PROTOCOL = 0x0003
_ANNOUNCED_TO = tuple(map(bytes.fromhex, ("01000ccccccc", "0180c200000e", "0180c2000003", "0180c2000000")))

_KIND, _BODY_AT = slice(12, 14), 14
_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_IPV4_BYTES, _IPV6_BYTES = 20, 40


def open_frames(
    interfaces: Sequence[str] | None,
    on_announcement: Callable[[Announcement, str], None],
    *,
    tftp_ports: Collection[int],
    http_ports: Collection[int] = (),
    on_dhcp: Callable[[DhcpRequest], None] = lambda _asked: None,
) -> "FrameWatch":
    """Return a watch, yet to be started, over the frames of all Ethernet interfaces or those named.

    Raises:
        NoFrames: This machine does not let us see them.
    """
    program = filter_for(tftp_ports, http_ports)
    buffer = ctypes.create_string_buffer(program, len(program))
    argument = _PROGRAM.pack(len(program) // _INSTRUCTION_BYTES, ctypes.addressof(buffer))
    try:
        frames = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    except OSError as fault:
        raise _unavailable(fault) from fault
    try:
        frames.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, argument)
        frames.setsockopt(socket.SOL_SOCKET, _SO_LOCK_FILTER, 1)
        try:
            frames.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
        except PermissionError:
            frames.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        with contextlib.suppress(OSError):  # without it the kernel copies what we send, and the filter drops that
            frames.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        _take_all_protocols(frames)  # until here it took nothing, for protocol 0 is none
    except OSError as fault:
        frames.close()
        raise _unavailable(fault) from fault
    return FrameWatch(interfaces, on_announcement, frames, on_dhcp)


def _take_all_protocols(frames: socket.socket) -> None:
    """Bind to every interface, for which ``socket.bind`` has no name. OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    everywhere = _ADDRESS.pack(socket.AF_PACKET, socket.htons(_EVERY_PROTOCOL), 0)
    if libc.bind(frames.fileno(), everywhere, len(everywhere)):
        fault = ctypes.get_errno()
        raise OSError(fault, os.strerror(fault))


def _unavailable(fault: OSError) -> NoFrames:
    to_do = "Check that the kernel has packet sockets."
    if fault.errno in {errno.EPERM, errno.EACCES}:
        to_do = "Start as root, or give the service the capability CAP_NET_RAW."
    return NoFrames(f"can't watch the frames on the network: {fault.strerror}", to_do=to_do)


class FrameWatch:
    """Remembers who sent the requests to us; ``catch_up`` and ``seen`` may be called from any thread.

    ``open_frames`` makes one. ``on_announcement`` is called in the thread that takes the frame, with the interface's
    name, and ``on_dhcp`` with what asked for an address; they must neither wait nor raise. Threads belong to the
    network namespace of whoever called ``start``.
    """

    def __init__(
        self,
        interfaces: Sequence[str] | None,
        on_announcement: Callable[[Announcement, str], None],
        frames: socket.socket,
        on_dhcp: Callable[[DhcpRequest], None] = lambda _asked: None,
    ) -> None:
        self.malformed = 0
        """Announcements so far that could not be read."""
        self._names = None if interfaces is None else frozenset(interfaces)
        self._on_announcement = on_announcement
        self._on_dhcp = on_dhcp
        self._frames = frames
        self._sightings = FrameSources()
        self._taking = threading.RLock()
        self._lost_at = float("-inf")
        self._is_stopping = threading.Event()
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="frames", daemon=True)
        self._joined: set[int] = set()
        self._second, self._announcements = 0, 0

    def start(self) -> None:
        """Begin to look."""
        self._listen_to_groups()
        self._thread.start()

    def stop(self) -> None:
        """Stop watching, permanently; earlier sightings are still available."""
        if self._is_stopping.is_set():
            return
        self._is_stopping.set()
        os.eventfd_write(self._wake, 1)
        if self._thread.ident is not None:
            self._thread.join()
        with self._taking:
            self._frames.close()
        os.close(self._wake)

    def catch_up(self) -> bool:
        """Take every frame that is there; return whether some were lost whose requests may still come."""
        with self._taking:
            if not self._is_stopping.is_set():
                self._take(MOST_AT_ONCE)
            now = time.monotonic()
            return now - max(self._lost_at, self._sightings.dropped_at) < MISSED_MATTERS_S

    def seen(self, host: str, port: int) -> tuple[HeardFrame, ...]:
        """Return who sent from an address and port recently, each MAC address on each interface, the latest last."""
        with self._taking:
            return self._sightings.seen(host, port, time.monotonic())

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._frames, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        next_look = time.monotonic() + LOOK_FOR_INTERFACES_S
        while not self._is_stopping.is_set():
            poll.poll(max(0.0, next_look - time.monotonic()) * 1000)
            with self._taking:
                taken = self._take(FRAMES_PER_TURN)
            if taken == FRAMES_PER_TURN:
                self._is_stopping.wait(PAUSE_S)
            if time.monotonic() >= next_look:
                self._listen_to_groups()
                next_look = time.monotonic() + LOOK_FOR_INTERFACES_S

    def _take(self, most: int) -> int:
        """Take the frames that are there, ``most`` at most; return how many."""
        taken, now = most, time.monotonic()
        for number in range(most):
            try:
                frame, (interface, *_) = self._frames.recvfrom(ANNOUNCEMENT_BYTES)
            except BlockingIOError:
                taken = number
                break
            except OSError:
                continue  # an interface went down
            if self._names is None or interface in self._names:
                self._on_frame(frame, interface, now)
        if _COUNTED.unpack(self._frames.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTED.size))[1]:
            self._lost_at = now
        return taken

    def _on_frame(self, frame: bytes, interface: str, now: float) -> None:
        if (asked := read_dhcp(frame)) is not None:
            if self._may_announce(now):
                self._on_dhcp(asked)
        elif (request := read_request(frame)) is not None:
            host, port, mac, ttl = request
            self._sightings.note(host, port, HeardFrame(mac, interface, ttl, now))
        elif self._may_announce(now):
            try:
                announcement = read_frame(frame)
            except BadAnnouncement:
                self.malformed += 1
            else:
                if announcement is not None:
                    self._on_announcement(announcement, interface)

    def _may_announce(self, now: float) -> bool:
        if int(now) != self._second:
            self._second, self._announcements = int(now), 0
        self._announcements += 1
        return self._announcements <= ANNOUNCEMENTS_PER_S

    def _listen_to_groups(self) -> None:
        """Let new interfaces take what is announced to groups; the kernel keeps it as long as the socket is open."""
        for index, name in socket.if_nameindex():
            if index in self._joined or (self._names is not None and name not in self._names):
                continue
            self._joined.add(index)
            for group in _ANNOUNCED_TO:
                with contextlib.suppress(OSError):  # an interface without multicast, or one that has gone meanwhile
                    self._frames.setsockopt(
                        _SOL_PACKET, _ADD_MEMBERSHIP, _MEMBERSHIP.pack(index, _MULTICAST, len(group), group)
                    )


def read_request(frame: bytes) -> tuple[str, int, str, int] | None:
    """Return the source address and port of an IP packet in an Ethernet frame, the MAC that sent it, and its TTL.

    None for another frame, or one that ends before. Protocol and port are the filter's business.
    """
    kind = frame[_KIND]
    if kind == _IPV4:
        if len(frame) < _BODY_AT + _IPV4_BYTES:
            return None
        source, ttl = socket.inet_ntop(socket.AF_INET, frame[26:30]), frame[22]
        at = _BODY_AT + (frame[_BODY_AT] & 0xF) * 4
        if at < _BODY_AT + _IPV4_BYTES:
            return None
    elif kind == _IPV6:
        at = _BODY_AT + _IPV6_BYTES
        if len(frame) < at:
            return None
        source, ttl = socket.inet_ntop(socket.AF_INET6, frame[22:38]), frame[21]
    else:
        return None
    if len(frame) < at + 2:
        return None
    return source, int.from_bytes(frame[at : at + 2], "big"), frame[6:12].hex().upper(), ttl
