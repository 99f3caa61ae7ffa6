"""Attacks by volume: malformed packets, and requests from one address as fast as a processor can send them.

The flood runs in its own process (``python -m ringfence.sim.attacks.flooding``): in a thread it would slow down the
clients that are measured. For the same reason, their boots are also measured beside a flood that goes nowhere.
"""

import json
import select
import socket
import subprocess
import sys
import time

from ringfence.sim.attacks.target import (
    AttackTarget,
    fairness,
    heard,
)
from ringfence.sim.attacks.verdict import AttackVerdict, judged
from ringfence.sim.malformed import PacketMaker
from ringfence.tftp.options import PLAIN_BLOCK_SIZE

MALFORMED = 20_000
MALFORMED_SEED = 1350
FLOOD_S = 4.0
FLOOD_PORTS = 64
_BURST = 64
_NEXT_BLOCK_S = 10.0
_BEFORE_MEASURING_S = 0.5


def malformed(target: AttackTarget, *, count: int = MALFORMED, seed: int = MALFORMED_SEED) -> AttackVerdict:
    """Send generated nonsense to the request port and into a transfer, then see whether both go on."""
    before = target.boots_s()
    maker = PacketMaker(seed)
    during: list[float] = []
    answers = 0
    with target.socket() as phone, target.socket() as attacker:
        transfer = _SlowTransfer(phone, target)
        for number in range(count):
            packet = maker.packet()
            attacker.sendto(packet, target.server)
            # What really says ERROR from a transfer's own peer ends it, as it should.
            if number % 4 == 0 and not packet.startswith((b"\0\5", b"\0\4")):
                transfer.disturb(packet)
            if number % _BURST == 0:
                answers += _drained(attacker)
            if number % (count // 20 or 1) == 0:
                during.append(target.boot_s())
                transfer.go_on()
        answers += _drained(attacker)
        transfer.go_on()
        is_alive = transfer.is_alive
    found = fairness(before, during, target.boots_s)
    return judged(
        "malformed",
        holds=found.holds and is_alive,
        did=f"Sent {count} generated packets (seed {seed}) to the request port, and every fourth into a transfer.",
        answered=f"{answers} answers, most of them errors.",
        because=f"{found.sentence} The transfer {'went on' if is_alive else 'was lost'}.",
        figures={"packets": count, "seed": seed, "answers": answers, **found.figures()},
    )


class _SlowTransfer:
    """A phone's transfer that goes on by a block now and then, so that no server gives it up meanwhile."""

    def __init__(self, phone: socket.socket, target: AttackTarget) -> None:
        self._phone = phone
        self._blocks = len(target.content) // PLAIN_BLOCK_SIZE
        """How many may be acknowledged before the last one is sent."""
        self._block = 0
        phone.sendto(target.request(), target.server)
        first = heard(phone, 5.0)
        self._server = None if first is None else first[1]
        self.is_alive = self._server is not None

    def disturb(self, packet: bytes) -> None:
        """Send something from the phone's own port into the transfer."""
        if self._server is not None:
            self._phone.sendto(packet, self._server)

    def go_on(self) -> None:
        """Acknowledge a block, and note whether the next one comes."""
        if not self.is_alive or self._server is None or self._block + 1 > self._blocks:
            return
        self._block += 1
        _drained(self._phone)
        wanted = b"\0\3" + (self._block + 1).to_bytes(2)
        until = time.monotonic() + _NEXT_BLOCK_S
        while time.monotonic() < until:
            self._phone.sendto(b"\0\4" + self._block.to_bytes(2), self._server)
            while time.monotonic() < until and (packet := heard(self._phone, 1.0)) is not None:
                if packet[0][:4] == wanted:
                    return
        self.is_alive = False


def _drained(endpoint: socket.socket) -> int:
    count = 0
    while heard(endpoint) is not None:
        count += 1
    return count


def request_flood(target: AttackTarget, *, lasting_s: float = FLOOD_S, per_s: float = 0.0) -> AttackVerdict:
    """Ask from one address as fast as possible (``per_s`` 0), and measure how others are served meanwhile.

    It compares boots beside a flood that goes nowhere, before and after, with boots beside a flood that goes to the
    server: both take a processor away from the clients that boot.
    """
    host = target.attacker()

    def calm() -> list[float]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            return _boots_beside_a_flood(target, nobody.getsockname(), host, lasting_s / 2, per_s)[0]

    before = calm()
    during, counts = _boots_beside_a_flood(target, target.server, host, lasting_s, per_s)
    found = fairness(before, during, calm)
    return judged(
        "request-flood",
        holds=found.holds,
        did=f"Sent {counts['requests']} requests from {host} in {lasting_s:g} s.",
        answered=f"{counts['answers']} datagrams.",
        because=found.sentence,
        figures={
            "requests": counts["requests"],
            "requests_per_s": round(counts["requests"] / lasting_s),
            "answers": counts["answers"],
            "others_boots": len(during),
            **found.figures(),
        },
    )


def _boots_beside_a_flood(
    target: AttackTarget, aim: tuple[str, int], host: str, lasting_s: float, per_s: float
) -> tuple[list[float], dict[str, int]]:
    command = [sys.executable, "-m", __name__, *map(str, (*aim, host, target.name, lasting_s, per_s))]
    boots: list[float] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:  # noqa: S603 - our own interpreter
        if running.stdout is None:
            raise AssertionError("a pipe was asked for")
        running.stdout.readline()  # it has begun
        select.select([], [], [], _BEFORE_MEASURING_S)
        until = time.monotonic() + lasting_s - 2 * _BEFORE_MEASURING_S
        while time.monotonic() < until:
            boots.append(target.boot_s())
        counts: dict[str, int] = json.loads(running.stdout.readline())
    return boots, counts


def flood(server: tuple[str, int], host: str, name: str, lasting_s: float, per_s: float) -> dict[str, int]:
    """Send requests for ``name``, and every other one for a name that nobody has; return what was sent and heard."""
    endpoints = []
    for _ in range(FLOOD_PORTS):
        endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        endpoint.bind((host, 0))
        endpoints.append(endpoint)
    words = (b"\0\1" + name.encode() + b"\0octet\0", b"\0\1nobody-has-this\0octet\0")
    requests = answers = 0
    began_at = time.monotonic()
    while (passed_s := time.monotonic() - began_at) < lasting_s:
        if per_s and requests > per_s * passed_s:
            select.select([], [], [], 0.001)
            continue
        for endpoint in endpoints:
            try:
                endpoint.sendto(words[requests & 1], server)
            except OSError:
                continue  # an unreachable port of before, or no room: a flood does not mind
            requests += 1
        endpoint = endpoints[requests // FLOOD_PORTS % FLOOD_PORTS]
        answers += _drained(endpoint)
    answers += sum(_drained(endpoint) for endpoint in endpoints)
    for endpoint in endpoints:
        endpoint.close()
    return {"requests": requests, "answers": answers}


def main(arguments: list[str]) -> None:
    """Flood as the parent says: host, port, source host, name, seconds, requests a second."""
    host, port, source, name, lasting_s, per_s = arguments
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    counts = flood((host, int(port)), source, name, float(lasting_s), float(per_s))
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
