"""``ringfence phone``."""

import pytest

from cli.conftest import PhoneThere
from support.asterisk_manager import running_manager
from support.command_line import CommandLine
from support.running_hub import RunningHub


def test_a_phone_is_added_shown_changed_and_removed(
    ringfence: CommandLine, hub: RunningHub, site: str, new_mac: str
) -> None:
    made = ringfence.ask("phone", "add", new_mac, "--site", site, "--model", "9971", "--description", "Anna's")
    assert (made["mac"], made["site"], made["model"]) == (new_mac, site, "9971")
    assert [row["mac"] for row in ringfence.ask("phone", "list", "--site", site)] == [new_mac]
    assert "Anna's" in ringfence("phone", "list", "--site", site)
    elsewhere = hub.site("Elsewhere")
    ringfence("phone", "change", new_mac, "--site", elsewhere, "--description", "Ben's", "--model", "8941")
    shown = ringfence.ask("phone", "show", new_mac)
    assert (shown["site"], shown["description"], shown["model"]) == (elsewhere, "Ben's", "8941")
    assert "sip.example.org" in ringfence("phone", "show", new_mac)
    ringfence("phone", "remove", "--yes", new_mac)
    ringfence.refused(4, "phone", "show", new_mac)
    assert new_mac in ringfence("phone", "add", new_mac, "--site", site, "--model", "9971")


def test_what_a_phone_can_not_be_is_refused(ringfence: CommandLine, phone: PhoneThere, site: str) -> None:
    ringfence.refused(5, "phone", "add", phone.mac, "--site", site, "--model", "9971")
    ringfence.refused(3, "phone", "add", "00:11", "--site", site, "--model", "9971")
    ringfence.refused(4, "phone", "add", "00:1B:54:FF:00:01", "--site", "nowhere", "--model", "9971")
    ringfence.refused(4, "phone", "add", "00:1B:54:FF:00:01", "--site", site, "--model", "1234")
    assert ringfence.run("phone", "add", "00:1B:54:FF:00:01", "--site", site).status == 2
    for words in (("show",), ("change",), ("status",), ("reload",), ("explain",), ("remove", "--yes")):
        ringfence.refused(4, "phone", *words, "00:1B:54:FF:00:01")
        ringfence.refused(3, "phone", *words, "no-address")
    ringfence.refused(4, "phone", "change", phone.mac, "--group", "no-group")


def test_models_are_listed(ringfence: CommandLine) -> None:
    rows = ringfence.ask("phone", "models", "--family", "cisco-79xx")
    assert {"7942", "7965"} <= {row["name"] for row in rows}
    assert {row["family"] for row in rows} == {"cisco-79xx"}
    assert "SPA504G" in ringfence("phone", "models")


def test_what_phones_do_is_told_in_words(ringfence: CommandLine, phone: PhoneThere) -> None:
    (row,) = ringfence.ask("phone", "status", "--site", phone.site)
    assert (row["mac"], bool(row["sentences"])) == (phone.mac, True)
    assert ringfence.ask("phone", "status", phone.mac) == [row]
    assert row["sentences"][0]["text"] in ringfence("phone", "status", phone.mac)
    assert ringfence("phone", "status", "--site", ringfence.ask("site", "add", "Empty")["id"])


def test_an_order_to_reload_needs_a_pbx(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert "PBX" in ringfence.refused(4, "phone", "reload", phone.mac)
    assert ringfence.run("phone", "reload", phone.mac, "--action", "explode").status == 2


def test_why_a_value_holds(ringfence: CommandLine, phone: PhoneThere) -> None:
    ringfence("set", "phone", phone.mac, "time_zone=Europe/Berlin")
    (row,) = ringfence.ask("phone", "explain", phone.mac, "time_zone")
    assert row["given"][-1]["value"] == "Europe/Berlin"
    assert "Europe/Berlin" in ringfence("phone", "explain", phone.mac, "time_zone")
    assert "time_zone" in ringfence("phone", "explain", phone.mac)
    ringfence.refused(4, "phone", "explain", phone.mac, "no_such_setting")


def test_phones_are_searched_limited_and_counted_by_state(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere
) -> None:
    hub.do("PATCH", f"/phones/{phone.mac}", {"description": "The quiet corner"})
    (found,) = ringfence.ask("phone", "list", "--search", "quiet corner")
    assert found["mac"] == phone.mac
    assert ringfence("phone", "list", "--search", "no such corner") == "No phone fits.\n"
    assert len(ringfence.ask("phone", "list", "--limit", "1")) == 1
    summary = ringfence.ask("phone", "status", "--summary", "--site", phone.site)
    assert summary == [{"urgency": "news", "state": "never-seen", "phones": 1}]
    assert "never-seen" in ringfence("phone", "status", "--summary", "--site", phone.site)
    assert ringfence("phone", "status", "--problems", "--site", phone.site) == "Nothing is wrong with any phone.\n"
    ringfence("guard", "block", phone.mac)
    assert "blocked" in ringfence("phone", "list", "--search", "quiet corner")
    assert "blocked" in ringfence("site", "show", phone.site)
    assert "It is blocked" in ringfence("phone", "status", "--problems", "--site", phone.site)
    assert ringfence.ask("phone", "show", phone.mac)["blocked"] is True


def test_what_is_in_the_file_is_told_apart_from_what_would_be(ringfence: CommandLine, phone: PhoneThere) -> None:
    ringfence("set", "phone", phone.mac, "sip_listen_port=5070")
    assert "a publish writes '5070'" in ringfence("phone", "explain", phone.mac, "sip_listen_port")
    ringfence("publish", phone.site)
    assert "voipControlPort is '5070'." in ringfence("phone", "explain", phone.mac, "sip_listen_port")
    ringfence("set", "phone", phone.mac, "sip_listen_port=5080")
    said = ringfence("phone", "explain", phone.mac, "sip_listen_port")
    assert "In the phone's published file: voipControlPort is '5070'; the next publish writes '5080'." in said
    (row,) = ringfence.ask("phone", "explain", phone.mac, "sip_listen_port")
    assert (row["in_file"], row["written"]) == ("5070", "5080")


def test_what_protects_calls_is_told_in_sentences(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert "The phone encrypts neither SIP nor voice." in ringfence("phone", "explain", phone.mac)
    assert "The phone encrypts neither SIP nor voice." in ringfence("phone", "explain", phone.mac, "protect_calls")
    assert "encrypts" not in ringfence("phone", "explain", phone.mac, "time_zone")
    said = ringfence.refused(3, "set", "phone", phone.mac, "protect_calls=tls")
    assert "with a trust list only" in said


def test_phones_without_an_edge_are_listed_with_whether_they_were_told(
    ringfence: CommandLine, hub: RunningHub, phone: PhoneThere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub.hub.config, "pbx_networks", ("127.0.0.0/8",))
    ringfence("line", "set", phone.mac, "1", "--name", "201", stdin="s3cret\n")
    ringfence("set", "phone", phone.mac, "sip_server=orders.example.org")
    ringfence("publish", phone.site)
    with running_manager() as pbx:
        ringfence("pbx", "add", "orders", "--kind", "asterisk", "--url", f"ami://127.0.0.1:{pbx.port}",
                  "--realm", "asterisk", "--sip-server", "orders.example.org")  # fmt: skip
        ringfence("set", "phone", phone.mac, "sip_listen_port=5070")
        ringfence("publish", phone.site)
        (row,) = ringfence.ask("phone", "orders", "--site", phone.site)
        assert (row["mac"], row["site"], row["release"]) == (phone.mac, phone.site, 2)
        assert phone.mac in ringfence("phone", "orders", "--waiting")
        ringfence("pbx", "remove", "--yes", "orders")
