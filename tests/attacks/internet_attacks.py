"""What somebody on the internet does to get a phone's file from a gateway, or to make the gateway a weapon."""

import contextlib
import http.client
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attacks.attack_outcomes import Entry, Got
from attacks.attacked_lan import FORGED_PORT
from attacks.home_guessing import name_of
from attacks.home_lan import OWN
from attacks.internet_lan import (
    ATTACKER,
    FIRMWARE,
    GATEWAY,
    NAT,
    NEXT_DOOR,
    VICTIM,
    Internet,
    fetched,
    got_over_http,
)
from ringfence.errors import RingfenceError
from ringfence.guard.bans import STRIKES
from ringfence.guard.windows import PROVES_WITHIN_S
from ringfence.server.tftp.engine import BLOCKS_BURST, BLOCKS_PER_S
from ringfence.sim.attacks.forging import UDP_AND_IP_BYTES, forged
from ringfence.tftp.packets import ReadRequest, to_bytes
from support.namespaces import entered

_PREFIX = 0x001B54C20000
_OWN_REQUEST = to_bytes(ReadRequest(OWN, "octet"))
_TO = (GATEWAY, 69)
_PORT = FORGED_PORT
_SO_RCVBUFFORCE = 33  # <asm/socket.h>
MOST_ACKNOWLEDGEMENTS = 2500


@contextmanager
def _raw(place: Internet) -> Iterator[socket.socket]:
    with entered(place.attacker), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        yield raw


def asks(place: Internet, _over: threading.Event) -> Got:
    """Ask, while no window is open."""
    place.close_windows()
    with entered(place.attacker):
        return fetched()


def asks_from_next_door(place: Internet, _over: threading.Event) -> Got:
    """Ask from another machine of the gateway's provider, on the gateway's own link, for the firmware too."""
    place.close_windows()
    with entered(place.next_door):
        return [*fetched(), *fetched(FIRMWARE)]


def enumerates_over_tftp(place: Internet, over: threading.Event) -> Got:
    """Ask for one name after the other over TFTP, 1000 in a second."""
    got: Got = []
    sent, answered = 0, 0
    with entered(place.attacker), socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        while sent < 3000 and not over.wait(0.01):
            for _ in range(10):
                asking.sendto(to_bytes(ReadRequest(name_of(_PREFIX + sent), "octet")), _TO)
                sent += 1
            with contextlib.suppress(BlockingIOError):
                while True:
                    data = asking.recv(2048)
                    answered += 1
                    got += [data] if data.startswith(b"\0\3") else []
    place.did = f"{sent} names, {answered} answers"
    return got


def enumerates_over_http(place: Internet, over: threading.Event) -> Got:
    """Ask for one name after the other over HTTP, the phone's own among them, until nobody answers."""
    got: Got = []
    sent = 0
    with entered(place.attacker), contextlib.suppress(OSError, http.client.HTTPException):
        for number in range(200):
            name = OWN if number == 5 else name_of(_PREFIX + number)
            status, body = got_over_http(name)
            sent += 1
            got += [body] if status == http.client.OK else []
            if over.is_set():
                break
    place.did = f"{sent} names were answered, then none"
    return got


class enumerates_from_forged_addresses:  # noqa: N801 - it is named as the other attacks are
    """Ask for names in the name of another address each time, ``per_s`` in a second."""

    def __init__(self, per_s: int) -> None:
        self._per_s = per_s

    def __call__(self, place: Internet, over: threading.Event) -> Got:
        choose = random.Random(1)  # noqa: S311 - any addresses do
        began, sent = time.monotonic(), 0
        with _raw(place) as raw:
            while not over.is_set():
                source = f"198.18.{choose.randrange(256)}.{choose.randrange(1, 255)}"
                # The phone's own name is not among them: who asks for that first is a race of its own.
                request = to_bytes(ReadRequest(name_of(_PREFIX + sent % 0x8000), "octet"))
                raw.sendto(forged((source, _PORT), _TO, request), (GATEWAY, 0))
                sent += 1
                time.sleep(max(0.0, began + sent / self._per_s - time.monotonic()))
        place.did = f"{sent} names in {time.monotonic() - began:.1f} s"
        return []


def harvests(place: Internet, _over: threading.Event) -> Got:
    """Ask for the lists by which others have found phones' files, over TFTP and on HTTP's port 6970."""
    place.close_windows()
    names = (
        "ConfigFileCacheList.txt",
        "FileList.txt",
        "SEPDefault.cnf.xml",
        "",
        f"./{OWN}",
        f"stub/{OWN}",
        OWN.lower(),
    )
    with entered(place.attacker):
        return [data for name in names for data in fetched(name)]


def takes_in_its_name(place: Internet, _over: threading.Event) -> Got:
    """Forge the phone's address: ask in an open window, and acknowledge every block, unseen."""
    place.open_window()
    blocks = len(place.secret) // 512 + 1
    with _raw(place) as raw, _ear(place.attacker) as ear:
        raw.sendto(forged((NAT, _PORT), _TO, _OWN_REQUEST), (GATEWAY, 0))
        for block in range(1, blocks + 1):
            time.sleep(0.02)
            raw.sendto(forged((NAT, _PORT), _TO, b"\0\4" + block.to_bytes(2, "big")), (GATEWAY, 0))
        got = _heard(ear)
    place.did = "the window is lost, a person opens another"
    return got


@contextmanager
def _ear(name: str) -> Iterator[socket.socket]:
    """Hear every IPv4 packet that comes to a machine."""
    with entered(name), socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800)) as ear:
        ear.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 * 1024 * 1024)  # else it hears some 90 packets only
        ear.bind(("wan", 0x0800))
        ear.settimeout(0.3)
        yield ear


def _heard(ear: socket.socket) -> Got:
    got: Got = []
    with contextlib.suppress(TimeoutError):
        while True:
            packet, address = ear.recvfrom(4096)
            if address[2] != socket.PACKET_OUTGOING:
                got.append(packet[UDP_AND_IP_BYTES:])
    return got


def reflects(place: Internet, _over: threading.Event) -> Got:
    """Ask in a victim's name for all that there is, acknowledge blocks unseen, and weigh what reaches the victim."""
    place.close_windows()
    return _reflected(place)


def _reflected(place: Internet) -> Got:
    sent = 0
    asked = to_bytes(ReadRequest(FIRMWARE, "octet", (("blksize", "65464"), ("windowsize", "64"))))
    port = _PORT + 1
    with _ear(place.victim) as ear:
        began = time.monotonic()
        with _raw(place) as raw:
            sent += raw.sendto(forged((VICTIM, _PORT), _TO, _OWN_REQUEST), (GATEWAY, 0))
            sent += raw.sendto(forged((VICTIM, port), _TO, asked), (GATEWAY, 0))
            for number in range(MOST_ACKNOWLEDGEMENTS):
                acknowledgement = b"\0\4" + number.to_bytes(2, "big")
                sent += raw.sendto(forged((VICTIM, port), _TO, acknowledgement), (GATEWAY, 0))
                time.sleep(0.001)
        heard = _heard(ear)
        took_s = time.monotonic() - began
    came = sum(len(data) + UDP_AND_IP_BYTES for data in heard)
    place.did = f"{len(heard)} packets, {came} octets for {sent} octets sent: {came / sent:.1f}-fold"
    if len(heard) > BLOCKS_BURST + BLOCKS_PER_S * took_s + 10:
        raise AssertionError(f"the gateway is a weapon: {place.did}")
    return []


def reflects_at_a_known_network(place: Internet, _over: threading.Event) -> Got:
    """The same, and the victim is one of the site's own networks: firmware goes there."""
    return _reflected(place)


def poisons_the_ban_list(place: Internet, _over: threading.Event) -> Got:
    """Guess more names in the phone's name than shut a source out, and acknowledge what may have come."""
    return _guesses_in_its_name(place, STRIKES + 2)


def floods_in_its_name(place: Internet, _over: threading.Event) -> Got:
    """The same with so many names that the phone's address has used up what it may be told."""
    return _guesses_in_its_name(place, 2000)


def _guesses_in_its_name(place: Internet, names: int) -> Got:
    with _raw(place) as raw:
        for number in range(names):
            request = to_bytes(ReadRequest(name_of(_PREFIX + number), "octet", (("blksize", "1024"),)))
            for data in (request, b"\0\4\0\0", b"\0\4\0\1"):
                raw.sendto(forged((NAT, _PORT), _TO, data), (GATEWAY, 0))
    time.sleep(0.3)
    if any(f"Banned {NAT} until" in sentence for sentence in place.said()):
        raise AssertionError("the phone's address was shut out on a forger's word")
    place.did = f"{names} names and {2 * names} acknowledgements in the phone's name; it was not shut out"
    return []


def injects(place: Internet, over: threading.Event) -> Got:
    """Send errors, acknowledgements and data in the phone's name, from ports that its transfer may have."""
    choose = random.Random(1)  # noqa: S311 - any ports do
    began, sent = time.monotonic(), 0
    with _raw(place) as raw:
        while not over.wait(0.001):
            for data in (b"\0\5\0\0over\0", b"\0\4\0\1", b"\0\3\0\1evil"):
                raw.sendto(forged((NAT, choose.randrange(1024, 65_536)), _TO, data), (GATEWAY, 0))
                sent += 1
    place.did = f"{sent} packets in {time.monotonic() - began:.1f} s"
    return []


def asks_first(place: Internet, _over: threading.Event) -> Got:
    """Ask before the phone does, in a window that a person has just opened."""
    place.open_window()
    with entered(place.attacker):
        got = fetched()
    with contextlib.suppress(RingfenceError):
        place.boot_in_this_window_s()
        raise AssertionError("two had the file in one window")
    return got


def asks_after_the_phone(place: Internet, _over: threading.Event) -> Got:
    """Ask as soon as the phone has its file, in the same window."""
    place.boot_s()
    with entered(place.attacker):
        return fetched()


def begins_and_waits(place: Internet, _over: threading.Event) -> Got:
    """Begin a transfer first and stall, let the phone have the window, and go on where one had begun."""
    place.open_window()
    got: Got = []
    with entered(place.attacker), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.5)
        asking.sendto(to_bytes(ReadRequest(OWN, "octet", (("blksize", "1024"),))), _TO)
        asking.recv(2048)  # an offer of options, and nothing of the file
        time.sleep(PROVES_WITHIN_S + 0.5)
        place.boot_in_this_window_s()
        for block in range(20):
            asking.sendto(b"\0\4" + block.to_bytes(2, "big"), _TO)
            with contextlib.suppress(TimeoutError):
                got.append(asking.recv(2048))
            if not got:
                break
    return got


def holds_it_up(place: Internet, _over: threading.Event) -> Got:
    """Ask first in another's name, once: the phone waits until that proves nothing."""
    place.open_window()
    with _raw(place) as raw:
        raw.sendto(forged((VICTIM, _PORT), _TO, _OWN_REQUEST), (GATEWAY, 0))
    time.sleep(0.1)
    began = time.monotonic()
    while True:
        with contextlib.suppress(RingfenceError):
            place.boot_in_this_window_s()
            break
        time.sleep(1)
    place.did = f"the phone had its file {time.monotonic() - began:.0f} s later, in the same window"
    return []


def _known() -> Internet:
    return Internet(learned=(NAT, VICTIM))


def _over_http() -> Internet:
    return Internet(over_http=True)


_CLOSED = "to the internet only inside a window"
INTERNET: tuple[Entry[Internet], ...] = (
    Entry("a stranger asks, no window is open", asks, Internet, says=_CLOSED, without_phone=True),
    Entry("… and the phone asks by HTTP", asks, _over_http, says=_CLOSED, without_phone=True),
    Entry(
        "next door at the gateway's provider, firmware too", asks_from_next_door, Internet,
        says=f"{FIRMWARE} to {NEXT_DOOR}: site Home needs level L1", without_phone=True,
    ),
    Entry(
        "enumeration over TFTP, 1000 requests/s", enumerates_over_tftp, Internet, says="one phone after another",
        lasts_s=4,
    ),
    Entry(
        "enumeration over HTTP", enumerates_over_http, _over_http, says=f"Banned {ATTACKER} until", without_phone=True,
    ),
    Entry(
        "enumeration in 65,000 others' names, 5000 requests/s", enumerates_from_forged_addresses(5000), Internet,
        says="no phone of site Home", lasts_s=8,
    ),
    Entry(
        "harvesting by file lists, TFTP and HTTP 6970", harvests, Internet, says="not contain that name",
        without_phone=True,
    ),
    Entry(
        "source spoofing: the whole transfer in the phone's name", takes_in_its_name, Internet,
        says=f"was used up by {NAT}", without_phone=True,
    ),
    Entry("reflection at a stranger", reflects, Internet, says=f"{FIRMWARE} to {VICTIM}", without_phone=True),
    Entry("reflection at one of the site's own networks", reflects_at_a_known_network, _known, without_phone=True),
    Entry("poisoning the ban list", poisons_the_ban_list, Internet, without_phone=True),
    Entry(
        "using up what the phone may be told, in its name", floods_in_its_name, Internet, without_phone=True,
        slows="optional files time out",
    ),
    Entry("packets into a running transfer", injects, Internet, lasts_s=1),
    Entry(
        "window race: the attacker first", asks_first, Internet, leaks="a race that a person opened",
        without_phone=True, says=f"was used up by {ATTACKER}",
    ),
    Entry(
        "window race: the attacker after the phone", asks_after_the_phone, Internet, says=_CLOSED, without_phone=True,
    ),
    Entry(
        "window race: begin, wait, go on after the phone", begins_and_waits, Internet, says=f"was used up by {NAT}",
        without_phone=True,
    ),
    Entry(
        "window race: a forged sender first", holds_it_up, Internet, says=f"belongs to {VICTIM}, which asked first",
        without_phone=True,
    ),
)  # fmt: skip
