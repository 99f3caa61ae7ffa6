"""What hostapd and nftables are told of a gate, as text: golden files. ``UPDATE_GOLDENS=1`` writes them anew."""

import os
from pathlib import Path

import pytest

from ringfence.edge.errors import BadNetworkRules
from ringfence.edge.network.plan import PortRules, read_plan
from ringfence.edge.network.port_access.bridge import watch_text
from ringfence.edge.network.port_access.hostapd import configuration
from ringfence.secret import Secret
from support.box_network import PHONE_MAC, BoxNetwork, in_namespace

GATES = Path(__file__).parent / "gates"
CASES = {
    "hostapd.conf": configuration("eth0", 40001, Secret("0123456789abcdef"), Path("/run/ringfence-box/hostapd")),
    "watch.nft": watch_text("eth0", [PHONE_MAC, "00112233AABB"]),
    "watch-nobody.nft": watch_text("eth0", []),
}


@pytest.mark.parametrize("name", CASES)
def test_the_text_is_as_it_was_read(name: str) -> None:
    golden = GATES / name
    if os.environ.get("UPDATE_GOLDENS"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(CASES[name])
    assert CASES[name] == golden.read_text()


@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
@pytest.mark.parametrize("name", [name for name in CASES if name.endswith(".nft")])
def test_nft_takes_it(name: str) -> None:
    with BoxNetwork() as network:
        for _ in range(2):
            taken = in_namespace(network.box, "nft", "--file", "-", text=CASES[name])
            assert taken.returncode == 0, taken.stderr


@pytest.mark.parametrize(
    "rules",
    [
        PortRules(1, port_access="sometimes"),
        PortRules(1, authorities=("no certificate",)),
        PortRules(1, authorities=("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\nca_cert=/etc\n",)),
        PortRules(1, authorities=("-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----\n",) * 33),
        PortRules(1, authorities=(f"-----BEGIN CERTIFICATE-----\n{'A' * 16000}\n-----END CERTIFICATE-----\n",) * 5),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules: PortRules) -> None:
    with pytest.raises(BadNetworkRules):
        read_plan(rules)
