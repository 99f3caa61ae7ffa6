"""A concentrator's fence: what nftables makes of it, what a change leaves, and what real packets find."""

import json
import subprocess
from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.edge.concentrator.fence import TABLE, FencedBox, change_text, whole_text
from ringfence.edge.network import programs
from ringfence.edge.network.plan import Reach
from ringfence.wire.network_messages import Protocol
from support.namespaces import Wire, entered

pytestmark = [pytest.mark.needs("netns"), pytest.mark.needs("nft")]
PBX = IPv4Network("172.16.5.10/32")
SIP, RTP = Reach(PBX, Protocol.UDP, 5060, 5060), Reach(PBX, Protocol.UDP, 10000, 20000)
WIDE = Reach(IPv4Network("10.0.0.0/8"), Protocol.TCP, 5061, 5061)
SUBNETS = [
    *(IPv4Network((0x0A00_0000 + 8 * number, 29)) for number in range(5)),
    *(IPv4Network((0x0A01_0000 + 16 * number, 28)) for number in range(2)),
]
BOXES = st.dictionaries(
    st.sampled_from(SUBNETS),
    st.tuples(
        st.lists(st.sampled_from([SIP, RTP, WIDE, Reach(PBX, Protocol.TCP, 1, 65535)]), max_size=3),
        st.lists(st.sampled_from(SUBNETS), max_size=2),
    ),
    max_size=5,
).map(
    lambda told: {
        subnet: FencedBox(subnet, tuple(reach), tuple(other for other in direct if other != subnet))
        for subnet, (reach, direct) in told.items()
    }
)
Boxes = Mapping[IPv4Network, FencedBox]


def apply(text: str) -> None:
    nft = programs.find("nft")
    programs.run(nft, "--check", "--file", "-", text=text)
    programs.run(nft, "--file", "-", text=text)


def listed() -> list[str]:
    """The table as nftables has it, without what numbers it."""
    shown = subprocess.run(["nft", "--json", "list", "table", "inet", TABLE], capture_output=True, check=True)
    return sorted(json.dumps(_plain(part), sort_keys=True) for part in json.loads(shown.stdout)["nftables"][1:])


def _plain(part: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(part, dict):
        return {name: _plain(value) for name, value in part.items() if name != "handle"}
    if isinstance(part, list):
        plain = [_plain(each) for each in part]
        return sorted(plain, key=repr) if all(isinstance(each, list) for each in plain) else plain
    return part


@settings(max_examples=20)
@given(st.lists(BOXES, min_size=1, max_size=3))
def test_changes_lead_to_the_same_fence_as_a_new_one(steps: list[Boxes]) -> None:
    with Wire(["192.0.2.1/24"], ["192.0.2.2/24"]) as wire, entered(wire.server):
        before: Boxes = {}
        apply(whole_text("rf-tunnel", ()))
        for after in steps:
            if text := change_text("rf-tunnel", before, after):
                apply(text)
            before = after
        changed = listed()
        apply(whole_text("rf-tunnel", before.values()))
        assert listed() == changed


def test_no_change_is_no_text() -> None:
    boxes = {SUBNETS[0]: FencedBox(SUBNETS[0], (SIP,))}
    assert change_text("rf-tunnel", boxes, boxes) == ""


def test_a_change_of_one_box_is_as_long_with_a_thousand_as_with_ten() -> None:
    def fleet(count: int) -> dict[IPv4Network, FencedBox]:
        subnets = [IPv4Network((0x0A10_0000 + 8 * number, 29)) for number in range(count)]
        return {subnet: FencedBox(subnet, (SIP, RTP)) for subnet in subnets}

    def changed(count: int) -> str:
        before = fleet(count)
        after = {**before, SUBNETS[0]: FencedBox(SUBNETS[0], (SIP, RTP))}
        return change_text("rf-tunnel", before, after)

    assert changed(1000) == changed(10)


def test_boxes_with_the_same_rules_share_a_chain() -> None:
    text = whole_text("rf-tunnel", [FencedBox(subnet, (SIP, RTP)) for subnet in SUBNETS])
    assert text.count("chain from_") == 1
