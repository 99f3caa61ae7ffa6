"""``ringfence edge network``, and the options of ``ringfence edge run`` for a phone box."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.edge.network.clearing import clear
from ringfence.edge.network.handle import NetworkHelper
from ringfence.edge.network.messages import PortStanding, TakePortRules
from support.box_network import GOOD, PORT, UPLINK, BoxNetwork, in_namespace, ip
from support.command_line import CommandLine
from support.namespaces import entered


@pytest.fixture
def network() -> Iterator[BoxNetwork]:
    with BoxNetwork() as made:
        yield made


@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
@pytest.mark.needs("dnsmasq")
def test_the_fence_is_taken_away_by_root_alone_and_while_no_edge_runs(
    ringfence: CommandLine, network: BoxNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    words = ("edge", "network", "clear", "--folder", str(folder), "--yes")
    with entered(network.box):
        said = ringfence("edge", "network", "clear", "--folder", str(folder), "--yes")
        assert "There was no fence." in said
        helper = NetworkHelper(network.interfaces(), folder)
        try:
            helper.prepare()
            helper.order(TakePortRules(GOOD))
            while not isinstance(heard := helper.hear(), PortStanding) or heard.in_force != GOOD.version:
                pass
            assert "another edge on this machine keeps" in ringfence.refused(7, *words)
            assert network.fence()
        finally:
            helper.close()
        assert network.fence(), "it outlives the edge"
        with monkeypatch.context() as patched:
            patched.setattr("ringfence.edge.network.clearing.os.geteuid", lambda: 1000)
            assert "as root" in ringfence.refused(7, *words)
        assert json.loads(ringfence(*words, "--json")) == {"cleared": True, "port": PORT}
        assert network.fence() == ""
        assert "state DOWN" in ip("-n", network.box, "link", "show", PORT)
        assert Path(f"/proc/sys/net/ipv4/conf/{PORT}/forwarding").read_text() == "0\n"
        in_namespace(network.box, "nft", "add", "table", "inet", "ringfence_box")
        cleared = clear(folder)
        assert (cleared.had_fence, cleared.port) == (True, "")


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--phone-port", "eth0", "--uplink", "eth0"), "can't be the uplink"),
        (("--phone-port", "lo"), "can't be a box's interface"),
        (("--phone-port", "eth0", "--open", "22"), "not a port to open"),
        (("--uplink", "wlan0"), "need --phone-port"),
        (("--open", "22/tcp"), "need --phone-port"),
    ],
)
def test_what_no_box_can_be_started_with_is_said_at_once(
    ringfence: CommandLine, tmp_path: Path, options: tuple[str, ...], why: str
) -> None:
    assert why in ringfence.refused(3, "edge", "run", "--folder", str(tmp_path), *options)


@pytest.mark.needs("netns")
@pytest.mark.needs("nft")
@pytest.mark.needs("dnsmasq")
@pytest.mark.slow
def test_a_box_needs_its_interfaces_and_what_it_lacks_is_said_by_the_process(
    ringfence: CommandLine, network: BoxNetwork, tmp_path: Path
) -> None:
    with entered(network.box):
        for phone, why in (("eth7", "no such interface"), (UPLINK, "way to the internet")):
            with ringfence.started("edge", "run", "--folder", str(tmp_path), "--phone-port", phone) as process:
                said, _ = process.communicate(timeout=60)
            assert process.returncode in {3, 7}
            assert why in said
            assert said.count("\n") == 1
