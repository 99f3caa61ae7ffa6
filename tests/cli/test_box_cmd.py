"""``ringfence box``."""

from pathlib import Path

from ringfence.wire.network_messages import BoxFinding, BoxTunnel, PortEntry
from support.boxes_in_hand import BoxInHand, key
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_box_is_listed_shown_and_renumbered(
    hub: RunningHub, ringfence: CommandLine, site: str, tmp_path: Path
) -> None:
    assert "No boxes yet" in ringfence("box", "list", "--site", site)
    box = BoxInHand(hub, site, tmp_path / "edge")
    ringfence.refused(4, "box", "show", box.id)
    subnet = box.told(
        public_key=key("cli"), uplink_networks=("192.168.7.0/24",), links={"eth0": True, "wlan0": False},
        devices=("001B54C2F301",), findings=(BoxFinding("unknown-device", "A computer."),),
        tunnels=(BoxTunnel("concentrator-1", hub.clock(), 1, 1, is_used=True), BoxTunnel("concentrator-2")),
        entries=(PortEntry("001B54C2F301", "key", hub.clock(), "CP-9971-SEP001B54C2F301"),
                 PortEntry("001B54C2F302", "without-key", hub.clock())),
    ).subnet  # fmt: skip
    listed = ringfence("box", "list", "--site", site)
    assert subnet in listed
    assert "unknown-device" in listed
    shown = ringfence("box", "show", box.id)
    for text in (
        f"Subnet         {subnet}, since ", "Its networks   192.168.7.0/24\n", "eth0 up, wlan0 down\n",
        "Devices        00:1B:54:C2:F3:01\n", "in use\n", "to concentrator-2: last handshake never\n",
        "Let in         00:1B:54:C2:F3:01 by 802.1X, certificate CP-9971-SEP001B54C2F301, since ",
        "Let in         00:1B:54:C2:F3:02 without 802.1X, since ", "Found          A computer.\n",
        "while the newest are",
    ):  # fmt: skip
        assert text in shown
    assert f"box {box.id}, subnet {subnet}, 1 device\n" in ringfence("site", "show", site)
    assert ringfence.ask("site", "show", site)["box_list"][0]["subnet"] == subnet
    told = ringfence("box", "rotate-key", box.id)
    assert told == f"Box {box.id} changes its tunnel's key: ringfence box show {box.id}.\n"
    assert "; it is about to change\n" in ringfence("box", "show", box.id)
    ringfence.refused(3, "box", "renumber", box.id)
    ringfence.refused(3, "box", "renumber", box.id, "--yes", "--to", "10.0.0.0/29")
    named = ringfence("box", "renumber", box.id, "--yes", "--to", "100.127.254.8/29")
    assert named == f"Box {box.id} has 100.127.254.8/29 now.\n"
    told = ringfence("box", "renumber", box.id, "--yes")
    assert told.startswith(f"Box {box.id} has ")
    assert ringfence.ask("box", "show", box.id)["subnet"] != subnet
