"""A diagnosis: what this machine's network is like, said line by line; a line that begins with “!” is a problem.

It only looks, and tries to reach: the hub, and at most a few further places that the hub names, such as its PBXes. It
connects to a place and says nothing there. A place in a network that this machine is itself in is tried only where its
owner allows that, so that a hub finds out nothing about a home's other devices.
"""

import contextlib
import ipaddress
import socket
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ringfence.edge.jobs.edge_jobs import Work
from ringfence.edge.lan.dhcp_lease_file import LeaseFile
from ringfence.server.access.neighbours import Links, open_socket
from ringfence.wire.job_messages import MOST_REACHED

CONNECT_S = 5.0
MOST_SHOWN = 64
"""Rows of one table that are told."""
OFF_MATTERS_S = 30.0
_NET = Path("/sys/class/net")
_ROUTES, _ROUTES6, _ARP = (Path("/proc/self/net") / name for name in ("route", "ipv6_route", "arp"))
_IP_MTU_DISCOVER, _PMTUDISC_DO, _IP_MTU = 10, 2, 14
_IPV6_MTU_DISCOVER, _IPV6_MTU = 23, 24
_PROBES = 4
_PROBE_PAUSE_S = 0.25
_LEAST_MTU = 1280
_HEADERS, _HEADERS6 = 28, 48
_PROBED_PORT = 33434
"""Where path MTU probes go, as traceroute's do: nothing listens there."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Looks at this machine's network.

    ``hub_url`` is where the hub is reached, ``off_s`` tells by how much this machine's clock is ahead of the hub's
    (None: unknown), ``more`` how a box's port and its tunnels are.
    """

    hub_url: Callable[[], str]
    off_s: Callable[[], float | None]
    leases: LeaseFile | None = None
    more: Callable[[], Sequence[str]] = tuple

    def run(self, work: Work) -> int:
        """Tell all that is found; return how many problems there are. JobOver."""
        problems = 0
        for heading, lines in self._parts(work):
            found = list(_limited(lines))
            problems += sum(line.startswith("!") for line in found)
            work.telling.text("".join([f"{heading}\n", *(f"  {line}\n" for line in found or ["none"])]))
        return problems

    def _parts(self, work: Work) -> Iterator[tuple[str, Iterator[str]]]:
        yield "Time", self._time()
        yield "Links", links()
        yield "Routes", routes()
        yield "Neighbours", neighbours()
        yield "Leases", self._leases()
        yield "Hub", self._hub()
        if work.order.reach:
            yield "PBXes", self._places(work)
        if more := self.more():
            yield "Box", iter(more)

    def _time(self) -> Iterator[str]:
        yield time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
        off_s = self.off_s()
        if off_s is None:
            yield "the hub's time is not known yet"
        elif abs(off_s) > OFF_MATTERS_S:
            yield f"! the clock is {abs(off_s):,.0f} s {'fast' if off_s > 0 else 'slow'}"
        else:
            yield f"the clock agrees with the hub's, {off_s:+.1f} s"

    def _leases(self) -> Iterator[str]:
        if self.leases is None:
            yield "no lease file is watched here"
            return
        for lease in self.leases.current(time.time()):
            yield f"{lease.address} {lease.mac} {lease.hostname}".rstrip()
        if self.leases.fault:
            yield f"! {self.leases.fault}"

    def _hub(self) -> Iterator[str]:
        address = urlsplit(self.hub_url())
        yield from _reached(str(address.hostname), address.port or 443, lambda _address: "")

    def _places(self, work: Work) -> Iterator[str]:
        refused = (lambda _address: "") if work.policy.reach_own_networks else _in_own_network
        for place in work.order.reach[:MOST_REACHED]:
            host, _, port = place.rpartition(":")
            if not (host and port.isascii() and port.isdecimal() and 0 < int(port) < 1 << 16):
                yield f"! {place[:80]!r} is no HOST:PORT"
            else:
                yield from _reached(host.strip("[]")[:255], int(port), refused)


def links() -> Iterator[str]:
    """Return this machine's links: their state, speed, MTU and addresses."""
    for _index, name in socket.if_nameindex():
        if name == "lo":
            continue
        folder = _NET / name
        state, mtu, mac = (_line(folder / part) for part in ("operstate", "mtu", "address"))
        speed = _line(folder / "speed")
        rate = f", {speed} Mbit/s" if speed.isdecimal() and int(speed) > 0 else ""
        lost = [f"{_line(folder / 'statistics' / part)} {part}" for part in ("rx_errors", "tx_errors")]
        faults = [text for text in lost if not text.startswith(("0 ", " "))]
        mark = "! " if state == "down" or faults else ""
        yield f"{mark}{name} {state}{rate}, MTU {mtu}, {mac}" + "".join(f", {text}" for text in faults)


def routes() -> Iterator[str]:
    """Return this machine's routes."""
    has_default = False
    for line in _lines(_ROUTES)[1:]:
        parts = line.split()
        if len(parts) < 8:  # noqa: PLR2004 - up to the mask
            continue
        to, gateway, mask = (socket.inet_ntoa(struct.pack("=I", int(parts[at], 16))) for at in (1, 2, 7))
        network = ipaddress.ip_network(f"{to}/{mask}", strict=False)
        has_default = has_default or network.prefixlen == 0
        way = f" by {gateway}" if gateway != "0.0.0.0" else ""  # noqa: S104 - no gateway
        yield f"{network} on {parts[0]}{way}"
    for line in _lines(_ROUTES6):
        parts = line.split()
        if len(parts) == 10 and parts[9] != "lo" and not parts[0].startswith(("fe80", "ff")):  # noqa: PLR2004 - its form
            to6 = ipaddress.ip_network((bytes.fromhex(parts[0]), int(parts[1], 16)), strict=False)
            has_default = has_default or to6.prefixlen == 0
            by = ipaddress.ip_address(bytes.fromhex(parts[4]))
            yield f"{to6} on {parts[9]}" + (f" by {by}" if int(by) else "")
    if not has_default:
        yield "! there is no default route"


def neighbours() -> Iterator[str]:
    """Return the machines that this one has spoken with on its links lately."""
    for line in _lines(_ARP)[1:]:
        address, _kind, flags, mac, _mask, name = [*line.split(), "", "", "", "", "", ""][:6]
        yield f"{address} {mac if int(flags or '0', 16) & 2 else 'does not answer'} on {name}"


def _reached(host: str, port: int, refused: Callable[[str], str]) -> Iterator[str]:
    """Resolve a name and connect to each of its addresses, at most four; say how that went."""
    began = time.monotonic()
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        yield f"! {host} has no address: {getattr(fault, 'strerror', None) or 'it is no name'}"
        return
    took_ms = (time.monotonic() - began) * 1000
    addresses = list(dict.fromkeys((family, address) for family, _type, _protocol, _name, address in found))[:4]
    if addresses[0][1][0] != host:
        yield f"{host} is {', '.join(str(address[0]) for _family, address in addresses)} ({took_ms:.0f} ms)"
    for family, address in addresses:
        where = f"{address[0]} port {port}"
        if why := refused(str(address[0])):
            yield f"{where} is not tried: {why}"
            continue
        yield _connected(family, address, where)
        yield from _path_mtu(family, address)


def _connected(family: int, address: tuple[object, ...], where: str) -> str:
    with socket.socket(family, socket.SOCK_STREAM) as trying:
        trying.settimeout(CONNECT_S)
        began = time.monotonic()
        try:
            trying.connect(address)
        except ConnectionRefusedError:
            return f"! {where} refuses connections ({(time.monotonic() - began) * 1000:.0f} ms)"
        except OSError as fault:
            return f"! {where} can't be reached: {fault.strerror or 'no answer'}"
        return f"{where} answers ({(time.monotonic() - began) * 1000:.0f} ms)"


def _path_mtu(family: int, address: tuple[object, ...]) -> Iterator[str]:
    """Send a few packets that must not be cut into fragments, and say what the kernel has learnt from the answers."""
    level, discover, known, headers = (
        (socket.IPPROTO_IP, _IP_MTU_DISCOVER, _IP_MTU, _HEADERS)
        if family == socket.AF_INET
        else (socket.IPPROTO_IPV6, _IPV6_MTU_DISCOVER, _IPV6_MTU, _HEADERS6)
    )
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(level, discover, _PMTUDISC_DO)
        probe.connect((address[0], _PROBED_PORT, *address[2:]))
        for _ in range(_PROBES):
            mtu = probe.getsockopt(level, known)
            with contextlib.suppress(OSError):  # too long, or the answer to the one before
                probe.send(bytes(max(0, min(mtu, 1500) - headers)))
            time.sleep(_PROBE_PAUSE_S)
        mtu = probe.getsockopt(level, known)
        yield f"{'! ' if mtu < _LEAST_MTU else ''}packets of up to {mtu} bytes are known to reach {address[0]}"


def _in_own_network(address: str) -> str:
    """Return why an address is not to be tried, empty if it may be."""
    plain = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(plain, ipaddress.IPv6Address):
        plain = plain.ipv4_mapped or plain.sixtofour or plain
    if plain.is_loopback or plain.is_link_local or plain.is_multicast or plain.is_unspecified:
        return "it is no address of a PBX"
    with open_socket() as kernel:
        inside = Links(kernel).has(str(plain), time.monotonic())
    return "it is in a network that this machine is in, and jobs.toml does not allow that" if inside else ""


def _limited(lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        if number == MOST_SHOWN:
            yield "and more"
            return
        yield line


def _line(path: Path) -> str:
    try:
        return path.read_text().strip()[:80]
    except OSError:
        return ""


def _lines(path: Path) -> Sequence[str]:
    try:
        with path.open() as file:
            return file.read(1 << 20).splitlines()
    except OSError:
        return ()
