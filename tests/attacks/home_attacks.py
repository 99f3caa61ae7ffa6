"""What somebody at home, or far away, does to be taken for the phone; and the list of all attacks at home."""

import contextlib
import random
import socket
import struct
import threading
import time

from attacks.attack_outcomes import Entry, Got
from attacks.attacked_lan import FORGED_PORT
from attacks.home_dhcp import relays_what_its_dhcp_sends_there
from attacks.home_guessing import (
    enumerates,
    enumerates_from_many_addresses,
    harvests,
    reads_the_phones_page,
    thieves,
)
from attacks.home_lan import (
    EDGE,
    EDGE_MAC,
    FAR,
    LEASED,
    NEIGHBOUR,
    NEIGHBOUR_MAC,
    OWN,
    PHONE,
    PHONE_MAC,
    HomeLan,
    fetched,
)
from attacks.stolen_edge import MovedHome
from ringfence.sim.attacks.forging import forged
from ringfence.tftp.packets import ReadRequest, to_bytes
from support.namespaces import entered

_REQUEST = to_bytes(ReadRequest(OWN, "octet"))
_WORDS = (b"\0\4\0\1", b"\0\5\0\0over\0", b"\0\3\0\1evil")
"""An acknowledgement, an error and data that nobody waits for."""


def asks(home: HomeLan, _over: threading.Event) -> Got:
    """Ask for the phone's file as oneself."""
    with entered(home.neighbour):
        return fetched(OWN)


def asks_with_its_ip(home: HomeLan, _over: threading.Event) -> Got:
    """Take the phone's IP address, too, and ask from it while the phone is on."""
    home.become(home.neighbour, address=PHONE)
    with entered(home.neighbour):
        return fetched(OWN, PHONE)


def asks_with_its_ip_while_off(home: HomeLan, over: threading.Event) -> Got:
    """Take the phone's IP address while the phone is unplugged."""
    with home.unplugged(home.phone):
        return asks_with_its_ip(home, over)


def asks_with_its_mac(home: HomeLan, _over: threading.Event) -> Got:
    """Take the phone's MAC address while the phone is on, and ask from one's own IP address."""
    home.become(home.neighbour, mac=PHONE_MAC)
    with entered(home.neighbour):
        return fetched(OWN)


def asks_with_its_mac_while_off(home: HomeLan, over: threading.Event) -> Got:
    """Take the phone's MAC address while it is unplugged, and ask from one's own IP address."""
    with home.unplugged(home.phone):
        return asks_with_its_mac(home, over)


def asks_with_its_mac_where_dhcp_knows_better(home: HomeLan, _over: threading.Event) -> Got:
    """Take the phone's MAC address while it is unplugged, and ask from an address that DHCP gave to somebody else."""
    with home.unplugged(home.phone):
        home.become(home.neighbour, mac=PHONE_MAC, address=LEASED)
        with entered(home.neighbour):
            return fetched(OWN, LEASED)


def becomes_the_phone(home: HomeLan, _over: threading.Event) -> Got:
    """Be the phone, to any Ethernet: take its MAC address and its IP address, and ask until a switch believes it."""
    home.become(home.neighbour, mac=PHONE_MAC, address=PHONE)
    with entered(home.neighbour):
        return next((got for _ in range(2) if (got := fetched(OWN, PHONE))), [])


def becomes_the_phone_while_off(home: HomeLan, over: threading.Event) -> Got:
    """Be the phone while it is unplugged."""
    with home.unplugged(home.phone):
        return becomes_the_phone(home, over)


def spoofs_arp(home: HomeLan, over: threading.Event) -> Got:
    """Tell the edge ten times a second that the phone's IP address is here, and ask from it."""
    home.become(home.neighbour, address=PHONE)
    ours, theirs = (bytes.fromhex(mac.replace(":", "")) for mac in (NEIGHBOUR_MAC, EDGE_MAC))
    reply = struct.pack("!6s6sHHHBBH", theirs, ours, 0x0806, 1, 0x0800, 6, 4, 2)
    reply += ours + socket.inet_aton(PHONE) + theirs + socket.inet_aton(EDGE)
    got: Got = []
    with entered(home.neighbour), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("lan", 0))
        for _ in range(5):
            wire.send(reply)
            got += fetched(OWN, PHONE)
            if over.wait(0.1):
                break
    return got


def asks_in_its_name(home: HomeLan, over: threading.Event) -> Got:
    """Write the phone's IP address on requests from one's own MAC address, and hear what comes by."""
    with entered(home.neighbour):
        return _asks_by_forged_packets(over, "lan", ttl=64)


def asks_in_its_name_from_afar(home: HomeLan, over: threading.Event) -> Got:
    """Write the phone's IP address on requests that a router passes on, with the TTL of one that passed none."""
    with entered(home.far):
        return _asks_by_forged_packets(over, "in", ttl=65)


def _asks_by_forged_packets(over: threading.Event, link: str, *, ttl: int) -> Got:
    got: Got = []
    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
        socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as ear,
    ):
        ear.bind((link, 0x0800))
        ear.settimeout(0.2)
        for number in range(20):
            raw.sendto(forged((PHONE, FORGED_PORT + number), (EDGE, 69), _REQUEST, ttl=ttl), (EDGE, 0))
            with contextlib.suppress(TimeoutError):
                packet, address = ear.recvfrom(2048)
                if address[2] != socket.PACKET_OUTGOING:
                    got.append(packet[28:])  # behind the headers of IP and UDP
            if over.is_set():
                break
    return got


def asks_from_afar(home: HomeLan, _over: threading.Event) -> Got:
    """Ask through the router, from another network."""
    with entered(home.far):
        return fetched(OWN, FAR)


def asks_from_afar_with_a_forged_ttl(home: HomeLan, _over: threading.Event) -> Got:
    """Ask through the router, so that the request arrives with the TTL that hosts begin with."""
    got: Got = []
    with entered(home.far), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 65)
        asking.settimeout(0.5)
        for _ in range(3):
            asking.sendto(_REQUEST, (EDGE, 69))
            with contextlib.suppress(TimeoutError):
                got.append(asking.recv(2048))
    return got


def injects(home: HomeLan, over: threading.Event) -> Got:
    """Send acknowledgements, errors and data to ports at which the edge may have a transfer, also as the phone."""
    choose = random.Random(1)  # noqa: S311 - any ports do
    began, sent = time.monotonic(), 0
    with (
        entered(home.neighbour),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking,
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw,
    ):
        while not over.wait(0.0005):
            for packet in _WORDS:
                phones, edges = (choose.randrange(32_768, 61_000) for _ in range(2))
                asking.sendto(packet, (EDGE, edges))
                raw.sendto(forged((PHONE, phones), (EDGE, edges), packet), (EDGE, 0))
                sent += 2
    home.did = f"{sent} packets in {time.monotonic() - began:.1f} s"
    return []


_NOT_ITS = f"belongs to MAC {NEIGHBOUR_MAC}, not to the phone"
_ALREADY = f"the phone with that MAC address is already at {PHONE}"
_NO_WIRE = "no wire can tell"


def _with_leases() -> HomeLan:
    return HomeLan(has_leases=True)


HOME: tuple[Entry[HomeLan], ...] = (
    Entry("a neighbour asks", asks, HomeLan, says=_NOT_ITS),
    Entry("… with the phone's IP address, phone on", asks_with_its_ip, HomeLan, cuts_off=True),
    Entry(
        "… with the phone's IP address, phone off", asks_with_its_ip_while_off, HomeLan, says=_NOT_ITS,
        without_phone=True, cuts_off=True,
    ),
    Entry("… with the phone's MAC address, phone on", asks_with_its_mac, HomeLan, says=_ALREADY, cuts_off=True),
    Entry(
        "… with the phone's MAC address, phone just off", asks_with_its_mac_while_off, HomeLan, says=_ALREADY,
        without_phone=True, cuts_off=True,
    ),
    Entry(
        "… with the phone's MAC address, phone long off", asks_with_its_mac_while_off, HomeLan, leaks=_NO_WIRE,
        then_refuses_phone=True, says=f"the phone with that MAC address is already at {NEIGHBOUR}",
        knows_phone=False,
    ),
    Entry(
        "… the same, from an address that DHCP gave to another", asks_with_its_mac_where_dhcp_knows_better,
        _with_leases, says=f"the DHCP server gave that address to MAC {NEIGHBOUR_MAC}", without_phone=True,
        cuts_off=True, knows_phone=False,
    ),
    Entry("… with both, phone on", becomes_the_phone, HomeLan, leaks=_NO_WIRE, cuts_off=True),
    Entry(
        "… with both, phone off", becomes_the_phone_while_off, HomeLan, leaks=_NO_WIRE, without_phone=True,
        cuts_off=True,
    ),
    Entry("ARP spoofing", spoofs_arp, HomeLan, says=_NOT_ITS, cuts_off=True),
    Entry(
        "the phone's IP address on one's own frames", asks_in_its_name, HomeLan,
        says=f"the frame came from MAC {NEIGHBOUR_MAC}",
    ),
    Entry(
        "rogue DHCP: the phone asks the attacker, who asks the edge", relays_what_its_dhcp_sends_there, _with_leases,
        says=_NOT_ITS, cuts_off=True,
    ),
    Entry(
        "enumeration, 1 request/s", enumerates(1, 6), HomeLan, says="one phone after another", lasts_s=8,
    ),
    Entry(
        "enumeration, 100 requests/s", enumerates(100, 300), HomeLan, says="one phone after another", lasts_s=5,
    ),
    Entry(
        "enumeration, 10,000 requests/s", enumerates(10_000, 40_000), HomeLan, says="one phone after another",
        lasts_s=8,
    ),
    Entry(
        "enumeration, slow: 4 names, 2 s between", enumerates(0.5, 4), HomeLan, says="no phone of site Home",
        lasts_s=8,
    ),
    Entry(
        "enumeration, distributed over 100 addresses", enumerates_from_many_addresses, HomeLan,
        says="one phone after another", lasts_s=8,
    ),
    Entry("harvesting by file lists, TFTP and HTTP 6970", harvests, HomeLan, says="does not contain that name"),
    Entry(
        "harvesting 4096 names around the phone's, TFTP and HTTP", thieves, HomeLan, says="one phone after another",
        lasts_s=8,
    ),
    Entry("reading the phone's web page, then asking", reads_the_phones_page, HomeLan, says=_NOT_ITS),
    Entry(
        "through the router, from another network", asks_from_afar, HomeLan,
        says="it came through a router (TTL 63)",
    ),
    Entry(
        "… arriving with a TTL of 64", asks_from_afar_with_a_forged_ttl, HomeLan,
        says="no link of this machine shows whose address that is",
    ),
    Entry(
        "… in the phone's name, arriving with a TTL of 64", asks_in_its_name_from_afar, HomeLan,
        says="the frame came from MAC 02:00:00:00:00:FE",
    ),
    Entry("packets into a running transfer", injects, HomeLan, lasts_s=1),
    Entry(
        "stolen edge elsewhere, all forged, its hub holds it", becomes_the_phone_while_off, MovedHome,
        says="phones' own files are held back here", without_phone=True, cuts_off=True, knows_phone=False,
    ),
    Entry(
        "stolen edge elsewhere, all forged, kept from its hub", becomes_the_phone_while_off, MovedHome.kept_from_hub,
        leaks="it holds the file; the hub must revoke it, and rotate", without_phone=True, cuts_off=True,
        knows_phone=False,
    ),
)  # fmt: skip
