"""How edges keep their files: who orders it, which edge gets the key, and when nobody does any more."""

import base64
from pathlib import Path

import pytest
from sqlalchemy import select

from hub.test_guard_edge_networks import elsewhere
from ringfence.hub.fleet import edge_modes
from ringfence.hub.store.edge_mode_models import EdgeModeRow
from ringfence.wire import codec, paths
from ringfence.wire.messages import EdgeHealth, SiteState, StatePart, StorageOrder
from support.paper import read, send
from support.running_hub import EdgeInHand, RunningHub


def told(edge: EdgeInHand) -> StorageOrder | None:
    state = codec.from_json(SiteState, edge.get(paths.STATE).data)
    raw = state.parts.get(StatePart.STORAGE)
    return None if raw is None else codec.from_json(StorageOrder, bytes(raw))


@pytest.fixture
def edge(running: RunningHub, tmp_path: Path, request: pytest.FixtureRequest) -> EdgeInHand:
    return running.enrol(running.site(request.node.name[-30:].replace("_", " ")), tmp_path / "edge")


def put(running: RunningHub, edge: EdgeInHand, mode: str) -> None:
    assert running.do("PUT", f"/edges/{edge.response.edge_id}/mode", {"mode": mode})["mode"] == mode


def test_an_edge_gets_one_key_of_its_own_and_the_hub_keeps_it_sealed(
    running: RunningHub, edge: EdgeInHand, tmp_path: Path
) -> None:
    assert told(edge) is None, "an edge that never sealed anything is told nothing"
    put(running, edge, "sealed")
    order = told(edge)
    assert order is not None
    assert order.sealed
    key = base64.b64decode(order.key.reveal())
    assert len(key) == 32
    assert told(edge) == order, "after each start it is the same"
    for path in running.folder.path.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert key not in data, path
        assert order.key.reveal().encode() not in data, path
    other = running.enrol(running.site("Another sealed one"), tmp_path / "other")
    put(running, other, "sealed")
    there = told(other)
    assert there is not None
    assert there.key != order.key
    put(running, edge, "open")
    assert told(edge) == StorageOrder(sealed=False, key=order.key), "it opens by it what it has sealed"
    assert running.newest_action() == ("edge.mode", edge.response.edge_id)


def test_a_new_mode_is_news_for_the_edge_and_the_same_one_is_none(running: RunningHub, edge: EdgeInHand) -> None:
    def version() -> int:
        return codec.from_json(SiteState, edge.get(paths.STATE).data).version

    before = version()
    put(running, edge, "open")
    assert version() == before
    put(running, edge, "sealed")
    sealed = version()
    assert sealed > before
    put(running, edge, "sealed")
    assert version() == sealed


def test_what_an_edge_says_of_its_files_is_shown_and_bounded(running: RunningHub, edge: EdgeInHand) -> None:
    path = f"/edges/{edge.response.edge_id}"
    assert running.do("GET", f"{path}/mode") == {"edge": edge.response.edge_id, "mode": "open", "told": ""}
    edge.post(paths.HEALTH, EdgeHealth(1.0, mode="locked"))
    assert running.do("GET", path)["mode"] == "locked"
    edge.post(paths.HEALTH, EdgeHealth(1.0, mode="x" * 300))
    assert running.do("GET", path)["mode"] == ""


def test_the_version_that_an_edge_runs_is_shown_and_bounded(running: RunningHub, edge: EdgeInHand) -> None:
    path = f"/edges/{edge.response.edge_id}"
    at_enrolment = running.do("GET", path)["version"]
    edge.post(paths.HEALTH, EdgeHealth(1.0))  # an older edge says none
    assert running.do("GET", path)["version"] == at_enrolment
    edge.post(paths.HEALTH, EdgeHealth(1.0, version="9.8.7\x1b" + "x" * 300))
    assert running.do("GET", path)["version"] == ("9.8.7\ufffd" + "x" * 300)[:40]


def test_a_thief_who_starts_the_box_elsewhere_gets_no_key(running: RunningHub, edge: EdgeInHand) -> None:
    site = edge.response.site_id
    running.do("PATCH", f"/sites/{site}/guard", {"edge_moves": "hold"})
    put(running, edge, "sealed")
    home = told(edge)
    assert home is not None
    assert home.key
    for _ in range(2):  # also before the hub has noted where it is
        state = codec.from_json(SiteState, elsewhere(edge).request("GET", paths.STATE).data)
        assert codec.from_json(StorageOrder, bytes(state.parts[StatePart.STORAGE])).key.reveal() == ""
    assert told(edge) == home
    running.do("POST", f"/edges/{edge.response.edge_id}/accept")
    state = codec.from_json(SiteState, elsewhere(edge).request("GET", paths.STATE).data)
    assert codec.from_json(StorageOrder, bytes(state.parts[StatePart.STORAGE])) == home


def test_a_revoked_edge_has_no_key_any_more_not_even_at_the_hub(running: RunningHub, edge: EdgeInHand) -> None:
    put(running, edge, "sealed")
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {})
    assert edge.get(paths.STATE).status == 403
    with running.hub.database.reading() as session:
        row = session.scalars(select(EdgeModeRow).where(EdgeModeRow.edge_id == edge.response.edge_id)).one()
        assert row.sealed_key is None
    refused = running.ask("PUT", f"/edges/{edge.response.edge_id}/mode", {"mode": "open"})
    assert refused.status == 409
    assert refused.json["kind"] == "edge-is-revoked"


def test_one_that_keeps_serving_keeps_its_key(running: RunningHub, edge: EdgeInHand) -> None:
    put(running, edge, "sealed")
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {"keeps_serving": True})
    with running.hub.database.reading() as session:
        row = session.scalars(select(EdgeModeRow).where(EdgeModeRow.edge_id == edge.response.edge_id)).one()
        assert row.sealed_key is not None


def test_the_page_says_the_price_before_it_is_switched_on(running: RunningHub, edge: EdgeInHand) -> None:
    here = f"/edges/{edge.response.edge_id}"
    assert "Seal its files" in read(running, here)
    asked = read(running, f"{here}/mode")
    assert "serves no phone until it has reached this hub" in asked
    assert f"ringfence edge mode {edge.response.edge_id} sealed" in asked
    assert send(running, f"{here}/mode", {"mode": "sealed"}).status == 303
    assert "it has not said that they are" in read(running, here)
    with running.hub.database.reading() as session:
        assert edge_modes.wanted(session, edge.response.edge_id) == "sealed"
    assert "whoever takes the box finds their secrets" in read(running, f"{here}/mode")
    assert send(running, f"{here}/mode", {"mode": "open"}).status == 303
    with running.hub.database.reading() as session:
        assert edge_modes.wanted(session, edge.response.edge_id) == "open"
