"""An office after a power cut: many phones on one wire, each with a MAC address and an address of its own, at once.

They are written on a packet socket, frame by frame, so that a machine needs no interface for each of them. Each
resolves the edge's address by ARP as a phone does, answers ARP for its own, asks for its files one after the other, and
repeats a request that gets no answer.
"""

import heapq
import os
import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from ringfence.content.release import TargetKind
from ringfence.edge.lan.observer import Hearing
from ringfence.server.events import WorkerEvent
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.wire.messages import GuardRules
from support.namespaces import Wire, entered

EDGE, NETWORK_BITS = "10.66.0.1", 16
TFTP = 69
ASKS_AGAIN_S = 4.0
TRIES = 5
_BROADCAST = b"\xff" * 6
_ARP = struct.Struct("!HHBBH6s4s6s4s")
_IPV4, _UDP = struct.Struct("!BBHHHBBH4s4s"), struct.Struct("!HHHH")
_ETHERNET_ARP, _ETHERNET_IPV4 = b"\x08\x06", b"\x08\x00"
_DATA, _ERROR = 3, 5
_FULL_BLOCK = 512


@dataclass(slots=True)
class WirePhone:
    """One phone: what it still asks for, and what came of it."""

    bare: str
    address: bytes
    port: int = 50_000
    edge_mac: bytes = b""
    asks_for: list[str] = field(default_factory=list)
    tries: int = 0
    tid: int = 0
    block: int = 0
    taken: bytearray = field(default_factory=bytearray)
    wake_at: float = 0.0
    over_at: float = 0.0
    refused: bool = False
    repeats: int = 0

    @property
    def own_file(self) -> str:
        """The name of its configuration."""
        return f"SEP{self.bare}.cnf.xml"


def phones(count: int) -> list[WirePhone]:
    """Return that many, powered off."""
    return [
        WirePhone(f"0200{number:08X}", socket.inet_aton(f"10.66.{1 + number // 250}.{1 + number % 250}"))
        for number in range(count)
    ]


class PowerCut:
    """Drives the phones over one packet socket in the namespace of the caller."""

    def __init__(self, booting: Sequence[WirePhone]) -> None:
        self._by_address = {phone.address: phone for phone in booting}
        self._raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.htons(3))
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self._raw.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE: the phones' own memories
        self._raw.bind(("wire", 0x0003))
        self._readable = select.poll()
        self._readable.register(self._raw, select.POLLIN)
        self._due: list[tuple[float, bytes]] = []

    def boot(self, longest_s: float) -> float:
        """Give all of them power at once; return when that was, once they are done."""
        began = time.monotonic()
        for phone in self._by_address.values():
            phone.asks_for = [f"CTLSEP{phone.bare}.tlv", f"ITLSEP{phone.bare}.tlv", "ITLFile.tlv", phone.own_file]
            self._resolve(phone, began)
        left = set(self._by_address)
        while left and time.monotonic() < began + longest_s:
            self._readable.poll(50)
            for address in self._take():
                left.discard(address)
            now = time.monotonic()
            while self._due and self._due[0][0] <= now:
                phone = self._by_address[heapq.heappop(self._due)[1]]
                if not phone.over_at and phone.wake_at <= now and self._again(phone, now):
                    left.discard(phone.address)
        self._raw.close()
        return began

    def _take(self) -> Iterator[bytes]:
        """Read what came; yield those that are done."""
        for _ in range(256):
            try:
                frame, (_, _, kind, *_) = self._raw.recvfrom(2048)
            except BlockingIOError:
                return
            if kind == socket.PACKET_OUTGOING:
                continue
            if frame[12:14] == _ETHERNET_ARP:
                self._on_arp(frame)
            elif frame[12:14] == _ETHERNET_IPV4 and frame[23] == socket.IPPROTO_UDP:
                phone = self._by_address.get(frame[30:34])
                if phone is not None and not phone.over_at and self._on_udp(phone, frame):
                    yield phone.address

    def _on_arp(self, frame: bytes) -> None:
        _, _, _, _, what, mac, sender, _, target = _ARP.unpack_from(frame, 14)
        phone = self._by_address.get(target)
        if phone is None:
            return
        if what == 1:
            self._send_arp(phone, 2, mac, sender)
        elif not phone.edge_mac:
            phone.edge_mac = mac
            self._ask(phone, time.monotonic())

    def _on_udp(self, phone: WirePhone, frame: bytes) -> bool:
        at = 14 + (frame[14] & 15) * 4
        source, port, length, _ = _UDP.unpack_from(frame, at)
        payload, now = frame[at + 8 : at + length], time.monotonic()
        if port != phone.port or len(payload) < 4:
            return False
        what, number = struct.unpack_from("!HH", payload)
        if what == _ERROR:
            return self._next(phone, now, was_refused=True)
        if what != _DATA or number != phone.block + 1:
            if what == _DATA and number == phone.block and source == phone.tid:
                self._send_udp(phone, source, b"\0\4" + payload[2:4])
            return False
        phone.tid, phone.block = source, number
        phone.taken += payload[4:]
        self._send_udp(phone, source, b"\0\4" + payload[2:4])
        self._wake(phone, now)
        return len(payload) - 4 < _FULL_BLOCK and self._next(phone, now, was_refused=False)

    def _next(self, phone: WirePhone, now: float, *, was_refused: bool) -> bool:
        """Go on to the next file; return whether there is none."""
        name = phone.asks_for.pop(0)
        if not phone.asks_for:
            phone.over_at, phone.refused = now, was_refused or name != phone.own_file
            return True
        phone.tries = phone.tid = phone.block = 0
        phone.taken.clear()
        phone.port += 1
        self._ask(phone, now)
        return False

    def _again(self, phone: WirePhone, now: float) -> bool:
        phone.repeats += 1
        if not phone.edge_mac:
            self._resolve(phone, now)
        elif phone.tries >= TRIES:
            return self._next(phone, now, was_refused=True)
        else:
            phone.tid = phone.block = 0
            phone.taken.clear()
            self._ask(phone, now)
        return False

    def _resolve(self, phone: WirePhone, now: float) -> None:
        self._send_arp(phone, 1, bytes(6), socket.inet_aton(EDGE))
        self._wake(phone, now, 1.0)

    def _ask(self, phone: WirePhone, now: float) -> None:
        phone.tries += 1
        self._send_udp(phone, TFTP, b"\0\1" + phone.asks_for[0].encode() + b"\0octet\0")
        self._wake(phone, now)

    def _wake(self, phone: WirePhone, now: float, after_s: float = ASKS_AGAIN_S) -> None:
        phone.wake_at = now + after_s
        heapq.heappush(self._due, (phone.wake_at, phone.address))

    def _send_arp(self, phone: WirePhone, what: int, mac: bytes, address: bytes) -> None:
        own = bytes.fromhex(phone.bare)
        body = _ARP.pack(1, 0x0800, 6, 4, what, own, phone.address, mac, address)
        self._send((_BROADCAST if what == 1 else mac) + own + _ETHERNET_ARP + body)

    def _send_udp(self, phone: WirePhone, port: int, payload: bytes) -> None:
        length = 28 + len(payload)
        to = socket.inet_aton(EDGE)
        head = _IPV4.pack(0x45, 0, length, 1, 0, 64, socket.IPPROTO_UDP, 0, phone.address, to)
        total = sum(struct.unpack("!10H", head))
        total = (total & 0xFFFF) + (total >> 16)
        head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:]
        udp = _UDP.pack(phone.port, port, length - 20, 0)
        self._send(phone.edge_mac + bytes.fromhex(phone.bare) + _ETHERNET_IPV4 + head + udp + payload)

    def _send(self, frame: bytes) -> None:
        while True:
            try:
                self._raw.send(frame)
            except BlockingIOError:
                time.sleep(0.001)
            else:
                return


@dataclass(slots=True)
class Office:
    """An edge that serves these phones by the rules that a hub gives by default, and hears their frames."""

    wire: Wire
    events: list[WorkerEvent]
    worker: WorkerSupervisor

    def boot(self, booting: Sequence[WirePhone], longest_s: float = 120.0) -> float:
        """Boot all the phones at once; return when they got power, once they are done."""
        with entered(self.wire.client):
            power = PowerCut(booting)
        return power.boot(longest_s)


@contextmanager
def office(served: Sequence[WirePhone], *, file_bytes: int = 8000) -> Iterator[Office]:
    """Serve one file of that size to each of the phones."""
    with Wire([f"{EDGE}/{NETWORK_BITS}"], []) as wire, entered(wire.server):
        hearing = Hearing(tftp_ports=[TFTP], http_ports=[])
        events: list[WorkerEvent] = []
        worker = WorkerSupervisor(
            listen=[(EDGE, TFTP)],
            site="Office",
            on_event=events.append,
            hear=hearing.of,
            watches_frames=hearing.watches_frames,
        )
        offers = []
        try:
            hearing.start()
            worker.start()
            worker.rule(GuardRules(1))
            for phone in served:
                descriptor = os.memfd_create(phone.own_file)
                os.write(descriptor, b"x" * file_bytes)
                offers.append(Offer(phone.own_file, descriptor, file_bytes, TargetKind.CONFIGURATION, phone.bare))
            worker.offer(1, offers)
            yield Office(wire, events, worker)
        finally:
            worker.stop()
            hearing.stop()
            for offer in offers:
                os.close(offer.fd)
