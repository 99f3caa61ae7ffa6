"""``ringfence edge``."""

import json
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import PhoneThere
from ringfence.hub.fleet import edge_tls_keys
from ringfence.hub.store.models import EdgeRow
from ringfence.server.tftp.client import fetch
from ringfence.wire import paths
from ringfence.wire.messages import EdgeHealth
from stack import free_port, wait_for
from support.command_line import CommandLine
from support.edge_tls import offered
from support.running_hub import RunningHub


@pytest.fixture
def enrolled(ringfence: CommandLine, phone: PhoneThere, tmp_path: Path) -> str:
    """The folder of an edge of the phone's site."""
    token = ringfence.ask("site", "token", phone.site)["token"]
    folder = str(tmp_path / "edge")
    assert "edge run" in ringfence("edge", "enrol", "-", "--folder", folder, stdin=token)
    return folder


def test_an_edge_is_enrolled_listed_and_revoked(ringfence: CommandLine, phone: PhoneThere, enrolled: str) -> None:
    ended = ringfence.run("edge", "status", "--folder", enrolled, "--json")
    assert (ended.status, ended.err) == (1, "")
    told = json.loads(ended.out)
    assert (told["running"], told["enrolment"]["site_id"]) == (False, phone.site)
    assert "Not running." in ringfence.run("edge", "status", "--folder", enrolled).out
    (row,) = ringfence.ask("edge", "list", "--site", phone.site)
    assert row["id"] == told["enrolment"]["edge_id"]
    assert row["id"] in ringfence("edge", "list")
    ringfence("edge", "revoke", "--yes", row["id"], "--wipe")
    assert ringfence.ask("edge", "list", "--site", phone.site)[0]["revoked_at"]
    ringfence.refused(4, "edge", "revoke", "--yes", "nobodys")


@pytest.mark.usefixtures("enrolled")
def test_an_edge_is_told_to_seal_its_files_after_the_price_was_said(ringfence: CommandLine, phone: PhoneThere) -> None:
    edge = ringfence.ask("edge", "list", "--site", phone.site)[0]["id"]
    assert f"Edge {edge} is to be open. Its files: not said yet." in ringfence("edge", "mode", edge)
    asked = ringfence.run("edge", "mode", edge, "sealed")
    assert asked.status != 0, "nobody agreed"
    assert "serves no phone until it has reached the hub" in asked.out + asked.err
    assert "is told to be sealed" in ringfence("edge", "mode", edge, "sealed", "--yes")
    assert ringfence.ask("edge", "mode", edge)["mode"] == "sealed"
    assert "is told to be open" in ringfence("edge", "mode", edge, "open", "--yes")
    ringfence.refused(4, "edge", "mode", "nobodys")


@pytest.mark.usefixtures("enrolled")
def test_a_revoked_edge_may_keep_serving_if_somebody_says_so(ringfence: CommandLine, phone: PhoneThere) -> None:
    (row,) = ringfence.ask("edge", "list", "--site", phone.site)
    edge = row["id"]
    assert ringfence.run("edge", "revoke", "--yes", edge, "--wipe", "--keep-serving").status == 2
    assert "goes on with what it has" in ringfence("edge", "revoke", "--yes", edge, "--keep-serving")
    assert ringfence.ask("edge", "list", "--site", phone.site)[0]["keeps_serving"]
    assert f"ringfence sip rotate {phone.site}" in ringfence("edge", "revoke", "--yes", edge)
    assert not ringfence.ask("edge", "list", "--site", phone.site)[0]["keeps_serving"]


def test_an_edge_that_the_hub_does_not_know_is_let_in_again(
    ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path
) -> None:
    edge = hub.enrol(site, tmp_path / "edge")
    edge_id = edge.response.edge_id
    with hub.hub.database.writing() as session:
        session.delete(session.get_one(EdgeRow, edge_id))
    assert edge.get(paths.GREETING).status == 403
    assert edge_id in ringfence("hub", "doubts")
    ringfence("edge", "readmit", edge_id)
    assert edge.get(paths.GREETING).status == 200
    ringfence.refused(4, "edge", "readmit", edge_id)


def test_what_an_edge_says_of_itself_is_shown(
    ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path
) -> None:
    edge = hub.enrol(site, tmp_path / "edge")
    edge_id = edge.response.edge_id
    assert "Disk           not known" in ringfence("edge", "show", edge_id)
    reached = ("192.168.7.2:6970",)
    told = EdgeHealth(hub.hub.clock() + 3600, "disk-full", "the disk is full: 0.1 MB are free.", 100_000, reached)
    assert edge.post(paths.HEALTH, told).status == 200
    said = ringfence("edge", "show", edge_id)
    assert "Problem        the disk is full: 0.1 MB are free. Since " in said
    assert "3,600 s fast" in said
    assert "0.1 MB free" in said
    assert "HTTP           192.168.7.2:6970, as it says" in said
    assert "HTTP at 192.168.7.2:6970 as it says" in ringfence("site", "show", site)
    assert ringfence.ask("edge", "show", edge_id)["problem"] == "disk-full"
    assert "the disk is full" in ringfence("edge", "list", "--site", site)
    ringfence.refused(4, "edge", "show", "edge-nobody")


def test_an_edge_s_key_for_phones_by_https_is_shown_and_renewed(
    ringfence: CommandLine, hub: RunningHub, enrolled: str
) -> None:
    edge = json.loads(ringfence.run("edge", "status", "--folder", enrolled, "--json").out)["enrolment"]["edge_id"]
    assert "It has no key" in ringfence("edge", "tls-key", edge)
    ringfence.refused(4, "edge", "renew-tls-key", edge, "--yes")
    with hub.hub.change(edge) as change:
        row = change.session.get_one(EdgeRow, edge)
        name = edge_tls_keys.take(change, row, offered(edge, change.now)).fingerprint
    assert name[:16] in ringfence("edge", "tls-key", edge)
    assert [key["state"] for key in ringfence.ask("edge", "tls-key", edge)["keys"]] == ["current"]
    assert "Another key is asked for" in ringfence("edge", "renew-tls-key", edge, "--yes")
    ringfence.refused(4, "edge", "tls-key", "nobodys")


def test_what_enrols_no_edge_is_refused(
    ringfence: CommandLine, hub: RunningHub, enrolled: str, site: str, tmp_path: Path
) -> None:
    other = str(tmp_path / "other")
    ringfence.refused(3, "edge", "enrol", "hello", "--folder", other)
    ringfence.refused(3, "edge", "status", "--folder", other)
    token = hub.token_for(site).to_text()
    ringfence.refused(5, "edge", "enrol", token, "--folder", enrolled)
    ringfence.refused(3, "edge", "enrol", token, "--folder", other, "--user", "no-such-user")
    ringfence("edge", "enrol", token, "--folder", other)
    ringfence.refused(6, "edge", "enrol", token, "--folder", str(tmp_path / "third"))
    ringfence.refused(4, "edge", "list", "--site", "nowhere")


def test_what_an_edge_can_not_listen_on_is_refused_before_it_starts(ringfence: CommandLine, enrolled: str) -> None:
    ringfence.refused(3, "edge", "run", "--folder", enrolled, "--listen", "nowhere:x")
    ringfence.refused(3, "edge", "run", "--folder", enrolled, "--user", "no-such-user")


@pytest.mark.slow
def test_an_edge_serves_what_was_published(ringfence: CommandLine, phone: PhoneThere, enrolled: str) -> None:
    ringfence("guard", "policy", phone.site, "--need", "secret=L1,configuration=L1")
    ringfence("publish", phone.site)
    port = free_port()
    with ringfence.started("edge", "run", "--folder", enrolled, "--listen", f"127.0.0.1:{port}"):

        def status() -> dict[str, Any]:
            said: dict[str, Any] = json.loads(ringfence.run("edge", "status", "--folder", enrolled, "--json").out)
            return said["status"] or {}

        wait_for("release 1", lambda: status().get("release"))
        wait_for("no problem", lambda: not status()["problem"])
        assert b"Anna" in fetch(("127.0.0.1", port), phone.file)
        assert ringfence.ask("edge", "status", "--folder", enrolled)["running"]
