"""The fence as text: golden files, which nft takes as they are. ``UPDATE_GOLDENS=1`` writes them anew."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from ringfence.edge.network.fence import fence_text, header, port_of, uplink_of
from ringfence.edge.network.interfaces import Interfaces, read_interfaces
from ringfence.edge.network.plan import PortRules, read_plan
from ringfence.wire.network_messages import NetworkReach
from support.box_network import GOOD, BoxNetwork, in_namespace

FENCES = Path(__file__).parent / "fences"
PLAIN = read_interfaces("eth0", "wlan0")
RICH = replace(
    GOOD,
    phones=("001122334455", "00112233AABB"),
    reach=(
        NetworkReach("10.1.1.1", "udp", 5060, 5060),
        NetworkReach("10.1.0.0/16", "udp", 10_000, 20_000),
        NetworkReach("10.1.1.2", "tcp", 5061, 5061),
    ),
)
CASES: dict[str, tuple[Interfaces, PortRules | None]] = {
    "shut": (PLAIN, None),
    "no-subnet": (PLAIN, PortRules(1)),
    "phones": (PLAIN, RICH),
    "anybody": (read_interfaces("eth0"), replace(RICH, known_only=False)),
    "calls-first": (PLAIN, replace(RICH, uplink_kbit=2000)),
    "guests": (PLAIN, replace(RICH, guest_subnet="10.9.9.0/24")),
    "opened": (read_interfaces("eth0", "wlan0", ["22/tcp", "53/udp"]), PortRules(1, "10.9.8.0/29")),
}


@pytest.mark.parametrize("name", CASES)
def test_the_fence_is_as_it_was_read(name: str) -> None:
    interfaces, rules = CASES[name]
    text = fence_text(interfaces, None if rules is None else read_plan(rules))
    golden = FENCES / f"{name}.nft"
    if os.environ.get("UPDATE_GOLDENS"):
        golden.write_text(text)
    assert text == golden.read_text()
    assert text.startswith(header(interfaces) + "\n")
    assert (port_of(text), uplink_of(text)) == ("eth0", interfaces.uplink)


@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
def test_nftables_takes_each_of_them() -> None:
    with BoxNetwork() as network:
        for name in CASES:
            text = (FENCES / f"{name}.nft").read_text()
            for arguments in (("-c", "-f", "-"), ("-f", "-")):
                assert in_namespace(network.box, "nft", *arguments, text=text).stderr == ""


def test_a_text_of_somebody_else_names_no_port() -> None:
    assert (port_of("table inet filter {}"), uplink_of("table inet filter {}")) == ("", "")
