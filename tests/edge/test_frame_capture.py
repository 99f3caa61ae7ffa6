"""What the agent sees of the wire, on a wire: who sent a request, what devices announce, and nothing else."""

import os
import queue
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.edge.errors import NoFrames
from ringfence.edge.lan.frame_bpf import (
    ANNOUNCEMENT_BYTES,
    MOST_PORTS,
    SNAP_BYTES,
    filter_for,
)
from ringfence.edge.lan.frame_capture import MOST_AT_ONCE, FrameWatch, open_frames, read_request
from ringfence.edge.lan.frame_sources import MOST_SOURCES, HeardFrame
from ringfence.guard.announcements import Announcement
from ringfence.guard.dhcp import DhcpRequest
from ringfence.phones.mac import Mac
from ringfence.sim.announcing import cdp_frame, lldp_frame
from support.namespaces import Wire, entered

on_a_wire = pytest.mark.needs("netns")

EDGE, PHONE, EDGE6, PHONE6 = "192.0.2.1", "192.0.2.9", "fd00::1", "fd00::9"
ANNA, EVE = "00:11:22:33:44:55", "02:00:00:00:00:66"
TFTP, HTTP = 69, 6970
SOON_S, LINK_UP_S = 60.0, 60.0
TFTP_PORTS, HTTP_PORTS = (TFTP, 1069), (HTTP,)
SYN, SYN_ACK, ACK = 0x02, 0x12, 0x10


def bare(mac: str) -> str:
    return Mac.parse(mac).bare


def checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(port: int, source_port: int = 50_000, payload: bytes = b"\0\1f\0octet\0") -> bytes:
    return struct.pack("!HHHH", source_port, port, 8 + len(payload), 0) + payload


def tcp(port: int, flags: int = SYN, source_port: int = 50_000) -> bytes:
    return struct.pack("!HHIIBBHHH", source_port, port, 1, 0, 0x50, flags, 1024, 0, 0)


def ipv4(transport: bytes, protocol: int = 17, *, ttl: int = 64, fragment: int = 0, options: bytes = b"") -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(transport), 1, fragment, ttl,
                       protocol, 0)  # fmt: skip
    head += socket.inet_aton(PHONE) + socket.inet_aton(EDGE) + options
    return b"\x08\x00" + head[:10] + struct.pack("!H", checksum(head)) + head[12:] + transport


def ipv6(transport: bytes, protocol: int = 17, *, hops: int = 64) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(transport), protocol, hops)
    ends = socket.inet_pton(socket.AF_INET6, PHONE6) + socket.inet_pton(socket.AF_INET6, EDGE6)
    return b"\x86\xdd" + head + ends + transport


def tagged(frame: bytes, vlan: int, priority: int = 0) -> bytes:
    return b"\x81\x00" + struct.pack("!H", priority << 13 | vlan) + frame


def heard(watch: FrameWatch, host: str, port: int) -> tuple[HeardFrame, ...]:
    """What was seen of a source, as soon as there is something."""
    until = time.monotonic() + SOON_S
    while not (seen := watch.seen(host, port)) and time.monotonic() < until:
        watch.catch_up()
    return seen


class Home:
    """An edge's end of a wire with a watch on it, and a phone's end that may send anything."""

    def __init__(self, wire: Wire, stack: ExitStack) -> None:
        self.wire = wire
        self._stack = stack
        self.announced: queue.Queue[tuple[Announcement, str]] = queue.Queue()
        self.asked: queue.Queue[DhcpRequest] = queue.Queue()
        shown = subprocess.run(
            ["ip", "netns", "exec", wire.server, "cat", "/sys/class/net/wire/address"], capture_output=True, check=True
        )
        self.edge_mac = bytes.fromhex(shown.stdout.decode().strip().replace(":", ""))
        with entered(wire.client):
            self._raw = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            self._raw.bind(("wire", 0))

    def watch(self, interfaces: list[str] | None = None, *, started: bool = True) -> FrameWatch:
        with entered(self.wire.server):
            made = open_frames(
                interfaces,
                lambda *told: self.announced.put(told),
                on_dhcp=self.asked.put,
                tftp_ports=TFTP_PORTS,
                http_ports=HTTP_PORTS,
            )
            self._stack.callback(made.stop)
            if started:
                made.start()
        return made

    def send(self, body: bytes, mac: str = ANNA, to: bytes | None = None) -> None:
        """Send what follows an Ethernet frame's addresses."""
        self._raw.send((self.edge_mac if to is None else to) + bytes.fromhex(bare(mac)) + body)

    def send_whole(self, frame: bytes) -> None:
        self._raw.send(frame)


@contextmanager
def home_with(*, mtu: int = 1500) -> Iterator[Home]:
    with Wire([f"{EDGE}/24", f"{EDGE6}/64"], [f"{PHONE}/24", f"{PHONE6}/64"], mtu=mtu) as wire:
        subprocess.run(["ip", "-n", wire.client, "link", "set", "wire", "address", ANNA], check=True)
        with ExitStack() as stack:
            yield Home(wire, stack)


@pytest.fixture(scope="module")
def jumbo() -> Iterator[Home]:
    with home_with(mtu=9000) as made:
        yield made


@pytest.fixture
def home() -> Iterator[Home]:
    with home_with() as made:
        yield made


@on_a_wire
@pytest.mark.parametrize(("edge", "phone"), [(EDGE, PHONE), (EDGE6, PHONE6)])
def test_a_request_shows_which_mac_sent_it_and_how_far_it_came(home: Home, edge: str, phone: str) -> None:
    watch = home.watch()
    began = time.monotonic()
    with entered(home.wire.client):
        sender = socket.socket(socket.AF_INET6 if ":" in edge else socket.AF_INET, socket.SOCK_DGRAM)
    with sender:
        sender.sendto(b"\0\1f\0octet\0", (edge, TFTP))
        port = sender.getsockname()[1]
    (seen,) = heard(watch, phone, port)
    assert (seen.mac, seen.interface, seen.ttl) == (bare(ANNA), "wire", 64)
    assert began <= seen.at <= time.monotonic()
    assert watch.seen(phone, port) == (seen,)


@on_a_wire
@pytest.mark.parametrize(("edge", "phone"), [(EDGE, PHONE), (EDGE6, PHONE6)])
def test_a_connection_shows_it_too(home: Home, edge: str, phone: str) -> None:
    watch = home.watch()
    family = socket.AF_INET6 if ":" in edge else socket.AF_INET
    with entered(home.wire.server):
        listener = socket.create_server((edge, HTTP), family=family)
    with entered(home.wire.client):
        sender = socket.socket(family, socket.SOCK_STREAM)
    with listener, sender:
        sender.settimeout(SOON_S)
        sender.connect((edge, HTTP))
        assert [one.mac for one in heard(watch, phone, sender.getsockname()[1])] == [bare(ANNA)]


@on_a_wire
def test_two_machines_that_send_from_one_address_and_port_are_both_seen(home: Home) -> None:
    watch = home.watch()
    home.send(ipv4(udp(TFTP)))
    home.send(ipv4(udp(TFTP), ttl=63), mac=EVE)
    home.send(ipv4(udp(TFTP, source_port=50_001)))
    heard(watch, PHONE, 50_001)
    assert [(one.mac, one.ttl) for one in watch.seen(PHONE, 50_000)] == [(bare(ANNA), 64), (bare(EVE), 63)]


@on_a_wire
def test_who_has_a_datagram_has_its_frame_without_waiting(home: Home) -> None:
    watch = home.watch(started=False)
    with entered(home.wire.server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((EDGE, TFTP))
        server.settimeout(SOON_S)
        for port in range(50_000, 50_200):
            home.send(ipv4(udp(TFTP, source_port=port)))
        for port in range(50_000, 50_200):
            assert server.recvfrom(2048)[1] == (PHONE, port)
            assert not watch.catch_up()
            assert watch.seen(PHONE, port)


@on_a_wire
def test_lost_frames_are_told(home: Home) -> None:
    watch = home.watch(started=False)
    assert not watch.catch_up()
    for port in range(MOST_AT_ONCE + 4000):
        home.send(ipv4(udp(TFTP, source_port=1 + port)))
    until = time.monotonic() + SOON_S
    while not watch.catch_up():
        assert time.monotonic() < until
    assert watch.catch_up(), "for a while, as their requests may still come"


@on_a_wire
def test_a_watch_that_has_stopped_has_nothing_more(home: Home) -> None:
    watch = home.watch()
    watch.stop()
    watch.stop()
    home.send(ipv4(udp(TFTP)))
    watch.catch_up()
    assert watch.seen(PHONE, 50_000) == ()


@on_a_wire
def test_phones_announcements_are_told_with_their_interface(home: Home) -> None:
    home.watch()
    for make in (cdp_frame, lldp_frame):
        home.send_whole(make(Mac.parse(ANNA), addresses=[PHONE]))
        told, interface = home.announced.get(timeout=SOON_S)
        assert (told.device, told.mac.bare, told.addresses) == (f"SEP{bare(ANNA)}", bare(ANNA), (PHONE,))
        assert interface == "wire"


@on_a_wire
def test_an_announcement_on_a_vlan_is_told_too(home: Home) -> None:
    home.watch()
    for make in (cdp_frame, lldp_frame):
        frame = make(Mac.parse(ANNA))
        home.send_whole(frame[:12] + tagged(frame[12:], 20))
        assert home.announced.get(timeout=SOON_S)[0].device == f"SEP{bare(ANNA)}"


@on_a_wire
def test_a_malformed_announcement_is_counted_and_the_next_one_is_told(home: Home) -> None:
    watch = home.watch()
    good = cdp_frame(Mac.parse(ANNA))
    home.send_whole(good[:30] + b"\xff" + good[31:])
    home.send_whole(good)
    assert home.announced.get(timeout=SOON_S)[0].protocol == "cdp"
    assert watch.malformed == 1


@on_a_wire
def test_the_card_takes_the_groups_that_devices_announce_to(home: Home) -> None:
    home.watch()
    shown = subprocess.run(
        ["ip", "-n", home.wire.server, "maddress", "show", "dev", "wire"],
        capture_output=True,
        check=True,
        text=True,
    )
    for group in ("01:00:0c:cc:cc:cc", "01:80:c2:00:00:0e"):
        assert group in shown.stdout


@on_a_wire
def test_an_interface_that_comes_later_is_watched_too(home: Home) -> None:
    watch = home.watch()
    make = ["link", "add", "late", "type", "veth", "peer", "name", "late", "netns", home.wire.client]
    subprocess.run(["ip", "-n", home.wire.server, *make], check=True)
    for name in (home.wire.client, home.wire.server):
        subprocess.run(["ip", "-n", name, "link", "set", "late", "up"], check=True)
    with entered(home.wire.server):
        watch._listen_to_groups()
    with entered(home.wire.client), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as raw:
        raw.bind(("late", 0))
        until = time.monotonic() + LINK_UP_S
        while home.announced.empty():  # while the kernel has not noticed that the link is up, frames are lost
            assert time.monotonic() < until
            raw.send(lldp_frame(Mac.parse(EVE)))
            time.sleep(0.05)
    assert home.announced.get()[1] == "late"


@on_a_wire
def test_only_the_named_interfaces_are_looked_at(home: Home) -> None:
    named, other, none = home.watch(["wire"]), home.watch(["lo"]), home.watch([])
    home.send(ipv4(udp(TFTP)))
    assert heard(named, PHONE, 50_000)
    for watch in (other, none):
        watch.stop()
        assert watch.seen(PHONE, 50_000) == ()


@on_a_wire
def test_on_a_bridge_the_port_or_the_bridge_shows_the_phone(home: Home) -> None:
    server = home.wire.server
    for words in (
        "link add lan type bridge", "link set wire master lan", "address flush dev wire",
        f"address add {EDGE}/24 dev lan", "link set lan up",
    ):  # fmt: skip
        subprocess.run(["ip", "-n", server, *words.split()], check=True)
    watch = home.watch()
    with entered(home.wire.client), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"\0\1f\0octet\0", (EDGE, TFTP))
        port = sender.getsockname()[1]
    seen = heard(watch, PHONE, port)
    assert {one.mac for one in seen} == {bare(ANNA)}
    assert {one.interface for one in seen} <= {"lan", "wire"}
    home.send_whole(lldp_frame(Mac.parse(ANNA)))
    assert home.announced.get(timeout=SOON_S)[1] == "wire"


@on_a_wire
def test_what_the_edge_sends_itself_is_not_seen(home: Home) -> None:
    watch = home.watch()
    with entered(home.wire.server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"\0\1f\0octet\0", (PHONE, TFTP))
        port = sender.getsockname()[1]
    home.send(ipv4(udp(TFTP)))
    assert heard(watch, PHONE, 50_000)
    assert watch.seen(EDGE, port) == ()


@on_a_wire
@pytest.mark.slow
def test_a_flood_costs_a_bounded_memory_and_who_comes_after_it_is_seen(home: Home) -> None:
    watch = home.watch()
    for number in range(30_000):
        home.send(ipv4(udp(TFTP, source_port=1 + number)))
        home.send_whole(FLOOD)
    until = time.monotonic() + SOON_S
    while not watch.seen(PHONE, 40_000):
        assert time.monotonic() < until
        home.send(ipv4(udp(TFTP, source_port=40_000)))
        watch.catch_up()
    assert len(watch._sightings) <= MOST_SOURCES


FLOOD = cdp_frame(Mac.parse(EVE))
LONG = b"x" * 1400

# fmt: off
PASSES = {
    "a request": ipv4(udp(TFTP)),
    "to another TFTP port": ipv4(udp(1069)),
    "over IPv6": ipv6(udp(TFTP)),
    "with IP options": ipv4(udp(TFTP), options=b"\x01" * 40),
    "first fragment": ipv4(udp(TFTP), fragment=0x2000),
    "of full length": ipv4(udp(TFTP, payload=LONG)),
    "SYN": ipv4(tcp(HTTP), 6),
    "SYN over IPv6": ipv6(tcp(HTTP), 6),
    "SYN with ECN": ipv4(tcp(HTTP, SYN | 0xC0), 6),
    "with a priority": tagged(ipv4(udp(TFTP)), 0, 5),
}
DROPPED = {
    "UDP to another port": ipv4(udp(70)),
    "UDP to the HTTP port": ipv4(udp(HTTP)),
    "TCP to the TFTP port": ipv4(tcp(TFTP), 6),
    "TCP to another port": ipv6(tcp(80), 6),
    "ACK": ipv4(tcp(HTTP, ACK), 6),
    "SYN and ACK": ipv6(tcp(HTTP, SYN_ACK), 6),
    "later fragment": ipv4(udp(TFTP), fragment=0x00B9),
    "IPv6 with another header before": ipv6(bytes((17, 0, 1, 4, 0, 0, 0, 0)) + udp(TFTP), 0),
    "ICMP": ipv4(b"\x08\0\0\0\0\0\0\0", 1),
    "ARP": b"\x08\x06" + bytes(28),
    "on a VLAN": tagged(ipv4(udp(TFTP)), 20),
    "on a VLAN, IPv6": tagged(ipv6(udp(TFTP)), 4094, 7),
    "cut before its ports": ipv4(udp(TFTP))[:2 + 20],
    "cut before its flags": ipv6(tcp(HTTP), 6)[:2 + 40 + 13],
    "nothing": b"\x08\x00",
}
# fmt: on


@pytest.fixture
def taken(jumbo: Home) -> Callable[[], list[bytes]]:
    frames = jumbo.watch(started=False)._frames
    frames.settimeout(SOON_S)

    def take() -> list[bytes]:
        """Return what has come through the filter."""
        jumbo.send(ipv4(udp(TFTP, payload=b"the last")))
        taken = []
        while b"the last" not in (frame := frames.recv(65_535)):
            taken.append(frame)
        return taken

    return take


@on_a_wire
@pytest.mark.parametrize("name", PASSES)
def test_it_passes(jumbo: Home, taken: Callable[[], list[bytes]], name: str) -> None:
    jumbo.send(PASSES[name])
    (frame,) = taken()
    assert read_request(frame) is not None
    assert len(frame) <= SNAP_BYTES


@on_a_wire
@pytest.mark.parametrize("name", DROPPED)
def test_it_drops(jumbo: Home, taken: Callable[[], list[bytes]], name: str) -> None:
    jumbo.send(DROPPED[name])
    assert taken() == []


@on_a_wire
def test_a_frame_for_another_machine_is_dropped(jumbo: Home, taken: Callable[[], list[bytes]]) -> None:
    subprocess.run(["ip", "-n", jumbo.wire.server, "link", "set", "wire", "promisc", "on"], check=True)
    jumbo.send(ipv4(udp(TFTP)), to=bytes.fromhex(bare(EVE)))
    assert taken() == []


@on_a_wire
@pytest.mark.parametrize("frame", [cdp_frame(Mac.parse(ANNA)), lldp_frame(Mac.parse(ANNA))], ids=["cdp", "lldp"])
def test_an_announcement_passes_whole_and_what_is_nearly_one_is_dropped(
    jumbo: Home, taken: Callable[[], list[bytes]], frame: bytes
) -> None:
    jumbo.send_whole(frame)
    jumbo.send_whole(frame.replace(bytes.fromhex("0c2000"), bytes.fromhex("0c2003")).replace(b"\x88\xcc", b"\x88\xcb"))
    jumbo.send_whole(b"\x01\x00\x5e\0\0\x01" + frame[6:])
    assert taken() == [frame]


@on_a_wire
def test_what_a_machine_says_to_itself_has_no_mac_and_is_dropped(jumbo: Home, taken: Callable[[], list[bytes]]) -> None:
    with entered(jumbo.wire.server), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"\0\1f\0octet\0", ("127.0.0.1", TFTP))
    assert taken() == []


@on_a_wire
def test_a_broadcast_is_for_us_too(jumbo: Home, taken: Callable[[], list[bytes]]) -> None:
    jumbo.send(ipv4(udp(TFTP)), to=b"\xff" * 6)
    assert len(taken()) == 1


@on_a_wire
def test_of_a_jumbo_frame_only_the_beginning_is_copied(jumbo: Home, taken: Callable[[], list[bytes]]) -> None:
    jumbo.send(ipv4(udp(TFTP, payload=b"x" * 8000)))
    jumbo.send_whole(FLOOD[:12] + b"\x05\xdc" + FLOOD[14:22] + b"x" * 8000)
    assert [len(frame) for frame in taken()] == [SNAP_BYTES, ANNOUNCEMENT_BYTES]


@on_a_wire
def test_nobody_takes_it_off_again(jumbo: Home) -> None:
    frames = jumbo.watch(started=False)._frames
    for option in (26, 27):  # SO_ATTACH_FILTER, SO_DETACH_FILTER
        with pytest.raises(PermissionError):
            frames.setsockopt(socket.SOL_SOCKET, option, bytes(16))


@on_a_wire
def test_as_many_ports_as_it_takes_are_served(jumbo: Home) -> None:
    ports = list(range(1000, 1000 + MOST_PORTS))
    with entered(jumbo.wire.server):
        watch = open_frames(None, lambda *_: None, tftp_ports=ports, http_ports=ports)
    try:
        watch.start()
        for port in ports:
            jumbo.send(ipv4(udp(port, source_port=port)))
            jumbo.send(ipv6(tcp(port, source_port=port), 6))
        assert all(heard(watch, host, port) for port in ports for host in (PHONE, PHONE6))
    finally:
        watch.stop()


@on_a_wire
@pytest.mark.slow
@pytest.mark.needs("busybox")
def test_a_real_client_that_asks_for_an_address_is_heard_with_its_class_and_its_order(home: Home) -> None:
    home.watch()
    client = ["busybox", "udhcpc", "-i", "wire", "-n", "-q", "-f", "-s", "/bin/true", "-t", "1", "-T", "1"]
    with entered(home.wire.client):
        subprocess.run([*client, "-V", "Cisco Systems, Inc. IP Phone CP-9951", "-O", "150"], check=False, timeout=120)
    asked = home.asked.get(timeout=SOON_S)
    assert asked.vendor_class == "Cisco Systems, Inc. IP Phone CP-9951"
    assert 150 in asked.options
    assert len(asked.mac) == 12


@on_a_wire
def test_without_the_right_to_look_there_is_a_clear_error() -> None:
    os.seteuid(65534)
    try:
        with pytest.raises(NoFrames, match="CAP_NET_RAW"):
            open_frames(None, lambda *_: None, tftp_ports=TFTP_PORTS)
    finally:
        os.seteuid(0)


def test_more_ports_than_a_filter_can_hold_are_refused() -> None:
    with pytest.raises(ValueError, match="up to"):
        filter_for(range(MOST_PORTS + 1), [])


def test_a_read_request_is_what_was_sent() -> None:
    ends = bytes.fromhex("020000000001" + bare(ANNA))
    assert read_request(ends + ipv4(udp(TFTP), ttl=3, options=bytes(8))) == (PHONE, 50_000, bare(ANNA), 3)
    assert read_request(ends + ipv6(tcp(HTTP), 6, hops=200)) == (PHONE6, 50_000, bare(ANNA), 200)


@given(
    st.one_of(
        st.binary(max_size=100),
        st.binary(max_size=100).map(lambda body: bytes(12) + b"\x08\x00" + body),
        st.binary(max_size=100).map(lambda body: bytes(12) + b"\x86\xdd" + body),
    )
)
def test_any_frame_is_a_request_or_none(frame: bytes) -> None:
    read = read_request(frame)
    assert read is None or (len(read[2]) == 12 and 0 <= read[1] <= 65535 and 0 <= read[3] <= 255)
