"""Calls between two homes and with the PBX, through boxes and a concentrator: real programs, audio in both directions.

Both homes are behind NAT, and one router breaks SIP. Whatever is lost on the way is there again by itself.
"""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import pytest

from stack import wait_for
from support.namespaces import entered
from world.homes import Home
from world.pbx import ADDRESS as PBX
from world.pbx import VOICE
from world.sip_phone import AUDIO_PORT, SIP_PORT, SipPhone
from world.tap import Tap
from world.world import BENS_NUMBER, STRANGER, World, built_world

pytestmark = [
    *(
        pytest.mark.needs(part)
        for part in ("root", "netns", "nft", "dnsmasq", "busybox", "wireguard", "kamailio", "sipp")
    ),
    pytest.mark.slow,
]
ENOUGH = 100
"""Packets of audio that are waited for: two seconds of it."""
HOMES_ADDRESSES = ("192.168.", "203.0.113.")
"""How the addresses of homes begin, inside and outside."""


@dataclass
class Line:
    """A phone that is on a call, and what passes it."""

    phone: SipPhone
    tap: Tap

    @property
    def heard(self) -> list[float]:
        """When audio came in."""
        return self.tap.audio(self.phone.address, AUDIO_PORT)


@dataclass
class Calling:
    """A world where both phones are registered."""

    world: World
    anna: SipPhone
    ben: SipPhone

    @contextmanager
    def call(self) -> Iterator[tuple[Line, Line]]:
        """Have Anna call Ben, and both speak until the end of the block."""
        with ExitStack() as stack:
            lines = []
            for phone, home in ((self.anna, self.world.anna), (self.ben, self.world.ben)):
                lines.append(Line(phone, stack.enter_context(Tap(home.phone.namespace, "eth0"))))
            stack.callback(self.ben.hang_up, self.ben.answer())
            stack.callback(self.anna.hang_up, self.anna.call(PBX, BENS_NUMBER, lasts_s=3600))
            wait_for("audio in both directions", lambda: all(len(line.heard) >= ENOUGH for line in lines))
            yield lines[0], lines[1]


@pytest.fixture(scope="module")
def calling() -> Iterator[Calling]:
    with built_world() as world:
        world.begin()
        yield Calling(world, world.phone_of(world.anna), world.phone_of(world.ben))


def silence_s(lines: tuple[Line, Line], since: float) -> float:
    """Return how long either of them heard nothing, from a time on."""
    heard = [[since, *(at for at in line.heard if at > since)] for line in lines]
    return max(after - before for times in heard for before, after in pairwise(times))


def goes_on(calling: Calling, what: str, happen: Callable[[], None]) -> None:
    """Let something happen during a call; both hear each other again afterwards, and say how long they did not."""
    with calling.call() as lines:
        since = max(line.heard[-1] for line in lines)
        happen()
        over = max(line.heard[-1] for line in lines)
        wait_for(
            f"audio after {what}",
            lambda: all(sum(at > over for at in line.heard) >= ENOUGH for line in lines),
        )
        print(f"{what}: {silence_s(lines, since):.1f} s without audio")  # noqa: T201 - for who looks
    for phone in (calling.anna, calling.ben):  # the way to the PBX may come back a moment later than that between homes
        wait_for(f"a registration after {what}", partial(phone.register, PBX))
    reached(calling, calling.world.ben, calling.ben)


def reached(calling: Calling, home: Home, phone: SipPhone) -> str:
    """Order a phone through the PBX to fetch its files; return what it got."""
    told = phone.be_told()
    calling.world.ringfence("phone", "reload", str(home.mac))
    assert told.wait(120) == 0
    return phone.heard("be-told")


def test_a_router_that_breaks_sip_does_so_outside_the_tunnel(calling: Calling) -> None:
    world = calling.world
    with entered(world.stranger.namespace):
        hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with entered(world.ben.box.namespace):
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with hearing, asking:
        hearing.settimeout(60)
        hearing.bind((STRANGER, SIP_PORT))
        asking.sendto(b"OPTIONS sip:anna SIP/2.0\r\n", (STRANGER, SIP_PORT))
        heard, (host, _port) = hearing.recvfrom(2048)
    assert host == world.ben.address
    assert not heard.startswith(b"OPTIONS")


def test_phones_of_two_homes_hear_each_other_and_the_pbx_sees_no_home(calling: Calling) -> None:
    with Tap(calling.world.pbx.machine.namespace, "lan") as at_pbx:
        with calling.call() as lines:
            assert all(len(line.heard) >= ENOUGH for line in lines)
        answering, call = calling.ben.answer(), calling.anna.call(PBX, BENS_NUMBER, lasts_s=1)
        assert (call.wait(120), answering.wait(120)) == (0, 0)  # to the last word of both
        reached(calling, calling.world.ben, calling.ben)
    hosts = {host for frame in at_pbx.frames for host in frame.hosts}
    assert {calling.anna.address, calling.ben.address, PBX} <= hosts
    assert [host for host in hosts if host.startswith(HOMES_ADDRESSES)] == []
    text = b"".join(frame.data for frame in at_pbx.frames)
    assert b"INVITE sip:202@" in text
    assert [start for start in HOMES_ADDRESSES if start.encode() in text] == []


def test_a_phone_and_the_pbx_hear_each_other(calling: Calling) -> None:
    for phone, home in ((calling.ben, calling.world.ben), (calling.anna, calling.world.anna)):
        with (
            Tap(home.phone.namespace, "eth0") as at_phone,
            Tap(calling.world.pbx.machine.namespace, "lan") as at_pbx,
            ExitStack() as stack,
        ):
            stack.callback(phone.hang_up, calling.world.pbx.take_a_call())
            stack.callback(phone.hang_up, phone.call(PBX, VOICE, lasts_s=3600))
            wait_for("the PBX's voice", lambda: len(at_phone.audio(phone.address, AUDIO_PORT)) >= ENOUGH)  # noqa: B023
            wait_for("the phone's", lambda: len(at_pbx.audio(PBX, AUDIO_PORT)) >= ENOUGH)


def test_an_order_of_the_pbx_reaches_a_phone_behind_nat(calling: Calling) -> None:
    for home, phone in ((calling.world.ben, calling.ben), (calling.world.anna, calling.anna)):
        told = reached(calling, home, phone)
        assert f"NOTIFY sip:{phone.name}@{phone.address}:{SIP_PORT}" in told
        assert "Event: service-control" in told


def test_a_call_goes_on_after_the_homes_address_changes(calling: Calling) -> None:
    for home, address in ((calling.world.anna, "203.0.113.21"), (calling.world.ben, "203.0.113.22")):
        before = home.address
        goes_on(calling, f"another address of {home.name}'s home", lambda: home.move(address))  # noqa: B023
        home.move(before)


def test_an_edit_reaches_a_phone_whose_home_has_just_got_another_address(calling: Calling) -> None:
    world, home = calling.world, calling.world.anna
    before = home.address
    told = calling.anna.be_told()
    world.ringfence("line", "set", str(home.mac), "1", "--label", "Anna B.")
    home.move("203.0.113.31")
    began = time.monotonic()
    world.ringfence("publish")
    assert told.wait(120) == 0
    held = home.boot()
    assert held is not None
    assert held.lines[0].label == "Anna B."
    print(f"an edit after another address: {time.monotonic() - began:.1f} s")  # noqa: T201 - for who looks
    home.move(before)


def test_a_call_goes_on_after_the_concentrator_is_killed(calling: Calling) -> None:
    def happen() -> None:
        calling.world.kill_concentrator()
        calling.world.start_concentrator()

    goes_on(calling, "a concentrator that was killed", happen)


def test_a_call_goes_on_after_the_concentrators_wireguard_is_killed(calling: Calling) -> None:
    def happen() -> None:
        calling.world.kill_wireguard()
        calling.world.start_concentrator()

    goes_on(calling, "a concentrator whose wireguard-go was killed", happen)


def test_a_call_goes_on_after_the_concentrators_machine_starts_again(calling: Calling) -> None:
    def happen() -> None:
        calling.world.restart_concentrators_machine()
        calling.world.start_concentrator()

    goes_on(calling, "a concentrator's machine that started again", happen)
