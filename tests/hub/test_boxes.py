"""Boxes: what they tell, the subnet that each gets, and what a box that lies can do, which is nothing to others."""

import itertools
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from ringfence.hub.data.config import HubConfig
from ringfence.hub.fleet import box_alerts, box_numbering, boxes
from ringfence.wire.network_messages import BoxFinding, BoxTunnel, PortEntry
from support.boxes_in_hand import BoxInHand, key
from support.reporting_edge import alerts
from support.running_hub import Json, RunningHub

_numbers = itertools.count(1)


@pytest.fixture
def box(running: RunningHub, tmp_path: Path) -> BoxInHand:
    return BoxInHand(running, running.site(f"Home {next(_numbers)}"), tmp_path / "edge")


def another(box: BoxInHand, tmp_path: Path, name: str = "other") -> BoxInHand:
    return BoxInHand(box.running, box.running.site(f"Home {next(_numbers)}"), tmp_path / name)


def kinds(box: BoxInHand) -> list[str]:
    return [kind for kind, _subject, _count in alerts(box.running, box.site)]


def shown(box: BoxInHand) -> Json:
    return box.running.do("GET", f"/boxes/{box.id}")


def test_an_edge_is_a_box_once_it_says_so_and_gets_a_subnet_of_its_own(box: BoxInHand, tmp_path: Path) -> None:
    assert box.rules() is None
    assert box.running.ask("GET", f"/boxes/{box.id}").json["kind"] == "unknown-box"
    rules = box.told(public_key=key("a"))
    assert IPv4Network(rules.subnet).prefixlen == 29
    assert IPv4Network(rules.subnet).subnet_of(IPv4Network(box.running.hub.config.box_pool))
    assert rules.known_only
    assert (rules.reach, rules.concentrators, rules.guests, rules.wifi) == ((), (), False, None)
    assert box.running.newest_action() == ("box.subnet", box.id)
    other = another(box, tmp_path)
    assert not IPv4Network(other.told().subnet).overlaps(IPv4Network(rules.subnet))
    assert box.told(public_key=key("a")).subnet == rules.subnet, "it keeps it"


def test_a_site_may_say_that_its_edges_are_boxes(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Boxes from the start")
    first = BoxInHand(running, site, tmp_path / "first")
    assert first.rules() is None
    running.do("PATCH", f"/sites/{site}/network", {"box": True})
    second = BoxInHand(running, site, tmp_path / "second")
    subnets = [rules.subnet for each in (first, second) if (rules := each.rules()) is not None]
    assert len(set(subnets)) == 2
    assert "" not in subnets


def test_all_that_a_box_tells_is_kept_bounded_and_shown(box: BoxInHand) -> None:
    box.told(
        at=1e300, rules_version=3, public_key=key("b"), uplink_networks=("192.168.1.7/24", "fe80::1/64"),
        links={"eth0": True, "wlan\x1b0": False}, devices=("001b54c2f001",),
        findings=(BoxFinding("other-dhcp-server", "192.168.1.1 answers\x1b[2J on the port."), BoxFinding("news", "")),
        tunnels=(BoxTunnel("concentrator-1", -5.0, 2**63 - 1, 7, is_used=True),),
        entries=(PortEntry("001b54c2f001", "key", -1.0, "CP-9971\x1b"), PortEntry("001b54c2f002", "so", 1e300)),
    )  # fmt: skip
    found = shown(box)
    assert (found["rules_version"], found["public_key"]) == (3, key("b"))
    assert found["uplink_networks"] == ["192.168.1.0/24", "fe80::/64"]
    assert found["links"] == {"eth0": True, "wlan\ufffd0": False}
    assert found["devices"] == ["00:1B:54:C2:F0:01"]
    assert [each["sentence"] for each in found["findings"]] == ["192.168.1.1 answers\ufffd[2J on the port.", ""]
    assert found["entries"] == [
        {"mac": "00:1B:54:C2:F0:01", "by": "key", "since": 0.0, "certificate": "CP-9971\ufffd"},
        {"mac": "00:1B:54:C2:F0:02", "by": "so", "since": 1e11, "certificate": ""},
    ]
    (tunnel,) = found["tunnels"]
    assert (tunnel["handshake_at"], tunnel["sent_bytes"], tunnel["is_used"]) == (0.0, 2**53, True)
    assert kinds(box) == ["box-other-dhcp-server", "box-problem"]
    listed = box.running.do("GET", f"/boxes?site={box.site}")["items"]
    assert [each["edge"] for each in listed] == [box.id]
    box.told(findings=(BoxFinding("key-refused", "It is foreign."), BoxFinding("no-key", "It shows none.")))
    assert kinds(box) == ["box-key-refused", "box-no-key"]
    box.told()
    assert kinds(box) == []


@pytest.mark.parametrize(
    "told",
    [
        {"public_key": "x"},
        {"public_key": key("c")[:-4] + "===="},
        {"next_public_key": "é" * 44},
        {"uplink_networks": ("everywhere",)},
        {"uplink_networks": ("1" * 60,)},
        {"uplink_networks": ("192.0.2.0/24",) * 33},
        {"subnet": "10.0.0.0/99"},
        {"devices": ("001b54c2f00",)},
        {"devices": ("ffffffffffff",)},
        {"devices": ("001b54c2f001",) * 65},
        {"links": {f"eth{number}": True for number in range(17)}},
        {"findings": (BoxFinding("other", "x"),) * 33},
        {"tunnels": (BoxTunnel("x"),) * 17},
        {"entries": (PortEntry("001b54c2f001", "key", 1.0),) * 17},
        {"entries": (PortEntry("001b54c2f00", "key", 1.0),)},
        {"findings": (BoxFinding("other", "x" * 70_000),)},
    ],
)
def test_what_no_box_can_tell_is_refused_and_changes_nothing(box: BoxInHand, told: dict[str, object]) -> None:
    box.told(public_key=key("before"))
    before = shown(box)
    answer = box.tell(**told)
    assert answer.status == 400, answer.data
    assert answer.problem.what
    assert shown(box) == before
    box.tell()  # without a key, so that the next case may have it


def test_a_subnet_that_is_in_use_at_home_is_given_up_for_one_that_is_not(box: BoxInHand) -> None:
    first = box.told().subnet
    pool = IPv4Network(box.running.hub.config.box_pool)
    wide = IPv4Network(first).supernet(new_prefix=22)
    second = box.told(uplink_networks=("192.168.1.0/24", str(wide))).subnet
    assert not IPv4Network(second).overlaps(wide)
    assert IPv4Network(second).subnet_of(pool)
    with box.running.hub.database.reading() as session:
        assert boxes.get(session, box.id)[1].renumberings == 1
    (newest,) = box.running.do("GET", "/audit?limit=1")["items"]
    assert (newest["action"], newest["detail"]) == (
        "box.subnet", f"{first} → {second}: {first} overlaps {wide}, in which the box is",
    )  # fmt: skip
    assert kinds(box) == []


def test_a_box_that_lies_about_collisions_gets_a_few_subnets_a_day(box: BoxInHand) -> None:
    seen = [box.told().subnet]
    for _ in range(box_numbering.MOST_RENUMBERINGS):
        seen.append(box.told(uplink_networks=(seen[-1],)).subnet)
    assert len(set(seen)) == 1 + box_numbering.MOST_RENUMBERINGS
    assert box.told(uplink_networks=(seen[-1],)).subnet == seen[-1]
    assert "4 times within a day" in str(shown(box)["subnet_problem"])
    assert kinds(box) == ["box-collision"]
    by_hand = box.running.do("POST", f"/boxes/{box.id}/renumber")
    assert by_hand["subnet"] not in {seen[-1], ""}
    assert by_hand["subnet_problem"] == ""
    with box.running.clock.forward(86_401):
        assert box.told(uplink_networks=(by_hand["subnet"],)).subnet != by_hand["subnet"]
    box.told()
    assert kinds(box) == []


def test_a_network_that_is_no_homes_leaves_a_subnet_alone(box: BoxInHand) -> None:
    first = box.told().subnet
    assert box.told(uplink_networks=("0.0.0.0/0", "96.0.0.0/4", "::/0")).subnet == first


def test_a_site_may_ask_for_more_room(box: BoxInHand) -> None:
    first = box.told().subnet
    box.running.do("PATCH", f"/sites/{box.site}/network", {"prefix": 26})
    rules = box.rules()
    assert rules is not None
    assert IPv4Network(rules.subnet).prefixlen == 26
    assert not IPv4Network(rules.subnet).overlaps(IPv4Network(first))


def test_a_public_key_is_one_boxs_whoever_else_tells_it(box: BoxInHand, tmp_path: Path) -> None:
    box.told(public_key=key("mine"), next_public_key=key("mine soon"))
    other = another(box, tmp_path)
    for told in ({"public_key": key("mine")}, {"public_key": key("o"), "next_public_key": key("mine soon")}):
        answer = other.tell(**told)
        assert (answer.status, answer.problem.what) == (400, "this public key is another's")
    other.told(public_key=key("others own"))
    box.told(public_key=key("mine soon"))
    other.told(public_key=key("mine"))  # which nobody uses any more


def test_a_key_changes_as_announced_or_somebody_is_told(box: BoxInHand) -> None:
    def newest() -> str:
        (entry,) = box.running.do("GET", "/audit?action=box.key&limit=1")["items"]
        return str(entry["detail"])

    names = [key(f"turn {number}") for number in range(3)]
    box.told(public_key=names[0])
    box.told(public_key=names[0], next_public_key=names[1])
    box.told(public_key=names[1])
    assert newest() == f"{names[0]} → {names[1]}, as it had announced"
    assert kinds(box) == []
    box.told(public_key=names[2])
    assert newest() == f"{names[1]} → {names[2]}, without having announced it"
    assert kinds(box) == ["box-key-changed"]
    assert shown(box)["key_since"]


def test_a_key_changes_a_few_times_a_day(box: BoxInHand) -> None:
    for number in range(boxes.MOST_KEY_CHANGES):
        box.told(public_key=key(f"change {number}"))
    answer = box.tell(public_key=key("once more"))
    assert (answer.status, "8 times a day" in answer.problem.what) == (400, True)
    assert shown(box)["public_key"] == key(f"change {boxes.MOST_KEY_CHANGES - 1}")
    with box.running.clock.forward(86_401):
        box.told(public_key=key("once more"))


def test_a_tunnel_that_is_down_for_long_is_told_of(box: BoxInHand) -> None:
    now = box.running.clock()
    tunnel = BoxTunnel("concentrator-1", now - box_alerts.TUNNEL_DOWN_AFTER_S - 1)
    box.told(tunnels=(tunnel,))
    assert kinds(box) == [], "there is no concentrator"
    box.told(findings=(BoxFinding("no-concentrator", "No concentrator answers."),))
    assert kinds(box) == ["tunnel-down"]
    sentences = [each["sentence"] for each in box.running.do("GET", f"/guard/alerts?site={box.site}")["items"]]
    assert sentences == [f"Box pi-in-the-hall of {site_name(box)} says: No concentrator answers."]
    box.told(tunnels=(BoxTunnel("concentrator-1", now),))
    assert kinds(box) == []


def site_name(box: BoxInHand) -> str:
    return str(box.running.do("GET", f"/sites/{box.site}")["name"])


def test_a_revoked_box_has_no_subnet_and_nobody_gets_it_before_a_day_is_over(box: BoxInHand, tmp_path: Path) -> None:
    mine = box.told(findings=(BoxFinding("several-phones", "Two phones."),)).subnet
    box.running.do("POST", f"/edges/{box.id}/revoke", {})
    with box.running.hub.change("the hub") as change:
        box_alerts.look(change)
    assert kinds(box) == []
    assert box.tell().status == 403
    assert box.running.do("GET", f"/boxes?site={box.site}")["items"] == []
    other = another(box, tmp_path)
    assert other.told(subnet=mine).subnet != mine, "its phones' calls may still go there"


def test_a_box_that_knows_more_than_the_hub_keeps_its_subnet(box: BoxInHand) -> None:
    """The hub goes on from a copy that is older than the box."""
    last = str(list(IPv4Network(box.running.hub.config.box_pool).subnets(new_prefix=20))[-1].network_address)
    assert box.told(subnet=f"{last}/29").subnet == f"{last}/29"


@pytest.mark.usefixtures("never_looking")
def test_a_box_is_told_of_new_rules_at_once(box: BoxInHand) -> None:
    with box.hand.events() as events:
        assert next(events).kind == "greeting"
        before = box.told().version
        assert next(events).kind == "state"
        box.running.do("PATCH", f"/sites/{box.site}/network", {"mtu": 1400})
        assert next(events).kind == "state"
        rules = box.rules()
        assert rules is not None
        assert (rules.mtu, rules.version > before) == (1400, True)


def test_where_no_subnet_is_left_somebody_is_told_until_there_is_one(
    box: BoxInHand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HubConfig, "box_pool_of", lambda _self, _organisation: IPv4Network("10.90.0.0/29"))
    assert another(box, tmp_path).told().subnet == "10.90.0.0/29"
    assert box.told().subnet == ""
    assert kinds(box) == ["box-without-subnet"]
    assert "10.90.0.0/29" in shown(box)["subnet_problem"]
    monkeypatch.undo()
    box.running.do("POST", f"/boxes/{box.id}/renumber")
    assert box.told().subnet
    assert kinds(box) == []


@pytest.mark.parametrize(
    ("subnet", "why"),
    [("x", "is no IPv4 subnet"), ("100.112.7.9/29", "is no IPv4 subnet"), ("100.112.7.0/28", "have a /29 each"),
     ("10.0.0.0/29", "is not a part of"), ("192.168.178.8/29", "is not a part of")],
)  # fmt: skip
def test_a_subnet_that_a_person_names_is_of_the_pool_and_of_the_sites_size(
    box: BoxInHand, subnet: str, why: str
) -> None:
    before = box.told().subnet
    answer = box.running.ask("POST", f"/boxes/{box.id}/renumber", {"subnet": subnet})
    assert (answer.status, why in answer.problem.what) == (422, True), answer.data
    assert shown(box)["subnet"] == before


def test_a_person_names_a_boxs_subnet_if_nobody_else_has_it(box: BoxInHand, tmp_path: Path) -> None:
    first, other = box.told().subnet, another(box, tmp_path)
    others = other.told().subnet
    here = f"/boxes/{box.id}/renumber"
    taken = box.running.ask("POST", here, {"subnet": others})
    assert (taken.status, taken.json["kind"]) == (409, "subnet-taken")
    named = "100.127.255.240/29"
    assert box.running.do("POST", here, {"subnet": named})["subnet"] == named
    assert box.told().subnet == named
    assert box.running.newest_action() == ("box.subnet", box.id)
    assert box.running.do("POST", here, {"subnet": named})["subnet"] == named
    soon = other.running.ask("POST", f"/boxes/{other.id}/renumber", {"subnet": first})
    assert (soon.status, soon.json["kind"]) == (409, "subnet-taken"), "the PBX may still send calls there"
    box.told(uplink_networks=("100.127.255.248/29",))
    near = box.running.ask("POST", here, {"subnet": "100.127.255.248/29"})
    assert (near.status, "in which the box is" in near.problem.what) == (422, True)
