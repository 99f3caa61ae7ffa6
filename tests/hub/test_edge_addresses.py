"""Where edges say that phones reach them: a suggestion for their own site, which changes nothing by itself."""

import json
from itertools import count
from pathlib import Path

import pytest

from ringfence.hub.fleet import edge_addresses
from ringfence.hub.fleet.edge_addresses import MOST_KEPT, MOST_SITES
from ringfence.hub.store.models import EdgeRow
from ringfence.wire import paths
from ringfence.wire.messages import EdgeHealth
from support.running_hub import Answer, EdgeInHand, Json, RunningHub, answer_of

URL = "http://192.168.7.2:6970"
_numbers = count(1)


def site_with_phone(running: RunningHub) -> str:
    number = next(_numbers)
    site = running.site(f"Addresses {number}")
    running.do("PUT", f"/settings/sites/{site}/sip_server", {"value": "sip.example.org"})
    running.phone(site, f"00:1B:54:C2:E1:{number:02X}")
    return site


@pytest.fixture
def site(running: RunningHub) -> str:
    return site_with_phone(running)


@pytest.fixture
def edge(running: RunningHub, site: str, tmp_path: Path) -> EdgeInHand:
    return running.enrol(site, tmp_path / "edge")


def tell(edge: EdgeInHand, *addresses: str) -> None:
    told = EdgeHealth(edge.hub.clock(), http_addresses=addresses)
    assert edge.post(paths.HEALTH, told).status == 200


def send(edge: EdgeInHand, told: object) -> Answer:
    return answer_of(edge.pool.request("POST", paths.HEALTH, body=json.dumps(told).encode()))


def shown(running: RunningHub, edge: EdgeInHand) -> object:
    return running.do("GET", f"/edges/{edge.response.edge_id}")["http_addresses"]


def book(running: RunningHub, *sites: str) -> str:
    return str(running.do("POST", "/phone-books", {"name": f"Addressed {next(_numbers)}", "sites": sites})["id"])


def without(running: RunningHub, book_id: str) -> tuple[int, dict[str, list[str]]]:
    seen: Json = running.do("GET", f"/phone-books/{book_id}")
    return seen["sites_without_address"], {each["site"]: each["suggested"] for each in seen["without_address"]}


def test_a_book_says_where_it_is_not_and_what_the_edge_there_suggests(
    running: RunningHub, site: str, edge: EdgeInHand
) -> None:
    made = book(running, site)
    assert without(running, made) == (1, {site: []})
    tell(edge, "192.168.7.2:6970", "[fd00::2]:6970")
    assert shown(running, edge) == ["192.168.7.2:6970", "[fd00::2]:6970"]
    assert without(running, made) == (1, {site: [URL, "http://[fd00::2]:6970"]})
    assert running.do("GET", f"/settings/sites/{site}")["items"][0]["name"] == "sip_server", "a report sets nothing"
    assert len(running.do("GET", f"/settings/sites/{site}")["items"]) == 1
    running.publish(sites=[site])
    running.do("PUT", f"/settings/sites/{site}/edge_url", {"value": URL})
    assert without(running, made) == (0, {})
    tell(edge)
    assert shown(running, edge) == []
    running.do("DELETE", f"/phone-books/{made}")


def test_what_an_edge_tells_makes_no_file_another_one(running: RunningHub, site: str, edge: EdgeInHand) -> None:
    running.publish(sites=[site])
    before = running.do("GET", f"/sites/{site}")["release"]
    made = book(running, site)
    running.publish(sites=[site])
    tell(edge, "192.168.7.2:6970")
    running.publish(sites=[site])
    assert running.do("GET", f"/sites/{site}")["release"] == before
    running.do("DELETE", f"/phone-books/{made}")


@pytest.mark.parametrize(
    "told",
    [
        "8.8.8.8:6970", "203.0.113.5:6970", "[2001:4860:4860::8888]:6970", "[::ffff:8.8.8.8]:6970", "127.0.0.1:6970",
        "[::1]:6970", "169.254.169.254:80", "0.0.0.0:6970", "224.0.0.1:6970", "255.255.255.255:1", "evil.example:6970",
        "192.168.7.2", "192.168.7.2:0", "192.168.7.2:65536", "192.168.7.2:6970/x", "192.168.7.2:6970@evil.example",
        "http://192.168.7.2:6970", "<script>alert(1)</script>", "192.168.7.2:6970\n", "192.168.7.2 :6970", "",
        "192.168.007.2:6970", "[fe80::1%eth0]:6970", "\u0661\u0660.0.0.1:6970", "10.0.0.1:\u0661", "x" * 100_000, "::1",
        "999.1.1.1:80",
    ],
)  # fmt: skip
def test_what_is_no_private_address_is_not_kept(told: str) -> None:
    assert edge_addresses.kept([told, "10.0.0.1:6970"]) == "10.0.0.1:6970"


def test_a_hostile_edges_addresses_are_bounded(running: RunningHub, edge: EdgeInHand) -> None:
    many = [f"10.0.{number // 250}.{number % 250}:6970" for number in range(10_000)]
    assert send(edge, {"at": edge.hub.clock(), "http_addresses": many}).status == 400, "it is too long a message"
    tell(edge, *many[:150])
    assert len(running.do("GET", f"/edges/{edge.response.edge_id}")["http_addresses"]) == MOST_KEPT
    tell(edge, *["x" * 10] * 250, "10.0.0.1:6970")
    assert shown(running, edge) == [], "it is not looked for what is far behind"
    column = EdgeRow.__table__.c.http_addresses.type
    longest = f"[{'fd00:' + 'ffff:' * 6}ffff]:65535"
    most = [longest.replace("fd00", f"fd{number:02x}") for number in range(20)]
    assert len(edge_addresses.kept(most).split()) == MOST_KEPT
    assert len(edge_addresses.kept(most)) <= column.length  # type: ignore[attr-defined]  # a String has one


def test_an_edge_of_before_and_one_that_tells_nonsense(running: RunningHub, edge: EdgeInHand) -> None:
    tell(edge, "10.0.0.1:6970")
    old = send(edge, {"at": edge.hub.clock()})
    assert old.status == 200
    assert shown(running, edge) == []
    for wrong in ("10.0.0.1:6970", {"a": 1}, [1], [None], 5):
        assert 400 <= send(edge, {"at": edge.hub.clock(), "http_addresses": wrong}).status < 500


def test_an_edge_suggests_for_its_own_site_alone_and_a_revoked_one_nothing(
    running: RunningHub, site: str, edge: EdgeInHand
) -> None:
    other = site_with_phone(running)
    made = book(running, site, other)
    tell(edge, "192.168.7.2:6970")
    assert without(running, made) == (2, {site: [URL], other: []})
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {})
    assert without(running, made) == (2, {site: [], other: []})
    running.do("PUT", "/settings/organisation/edge_url", {"value": URL})
    assert without(running, made) == (0, {})
    running.do("DELETE", "/settings/organisation/edge_url")
    running.do("DELETE", f"/phone-books/{made}")


def test_many_sites_are_counted_and_few_are_named(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge_addresses, "MOST_SITES", 2)
    sites = [site_with_phone(running) for _ in range(3)]
    empty = running.site(f"Without phones {next(_numbers)}")
    made = book(running, *sites, empty)
    number, named = without(running, made)
    assert (number, len(named)) == (3, 2)
    everywhere = book(running)
    assert without(running, everywhere)[0] >= 3
    assert MOST_SITES == 20
    for each in (made, everywhere):
        running.do("DELETE", f"/phone-books/{each}")
