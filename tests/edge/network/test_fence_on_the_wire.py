"""The fence as a matrix: who reaches whom, on which port, over IPv4 and IPv6, each cell tried with a real packet.

The same matrix is tried with the rules in force, before the first rules, with a port that is shut by a collision, and
while one fence takes another's place.
"""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringfence.edge.network.keeper import PortKeeper
from ringfence.edge.network.linux_port import LinuxPort
from ringfence.edge.network.plan import PAGE as PAGE_AT
from ringfence.wire.network_messages import NetworkReach
from support.box_network import (
    BOX,
    GOOD,
    HOME_BOX,
    HOME_BOX6,
    HOME_ROUTER,
    HOME_ROUTER6,
    INTERNET,
    OTHER_IN_TUNNEL,
    PBX,
    PHONE,
    SOON_S,
    STRANGER_MAC,
    BoxNetwork,
    ip,
    problems,
    wait_until,
)
from support.namespaces import entered

pytestmark = [
    pytest.mark.needs("netns"), pytest.mark.needs("nft"), pytest.mark.needs("dnsmasq"), pytest.mark.slow,
]  # fmt: skip

UDP, TCP = socket.SOCK_DGRAM, socket.SOCK_STREAM
SILENCE_S = 0.15
"""How long nothing has to come: on wires inside one machine a packet takes less than a hundredth of that."""
RULES = replace(
    GOOD,
    reach=(NetworkReach(PBX, "udp", 5060, 5061), NetworkReach(PBX, "tcp", 5061, 5061)),
    direct_media=(),
)
PHONE6, BOX6 = "fd00:9::2", "fd00:9::1"


class Home(BoxNetwork):
    """The network, with a keeper of the port on Linux itself."""

    keeper: PortKeeper
    linux: LinuxPort

    def keep(self, folder: Path, *opened: str) -> None:
        self.linux = LinuxPort(self.interfaces(*opened), folder)
        self.keeper = PortKeeper(self.linux, self.interfaces(*opened), folder, "nobody")
        self.keeper.begin()


@pytest.fixture
def home(run_folder: Path) -> Iterator[Home]:
    """A home whose box has begun; the test is at the box."""
    with Home() as made, entered(made.box):
        made.keep(run_folder)
        yield made
        made.linux.serve(None)
        made.linux.keep_time(None)


@contextmanager
def listening(
    name: str, address: str, port: int, kind: socket.SocketKind, wait_s: float = SILENCE_S
) -> Iterator[socket.socket]:
    with entered(name):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        there = socket.socket(family, kind)
    with there:
        there.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        there.setsockopt(socket.SOL_IP, 15, 1)  # IP_FREEBIND: an address that is not there yet or no more
        there.bind((address, port))
        there.settimeout(wait_s)
        if kind is TCP:
            there.listen()
        yield there


def passes(
    source: str, host: str, address: str, port: int, kind: socket.SocketKind, at: str, wait_s: float = SILENCE_S
) -> bool:
    """Return whether a packet from the namespace ``source`` with the address ``host`` gets to ``address`` in ``at``."""
    with listening(at, address, port, kind, wait_s) as there:
        with entered(source):
            sender = socket.socket(there.family, kind)
        with sender:
            sender.setsockopt(socket.SOL_IP, 15, 1)
            sender.settimeout(wait_s)
            try:
                if host:
                    sender.bind((host, 0))
                sender.connect((address, port))
                if kind is TCP:
                    return True
                sender.send(b"?")
                data, peer = there.recvfrom(10)
                there.sendto(b"!", peer)
                return data == b"?" and sender.recv(10) == b"!"
            except OSError:
                return False


PAGE = str(PAGE_AT.ip)
Cell = tuple[str, str, int, socket.SocketKind, str]
"""Who asks, whom, the port, the protocol, and where that address is."""
FROM_PHONE: dict[Cell, bool] = {
    **{("phone", BOX, port, UDP, "box"): True for port in (69, 123)},
    **{("phone", BOX, port, TCP, "box"): True for port in (80, 2445, 3804, 6970, 6971)},
    **{("phone", BOX, port, UDP, "box"): False for port in (22, 68, 161, 5060, 6970)},
    **{("phone", BOX, port, TCP, "box"): False for port in (22, 69, 443)},
    ("phone", HOME_BOX, 69, UDP, "box"): False,
    ("phone", HOME_BOX, 6970, TCP, "box"): False,
    ("phone", "10.1.1.254", 69, UDP, "box"): False,
    ("phone", PBX, 5060, UDP, "far"): True,
    ("phone", PBX, 5061, UDP, "far"): True,
    ("phone", PBX, 5061, TCP, "far"): True,
    ("phone", PBX, 5060, TCP, "far"): False,
    ("phone", PBX, 5062, UDP, "far"): False,
    ("phone", PBX, 22, TCP, "far"): False,
    ("phone", OTHER_IN_TUNNEL, 5060, UDP, "far"): False,
    ("phone", HOME_ROUTER, 53, UDP, "home"): False,
    ("phone", HOME_ROUTER, 80, TCP, "home"): False,
    ("phone", INTERNET, 5060, UDP, "home"): False,
    ("phone", INTERNET, 443, TCP, "home"): False,
}
FROM_OTHERS: dict[Cell, bool] = {
    **{("home", PHONE, port, UDP, "phone"): False for port in (5060, 69, 16_384)},
    **{("home", PHONE, port, TCP, "phone"): False for port in (22, 80, 443)},
    **{("home", BOX, port, UDP, "box"): False for port in (53, 67, 69, 123)},
    **{("home", BOX, port, TCP, "box"): False for port in (80, 6970, 22)},
    **{("home", PAGE, port, TCP, "box"): False for port in (80, 22)},
    **{("home", HOME_BOX, port, UDP, "box"): False for port in (53, 67, 69, 123, 161)},
    **{("home", HOME_BOX, port, TCP, "box"): False for port in (22, 53, 80, 6970)},
    **{("home", HOME_BOX6, port, UDP, "box"): False for port in (53, 69, 123)},
    **{("home", HOME_BOX6, port, TCP, "box"): False for port in (22, 6970)},
    ("home", PBX, 5060, UDP, "far"): False,
    ("far", PHONE, 5060, UDP, "phone"): True,
    ("far", PHONE, 16_384, UDP, "phone"): True,
    ("far", PHONE, 80, TCP, "phone"): True,
    ("other in tunnel", PHONE, 5060, UDP, "phone"): False,
    ("other in tunnel", PHONE, 80, TCP, "phone"): False,
    ("far", BOX, 69, UDP, "box"): False,
    ("far", BOX, 22, TCP, "box"): False,
    ("far", HOME_ROUTER, 80, TCP, "home"): False,
    ("far", INTERNET, 80, TCP, "home"): False,
    ("box", PHONE, 5060, UDP, "phone"): True,
    ("box", PHONE, 80, TCP, "phone"): True,
    ("box", HOME_ROUTER, 53, UDP, "home"): True,
    ("box", HOME_ROUTER, 443, TCP, "home"): True,
    ("box", HOME_ROUTER6, 443, TCP, "home"): True,
}
NOTHING_AT_THE_PORT = {
    cell: allowed and not {"phone"} & {cell[0], cell[4]} for cell, allowed in (FROM_PHONE | FROM_OTHERS).items()
}
"""What stays while the port is shut: what the box and the home have with each other."""


def tried(home: BoxNetwork, cell: Cell, wait_s: float = SILENCE_S) -> bool:
    who, address, port, kind, at = cell
    source = home.far if who == "other in tunnel" else getattr(home, who)
    host = {"phone": PHONE, "far": PBX, "other in tunnel": OTHER_IN_TUNNEL}.get(who, "")
    return passes(source, host, address, port, kind, getattr(home, at), wait_s)


def differing(home: BoxNetwork, matrix: dict[Cell, bool]) -> dict[Cell, bool]:
    """Return which cells are otherwise than they should be."""
    wait_s = {True: SOON_S, False: SILENCE_S}
    return {cell: not ok for cell, ok in matrix.items() if tried(home, cell, wait_s[ok]) is not ok}


def open_port(home: Home) -> None:
    home.keeper.take(RULES)
    assert problems(home.keeper.standing.findings) == []
    home.give(f"{PHONE}/29")
    wait_until(lambda: home.linux.links()["port"], "no link")
    wait_until(lambda: tried(home, ("phone", BOX, 69, UDP, "box")), "the phone reaches nothing")
    wait_until(lambda: tried(home, ("far", PHONE, 5060, UDP, "phone")), "the PBX does not reach the phone")


def test_who_reaches_whom(home: Home) -> None:
    open_port(home)
    assert differing(home, FROM_PHONE | FROM_OTHERS) == {}


def pings(source: str, address: str, *, wait_s: int = 1) -> bool:
    """Return whether somebody answers a ping from a namespace."""
    command = ["ip", "netns", "exec", source, "busybox", "ping", "-c", "1", "-W", str(wait_s), address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.needs("busybox")
def test_a_phone_that_pings_its_tftp_server_hears_it_at_home_and_nobody_elsewhere(home: Home) -> None:
    """By that a phone with a VPN of its own knows where it is (autoNetDetect, PHONES.md section 4)."""
    assert not pings(home.phone, BOX), "before the first rules"
    open_port(home)
    assert pings(home.phone, BOX, wait_s=60)
    assert not pings(home.phone, HOME_BOX), "the box answers at the port as the phone's server alone"
    assert not pings(home.home, BOX), "nobody else in the house is told that it is at home"


def test_before_the_first_rules_nothing_passes_at_the_port(home: Home) -> None:
    home.give(f"{PHONE}/29")
    assert differing(home, NOTHING_AT_THE_PORT) == {}


def test_nor_while_somebody_brings_the_link_up_behind_our_back(home: Home) -> None:
    """As NetworkManager would, with an address and all that is needed to pass on packets."""
    ip("address", "add", f"{BOX}/29", "dev", "port")
    ip("link", "set", "port", "up")
    home.give(f"{PHONE}/29")
    for name in ("all", "port", "home0"):
        Path(f"/proc/sys/net/ipv4/conf/{name}/forwarding").write_text("1")
    wait_until(lambda: home.linux.links()["port"], "no link")
    assert differing(home, NOTHING_AT_THE_PORT) == {}


def test_a_collision_shuts_an_open_port(home: Home) -> None:
    open_port(home)
    home.keeper.take(replace(RULES, subnet="192.168.1.128/29"))
    assert differing(home, NOTHING_AT_THE_PORT) == {}


def test_ipv6_does_not_pass_at_the_port(home: Home) -> None:
    open_port(home)
    Path("/proc/sys/net/ipv6/conf/port/disable_ipv6").write_text("0")  # as somebody else might
    for name, device, address in ((home.box, "port", BOX6), (home.phone, "eth0", PHONE6)):
        ip("-n", name, "address", "add", f"{address}/64", "dev", device, "nodad")
    ip("-n", home.phone, "-6", "route", "replace", "default", "via", BOX6)
    for path in Path("/proc/sys/net/ipv6/conf").iterdir():
        (path / "forwarding").write_text("1")
    cells: list[Cell] = [
        *(("phone", BOX6, port, UDP, "box") for port in (53, 69, 123)),
        *(("phone", BOX6, port, TCP, "box") for port in (22, 6970)),
        ("phone", HOME_BOX6, 6970, TCP, "box"),
        ("phone", HOME_ROUTER6, 443, TCP, "home"),
        ("box", PHONE6, 80, TCP, "phone"),
        ("home", PHONE6, 80, TCP, "phone"),
    ]
    found = {}
    for who, address, port, kind, at in cells:
        host = PHONE6 if who == "phone" else ""
        found[who, address, port] = passes(getattr(home, who), host, address, port, kind, getattr(home, at))
    assert not any(found.values()), found


def test_another_mac_address_gets_nothing_even_with_the_phones_address(home: Home) -> None:
    open_port(home)
    home.give(f"{PHONE}/29", STRANGER_MAC)
    assert not [cell for cell in FROM_PHONE if tried(home, cell)]


def test_a_computer_without_an_address_reaches_the_boxs_page_and_nothing_else(home: Home) -> None:
    open_port(home)
    computer = "169.254.3.4"
    home.give(f"{computer}/16", STRANGER_MAC)

    def reaches(address: str, port: int, kind: socket.SocketKind, at: str, wait_s: float = SILENCE_S) -> bool:
        return passes(home.phone, computer, address, port, kind, at, wait_s)

    wait_until(lambda: reaches(PAGE, 80, TCP, home.box), "the page is not reached")
    for port, kind in ((22, TCP), (443, TCP), (6970, TCP), (69, UDP), (123, UDP), (80, UDP)):
        assert not reaches(PAGE, port, kind, home.box), (port, kind)
    for address, port, kind, at in (
        (BOX, 80, TCP, home.box), (BOX, 69, UDP, home.box), (HOME_BOX, 80, TCP, home.box), (PBX, 5060, UDP, home.far),
        (HOME_ROUTER, 80, TCP, home.home), (INTERNET, 443, TCP, home.home),
    ):  # fmt: skip
        assert not reaches(address, port, kind, at), address
    home.give(f"{PHONE}/29", STRANGER_MAC)
    assert not passes(home.phone, PHONE, PAGE, 80, TCP, home.box), "the phone's address is the phone's alone"


@pytest.mark.parametrize("source", ["10.9.8.77", "192.168.1.77", PBX, INTERNET, HOME_ROUTER])
def test_another_source_address_gets_nothing(home: Home, source: str) -> None:
    open_port(home)
    ip("-n", home.phone, "address", "add", f"{source}/32", "dev", "eth0")
    cells: list[Cell] = [("phone", BOX, 69, UDP, "box"), ("phone", PBX, 5060, UDP, "far")]
    for _, address, port, kind, at in cells:
        with listening(getattr(home, at), address, port, kind) as there:
            with entered(home.phone), socket.socket(socket.AF_INET, kind) as sender:
                sender.bind((source, 0))
                sender.sendto(b"?", (address, port))
            with pytest.raises(TimeoutError):
                there.recv(10)


def test_narrower_rules_end_what_goes_on_at_once(home: Home) -> None:
    open_port(home)
    with listening(home.far, PBX, 5060, UDP, SOON_S) as there, entered(home.phone):
        sender = socket.socket(socket.AF_INET, UDP)
        with sender:
            sender.settimeout(SILENCE_S)
            sender.connect((PBX, 5060))
            sender.send(b"1")
            _, peer = there.recvfrom(10)
            there.settimeout(SILENCE_S)
            with entered(home.box):
                home.keeper.take(replace(RULES, reach=()))
            sender.send(b"2")
            with pytest.raises(TimeoutError):
                there.recvfrom(10)
            there.sendto(b"3", peer)
            with suppress(OSError), pytest.raises(TimeoutError):
                sender.recv(10)


def test_while_one_fence_takes_anothers_place_nothing_slips_through(home: Home) -> None:
    """Packets that no fence allows are sent all the while; those that both allow all arrive."""
    open_port(home)
    stop = threading.Event()
    swaps = [0]

    def swap() -> None:
        with entered(home.box):
            while not stop.is_set():
                macs = ("001122334455",) if swaps[0] % 2 else ("001122334455", "001122334466")
                home.keeper.take(replace(RULES, phones=macs))
                swaps[0] += 1

    with (
        listening(home.home, INTERNET, 9999, UDP) as internet,
        listening(home.far, OTHER_IN_TUNNEL, 5060, UDP) as other,
        listening(home.far, PBX, 5060, UDP, SOON_S) as pbx,
    ):
        thread = threading.Thread(target=swap)
        thread.start()
        try:
            with entered(home.phone), socket.socket(socket.AF_INET, UDP) as sender:
                sender.bind((PHONE, 0))
                sent = 0
                while swaps[0] < 30:
                    sender.sendto(b"?", (INTERNET, 9999))
                    sender.sendto(b"?", (OTHER_IN_TUNNEL, 5060))
                    sender.sendto(b"?", (PBX, 5060))
                    assert pbx.recv(10) == b"?"
                    sent += 1
        finally:
            stop.set()
            thread.join()
        assert sent > 30
        for there in (internet, other):
            with pytest.raises(TimeoutError):
                there.recv(10)


def test_what_the_owner_opened_is_open_to_the_home_and_to_nobody_else(run_folder: Path) -> None:
    with Home() as home, entered(home.box):
        home.keep(run_folder, "22/tcp")
        open_port(home)
        assert passes(home.home, "", HOME_BOX, 22, TCP, home.box, SOON_S)
        assert passes(home.home, "", HOME_BOX6, 22, TCP, home.box, SOON_S)
        assert not passes(home.home, "", HOME_BOX, 22, UDP, home.box)
        assert not passes(home.home, "", BOX, 22, TCP, home.box)
        assert not passes(home.phone, PHONE, BOX, 22, TCP, home.box)
        assert not passes(home.far, PBX, "10.1.1.254", 22, TCP, home.box)
        home.linux.serve(None)
        home.linux.keep_time(None)


NOT_FOR_GUESTS = [
    ("10.9.9.1", 69, UDP, "box"),
    ("10.9.9.1", 6970, TCP, "box"),
    ("10.9.9.1", 53, UDP, "box"),
    (BOX, 69, UDP, "box"),
    (HOME_BOX, 22, TCP, "box"),
    (HOME_ROUTER, 80, TCP, "home"),
    (PBX, 5060, UDP, "far"),
    (PBX, 5061, TCP, "far"),
]


def test_guests_reach_the_internet_and_nothing_else(home: Home) -> None:
    home.keeper.take(replace(RULES, guest_subnet="10.9.9.0/24"))
    assert problems(home.keeper.standing.findings) == []
    wait_until(lambda: home.linux.links()["port"], "no link")
    guest = "10.9.9.7"
    home.give(f"{guest}/24", STRANGER_MAC, router="10.9.9.1")
    wait_until(lambda: passes(home.phone, guest, INTERNET, 443, TCP, home.home), "no internet for guests")
    assert passes(home.phone, guest, INTERNET, 5000, UDP, home.home, SOON_S)
    for address, port, kind, at in NOT_FOR_GUESTS:
        assert not passes(home.phone, guest, address, port, kind, getattr(home, at)), (address, port)
    for name in (home.home, home.far):
        assert not passes(name, "", guest, 80, TCP, home.phone)
    home.give(f"{guest}/24", router="10.9.9.1")
    assert not passes(home.phone, guest, INTERNET, 443, TCP, home.home), "a phone is no guest"
