"""Phones that their Asterisk sees behind NAT: their edge gets the order, with what the PBX knows of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.hub.errors import PbxRefused
from ringfence.hub.telephony import reload_by_pbx
from ringfence.phones.mac import Mac
from ringfence.wire import codec, paths
from ringfence.wire.messages import RoomOrder, RoomOrders, SiteState, StatePart
from support.asterisk_manager import AsteriskManager, Registration, running_manager
from support.running_hub import EdgeInHand, RunningHub

BEHIND = "sip:201@203.0.113.7:49152;transport=udp;x-ast-orig-host=192.168.1.7:5061"


@pytest.fixture
def pbx(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> Iterator[AsteriskManager]:
    monkeypatch.setattr(running.hub.config, "pbx_networks", ("127.0.0.0/8",))
    with running_manager() as manager:
        url = f"ami://127.0.0.1:{manager.port}"
        running.do("POST", "/pbxes", {"name": "aster", "kind": "asterisk", "url": url, "realm": "asterisk"})
        yield manager
        running.do("DELETE", "/pbxes/aster")


def orders(edge: EdgeInHand) -> tuple[RoomOrder, ...]:
    state = codec.from_json(SiteState, edge.get(paths.STATE).data)
    return codec.from_json(RoomOrders, bytes(state.parts[StatePart.ROOM_ORDERS])).orders


def test_the_edge_gets_the_order_once_and_not_for_long(
    running: RunningHub, pbx: AsteriskManager, tmp_path: Path
) -> None:
    site, mac = running.site("Behind"), "00:1B:54:C2:E0:01"
    running.phone(site, mac)
    edge, stranger = running.enrol(site, tmp_path / "a"), running.enrol(running.site("Other"), tmp_path / "b")
    pbx.contacts = [Registration("201", BEHIND, "abc@phone", 1000)]
    assert orders(edge) == ()
    with edge.events() as events:
        assert next(events).kind == "greeting"
        answer = running.do("POST", f"/phones/{mac}/reload", {"action": "reset"})
        assert (answer["in_room"], answer["contacts"]) == (True, ["192.168.1.7:5061"])
        assert next(events).kind == "state"
    (order,) = orders(edge)
    assert (order.owner, order.host, order.port) == (Mac.parse(mac).bare, "192.168.1.7", 5061)
    assert (order.action, order.register_call_id) == ("reset", "abc@phone")
    assert "PJSIPNotify" not in pbx.names("Action"), "the phone would answer 400"
    assert orders(stranger) == ()
    with running.clock.forward(200):
        assert orders(edge) == ()


@pytest.mark.parametrize(
    ("uri", "status", "family", "in_room"),
    [
        ("sip:201@192.168.1.7:5060", "Reachable", "9971", False),
        ("sip:201@192.168.1.7:5060", "Unreachable", "9971", True),
        (BEHIND, "Reachable", "SPA504G", False),
    ],
)
def test_who_is_told_by_the_pbx_itself(
    running: RunningHub, pbx: AsteriskManager, tmp_path: Path, uri: str, status: str, family: str, in_room: bool
) -> None:
    number = next(_numbers)
    site, mac = running.site(f"Told {number}"), f"00:1B:54:C2:E1:{number:02X}"
    running.phone(site, mac, family)
    running.enrol(site, tmp_path / "a")
    pbx.contacts = [Registration("201", uri, "abc@phone", 1000, status=status)]
    assert running.do("POST", f"/phones/{mac}/reload", {})["in_room"] is in_room
    assert ("PJSIPNotify" in pbx.names("Action")) is not in_room


_numbers = iter(range(100))


def test_without_an_edge_nobody_says_that_it_was_sent(running: RunningHub, pbx: AsteriskManager) -> None:
    site, mac = running.site("Alone"), "00:1B:54:C2:E0:02"
    running.phone(site, mac)
    pbx.contacts = [Registration("201", BEHIND, "abc@phone", 1000)]
    with pytest.raises(PbxRefused, match="behind NAT"):
        reload_by_pbx.tell(running.hub, Mac.parse(mac))
