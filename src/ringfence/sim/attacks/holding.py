"""Attacks that hold what they were given: transfers that are never acknowledged, slowly, or refused again and again."""

import contextlib
import select
import socket
import time
from dataclasses import dataclass, field

from ringfence.sim.attacks.target import (
    AttackTarget,
    Fairness,
    fairness,
    heard,
    is_served,
)
from ringfence.sim.attacks.verdict import AttackVerdict, Figure, judged

HALF_OPEN = 1000
SLOW_TRANSFERS = 300
SLOW_SOURCES = 10
SLOW_ACK_EVERY_S = 0.25
SLOW_FOR_S = 4.0
REFUSED_OFFERS = 1000
_BURST = 50
_TIMEOUT_ERROR = b"\0\5\0\0"


@dataclass
class _Slow:
    """A transfer that is acknowledged, but no sooner than it must be."""

    endpoint: socket.socket
    server: tuple[str, int] | None = None
    block: bytes = b"\0\0"
    blocks: int = 0
    ended: bool = field(default=False)

    def take(self) -> None:
        while (one := heard(self.endpoint)) is not None:
            data, self.server = one
            if data[:2] == b"\0\3" and data[2:4] != self.block:
                self.block, self.blocks = data[2:4], self.blocks + 1
            elif data[:2] == b"\0\5":
                self.ended = True

    def acknowledge(self) -> None:
        if self.server is not None and not self.ended:
            with contextlib.suppress(OSError):
                self.endpoint.sendto(b"\0\4" + self.block, self.server)


def half_open(target: AttackTarget, *, count: int = HALF_OPEN) -> AttackVerdict:
    """Start many transfers from one address, acknowledge none, and measure how others are served meanwhile."""
    before = target.boots_s()
    host = target.attacker()
    endpoints = [target.socket(host) for _ in range(count)]
    try:
        for number, endpoint in enumerate(endpoints):
            endpoint.sendto(target.request(), target.server)
            if number % _BURST == 0:
                select.select(
                    [], [], [], 0.002
                )  # a queue that overflows would be the kernel's defence, not the server's
        during = target.boots_s()
        begun = sum(is_served(one[0]) for one in map(heard, endpoints) if one is not None)
    finally:
        for endpoint in endpoints:
            endpoint.close()
    return _fair(
        "half-open",
        fairness(before, during, target.boots_s),
        did=f"Started {count} transfers from {host} and acknowledged none.",
        answered=f"{begun} were started.",
        figures={"requests": count, "begun": begun},
    )


def slow_acknowledgement(
    target: AttackTarget, *, count: int = SLOW_TRANSFERS, lasting_s: float = SLOW_FOR_S
) -> AttackVerdict:
    """Acknowledge as slowly as a transfer allows, from several addresses, and see how others fare."""
    before = target.boots_s()
    hosts = [target.attacker() for _ in range(SLOW_SOURCES)]
    transfers = [_Slow(target.socket(hosts[number % len(hosts)])) for number in range(count)]
    during: list[float] = []
    try:
        for number, transfer in enumerate(transfers):
            transfer.endpoint.sendto(target.request(options=b"blksize\x008\0"), target.server)
            if number % _BURST == 0:
                select.select([], [], [], 0.002)
        until = time.monotonic() + lasting_s
        while time.monotonic() < until:
            next_at = time.monotonic() + SLOW_ACK_EVERY_S
            for transfer in transfers:
                transfer.take()
                transfer.acknowledge()
            while time.monotonic() < next_at:
                during.append(target.boot_s())
                select.select([], [], [], 0.01)
        for transfer in transfers:
            transfer.take()
    finally:
        for transfer in transfers:
            if transfer.server is not None:
                with contextlib.suppress(OSError):
                    transfer.endpoint.sendto(b"\0\5\0\0the attack is over\0", transfer.server)
            transfer.endpoint.close()
    begun = sum(transfer.server is not None for transfer in transfers)
    ended = sum(transfer.ended for transfer in transfers)
    return _fair(
        "slow-ack",
        fairness(before, during, target.boots_s),
        did=f"Held {count} transfers from {len(hosts)} addresses for {lasting_s:g} s with one ACK every "
        f"{SLOW_ACK_EVERY_S:g} s for 8 octets.",
        answered=f"{begun} were begun, {ended} ended by the server.",
        figures={"requests": count, "begun": begun, "ended_by_the_server": ended},
    )


def refused_offers(target: AttackTarget, *, count: int = REFUSED_OFFERS) -> AttackVerdict:
    """Ask for options, refuse what is offered by ERROR 8, and ask again, without end."""
    before = target.boots_s()
    during: list[float] = []
    offers = more = 0
    options = b"blksize\x001428\0tsize\x000\0timeout\x001\0windowsize\x0064\0"
    host = target.attacker()
    for number in range(count):
        with target.socket(host) as endpoint:
            endpoint.sendto(target.request(options=options), target.server)
            one = heard(endpoint, 0.02)
            if one is not None and is_served(one[0]):
                offers += 1
                endpoint.sendto(b"\0\5\0\x08no\0", one[1])
                more += heard(endpoint) is not None
        if number % (count // 20 or 1) == 0:
            during.append(target.boot_s())
    found = fairness(before, during, target.boots_s)
    return judged(
        "endless-oack",
        holds=found.holds and more == 0,
        did=f"Asked for options {count} times and refused each offer with ERROR 8.",
        answered=f"{offers} offers; {more} were answered after the refusal.",
        because=found.sentence,
        figures={"requests": count, "offers": offers, "answers_to_an_error": more, **found.figures()},
    )


def _fair(attack: str, found: Fairness, *, did: str, answered: str, figures: dict[str, Figure]) -> AttackVerdict:
    return judged(
        attack,
        holds=found.holds,
        did=did,
        answered=answered,
        because=found.sentence,
        figures={**figures, **found.figures()},
    )
