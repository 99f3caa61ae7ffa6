"""Phones without an edge: told through their PBX after a publish, once, at a pace, and not in a call."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from ringfence.hub.errors import PhoneNotRegistered
from ringfence.hub.process import background_jobs
from ringfence.hub.store.due_order_models import DueOrderRow
from ringfence.hub.telephony import order_sending, reload_by_pbx
from ringfence.phones.mac import Mac
from support.asterisk_manager import AsteriskManager, Registration, running_manager
from support.https_phones import AtListener, listening, small_business
from support.running_hub import Json, RunningHub
from support.trusted_hub import trust

MAC = "00:1B:54:C2:E4:{:02X}"


@pytest.fixture
def pbx(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsteriskManager]:
    monkeypatch.setattr(running.hub.config, "pbx_networks", ("127.0.0.0/8",))
    monkeypatch.setattr(background_jobs, "_in_turn", lambda *_work: ())  # the test looks, and nobody else
    with running_manager() as manager:
        url = f"ami://127.0.0.1:{manager.port}"
        running.do("POST", "/pbxes", {"name": "aster", "kind": "asterisk", "url": url, "realm": "asterisk"})
        yield manager
        manager.is_away = False
        running.do("DELETE", "/pbxes/aster")
        with running.hub.database.writing() as session:
            session.execute(delete(DueOrderRow))


def home(running: RunningHub, *numbers: int) -> str:
    """A site without an edge whose phones have been published."""
    site = running.site(f"Without {numbers[0]}")
    for number in numbers:
        running.phone(site, MAC.format(number))
        running.do("PUT", f"/phones/{MAC.format(number)}/lines/1", {"name": f"{number}1", "label": "Anna"})
    running.publish(sites=[site])
    return site


def changed(running: RunningHub, site: str, value: int = 5071) -> Json:
    """Publish a change of all phones of a site; return what was said of it."""
    running.do("PUT", f"/settings/sites/{site}/sip_listen_port", {"value": str(value)})
    (said,) = running.publish(sites=[site])["sites"]
    return dict(said)


def registered(pbx: AsteriskManager, *numbers: int) -> None:
    pbx.contacts += [
        Registration(f"{number}1", f"sip:{number}1@192.168.1.{number}:5060", f"call-{number}", 1000)
        for number in numbers
    ]


def told(pbx: AsteriskManager) -> int:
    return pbx.names("Action").count("PJSIPNotify")


def served(at: AtListener, site: str, count: int) -> None:
    """Wait until the listener has told of so many files that a site's phones took."""
    deadline = time.monotonic() + 60
    while [row["kind"] for row in at.running.do("GET", f"/reports?site={site}")["items"]].count("file-served") < count:
        assert time.monotonic() < deadline
        at.listeners.desk.flush()
        time.sleep(0.05)


def orders(running: RunningHub, site: str) -> list[Json]:
    return list(running.do("GET", f"/phones/orders?site={site}")["items"])


def test_a_publish_tells_the_phones_whose_file_it_changed_and_no_others(
    running: RunningHub, pbx: AsteriskManager
) -> None:
    site = home(running, 1, 2)
    registered(pbx, 1, 2)
    assert orders(running, site) == [], "who had no file before asks by itself"
    running.do("PUT", f"/phones/{MAC.format(1)}/lines/1", {"name": "11", "label": "Ben"})
    (said,) = running.publish(sites=[site])["sites"]
    assert said["told_by_pbx"] == 1
    assert [each["state"] for each in orders(running, site)] == ["waiting"]
    assert order_sending.go_on(running.hub) == 1
    (order,) = orders(running, site)
    assert (order["mac"], order["state"], order["release"]) == (MAC.format(1), "told", said["release"])
    assert (order["detail"], order["fetched_at"]) == ("through aster", None)
    assert "The hub told it" not in str(running.do("GET", f"/phones/{MAC.format(2)}/status"))
    assert order_sending.go_on(running.hub) == 0
    assert told(pbx) == 1
    page = running.raw("GET", f"/phones/{MAC.format(1)}").data
    assert b"through aster; not fetched yet" in page


def test_nobody_is_told_twice_after_a_hub_that_died(running: RunningHub, pbx: AsteriskManager) -> None:
    site = home(running, 3)
    registered(pbx, 3)
    changed(running, site)
    assert len(order_sending._claim(running.hub)) == 1  # and here the hub dies
    assert order_sending.go_on(running.hub) == 0
    with running.clock.forward(601):
        assert order_sending.go_on(running.hub) == 1, "nobody knows whether it was told, and it has fetched nothing"
        assert order_sending.go_on(running.hub) == 0
    assert told(pbx) == 1


def test_the_pace_holds_for_all_hubs_together(
    running: RunningHub, pbx: AsteriskManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running.hub.config, "phone_orders_a_minute", 3)
    numbers = range(10, 18)
    site = home(running, *numbers)
    registered(pbx, *numbers)
    assert changed(running, site)["told_by_pbx"] == 8
    with running.clock.stopped():
        assert [order_sending.go_on(running.hub) for _each in range(3)] == [3, 0, 0]
    with running.clock.forward(61), running.clock.stopped():
        assert [order_sending.go_on(running.hub) for _each in range(3)] == [3, 0, 0]
    monkeypatch.setattr(running.hub.config, "phone_orders_a_minute", 0)
    with running.clock.forward(130):
        assert order_sending.go_on(running.hub) == 0, "0 is for none"


def test_a_pbx_that_is_away_costs_one_question_and_no_try(running: RunningHub, pbx: AsteriskManager) -> None:
    site = home(running, 20, 21, 22)
    registered(pbx, 20, 21, 22)
    changed(running, site)
    pbx.is_away = True
    asked: list[Mac] = []
    tell_by = reload_by_pbx.tell_by

    def counting(hub: object, mac: Mac, reached: object) -> object:
        asked.append(mac)
        return tell_by(hub, mac, reached)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reload_by_pbx, "tell_by", counting)
        assert order_sending.go_on(running.hub) == 0
    assert len(asked) == 1
    assert [(each["state"], each["tries"]) for each in orders(running, site)] == [("waiting", 0)] * 3
    pbx.is_away = False
    with running.clock.forward(301):
        assert order_sending.go_on(running.hub) == 3


def test_one_that_is_not_registered_is_tried_a_few_times(running: RunningHub, pbx: AsteriskManager) -> None:
    site = home(running, 30)
    changed(running, site)
    ahead = 0.0
    for tries in range(1, order_sending.MOST_TRIES + 1):
        with running.clock.forward(ahead):
            assert order_sending.go_on(running.hub) == 0
        (order,) = orders(running, site)
        assert (order["tries"], order["state"] == "given-up") == (tries, tries == order_sending.MOST_TRIES)
        ahead += 60.0 * 4 ** (tries - 1) + 1
    assert "is not registered at aster" in order["detail"]
    with running.clock.forward(ahead):
        registered(pbx, 30)
        assert order_sending.go_on(running.hub) == 0
    changed(running, site, 5072)
    assert order_sending.go_on(running.hub) == 1, "the next release begins anew"


def test_a_phone_in_a_call_is_told_afterwards(running: RunningHub, pbx: AsteriskManager) -> None:
    site = home(running, 40)
    registered(pbx, 40)
    changed(running, site)
    pbx.loaded, pbx.calls = (
        [("401", {"type": "endpoint", "auth": "401", "transport": "udp", "aors": "401"})],
        {"401": "In use"},
    )
    assert order_sending.go_on(running.hub) == 0
    (order,) = orders(running, site)
    assert (order["state"], order["tries"], order["detail"][:15]) == ("waiting", 0, "it is in a call")
    pbx.calls = {}
    with running.clock.forward(61):
        assert order_sending.go_on(running.hub) == 1


def test_when_and_whether_is_the_phones_setting(running: RunningHub, pbx: AsteriskManager) -> None:
    site = home(running, 50, 51)
    registered(pbx, 50, 51)
    running.do("PUT", f"/settings/phones/{MAC.format(50)}/reload", {"value": "never"})
    running.do("PUT", f"/settings/phones/{MAC.format(51)}/reload", {"value": "night"})
    assert changed(running, site)["told_by_pbx"] == 1
    (order,) = orders(running, site)
    assert order["mac"] == MAC.format(51)
    assert 0 <= order["due_at"] - running.clock() <= 86_400
    due = order["due_at"] - running.clock()
    with running.clock.forward(due + 1):
        assert order_sending.go_on(running.hub) == 1


def test_who_was_told_by_hand_is_not_told_again(running: RunningHub, pbx: AsteriskManager) -> None:
    site = home(running, 60)
    registered(pbx, 60)
    changed(running, site)
    running.do("POST", f"/phones/{MAC.format(60)}/reload", {})
    assert [each["state"] for each in orders(running, site)] == ["told"]
    assert order_sending.go_on(running.hub) == 0


def test_a_site_with_an_edge_is_its_edges(running: RunningHub, pbx: AsteriskManager, tmp_path: Path) -> None:
    site = home(running, 70)
    running.enrol(site, tmp_path / "edge")
    assert changed(running, site)["told_by_pbx"] == 0
    with pytest.raises(PhoneNotRegistered):
        reload_by_pbx.tell(running.hub, Mac.parse(MAC.format(70)))
    assert pbx.actions


@pytest.fixture(scope="module")
def at(running: RunningHub) -> Iterator[AtListener]:
    trust(running)
    with listening(running) as there:
        yield there


def test_one_by_https_is_told_though_its_site_has_an_edge(at: AtListener, pbx: AsteriskManager, tmp_path: Path) -> None:
    running, site = at.running, at.site()
    by_https, at_home = at.phone(site, "8841-3PCC"), at.phone(site, "8841-3PCC")
    running.enrol(site, tmp_path / "edge")
    running.publish(sites=[site])
    assert at.client(small_business(by_https, "CP-8841-3PCC")).get(f"/{by_https.lower()}.xml").status == 200
    served(at, site, 1)
    assert changed(running, site)["told_by_pbx"] == 1
    with running.hub.database.reading() as session:
        assert session.scalars(select(DueOrderRow.mac)).all() == [by_https]
    assert at_home != by_https
    assert not told(pbx)
    assert at.client(small_business(by_https, "CP-8841-3PCC")).get(f"/{by_https.lower()}.xml").status == 200
    served(at, site, 2)
    assert order_sending.go_on(running.hub) == 0, "it has fetched that meanwhile"
    (order,) = orders(running, site)
    assert (order["state"], order["detail"]) == ("given-up", "it fetched that by itself")
    assert order["fetched_at"] is not None
