"""Nobody gets through a box or a concentrator to whom it is not open, and calls go on. All in one world."""

from collections.abc import Iterator

import pytest

from attacks.attacked_box import AttackedBox, attacked_box
from attacks.box_attacks import BOX, BoxEntry, carry_out_in, carry_out_on_box

pytestmark = [
    *(pytest.mark.needs(part) for part in ("root", "netns", "nft", "dnsmasq", "busybox", "wireguard")),
    pytest.mark.slow,
]


@pytest.fixture(scope="module")
def place() -> Iterator[AttackedBox]:
    with attacked_box() as made:
        yield made


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.name) for entry in BOX[:-1]])
def test_an_attack_on_a_box(place: AttackedBox, entry: BoxEntry) -> None:
    outcome = carry_out_in(place, entry)
    assert bool(outcome.got) is bool(entry.leaks), outcome


def test_an_attack_that_ends_a_box() -> None:
    outcome = carry_out_on_box(BOX[-1])
    assert outcome.got == [], outcome
