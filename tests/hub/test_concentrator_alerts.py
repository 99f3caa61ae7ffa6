"""Alerts about concentrators: away for minutes, or with a certificate that ends; they end by themselves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.test_concentrators import ConcentratorInHand
from ringfence.hub.fleet import concentrator_alerts
from ringfence.hub.fleet.guard.edge_alerts import CERTIFICATE_ENDS_WITHIN_S
from ringfence.hub.store.network_models import ConcentratorRow
from support.running_hub import RunningHub


@pytest.fixture
def end(running: RunningHub, tmp_path: Path) -> Iterator[ConcentratorInHand]:
    end = ConcentratorInHand(running, tmp_path / "concentrator")
    yield end
    running.ask("DELETE", f"/concentrators/{end.id}")
    look(running)


def look(running: RunningHub) -> dict[str, str]:
    """Look, and return the open alerts about concentrators."""
    with running.hub.change("test") as change:
        concentrator_alerts.look(change)
    rows = running.do("GET", "/guard/alerts")["items"]
    return {row["kind"]: row["sentence"] for row in rows if row["kind"] in concentrator_alerts.KINDS}


def test_one_that_is_away_is_told_of_until_it_is_back_or_removed(running: RunningHub, end: ConcentratorInHand) -> None:
    end.tell()
    assert look(running) == {}
    with running.hub.change("test") as change:
        row = change.session.get_one(ConcentratorRow, end.id)
        row.enrolled_at = row.told_at = change.now - concentrator_alerts.AWAY_AFTER_S - 1
    told = look(running)
    assert set(told) == {"concentrator-away"}
    assert told["concentrator-away"].startswith(f"Concentrator {end.name} has not been seen since 20")
    assert look(running) == told
    end.tell()
    assert look(running) == {}


def test_a_stream_that_is_open_is_enough(running: RunningHub, end: ConcentratorInHand) -> None:
    with running.hub.change("test") as change:
        row = change.session.get_one(ConcentratorRow, end.id)
        row.enrolled_at = 1.0
        row.connected_until = change.now + 30
    assert look(running) == {}


def test_one_that_never_enrolled_is_not_away(running: RunningHub) -> None:
    made = running.do("POST", "/concentrators", {"name": "To come"})["concentrator"]["id"]
    assert look(running) == {}
    running.do("DELETE", f"/concentrators/{made}")


def test_a_certificate_that_ends_is_told_of(running: RunningHub, end: ConcentratorInHand) -> None:
    with running.hub.change("test") as change:
        row = change.session.get_one(ConcentratorRow, end.id)
        row.certificate_ends_at = change.now + CERTIFICATE_ENDS_WITHIN_S - 1
    assert set(look(running)) == {"concentrator-certificate"}
