"""``ringfence guard``'s orders."""

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


def test_a_phone_is_shut_out_and_let_in_again(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, tmp_path: Path
) -> None:
    edge = ReportingEdge(hub, phone.site, tmp_path / "edge")
    ringfence("guard", "block", phone.mac)
    assert edge.rules().blocked == (phone.bare,)
    ringfence.refused(3, "guard", "open", phone.mac)
    ringfence("guard", "unban", phone.mac)
    assert edge.rules().blocked == ()
    ringfence.refused(4, "guard", "unban", phone.mac)


def test_a_window_is_opened_and_closed(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, tmp_path: Path
) -> None:
    edge = ReportingEdge(hub, phone.site, tmp_path / "edge")
    window = ringfence.ask("guard", "open", phone.mac, "--for", "10m")
    assert (window["mac"], window["site"]) == (phone.mac, phone.site)
    assert len(edge.rules().windows) == 1
    ringfence("guard", "close", phone.mac)
    assert edge.rules().windows == ()
    assert phone.site in ringfence("guard", "open", phone.mac)
    ringfence.refused(3, "guard", "open", phone.mac, "--for", "soon")
    ringfence.refused(4, "guard", "open", "00:1B:54:FF:00:11")
    ringfence.refused(4, "guard", "close", "00:1B:54:FF:00:11")


def test_an_address_is_banned_and_let_in_again(ringfence: CommandLine, site: str) -> None:
    made = ringfence.ask("guard", "ban", "192.0.2.66", "--why", "guesses", "--for", "7d", "--site", site)
    assert (made["address"], made["site"]) == ("192.0.2.66", site)
    assert "192.0.2.66" in {row["address"] for row in ringfence.ask("guard", "bans")}
    assert "guesses" in ringfence("guard", "bans")
    ringfence("guard", "unban", "192.0.2.66")
    assert ringfence.ask("guard", "bans") == []
    ringfence.refused(4, "guard", "unban", "192.0.2.66")
    ringfence.refused(3, "guard", "ban", "everybody", "--why", "tired")
    ringfence.refused(3, "guard", "ban", "192.0.2.66", "--why", "x", "--for", "7w")
    assert ringfence.run("guard", "ban", "192.0.2.66").status == 2


def test_an_edge_may_stand_where_it_is(ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path) -> None:
    edge = ReportingEdge(hub, site, tmp_path / "edge").hand.response.edge_id
    assert "networks" in ringfence.ask("guard", "accept-edge", edge)
    assert edge in ringfence("guard", "accept-edge", edge)
    ringfence.refused(4, "guard", "accept-edge", "nobodys")
