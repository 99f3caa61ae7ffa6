"""``ringfence guard waiting`` and ``accept``."""

from pathlib import Path

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_a_phone_that_waits_is_let_in(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str, tmp_path: Path
) -> None:
    ringfence("guard", "policy", site, "--first-contact", "hold")
    hub.phone(site, new_mac)
    edge = ReportingEdge(hub, site, tmp_path / "edge")
    bare = new_mac.replace(":", "")
    edge.asks("file-held-back", bare, "new-phone")
    (row,) = ringfence.ask("guard", "waiting", "--site", site)
    assert row["subject"] == bare
    assert new_mac in ringfence("guard", "waiting", "--site", site)
    assert ringfence.ask("guard", "accept", new_mac)["mac"] == new_mac
    assert edge.rules().never_admitted == ()
    assert ringfence.ask("guard", "waiting", "--site", site) == []


def test_a_phone_takes_anothers_place(ringfence: CommandLine, phone: PhoneThere) -> None:
    new_mac = "00:1B:54:CE:00:01"
    ringfence("phone", "change", phone.mac, "--description", f"Desk {phone.bare}")
    assert new_mac in ringfence("guard", "accept", new_mac, "--as", f"Desk {phone.bare}")
    assert ringfence.ask("line", "list", new_mac)[0]["name"] == "201"
    ringfence.refused(4, "phone", "show", phone.mac)
    ringfence.refused(3, "guard", "accept", phone.mac)
