"""Changing the keys of tunnels: who is told to, and when the other ends are known to know the next one."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.test_concentrators import ConcentratorInHand
from ringfence.hub.store.models import EdgeRow
from ringfence.hub.store.network_models import ConcentratorRow
from ringfence.wire import codec
from ringfence.wire.network_messages import BoxAnswer
from ringfence.wire.tunnel_messages import TunnelAnswer
from support.boxes_in_hand import BoxInHand, key
from support.running_hub import RunningHub

_numbers = itertools.count(1)


@pytest.fixture
def box(running: RunningHub, tmp_path: Path) -> BoxInHand:
    return BoxInHand(running, running.site(f"Keys {next(_numbers)}"), tmp_path / "edge")


@pytest.fixture
def end(running: RunningHub, tmp_path: Path) -> Iterator[ConcentratorInHand]:
    end = ConcentratorInHand(running, tmp_path / "concentrator")
    yield end
    running.ask("DELETE", f"/concentrators/{end.id}")


def is_known(box: BoxInHand, public_key: str, next_public_key: str) -> bool:
    answer = box.tell(public_key=public_key, next_public_key=next_public_key)
    assert answer.status == 200, answer.data
    return codec.from_json(BoxAnswer, answer.data).next_key_known


def boxes_know(end: ConcentratorInHand, next_public_key: str) -> bool:
    answer = end.tell(next_public_key=next_public_key)
    assert answer.status == 200, answer.data
    return codec.from_json(TunnelAnswer, answer.data).next_key_known


def connect(running: RunningHub, *, edge: str = "", concentrator: str = "", for_s: float = 1e6) -> None:
    with running.hub.change("test") as change:
        if edge:
            change.session.get_one(EdgeRow, edge).connected_until = change.now + for_s
        if concentrator:
            change.session.get_one(ConcentratorRow, concentrator).connected_until = change.now + for_s


def test_a_box_is_told_which_key_is_to_go_until_it_has_changed_it(box: BoxInHand) -> None:
    refused = box.running.ask("POST", f"/boxes/{box.id}/rotate-key")
    assert (refused.status, refused.json["kind"]) == (404, "unknown-box")
    box.told()
    refused = box.running.ask("POST", f"/boxes/{box.id}/rotate-key")
    assert (refused.status, refused.json["kind"]) == (409, "no-tunnel-key")
    mine, following = key(f"{box.id} 1"), key(f"{box.id} 2")
    assert box.told(public_key=mine).retired_key == ""
    shown = box.running.do("POST", f"/boxes/{box.id}/rotate-key")
    assert (shown["public_key"], shown["key_changes"]) == (mine, True)
    assert box.running.newest_action() == ("box.rotate-key", box.id)
    assert box.told(public_key=mine).retired_key == mine
    assert box.told(public_key=following).retired_key == ""
    assert box.running.do("GET", f"/boxes/{box.id}")["key_changes"] is False


def test_a_boxs_next_key_is_known_once_every_connected_concentrator_has_let_it_in(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand, tmp_path: Path
) -> None:
    mine, following = key(f"{box.id} 1"), key(f"{box.id} 2")
    box.told(public_key=mine)
    assert not is_known(box, mine, following)
    assert not is_known(box, mine, following), "no concentrator is connected"
    other = ConcentratorInHand(running, tmp_path / "other")
    for each in (end, other):
        each.tell()
        connect(running, concentrator=each.id)
    assert not is_known(box, mine, following)
    peers = end.peers()
    end.tell(peers_version=peers.version, peers_epoch=peers.epoch)
    assert not is_known(box, mine, following), "the other one has not"
    other.tell(peers_version=peers.version, peers_epoch="of another hub")
    assert not is_known(box, mine, following)
    other.tell(peers_version=peers.version, peers_epoch=peers.epoch)
    assert is_known(box, mine, following)
    assert not is_known(box, mine, ""), "it changes to none"
    running.do("DELETE", f"/concentrators/{other.id}")


def test_a_key_that_is_told_just_now_is_known_to_nobody(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand
) -> None:
    mine = key(f"{box.id} 1")
    box.told(public_key=mine)
    connect(running, concentrator=end.id)
    peers = end.peers()
    end.tell(peers_version=peers.version + 1000, peers_epoch=peers.epoch)
    assert not is_known(box, mine, key(f"{box.id} 2"))


def test_a_concentrator_hears_which_key_is_to_go_and_when_boxes_know_the_next_one(
    running: RunningHub, end: ConcentratorInHand, box: BoxInHand
) -> None:
    refused = running.ask("POST", f"/concentrators/{end.id}/rotate-key")
    assert (refused.status, refused.json["kind"]) == (409, "no-tunnel-key")
    end.tell()
    version = box.told(public_key=key(f"{box.id} 1")).version
    with end.events() as events:
        assert next(events).kind == "greeting"
        shown = running.do("POST", f"/concentrators/{end.id}/rotate-key")
        assert shown["key_changes"] is True
        assert running.newest_action() == ("tunnel.rotate-key", end.id)
        assert next(events).kind == "state"
    assert end.peers().retired_key == key(end.name)
    following = key(f"{end.name} 2")
    connect(running, edge=box.id)
    assert not boxes_know(end, following), "it is told just now"
    assert not boxes_know(end, following), "the box is connected, and goes by older rules"
    newest = box.told(public_key=key(f"{box.id} 1"), rules_version=version)
    assert newest.concentrators[-1].next_public_key == following
    assert not boxes_know(end, following)
    box.told(public_key=key(f"{box.id} 1"), rules_version=newest.version)
    assert boxes_know(end, following)
    connect(running, edge=box.id, for_s=-1.0)
    box.told(public_key=key(f"{box.id} 1"), rules_version=1)
    assert boxes_know(end, following), "a box that is away learns it from the hub"
