"""Calls that a site protects: who is left out of a publish and why, what boxes open for it, and what is told."""

import itertools
from pathlib import Path

import pytest

from ringfence.hub.fleet import accounts, pbxes
from ringfence.hub.store.models import PhoneRow
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.hub.store.pbx_models import PbxRow
from ringfence.phones.mac import Mac
from ringfence.phones.sip.pbx_accounts import DEFAULT_CONTEXT, PbxKind, export
from support.boxes_in_hand import BoxInHand, key
from support.running_hub import Json, RunningHub

_numbers = itertools.count(1)


@pytest.fixture
def site(running: RunningHub) -> str:
    return running.site(f"Protected {next(_numbers)}")


def new_mac() -> str:
    return f"00:1B:54:C3:{next(_numbers):02X}:01"


def put(running: RunningHub, place: str, **values: str) -> None:
    for name, value in values.items():
        running.do("PUT", f"/settings/{place}/{name}", {"value": value})


def explained(running: RunningHub, mac: str, name: str = "protect_calls") -> Json:
    found: Json
    (found,) = running.do("GET", f"/phones/{mac}/explain?name={name}")["items"]
    return found


def left_out(running: RunningHub, site: str) -> dict[str, str]:
    """Return whom a publish leaves out, and why."""
    done = running.do("POST", "/publish", {"sites": [site]})
    return {each["mac"]: each["what"] for each in done["left_out"]}


def test_without_a_tunnel_a_phone_gets_no_clear_call_but_no_file(running: RunningHub, site: str) -> None:
    mac, first = new_mac(), new_mac()
    put(running, f"sites/{site}", protect_calls="tunnel", tunnel_sip_server="10.1.1.5")
    running.phone(site, mac)
    assert f"site {site} has no box" in left_out(running, site)[mac]
    (note,) = explained(running, mac)["notes"]
    assert note.startswith(f"A publish leaves this phone out: protect_calls is tunnel, but site {site} has no box.")
    assert "ringfence network set" in note
    running.do("PATCH", f"/sites/{site}/network", {"box": True})
    assert "no concentrator has been enrolled" in left_out(running, site)[mac]
    elsewhere = running.site(f"Elsewhere {next(_numbers)}")
    running.phone(elsewhere, first)
    refused = running.ask("PUT", f"/settings/phones/{first}/protect_calls", {"value": "tunnel"})
    assert (refused.status, refused.json["kind"]) == (422, "incomplete-phone")
    assert f"site {elsewhere} has no box" in refused.json["what"]


def test_with_a_tunnel_its_server_is_the_inner_address_and_boxes_open_for_it(
    running: RunningHub, site: str, tmp_path: Path
) -> None:
    box, mac = BoxInHand(running, site, tmp_path / "edge"), new_mac()
    box.told()
    running.phone(site, mac)
    with running.hub.change("test") as made:
        made.session.add(
            ConcentratorRow(
                id=f"c-{site[-8:]}", name=site, position=9, networks=["10.1.1.0/24"], created_at=0.0,
                endpoint="192.0.2.1:51820", public_key=key(site),
            )
        )  # fmt: skip
    put(running, f"sites/{site}", sip_server="pbx.example.org")
    before = box.rules()
    assert before is not None
    assert before.reach == ()
    put(running, f"sites/{site}", tunnel_sip_server="10.1.1.5")
    put(running, f"sites/{site}", protect_calls="tunnel")
    after = box.rules()
    assert after is not None
    assert after.version > before.version
    assert {each.network for each in after.reach} == {"10.1.1.5/32"}
    assert mac not in left_out(running, site)
    server = explained(running, mac, "sip_server")
    assert (server["written"], server["in_file"]) == ("10.1.1.5", "10.1.1.5")
    assert [(each["scope"], each["value"], each["wins"]) for each in server["given"][-2:]] == [
        ("site", "pbx.example.org", False), ("protect_calls", "10.1.1.5", True),
    ]  # fmt: skip
    assert server["given"][-1]["place"] == "protect_calls is tunnel"
    assert "go to 10.1.1.5 through the tunnel of the site's box" in explained(running, mac)["notes"][0]
    with running.hub.change("test") as made:
        made.session.add(
            PbxRow(
                id=f"pbx-{site[-8:]}", kind="kamailio", url="http://127.0.0.1:1", user="", sealed_secret=b"",
                realm="pbx.example.org", sip_servers="pbx.example.org", created_at=0.0,
            )
        )  # fmt: skip
        pbx, name = pbxes.of_phone(made.session, Mac.parse(mac))
        assert pbx is not None, "it registers there still"
        assert (pbx.id, name) == (f"pbx-{site[-8:]}", "pbx.example.org")
        made.session.delete(pbx)
    running.do("DELETE", f"/settings/sites/{site}/tunnel_sip_server")
    assert "sip_server is pbx.example.org" in left_out(running, site)[mac]
    running.do("PATCH", f"/sites/{site}/network", {"names": {"pbx.example.org": ["10.1.1.5"]}})
    assert mac not in left_out(running, site), "the box answers that name by an inner address"
    with running.hub.change("test") as made:
        made.session.delete(made.session.get_one(ConcentratorRow, f"c-{site[-8:]}"))


def test_a_plain_edge_beside_a_box_is_no_tunnel(running: RunningHub, site: str, tmp_path: Path) -> None:
    box, mac = BoxInHand(running, site, tmp_path / "edge"), new_mac()
    put(running, f"sites/{site}", protect_calls="tunnel", tunnel_sip_server="10.1.1.5")
    running.phone(site, mac)
    assert "is no box" in left_out(running, site)[mac]
    box.told()
    assert "no concentrator" in left_out(running, site)[mac]


def test_tls_that_a_model_can_not_have_is_refused_where_it_is_set(running: RunningHub, site: str) -> None:
    mac = new_mac()
    running.phone(site, mac)
    put(running, f"sites/{site}", sip_server="192.0.2.10")
    refused = running.ask("PUT", f"/settings/sites/{site}/protect_calls", {"value": "tls"})
    assert (refused.status, "with a trust list only" in refused.json["what"]) == (422, True)
    assert "tunnel" in refused.json["to_do"]
    (note,) = explained(running, mac)["notes"]
    assert note.startswith("The phone encrypts neither SIP nor voice.")


def test_a_pbx_is_told_of_encrypted_voice(running: RunningHub, site: str) -> None:
    mac = new_mac()
    running.phone(site, mac, "T46S")

    def of_asterisk() -> str:
        with running.hub.database.reading() as session:
            row = session.get_one(PhoneRow, mac.replace(":", ""))
            found = accounts.of_phone(session, running.hub.sealer, row)
        return "".join(export(found, PbxKind.ASTERISK, "pbx.example.org", DEFAULT_CONTEXT).values())

    assert "media_encryption" not in of_asterisk()
    put(running, f"sites/{site}", sip_server="192.0.2.10", protect_calls="tls")
    assert "media_encryption = sdes" in of_asterisk()
    assert "optimistic" not in of_asterisk()
    put(running, f"sites/{site}", srtp="optional")
    assert "media_encryption_optimistic = yes" in of_asterisk()
    assert explained(running, mac, "sip_port")["written"] == "5061"
