"""What somebody at home, or far away, does to get the phone's file: each attack with what came of it.

An attack returns every file that it got. It may go on until ``home_is_over`` is set, while the real phone boots.
"""

import contextlib
import http.client
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from home_lan import ANNA, EDGE, EDGE_MAC, FAR, NEIGHBOUR_MAC, OWN, PASSWORD, PHONE, PHONE_MAC, HomeLan
from namespaces import entered
from ringfence.errors import RingfenceError
from ringfence.phones.mac import Mac
from ringfence.server.client import fetch
from ringfence.tftp.packets import ReadRequest, to_bytes

Got = list[bytes]
Attack = Callable[[HomeLan, threading.Event], Got]
RECOVERED_S = 60.0
_FIRST = int(ANNA.bare, 16) & ~0xFFFF


def fetched(name: str, source: str | None = None) -> Got:
    """Ask over TFTP and over HTTP, from an address of the machine's."""
    got: Got = []
    with contextlib.suppress(RingfenceError):
        got.append(fetch((EDGE, 69), name, source_host=source, timeout_s=0.5, retries=1))
    connection = http.client.HTTPConnection(EDGE, 6970, timeout=2, source_address=(source, 0) if source else None)
    try:
        connection.request("GET", "/" + name)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == http.client.OK:
            got.append(body)
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return got


def asks(home: HomeLan, _over: threading.Event) -> Got:
    """Ask for the phone's file as oneself."""
    with entered(home.neighbour):
        return fetched(OWN)


def asks_with_its_ip(home: HomeLan, _over: threading.Event) -> Got:
    """Take the phone's IP address, too, and ask from it while the phone is on."""
    home.become(home.neighbour, address=PHONE)
    with entered(home.neighbour):
        return fetched(OWN, PHONE)


def asks_with_its_ip_while_off(home: HomeLan, _over: threading.Event) -> Got:
    """Take the phone's IP address while the phone is unplugged."""
    home.unplug(home.phone)
    try:
        home.become(home.neighbour, address=PHONE)
        with entered(home.neighbour):
            return fetched(OWN, PHONE)
    finally:
        home.unplug(home.phone, plugged=True)
        home.become_harmless()


def asks_with_its_mac_while_off(home: HomeLan, _over: threading.Event) -> Got:
    """Take the phone's MAC address soon after it was unplugged, and ask from one's own IP address."""
    home.unplug(home.phone)
    home.become(home.neighbour, mac=PHONE_MAC)
    try:
        with entered(home.neighbour):
            return fetched(OWN)
    finally:
        home.become(home.neighbour, mac=NEIGHBOUR_MAC)
        home.unplug(home.phone, plugged=True)


def becomes_the_phone_while_off(home: HomeLan, _over: threading.Event) -> Got:
    """Be the phone, to any Ethernet: take its MAC address and its IP address while it is unplugged."""
    home.unplug(home.phone)
    home.become(home.neighbour, mac=PHONE_MAC, address=PHONE)
    try:
        with entered(home.neighbour):
            return fetched(OWN, PHONE)
    finally:
        home.become(home.neighbour, mac=NEIGHBOUR_MAC)
        home.become_harmless()
        home.unplug(home.phone, plugged=True)


def spoofs_arp(home: HomeLan, over: threading.Event) -> Got:
    """Tell the edge ten times a second that the phone's IP address is here, and ask from it."""
    home.become(home.neighbour, address=PHONE)
    ours, theirs = (bytes.fromhex(mac.replace(":", "")) for mac in (NEIGHBOUR_MAC, EDGE_MAC))
    reply = struct.pack("!6s6sHHHBBH", theirs, ours, 0x0806, 1, 0x0800, 6, 4, 2)
    reply += ours + socket.inet_aton(PHONE) + theirs + socket.inet_aton(EDGE)
    got: Got = []
    with entered(home.neighbour), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("lan", 0))
        for _ in range(10):
            wire.send(reply)
            got += fetched(OWN, PHONE)
            if over.wait(0.1):
                break
    return got


def enumerates(per_s: int, most: int) -> Attack:
    """Return the attack that asks for one MAC address after the other, ``per_s`` in a second."""

    def attack(home: HomeLan, over: threading.Event) -> Got:
        got: Got = []
        with entered(home.neighbour), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            began = time.monotonic()
            for number in range(most):
                name = f"SEP{Mac(f'{_FIRST + number % 0x10000:012X}').bare}.cnf.xml"
                asking.sendto(to_bytes(ReadRequest(name, "octet")), (EDGE, 69))
                try:
                    while True:
                        got.append(asking.recv(2048))
                except BlockingIOError:
                    pass
                due = began + (number + 1) / per_s
                if over.wait(max(0.0, due - time.monotonic())):
                    break
        return [data for data in got if data[:2] == b"\0\3"]

    return attack


def harvests(home: HomeLan, _over: threading.Event) -> Got:
    """Ask for the lists by which others have found phones' files."""
    names = (
        "ConfigFileCacheList.txt", "/ConfigFileCacheList.txt", "FileList.txt", "PerfMon.txt", "SEPDefault.cnf.xml", "",
        "SEP*.cnf.xml", "../", ".", f"{OWN}.bak", OWN.lower(), f"SEP{ANNA.bare}.cnf", f"{OWN}.sgn", f"./{OWN}",
        f"//{OWN}", f"%2e/{OWN}", f"\\{OWN}",
    )  # fmt: skip
    with entered(home.neighbour):
        return [data for name in names for data in fetched(name)]


def asks_from_afar(home: HomeLan, _over: threading.Event) -> Got:
    """Ask through the router, from another network."""
    with entered(home.far):
        return fetched(OWN, FAR)


def injects(home: HomeLan, over: threading.Event) -> Got:
    """Send acknowledgements, errors and data to ports at which the edge may have a transfer with the phone."""
    choose = random.Random(1)  # noqa: S311 - any ports do
    packets = (b"\0\4\0\1", b"\0\5\0\0over\0", b"\0\3\0\1evil")
    with entered(home.neighbour), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        while not over.wait(0.0005):
            for packet in packets:
                asking.sendto(packet, (EDGE, choose.randrange(32_768, 61_000)))
    return []


@dataclass(frozen=True, slots=True)
class Entry:
    """One attack: what it is called, what may come of it, and who says why."""

    name: str
    attack: Attack
    leaks: bool = False
    """Whether no evidence on a wire can tell it from the phone: it is stated, not hidden."""
    says: str = ""
    """What the edge's log must say of it."""
    cuts_off: bool = False
    """Whether it takes the phone's place on the network, so that nothing at all reaches the phone while it lasts."""
    without_phone: bool = False
    """Whether it is over before the phone is there."""


HOME: tuple[Entry, ...] = (
    Entry("a neighbour asks", asks, says=f"belongs to MAC {NEIGHBOUR_MAC}, not to the phone"),
    Entry("… with the phone's IP address, phone on", asks_with_its_ip, cuts_off=True),
    Entry(
        "… with the phone's IP address, phone off",
        asks_with_its_ip_while_off,
        says=f"belongs to MAC {NEIGHBOUR_MAC}, not to the phone",
        without_phone=True,
        cuts_off=True,
    ),
    Entry(
        "… with the phone's MAC address, phone just off",
        asks_with_its_mac_while_off,
        says=f"the phone with that MAC address is at {PHONE} already",
        without_phone=True,
        cuts_off=True,
    ),
    Entry(
        "… with both, phone off",
        becomes_the_phone_while_off,
        leaks=True,
        without_phone=True,
        cuts_off=True,
    ),
    Entry("ARP spoofing", spoofs_arp, says=f"belongs to MAC {NEIGHBOUR_MAC}, not to the phone", cuts_off=True),
    Entry("enumeration, 1 request/s", enumerates(1, 3), says="no phone of site Home"),
    Entry("enumeration, 100 requests/s", enumerates(100, 300), says="no phone of site Home"),
    Entry("enumeration, 10,000 requests/s", enumerates(10_000, 60_000), says="no phone of site Home"),
    Entry("harvesting by file lists", harvests, says="does not hold that name"),
    Entry(
        "through the router, from another network",
        asks_from_afar,
        says="no link of this machine shows whose address that is",
    ),
    Entry("packets into a running transfer", injects),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attack: secret bytes, the phone's boot before and during it, what the log said."""

    name: str
    leaked_bytes: int
    calm_s: float
    under_attack_s: float
    said: str
    cut_off_s: float = 0.0
    """How long after an attack that took the phone's place the phone could boot."""

    @property
    def slower(self) -> float:
        """How many times as long the phone's boot took."""
        return self.under_attack_s / self.calm_s


def carry_out(entry: Entry) -> Outcome:
    """Attack a home of its own, and boot its phone meanwhile."""
    with HomeLan() as home:
        home.boot_s(1)  # addresses are resolved, caches are warm
        calm_s = home.boot_s(5)
        home.said()
        over, cut_off_s = threading.Event(), 0.0
        got: Got = []
        faults: list[BaseException] = []

        def attack() -> None:
            try:
                got.extend(entry.attack(home, over))
            except BaseException as fault:  # noqa: BLE001 - raised below
                faults.append(fault)

        attacker = threading.Thread(target=attack, name="attacker")
        attacker.start()
        attacker.join(None if entry.without_phone or entry.cuts_off else 0.3)  # or it goes on meanwhile
        if entry.cuts_off:
            home.become_harmless()
            cut_off_s = _until_it_boots(home)
        under_attack_s = home.boot_s(5)
        over.set()
        attacker.join()
        if faults:
            raise faults[0]
        leaked = sum(len(data) for data in got if PASSWORD.encode() in data)
        deadline = time.monotonic() + 3
        told: list[str] = []
        while not any(entry.says in sentence for sentence in told) and time.monotonic() < deadline:
            told += [refused.reason for refused in home.said()]
            time.sleep(0.05)
        return Outcome(
            entry.name,
            leaked,
            calm_s,
            under_attack_s,
            next((text for text in told if entry.says and entry.says in text), ""),
            cut_off_s,
        )


def _until_it_boots(home: HomeLan) -> float:
    """Return how long after the attack the network leads to the phone again."""
    began = time.monotonic()
    while True:
        try:
            home.boot_s(1)
        except RingfenceError:
            if time.monotonic() - began > RECOVERED_S:
                raise
        else:
            return time.monotonic() - began
