"""What an edge tells of where phones in its room reach its HTTP."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.edge.agent import health as healths
from ringfence.edge.phones import serving
from ringfence.edge.process import room_addresses
from ringfence.edge.process.room_addresses import MOST_TOLD, in_room, own_addresses
from stack import wait_for
from support.namespaces import Wire, entered
from support.running_agent import Running, enrolled_agent

ANYWHERE = "0.0.0.0"  # noqa: S104 - what a listener says


@pytest.mark.parametrize(
    ("listening", "told"),
    [
        ([], []),
        ([("192.168.7.2", 6970)], ["192.168.7.2:6970"]),
        ([("127.0.0.1", 6970), ("::1", 6970), ("169.254.1.1", 6970), ("fe80::1%eth0", 6970), ("::", 6970)], []),
        ([("fd00::2", 6970)], ["[fd00::2]:6970"]),
        ([(ANYWHERE, 6970), ("192.168.7.2", 6970)], ["192.168.7.2:6970", "10.1.1.1:6970"]),
        ([("10.0.0.1", port) for port in range(1, 100)], [f"10.0.0.1:{port}" for port in range(1, MOST_TOLD + 1)]),
    ],
)
def test_a_listener_is_told_by_the_addresses_that_lead_to_it(
    monkeypatch: pytest.MonkeyPatch, listening: list[tuple[str, int]], told: list[str]
) -> None:
    monkeypatch.setattr(room_addresses, "own_addresses", lambda _only: ["192.168.7.2", "10.1.1.1", "127.0.0.1"])
    assert in_room(listening) == told


@pytest.mark.needs("root")
@pytest.mark.needs("netns")
def test_a_machine_has_the_addresses_of_its_wires_and_not_of_loopback() -> None:
    with Wire(["192.168.7.2/24"], ["192.168.7.9/24"]) as wire:
        with entered(wire.server):
            assert own_addresses() == ["192.168.7.2"]
            assert in_room([(ANYWHERE, 6970)]) == ["192.168.7.2:6970"]
        with entered(wire.client):
            assert own_addresses() == ["192.168.7.9"]


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(healths, "TELL_ANYWAY_S", 0.0)
    with enrolled_agent(tmp_path / "edge") as made:
        yield made


def test_an_edge_tells_the_hub_where_it_listens_and_a_loopback_address_is_told_to_none(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.start()
    wait_for("the hub to hear of it", lambda: running.hub.healths)
    assert running.hub.healths[-1].http_addresses == ()
    asked: list[list[tuple[str, int]]] = []

    def told(listening: list[tuple[str, int]], _phone_port: str) -> list[str]:
        asked.append(list(listening))
        return ["192.168.7.2:6970"]

    monkeypatch.setattr(serving, "in_room", told)
    running.stop()
    running.start()
    wait_for("the news", lambda: running.hub.healths[-1].http_addresses == ("192.168.7.2:6970",))
    assert running.agent is not None
    assert asked[-1][0][0] == "127.0.0.1", "where HTTP is served"
