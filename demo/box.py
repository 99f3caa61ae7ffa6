"""``make box``: tells the story of a phone box, from the phone's power-on to a call, and of a box that is revoked.

Two homes behind NAT, a hub, a concentrator and a PBX are made of network namespaces, which needs root. Every step is a
real command or a real packet. If a result is not what its step says, the story ends with status 1.
"""

import sys
import time
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

if __name__ == "__main__":
    sys.path.append(str(Path(__file__).parent.parent / "tests"))

from ringfence.errors import EnvironmentFault
from stack import StoryBroken, wait_for
from story import Story, must
from world.homes import ROUTER, Home
from world.machines import ip
from world.pbx import ADDRESS as PBX
from world.pbx import VOICE
from world.sip_phone import AUDIO_PORT, SipPhone
from world.tap import Tap
from world.world import ANNAS_NUMBER, BENS_NUMBER, World, built_world, missing

_ENOUGH = 50
"""Packets of audio: a second of it."""
_QUIET_S = 1.0


def set_up(story: Story, world: World) -> None:
    """Have a hub, a PBX with its concentrator, and a box in each home."""
    with story.step("A hub is created and started."):
        world.start_hub()
    with story.step(
        "Each home gets a site with a Cisco 9971. Its phone may reach the PBX, and the other phone's audio."
    ):
        world.ringfence("set", "organisation", f"sip_server={PBX}", "time_zone=Europe/Berlin")
        world.make_site(world.anna, ANNAS_NUMBER)
        world.make_site(world.ben, BENS_NUMBER)
        world.allow_direct_media()
        world.ringfence("publish")
    with story.step("The PBX, a Kamailio, starts with the accounts that the hub exports."):
        world.start_pbx()
    with story.step("A concentrator beside the PBX enrols with a one-time token, and waits for boxes."):
        world.enrol_concentrator()
        world.start_concentrator()
    with story.step("A box in each home enrols with a one-time token and fences its phone's port."):
        for home in world.homes:
            world.enrol(home)
            home.start_box()


def plug_in(story: Story, home: Home) -> SipPhone:
    """Power a phone on."""
    with story.step(f"{home.name}'s phone is powered on and gets an address from its box."):
        home.power_on()
    story.note(f"{home.phones_address}, and {home.server} for its files; the home's router knows nothing of it")
    with story.step("It loads its configuration from the box over TFTP."):
        held = wait_for(f"{home.name}'s file", home.boot)
    with story.step("It registers at the PBX, through the tunnel."):
        phone = home.sip(held)
        wait_for("its registration", lambda: phone.register(PBX))
    return phone


def try_a_computer(story: Story, home: Home) -> None:
    """Plug a computer into the phone's PC port."""
    with story.step(
        f"A computer at the PC port of {home.name}'s phone asks for an address, takes one, and calls around."
    ):
        must(not home.ask_for_address(home.computer, tries=2), "the computer got an address")
        namespace = home.computer.namespace
        ip("-n", namespace, "address", "add", f"{IPv4Address(home.server) + 2}/29", "dev", "eth0")
        ip("-n", namespace, "route", "replace", "default", "via", home.server)
        for host in (home.server, PBX, ROUTER):
            answered = home.computer.run("busybox", "ping", "-c", "1", "-W", "1", host)
            must("100% packet loss" in answered.stdout, f"the computer reaches {host}: {answered.stderr}")
    story.note("nothing answers: not the box, not the PBX, not the home's router")


def call(story: Story, world: World, anna: SipPhone, ben: SipPhone) -> None:
    """Have Anna call Ben, and her home move meanwhile."""
    with Tap(world.anna.phone.namespace, "eth0") as at_anna, Tap(world.ben.phone.namespace, "eth0") as at_ben:
        lines = ((at_anna, anna), (at_ben, ben))

        def heard(since: float = 0.0) -> bool:
            return all(sum(at > since for at in tap.audio(of.address, AUDIO_PORT)) >= _ENOUGH for tap, of in lines)

        with story.step("Anna calls Ben, whose router breaks SIP. Both hear each other."):
            answering, calling = ben.answer(), anna.call(PBX, BENS_NUMBER, lasts_s=600)
            wait_for("audio in both directions", heard)
        with story.step("Her home gets another address, and its router forgets every connection. They go on talking."):
            world.anna.move("203.0.113.21")
            moved = time.monotonic()
            wait_for("audio afterwards", lambda: heard(moved))
        times = [at for at in at_ben.audio(ben.address, AUDIO_PORT) if at > moved - 1]
        gap_s = max(after - before for before, after in pairwise(times))
        story.note(f"the longest time without a packet for Ben: {gap_s:.2f} s")
        anna.hang_up(calling)
        ben.hang_up(answering)


def edit(story: Story, world: World, phone: SipPhone) -> None:
    """Change the label of Anna's line."""
    told = phone.be_told()
    with story.step("The label of Anna's line is changed at the hub. The box tells the phone, which has it."):
        world.ringfence("line", "set", str(world.anna.mac), "1", "--label", "Anna B.")
        published = time.monotonic()
        world.ringfence("publish", "--comment", "Anna married")
        must(told.wait(60) == 0, "the phone was told nothing")
        held = world.anna.boot()
        must(held is not None and held.lines[0].label == "Anna B.", f"the phone shows {held}")
    story.note(f"{time.monotonic() - published:.2f} s after the operator pressed Enter")


def revoke(story: Story, world: World, phone: SipPhone) -> None:
    """Revoke Anna's box while her phone calls."""
    edge = world.edge_of(world.anna)
    with Tap(world.pbx.machine.namespace, "lan") as at_pbx:
        answering, calling = world.pbx.take_a_call(), phone.call(PBX, VOICE, lasts_s=600)
        wait_for("the phone's voice at the PBX", lambda: len(at_pbx.audio(PBX, AUDIO_PORT)) >= _ENOUGH)
        with story.step(
            "Anna's box is stolen. It is revoked in the middle of a call, and the PBX hears no more of it."
        ):
            with world.people() as api:
                ordered = time.monotonic()
                api.post(f"/edges/{edge}/revoke", {"wipe": False, "keeps_serving": False})
            wait_for("quiet", lambda: time.monotonic() - at_pbx.audio(PBX, AUDIO_PORT)[-1] > _QUIET_S)
        last = at_pbx.audio(PBX, AUDIO_PORT)[-1]
        story.note(f"the last packet came {max(0.0, last - ordered):.2f} s after the order")
        phone.hang_up(calling)
        phone.hang_up(answering)


def tell(story: Story, world: World) -> None:
    """Tell the story."""
    set_up(story, world)
    anna = plug_in(story, world.anna)
    try_a_computer(story, world.anna)
    ben = plug_in(story, world.ben)
    edit(story, world, anna)
    call(story, world, anna, ben)
    revoke(story, world, anna)


def main() -> int:
    """Tell the story."""
    if lacks := missing():
        sys.stderr.write(f"The story of a phone box needs more: {lacks}.\n")
        return EnvironmentFault.exit_code
    try:
        with built_world() as world:
            tell(Story(), world)
    except StoryBroken as broken:
        sys.stderr.write(f"The story failed: {broken}\n")
        return 1
    print("Every step worked as described.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
