"""Attacks that guess names: one MAC address after the other, lists of files, and what a phone tells of itself."""

import contextlib
import http.client
import re
import socket
import threading
import time
from collections.abc import Iterable

from attacks.attack_outcomes import Got
from attacks.attacked_lan import ip
from attacks.home_lan import (
    ANNA,
    EDGE,
    NEIGHBOUR,
    OWN,
    PHONE,
    HomeLan,
    fetched,
)
from ringfence.phones.mac import Mac
from ringfence.sim.phone import VirtualPhone
from ringfence.tftp.packets import ReadRequest, to_bytes
from support.namespaces import entered

_PREFIX = int(ANNA.bare, 16) & ~0xFFFF
_AROUND = int(ANNA.bare, 16) & ~0xFFF
MANY = 100
"""Addresses of the home's network that one attacker takes."""
_DATA = b"\0\3"


def name_of(number: int) -> str:
    """Return the name of the file of the phone with that MAC address."""
    return f"SEP{Mac(f'{number:012X}').bare}.cnf.xml"


def asked_of(endpoint: socket.socket, names: Iterable[str]) -> Got:
    """Ask the edge for names without waiting, and return the packets with a file's bytes that have come meanwhile."""
    got: Got = []
    for name in names:
        endpoint.sendto(to_bytes(ReadRequest(name, "octet")), (EDGE, 69))
        with contextlib.suppress(BlockingIOError):
            while True:
                got.append(endpoint.recv(2048))
    return [data for data in got if data.startswith(_DATA)]


class enumerates:  # noqa: N801 - it is named as the other attacks are
    """Ask for one MAC address after the other, ``per_s`` in a second, ``most`` in all."""

    def __init__(self, per_s: float, most: int) -> None:
        self._per_s, self._most = per_s, most

    def __call__(self, home: HomeLan, over: threading.Event) -> Got:
        got: Got = []
        with entered(home.neighbour), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.setblocking(False)
            began, sent = time.monotonic(), 0
            while sent < self._most:
                got += asked_of(asking, [name_of(_PREFIX + sent % 0x10000)])
                sent += 1
                due_s = began + sent / self._per_s - time.monotonic()
                if over.is_set() or (due_s > 0 and over.wait(due_s)):
                    break
        home.did = f"{sent} names in {time.monotonic() - began:.1f} s"
        return got


def enumerates_from_many_addresses(home: HomeLan, over: threading.Event) -> Got:
    """Take a hundred addresses of the network, and ask from each in turn."""
    for host in range(MANY):
        ip("-n", home.neighbour, "address", "add", f"192.0.2.{host + 100}/24", "dev", "lan")
    got: Got = []
    sent, began = 0, time.monotonic()
    with entered(home.neighbour), contextlib.ExitStack() as stack:
        endpoints = []
        for host in range(MANY):
            endpoint = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
            endpoint.bind((f"192.0.2.{host + 100}", 0))
            endpoints.append(endpoint)
        for _turn in range(40):
            for endpoint in endpoints:
                got += asked_of(endpoint, [name_of(_PREFIX + sent)])
                sent += 1
            if over.wait(0.1):
                break
    home.did = f"{sent} names in {time.monotonic() - began:.1f} s"
    return got


def harvests(home: HomeLan, _over: threading.Event) -> Got:
    """Ask for the lists by which others have found phones' files, and for the file by names that look like its own."""
    names = (
        "ConfigFileCacheList.txt", "/ConfigFileCacheList.txt", "FileList.txt", "PerfMon.txt", "SEPDefault.cnf.xml", "",
        "SEP*.cnf.xml", "../", ".", f"{OWN}.bak", OWN.lower(), f"SEP{ANNA.bare}.cnf", f"{OWN}.sgn", f"./{OWN}",
        f"//{OWN}", f"%2e/{OWN}", f"\\{OWN}",
    )  # fmt: skip
    with entered(home.neighbour):
        return [data for name in names for data in fetched(name)]


def thieves(home: HomeLan, over: threading.Event) -> Got:
    """Ask for all 4096 names that share all but three digits with a MAC address that was seen, in both protocols."""
    names = [name_of(_AROUND + number) for number in range(0x1000)]
    got: Got = []
    asked = 0
    with entered(home.neighbour), socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
        began = time.monotonic()
        for start in range(0, len(names), 64):
            got += asked_of(asking, names[start : start + 64])
            if over.wait(0.02):
                break
        for start in range(0, len(names), 64):
            found, answered = _got_over_http(names[start : start + 64])
            got, asked = got + found, asked + answered
            if over.is_set() or not answered:
                break  # nobody talks to it any more
        got += fetched(OWN)
    home.did = (
        f"{len(names)} names over TFTP, {asked} over HTTP until it was told nothing, {time.monotonic() - began:.1f} s"
    )
    return got


def _got_over_http(names: Iterable[str]) -> tuple[Got, int]:
    """Ask for names on one connection; return what came, and how many were answered."""
    got: Got = []
    answered = 0
    connection = http.client.HTTPConnection(EDGE, 6970, timeout=1, source_address=(NEIGHBOUR, 0))
    try:
        for name in names:
            connection.request("GET", f"/{name}")
            answer = connection.getresponse()
            body = answer.read()
            answered += 1
            if answer.status == http.client.OK:
                got.append(body)
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    return got, answered


def reads_the_phones_page(home: HomeLan, _over: threading.Event) -> Got:
    """Read the phone's name from its own web page, and ask for the file of that name."""
    with entered(home.phone):
        phone = VirtualPhone(ANNA, "9971", home.server, source_host=PHONE, web_port=80).start()
    try:
        phone.wait_until(lambda _held: True, timeout_s=10)
        with entered(home.neighbour):
            page = http.client.HTTPConnection(PHONE, 80, timeout=5)
            page.request("GET", "/")
            shown = page.getresponse().read().decode()
            page.close()
            name = re.search(r"SEP[0-9A-F]{12}", shown)
            if name is None:
                raise AssertionError("the phone's page does not name it")
            home.did = f"the page names {name[0]}"
            return fetched(f"{name[0]}.cnf.xml")
    finally:
        phone.stop()
