"""What sites ask of their boxes' networks: set by people, compiled for boxes."""

import itertools
from pathlib import Path

import pytest

from ringfence.hub.fleet import network_for_edges
from ringfence.hub.store.guard_models import EdgeNetworkRow
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.secret import Secret
from ringfence.wire.network_messages import (
    NetworkConcentrator,
    NetworkName,
    NetworkReach,
    NetworkRules,
    NetworkWifi,
    PortAccess,
)
from support.boxes_in_hand import BoxInHand, key
from support.running_hub import Json, RunningHub

PASSPHRASE = "A-Passphrase-8417"
_numbers = itertools.count(1)


@pytest.fixture
def box(running: RunningHub, tmp_path: Path) -> BoxInHand:
    box = BoxInHand(running, running.site(f"Network {next(_numbers)}"), tmp_path / "edge")
    box.told()
    return box


def rules_of(box: BoxInHand) -> NetworkRules:
    rules = box.rules()
    assert rules is not None
    return rules


def change(box: BoxInHand, **parts: object) -> Json:
    return box.running.do("PATCH", f"/sites/{box.site}/network", parts)


def test_a_site_asks_what_is_safe_by_default(box: BoxInHand) -> None:
    shown = box.running.do("GET", f"/sites/{box.site}/network")
    assert {name: shown[name] for name in ("box", "prefix", "mtu", "known_only", "guests", "port_access")} == {
        "box": False, "prefix": 29, "mtu": 1420, "known_only": True, "guests": False, "port_access": "off",
    }  # fmt: skip
    assert (shown["reach"], shown["reach_by_default"], shown["wifi"]) == ([], True, None)


def test_what_is_set_reaches_the_box(box: BoxInHand) -> None:
    shown = change(
        box, mtu=1300, uplink_kbit=2000, guests=True, known_only=False,
        domain="Phones.Example.org.", ntp_servers=["192.0.2.1", "NTP.x"],
        names={"PBX.example.org": ["192.0.2.10", "2001:db8::a"]}, port_access="Try",
        reach=["UDP:5060@192.0.2.10", "tcp:5060-5061@192.0.2.77/24", "udp:5060-5060@192.0.2.10/32"],
        wifi={"ssid": "Home of Anna", "country": "de", "passphrase": PASSPHRASE},
    )  # fmt: skip
    rules = rules_of(box)
    assert shown["version"] == rules.version
    assert (rules.mtu, rules.guests, rules.known_only, rules.domain) == (1300, True, False, "phones.example.org")
    assert rules.uplink_kbit == 2000
    assert rules.guest_subnet == str(network_for_edges.GUEST_SUBNETS[0])
    assert rules.ntp_servers == ("192.0.2.1", "ntp.x")
    assert rules.names == (NetworkName("pbx.example.org", ("192.0.2.10", "2001:db8::a")),)
    assert rules.reach == (
        NetworkReach("192.0.2.10/32", "udp", 5060, 5060), NetworkReach("192.0.2.0/24", "tcp", 5060, 5061),
    )  # fmt: skip
    assert rules.port_access == PortAccess.TRY
    assert rules.wifi == NetworkWifi("Home of Anna", Secret(PASSPHRASE), "DE")
    assert box.running.newest_action() == ("site.network", box.site)
    everything = box.running.raw("GET", f"/api/v1/sites/{box.site}/network").data
    everything += box.running.raw("GET", "/api/v1/audit?limit=5").data
    assert PASSPHRASE.encode() not in everything
    again = change(box, wifi={"ssid": "Home of Anna", "country": "AT"})
    assert again["wifi"] == {"ssid": "Home of Anna", "country": "AT"}
    assert rules_of(box).wifi == NetworkWifi("Home of Anna", Secret(PASSPHRASE), "AT")
    assert change(box, wifi={"ssid": ""}, reach_by_default=True)["reach_by_default"] is True
    assert (rules_of(box).wifi, rules_of(box).reach) == (None, ())


def test_what_is_set_already_tells_nobody(box: BoxInHand) -> None:
    first = change(box, mtu=1400)
    assert change(box, mtu=1400)["version"] == first["version"]


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ({"mtu": 1279}, "1280 to 1500"),
        ({"uplink_kbit": 63}, "64 to 10000000"),
        ({"mtu": 2**70}, "more than 63 bits"),
        ({"prefix": 30}, "24 to 29"),
        ({"domain": "no domain"}, "no domain"),
        ({"ntp_servers": ["-"]}, "'-'"),
        ({"ntp_servers": ["a"] * 9 + [f"x{number}" for number in range(5)]}, "at most 4"),
        ({"names": {"x" * 64: ["192.0.2.1"]}}, "xxx"),
        ({"names": {"pbx": []}}, "'pbx' has no address"),
        ({"names": {"pbx": ["pbx.example.org"]}}, "pbx.example.org"),
        ({"names": {"pbx": ["192.0.2.1"] * 5}}, "at most 4"),
        ({"names": {f"x{number}": ["192.0.2.1"] for number in range(33)}}, "at most 32"),
        ({"reach": ["udp:5060"]}, "udp:5060"),
        ({"reach": ["sctp:5060@192.0.2.1"]}, "sctp"),
        ({"reach": ["udp:0@192.0.2.1"]}, "ports"),
        ({"reach": ["udp:5061-5060@192.0.2.1"]}, "ports"),
        ({"reach": ["udp:5060-65536@192.0.2.1"]}, "ports"),
        ({"reach": ["udp:5060@0.0.0.0/0"]}, "too large"),
        ({"reach": ["udp:5060@127.0.0.1"]}, "127.0.0.1"),
        ({"reach": ["udp:5060@224.0.0.0/8"]}, "224.0.0.0"),
        ({"reach": ["udp:5060@192.0.2.1"], "reach_by_default": True}, "either"),
        ({"reach": [f"udp:{port}@192.0.2.1" for port in range(1, 66)]}, "at most 64"),
        ({"port_access": "maybe"}, "maybe"),
        ({"wifi": {"ssid": "x"}}, "passphrase"),
        ({"wifi": {"ssid": "x", "country": "DE", "passphrase": "short"}}, "8 to 63"),
        ({"wifi": {"ssid": "ü" * 17, "country": "DE", "passphrase": PASSPHRASE}}, "1 to 32"),
        ({"wifi": {"ssid": "x", "country": "Germany", "passphrase": PASSPHRASE}}, "Germany"),
        ({"wifi": {"ssid": "", "country": "DE"}}, "without a name"),
        ({"direct_media": ["nowhere"]}, "nowhere"),
    ],
)
def test_a_word_that_means_nothing_is_named_and_changes_nothing(
    box: BoxInHand, parts: dict[str, object], word: str
) -> None:
    before = box.running.do("GET", f"/sites/{box.site}/network")
    answer = box.running.ask("PATCH", f"/sites/{box.site}/network", {"mtu": 1399, **parts})
    assert answer.status in {404, 422}, answer.data
    assert word in answer.json["what"]
    assert PASSPHRASE not in answer.data.decode()
    assert box.running.do("GET", f"/sites/{box.site}/network") == before


def test_phones_reach_their_sip_servers_where_those_are_addresses(box: BoxInHand) -> None:
    running, site = box.running, box.site
    first, second, blocked = ("00:1B:54:C2:F1:01", "00:1B:54:C2:F1:02", "00:1B:54:C2:F1:03")
    for mac in (first, second, blocked):
        running.phone(site, mac)
    running.do("POST", f"/phones/{blocked}/block")
    assert rules_of(box).phones == (first.replace(":", ""), second.replace(":", ""))
    running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "pbx.example.org"})
    assert rules_of(box).reach == (), "whoever answers for a name would open the tunnel"
    running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "192.0.2.20"})
    network = "192.0.2.20/32"
    opened = (
        NetworkReach(network, "tcp", 5060, 5060), NetworkReach(network, "tcp", 5061, 5061),
        NetworkReach(network, "udp", 1024, 65_535),
    )  # fmt: skip
    before = rules_of(box)
    assert before.reach == opened
    running.do("PUT", f"/settings/phones/{second}/lines/1/line_proxy", {"value": "192.0.2.21"})
    running.do("PUT", f"/settings/phones/{second}/lines/1/line_proxy_port", {"value": "70"})
    running.do("PUT", f"/settings/phones/{first}/sip_server", {"value": "127.0.0.1"})
    after = rules_of(box)
    assert after.version > before.version
    assert after.reach[:3] == opened
    assert {(each.protocol, each.first_port) for each in after.reach[3:]} == {
        ("tcp", 70), ("tcp", 5061), ("udp", 70), ("udp", 1024),
    }  # fmt: skip
    running.do("DELETE", f"/settings/sites/{site}/sip_server")
    assert {each.network for each in rules_of(box).reach} == {"192.0.2.21/32"}


def test_a_setting_of_all_phones_or_of_a_group_reaches_boxes_too(box: BoxInHand) -> None:
    running, mac = box.running, "00:1B:54:C2:F2:01"
    running.phone(box.site, mac)
    group = running.do("POST", "/groups", {"name": f"Of {box.site}"})["id"]
    versions = [rules_of(box).version]
    running.do("PUT", "/settings/organisation/sip_server_2", {"value": "192.0.2.30"})
    assert {each.network for each in rules_of(box).reach} == {"192.0.2.30/32"}
    versions.append(rules_of(box).version)
    running.do("PUT", f"/settings/groups/{group}/sip_server_2", {"value": "192.0.2.31"})
    running.do("PATCH", f"/phones/{mac}", {"group": group})
    assert {each.network for each in rules_of(box).reach} == {"192.0.2.31/32"}
    versions.append(rules_of(box).version)
    running.do("DELETE", "/settings/organisation/sip_server_2")
    running.do("DELETE", f"/settings/groups/{group}/sip_server_2")
    versions.append(rules_of(box).version)
    assert versions == sorted(set(versions))
    assert rules_of(box).reach == ()


def test_media_goes_directly_where_both_sites_say_so(box: BoxInHand, tmp_path: Path) -> None:
    running = box.running
    other = BoxInHand(running, running.site(f"Network {next(_numbers)}"), tmp_path / "other")
    theirs = other.told().subnet
    mine = rules_of(box).subnet
    assert change(box, direct_media=[other.site])["direct_media_subnets"] == []
    assert (rules_of(box).direct_media, rules_of(other).direct_media) == ((), ())
    before = rules_of(box).version
    shown = change(other, direct_media=[box.site])
    assert shown["direct_media_subnets"] == [mine]
    assert (rules_of(box).direct_media, rules_of(other).direct_media) == ((theirs,), (mine,))
    assert rules_of(box).version > before
    new = running.do("POST", f"/boxes/{other.id}/renumber")["subnet"]
    assert rules_of(box).direct_media == (new,)
    running.do("POST", f"/edges/{other.id}/revoke", {})
    assert rules_of(box).direct_media == ()


def test_guests_get_a_subnet_that_is_not_the_homes(box: BoxInHand) -> None:
    change(box, guests=True)
    first, second, *_rest = map(str, network_for_edges.GUEST_SUBNETS)
    assert rules_of(box).guest_subnet == first
    assert box.told(uplink_networks=("192.168.0.0/16",)).guest_subnet == second
    assert box.told(uplink_networks=tuple(map(str, network_for_edges.GUEST_SUBNETS))).guest_subnet == ""


def test_an_edge_that_is_held_back_has_its_subnet_and_nobodys_tunnel(box: BoxInHand) -> None:
    running = box.running
    change(
        box,
        reach=["udp:5060@192.0.2.10"],
        wifi={"ssid": "Home", "country": "DE", "passphrase": PASSPHRASE},
        guests=True,
    )
    with running.hub.change("test") as made:
        made.session.add(
            ConcentratorRow(
                id="concentrator-1", name="Berlin", position=1, networks=["192.0.2.0/24"], created_at=0.0,
                endpoint="192.0.2.1:51820", public_key=key("concentrator"),
            )
        )  # fmt: skip
    free = rules_of(box)
    assert free.concentrators == (
        NetworkConcentrator("concentrator-1", "192.0.2.1:51820", key("concentrator"), ("192.0.2.0/24",)),
    )
    running.do("PATCH", f"/sites/{box.site}/guard", {"edge_moves": "hold"})
    stands_since = running.clock() + 100
    with running.hub.change("test") as made:
        network = made.session.get_one(EdgeRow, box.id).network
        known = made.session.get_one(EdgeNetworkRow, (box.id, network))
        known.accepted, known.first_at = False, stands_since
    held = rules_of(box)
    assert (held.subnet, held.guests, held.known_only) == (free.subnet, True, True)
    assert (held.reach, held.concentrators, held.direct_media) == ((), (), ())
    assert held.wifi == free.wifi, "it was there before it moved, and may need it to come back"
    with running.clock.forward(200):
        change(box, wifi={"ssid": "Home", "passphrase": PASSPHRASE + "-new"})
        assert rules_of(box).wifi is None, "nobody who took the box learns the next passphrase"
        running.do("POST", f"/edges/{box.id}/accept", {})
        assert rules_of(box).concentrators == free.concentrators
        assert rules_of(box).wifi == NetworkWifi("Home", Secret(PASSPHRASE + "-new"), "DE")
    with running.hub.change("test") as made:
        made.session.delete(made.session.get(ConcentratorRow, "concentrator-1"))
