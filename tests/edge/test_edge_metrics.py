"""What an edge tells whoever watches many machines."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ringfence.edge.reporting.metrics import FAMILIES, LocalPagesThread, metrics, pages
from ringfence.edge.reporting.status import SeenPhone, Status

AT_WORK = Status(
    7, "e1", "anna", "Anna", "https://hub:8444", 100.0, worker_pid=8, release=3, files=12, connected_since=150.0,
    phones=[SeenPhone("00:11:22:33:44:55", "192.0.2.9", 1.0, "f", 3)], certificate_ends_at=1_800_000_000.0,
)  # fmt: skip


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[tuple[str, list[Status]]]:
    """Where an edge tells how it is, and its status."""
    said = [AT_WORK]
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)
    thread = LocalPagesThread([listener], pages(lambda: said[0], tmp_path))
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}", said
    thread.close()


def told(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - our own address
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read().decode()


def test_health_is_the_workers_and_readiness_the_releases(edge: tuple[str, list[Status]]) -> None:
    url, said = edge
    assert told(f"{url}/healthz") == (200, "The worker runs.\n")
    assert told(f"{url}/readyz") == (200, "A release is served.\n")
    said[0] = replace(AT_WORK, connected_since=0.0, problem="the hub does not answer")
    assert told(f"{url}/readyz")[0] == 200, "phones boot without the hub"
    said[0] = replace(AT_WORK, worker_pid=0, release=0)
    assert told(f"{url}/healthz") == (503, "No worker runs.\n")
    assert told(f"{url}/readyz") == (503, "No release is served yet.\n")
    assert told(f"{url}/status")[0] == 404


def test_the_metrics_say_each_family_once_with_its_value(edge: tuple[str, list[Status]]) -> None:
    code, page = told(f"{edge[0]}/metrics")
    values = dict(line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    assert code == 200
    assert {name.partition("{")[0] for name in values} == set(FAMILIES)
    assert values["ringfence_edge_release"] == "3"
    assert values["ringfence_edge_connected"] == "1"
    assert values["ringfence_edge_problem"] == "0"
    assert values["ringfence_edge_phones"] == "1"
    assert values["ringfence_edge_certificate_ends_timestamp_seconds"] == "1800000000"
    assert float(values["ringfence_edge_disk_free_bytes"]) > 0
    assert json.dumps(page).isascii()


def test_a_problem_is_a_number_and_none_of_its_words() -> None:
    page = metrics(replace(AT_WORK, problem="secret words"), 1).decode()
    assert "ringfence_edge_problem 1" in page
    assert "secret" not in page
