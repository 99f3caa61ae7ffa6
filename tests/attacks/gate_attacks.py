"""Attacks on a phone's port that asks for 802.1X, by whoever is plugged in there and knows all of a phone but its key.

What gets through is counted as answers that the attacker got of the box.
"""

import contextlib
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from attacks.box_attacks import BoxOutcome
from ringfence.wire.network_messages import PortAccess
from support.box_network import BoxNetwork, ip
from support.box_network import wait_until as wait
from support.gated_box import NAME, SECOND_MAC, GatedBox
from support.makers import Maker
from support.namespaces import entered

_TRIES = 5
_MANY = 2000
_PAE_GROUP = bytes.fromhex("0180C2000003")
_START = b"\x88\x8e\x02\x01\x00\x00"
"""EAPOL-Start (IEEE 802.1X-2010, 11.3)."""
_COPY = "10.9.8.3"


@dataclass(frozen=True, slots=True)
class GateEntry:
    """One attack; ``attack`` returns what got through, and what the attacker did."""

    name: str
    attack: Callable[[GatedBox], tuple[list[bytes], str]]
    leaks: str = ""
    """Why nothing can tell the attacker from the phone: it is stated. Empty: nothing may get through."""
    slows: str = ""
    """Whom it slows down, which the table tells; nobody here."""


@contextlib.contextmanager
def gated_box() -> Iterator[GatedBox]:
    """Give a box whose port requires 802.1X, with the phone's end plugged in and silent."""
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        network = stack.enter_context(BoxNetwork())
        run_folder = place / "run"
        run_folder.mkdir(mode=0o755)
        place.chmod(0o755)
        made = GatedBox(network, run_folder, place, Maker("Cisco Systems"))
        stack.callback(made.stop)
        made.plug()
        made.rule(PortAccess.REQUIRE)
        yield made


def carry_out_at_gate(entry: GateEntry) -> BoxOutcome:
    """Attack a box of its own; then its phone must get in all the same."""
    with gated_box() as place:
        return carry_out_behind(place, entry)


def carry_out_behind(place: GatedBox, entry: GateEntry) -> BoxOutcome:
    """Attack a box that is there; then its phone must get in all the same."""
    got, did = entry.attack(place)
    place.plug()
    with place.phone() as phone:
        wait(place.is_in, "the phone does not get in any more")
        wait(place.passes, "nothing of the phone passes")
        phone.ask("logoff")
        wait(lambda: not place.entries() and not place.inside(), "the phone that logs off is still in")
    return BoxOutcome(entry.name, got, did)


def _answers(place: GatedBox, device: str = "eth0") -> list[bytes]:
    return [b"an answer" for _ in range(_TRIES) if place.passes(device)]


def has_the_phones_address_alone(place: GatedBox) -> tuple[list[bytes], str]:
    """Send as the phone, by its MAC address and its IP address, and ask for an address."""
    told = place.network.ask_for_address(place.place, tries=2)
    place.plug()
    return [*_answers(place), *([str(told).encode()] if told else [])], f"{_TRIES} packets, and asked for an address"


def has_a_certificate_of_its_own_making(place: GatedBox) -> tuple[list[bytes], str]:
    """Show a certificate in the phone's name, by a CA that calls itself the maker's."""
    with place.phone(maker=Maker("Cisco Systems")):
        place.wait_for_refusal("not among the site's")
        return _answers(place), f"{_TRIES} packets with a forged certificate"


def has_another_phones_certificate(place: GatedBox) -> tuple[list[bytes], str]:
    """Show the certificate of another phone of the site, taken out of that."""
    with place.phone(NAME[:-12] + SECOND_MAC):
        place.wait_for_refusal("another phone")
        return _answers(place), f"{_TRIES} packets with another phone's certificate"


def has_an_expired_certificate(place: GatedBox) -> tuple[list[bytes], str]:
    """Show the phone's own certificate, of a phone that was thrown away: it has expired."""
    with place.phone(is_expired=True):
        place.wait_for_refusal("expired")
        return _answers(place), f"{_TRIES} packets with an expired certificate"


def begins_for_many(place: GatedBox) -> tuple[list[bytes], str]:
    """Begin with 802.1X in the names of many machines, and end none of it."""
    with entered(place.network.phone), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind(("eth0", 0))
        for number in range(_MANY):
            mac = b"\x02\x98" + number.to_bytes(4)
            with contextlib.suppress(OSError):  # the wire is full for a moment
                wire.send(_PAE_GROUP + mac + _START + os.urandom(40))
    return _answers(place), f"{_MANY} machines began"


def copies_a_phone_that_is_in(place: GatedBox) -> tuple[list[bytes], str]:
    """Send with the address of a phone that has shown its key, from the same wire."""
    with place.phone():
        wait(place.is_in, "not let in")
        ip("-n", place.network.phone, "address", "add", f"{_COPY}/29", "dev", "eth0")  # as the box sees a copy
        wait(lambda: place.passes(_COPY), "nothing passes")
        got = _answers(place, _COPY)
    return got, f"{_TRIES} packets in the address of a phone that is in"


def outlives_the_phone(place: GatedBox) -> tuple[list[bytes], str]:
    """Go on with the address of a phone that has shown its key, once that was unplugged."""
    with place.phone():
        wait(place.is_in, "not let in")
        ip("-n", place.network.phone, "link", "set", "eth0", "down")
        wait(lambda: not place.inside(), "the kernel lets it in")
    place.plug()
    return _answers(place), f"{_TRIES} packets in the address of a phone that was unplugged"


GATE: tuple[GateEntry, ...] = (
    GateEntry("the phone's MAC address, and no key", has_the_phones_address_alone),
    GateEntry("… and a certificate by a CA of the maker's name", has_a_certificate_of_its_own_making),
    GateEntry("… and the certificate of another phone of the site", has_another_phones_certificate),
    GateEntry("… and a certificate that has expired", has_an_expired_certificate),
    GateEntry("2,000 machines that begin and don't go on", begins_for_many),
    GateEntry("a copy of a phone that was in, and is unplugged", outlives_the_phone),
    GateEntry(
        "a copy of a phone that is in, on its own wire", copies_a_phone_that_is_in,
        leaks="frames bear no key, so whoever is on the phone's wire passes while it does",
    ),
)  # fmt: skip
"""What is plugged in, in the words of who looks at the port."""
