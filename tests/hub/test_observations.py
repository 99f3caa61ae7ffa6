"""What the hub tells of phones, from the reports that edges hand over."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from ringfence.hub.telephony import reload_by_pbx
from ringfence.wire import paths
from ringfence.wire.messages import Report, ReportBatch
from support.json_rpc import answering
from support.running_hub import RunningHub

MAC = "00:1B:54:D1:00:01"
OWN = "SEP001B54D10001.cnf.xml"


def test_a_phone_that_rejects_its_configuration_is_told_first(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Observed")
    running.phone(site, MAC)
    running.phone(site, "00:1B:54:D1:00:02")
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    assert [row["sentences"][0]["word"] for row in running.do("GET", f"/phones/status?site={site}")["items"]] == [
        "never-seen", "never-seen",
    ]  # fmt: skip
    begun = time.time() - 86_400  # the edge's clock is a day behind
    reports = []
    for turn in range(4):
        at = begun + 45 * turn
        peer = "192.168.1.7"
        reports.append(Report(0, at, "file-refused", "No.", name="ITLFile.tlv", peer=peer))
        reports.append(Report(0, at + 1, "file-served", "Took it.", OWN, "001B54D10001", peer, 1, 8000, 0.1))
    numbered = tuple(
        Report(number, each.at, each.kind, each.sentence, each.name, each.owner, each.peer, each.release)
        for number, each in enumerate(reports, 1)
    )
    assert edge.post(paths.REPORTS, ReportBatch(numbered)).status == 200
    first, second = running.do("GET", f"/phones/status?site={site}")["items"]
    assert (first["mac"], first["sentences"][0]["word"]) == (MAC, "rejects")
    assert "every 45 s" in first["sentences"][0]["text"]
    assert second["sentences"][0]["word"] == "never-seen"
    one = running.do("GET", f"/phones/{MAC}/status")
    assert [row["word"] for row in one["sentences"]] == ["rejects", "booting", "harmless"]
    assert "booting now" in one["sentences"][1]["text"]


def test_a_file_that_changed_since_is_said(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Stale")
    mac = "00:1B:54:D1:00:11"
    running.phone(site, mac)
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    served = Report(
        1, time.time(), "file-served", "Took it.", "SEP001B54D10011.cnf.xml", "001B54D10011", "192.0.2.7", 1
    )
    assert edge.post(paths.REPORTS, ReportBatch((served,))).status == 200
    with running.clock.forward(3600):
        assert running.do("GET", f"/phones/{mac}/status")["sentences"][0]["word"] == "current"
        running.do("PUT", f"/phones/{mac}/lines/1", {"label": "New"})
        running.publish(sites=[site])
        (told,) = running.do("GET", f"/phones/{mac}/status")["sentences"]
    assert (told["word"], told["urgency"]) == ("stale", "wrong")
    assert "Its file has changed since, in release 2" in told["text"]


def test_a_phone_whose_file_is_held_back_is_seen_as_its_edge_sees_it(running: RunningHub, tmp_path: Path) -> None:
    site, mac = running.site("Held back"), "00:1B:54:D1:00:12"
    running.phone(site, mac)
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    held = Report(
        1, time.time(), "file-held-back", "Held back.", "SEP001B54D10012.cnf.xml", "001B54D10012", "192.0.2.8"
    )
    assert edge.post(paths.REPORTS, ReportBatch((held,))).status == 200
    words = [row["word"] for row in running.do("GET", f"/phones/{mac}/status")["sentences"]]
    assert "never-seen" not in words


class Exchange:
    """A stand-in for Kamailio's JSON-RPC: knows who is registered, keeps what it was told to send."""

    def __init__(self) -> None:
        # Any: JSON as Kamailio has it
        self.contacts: dict[str, str] = {}
        self.sent: list[list[str]] = []

    def __call__(self, order: dict[str, Any]) -> bytes:
        match order["method"], order["params"]:
            case "ul.lookup", [_table, user] if user in self.contacts:
                row = {"Address": self.contacts[user], "Call-ID": "abc@phone"}
                return json.dumps({"result": {"Contacts": [{"Contact": row}]}}).encode()
            case "ul.lookup", _:
                return b'{"error": {"code": 404, "message": "AOR not found"}}'
            case "tm.t_uac_start", parameters:
                self.sent.append(parameters)
                return b'{"result": {}}'
        return b'{"error": {"code": 500, "message": "not known"}}'


def reports(first: int, *each: tuple[str, int]) -> ReportBatch:
    """Return an edge's reports of (kind, release) about the phone of TOLD."""
    return ReportBatch(
        tuple(
            Report(number, time.time(), kind, "It said so.", f"SEP{TOLD}.cnf.xml", TOLD, "192.0.2.9", release)
            for number, (kind, release) in enumerate(each, first)
        )
    )


TOLD = "001B54D10021"


def test_a_phone_that_did_not_obey_its_edge_is_told_through_its_pbx_once(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Told")
    running.phone(site, TOLD)
    running.do("PUT", f"/settings/phones/{TOLD}/sip_server", {"value": "told.example"})
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    exchange = Exchange()
    with answering(exchange) as url:
        pbx = {"name": "Told", "kind": "kamailio", "url": url, "realm": "told.example", "sip_servers": ["told.example"]}
        running.do("POST", "/pbxes", pbx)
        running.do("PUT", f"/phones/{TOLD}/lines/1", {"label": "New"})
        running.publish(sites=[site])
        assert edge.post(paths.REPORTS, reports(1, ("file-served", 1), ("phone-not-reloaded", 2))).status == 200
        sentence = until(running, "stale", "The hub could not")
        assert (
            "The hub could not send it an order either: phone 00:1B:54:D1:00:21 is not registered at told" in sentence
        )

        exchange.contacts = {"201": "sip:201@192.0.2.9:5060"}
        assert reload_by_pbx.go_on(running.hub) == 0  # one report, one order
        assert edge.post(paths.REPORTS, reports(3, ("phone-not-reloaded", 2))).status == 200
        assert "The hub sent it an order through told." in until(running, "stale", "The hub sent it an order")
        ((method, uri, _route, _socket, headers, body),) = exchange.sent
        assert (method, uri) == ("NOTIFY", "sip:201@192.0.2.9:5060")
        assert "Event: service-control" in headers
        assert "action=restart\r\nRegisterCallId={abc@phone}\r\n" in body

        assert edge.post(paths.REPORTS, reports(4, ("file-served", 2), ("phone-not-reloaded", 2))).status == 200
        assert reload_by_pbx.go_on(running.hub) == 0  # it has fetched meanwhile
        assert len(exchange.sent) == 1


def until(running: RunningHub, word: str, text: str) -> str:
    """Return what is told of the phone by a word, a quarter of an hour from now, once it says ``text``."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with running.clock.forward(900):
            told = running.do("GET", f"/phones/{TOLD}/status")["sentences"]
        sentence = next((str(row["text"]) for row in told if row["word"] == word), "")
        if text in sentence:
            return sentence
        reload_by_pbx.go_on(running.hub)
    pytest.fail(f"nobody says {text!r}")


def test_an_order_without_a_pbx_says_what_to_do(running: RunningHub) -> None:
    site = running.site("Untold")
    running.phone(site, "00:1B:54:D1:00:31")
    running.do("PUT", "/settings/phones/001B54D10031/sip_server", {"value": "untold.example"})
    answer = running.ask("POST", "/phones/001B54D10031/reload", {"action": "restart"})
    assert answer.status == 404
    assert "there is no PBX for untold.example" in answer.problem.what
    assert running.ask("POST", "/phones/001B54D10031/reload", {"action": "format"}).status == 422
