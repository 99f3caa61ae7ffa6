"""Phones, over the people's API."""

import pytest

from support.running_hub import RunningHub

MAC = "00:1B:54:C2:9A:{:02X}"


@pytest.mark.parametrize("notation", ["001B54C2A001", "00:1b:54:c2:a0:01", "001b.54c2.a001", "SEP001B54C2A001"])
def test_a_phone_is_found_by_any_notation_of_its_address(running: RunningHub, notation: str) -> None:
    if running.ask("GET", "/phones/001B54C2A001").status == 404:
        running.phone(running.site("Notations"), "00-1B-54-C2-A0-01")
    assert running.do("GET", f"/phones/{notation}")["mac"] == "00:1B:54:C2:A0:01"


def test_a_duplicate_mac_says_where_the_phone_stands(running: RunningHub) -> None:
    first, second = running.site("First place"), running.site("Second place")
    running.phone(first, MAC.format(2))
    answer = running.ask("POST", "/phones", {"mac": "001b.54c2.9a02", "site": second, "model": "9971"})
    assert (answer.status, answer.json["kind"]) == (409, "duplicate-mac")
    assert "First place" in answer.json["where"]


def test_a_phone_moves_between_sites(running: RunningHub) -> None:
    first, second = running.site("From"), running.site("To")
    running.phone(first, MAC.format(3))
    moved = running.do("PATCH", f"/phones/{MAC.format(3)}", {"site": second, "description": "Anna, first floor"})
    assert (moved["site"], moved["description"]) == (second, "Anna, first floor")
    assert [phone["mac"] for phone in running.do("GET", f"/phones?site={second}")["items"]] == [MAC.format(3)]
    assert running.do("GET", f"/phones?site={first}")["items"] == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"mac": "00:11:22:33:44", "model": "9971"}, "bad-mac"),
        ({"mac": "01:00:5E:00:00:01", "model": "9971"}, "bad-mac"),
        ({"mac": "00:1B:54:C2:9A:99", "model": "cisco-9917"}, "unknown-model"),
    ],
)
def test_a_phone_that_can_not_be_is_refused(running: RunningHub, body: dict[str, str], kind: str) -> None:
    site = running.site(f"Refusals of {body}"[:70])
    answer = running.ask("POST", "/phones", {**body, "site": site})
    assert answer.json["kind"] == kind
    assert answer.status in {404, 422}
