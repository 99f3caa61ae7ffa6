"""The nod: how a phone is let in."""

from pathlib import Path

from support.reporting_edge import ReportingEdge, alerts
from support.running_hub import RunningHub

MAC = "00:1B:54:C2:B2:{:02X}"


def bare(number: int) -> str:
    return MAC.format(number).replace(":", "")


def test_a_known_phone_is_let_in_by_a_nod(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Nod")
    running.phone(site, MAC.format(1))
    running.do("PATCH", f"/sites/{site}/guard", {"first_contact": "hold"})
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.asks("file-held-back", bare(1), "new-phone")
    assert edge.rules().never_admitted == (bare(1),)
    running.do("POST", f"/phones/{bare(1)}/accept", {})
    assert running.newest_action() == ("guard.accept", MAC.format(1))
    assert edge.rules().never_admitted == ()
    assert alerts(running, site) == []
    assert running.ask("POST", f"/phones/{bare(1)}/accept", {"model": "9971"}).json["kind"] == "bad-selection"


def test_a_new_phone_takes_the_place_of_another_with_all_that_it_had(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Replace")
    group = running.do("POST", "/groups", {"name": "Front desk"})["id"]
    running.phone(site, MAC.format(2), label="Reception desk")
    running.do("PATCH", f"/phones/{bare(2)}", {"description": "Reception", "group": group})
    running.do("PUT", f"/settings/phones/{bare(2)}/ssh_password", {"value": "hunter2hunter2"})
    reveal = "/phones/{}/lines/1/password/reveal"
    password = running.do("POST", reveal.format(bare(2)))["password"]
    edge = ReportingEdge(running, site, tmp_path / "edge")
    edge.asks("file-refused", bare(3), "unknown-phone")
    phone = running.do("POST", f"/phones/{bare(3)}/accept", {"instead_of": "reception"})
    assert (phone["site"], phone["group"], phone["description"]) == (site, group, "Reception")
    assert [line["label"] for line in phone["lines"]] == ["Reception desk"]
    assert running.do("POST", reveal.format(bare(3)))["password"] == password
    assert running.do("GET", f"/settings/phones/{bare(3)}/ssh_password")["secret"] is True
    assert running.ask("GET", f"/phones/{bare(2)}").json["kind"] == "unknown-phone"
    assert alerts(running, site) == []
    published = running.publish(sites=[site])
    names = {file["name"] for file in published["sites"][0]["files"]}
    assert f"SEP{bare(3)}.cnf.xml" in names
    assert f"SEP{bare(2)}.cnf.xml" not in names


def test_a_nod_that_says_too_little_says_what_is_missing(running: RunningHub) -> None:
    site = running.site("Too little")
    for number in (4, 5):
        running.phone(site, MAC.format(number))
        running.do("PATCH", f"/phones/{bare(number)}", {"description": "Twin"})
    accept = f"/phones/{bare(6)}/accept"
    assert "--as" in running.ask("POST", accept, {}).json["to_do"]
    both = running.ask("POST", accept, {"instead_of": "twin"})
    assert (both.status, MAC.format(4) in both.json["to_do"]) == (422, True)
    assert running.ask("POST", accept, {"instead_of": "nobody"}).json["kind"] == "bad-selection"
    assert running.ask("POST", accept, {"instead_of": MAC.format(99)}).json["kind"] == "unknown-phone"
    assert running.ask("GET", f"/phones/{bare(6)}").status == 404
    made = running.do("POST", accept, {"model": "9971", "site": site, "description": "New"})
    assert (made["model"], made["lines"]) == ("9971", [])
