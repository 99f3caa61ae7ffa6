"""Who calls is known before a byte of a body is read, on every route of the device API where nothing else is said."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.device import reports
from ringfence.hub.device.app import ROUTES, device_app
from ringfence.hub.device.callers import DeviceCaller, anybody
from ringfence.hub.device.exchange import DeviceRoute, Work, message
from ringfence.hub.errors import EdgeRefused
from ringfence.hub.process import tls
from ringfence.hub.process.listeners import LISTENERS, Listener
from ringfence.secret import Secret
from ringfence.wire import codec, paths
from ringfence.wire.job_messages import LARGEST_PART_BYTES
from ringfence.wire.messages import Problem, Progress, Report, ReportBatch
from ringfence.wire.phone_services import LARGEST_BYTES
from support.chosen_database import copied
from support.raw_requests import answer_to_head, connected, status_of
from support.running_hub import Clock, RunningHub
from support.serving_hub import serving

FOUR_MIB = 4 * 1024 * 1024
OF_CONCENTRATORS = {paths.TUNNEL_RENEW, paths.TUNNEL_EVENTS, paths.TUNNEL_PEERS, paths.TUNNEL_STANDING}
"""Routes that no edge may use; what concentrators may is in test_concentrators.py."""


@pytest.mark.parametrize("header", [f"Content-Length: {FOUR_MIB}", "Transfer-Encoding: chunked"])
@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_stranger_is_refused_before_the_body_is_sent(running: RunningHub, route: DeviceRoute, header: str) -> None:
    if route.caller is anybody and "chunked" in header:
        return  # anybody may send this route as much as it reads
    path = route.path.replace("{name}", "timestamp.json").replace("{digest}", "0" * 64)
    with connected(running.device_url, running.device_context()) as line:
        answer = answer_to_head(line, route.method, path, header)
    assert status_of(answer) == (400 if route.caller is anybody else 401), answer


def test_only_the_authority_and_enrolling_are_for_anybody() -> None:
    assert {route.path for route in ROUTES if route.caller is anybody} == {
        paths.AUTHORITY, paths.ENROL, paths.TUNNEL_ENROL,
    }  # fmt: skip


def test_each_route_reads_no_longer_a_body_than_it_has_use_for() -> None:
    assert {route.path: route.most_body_bytes for route in ROUTES if route.most_body_bytes} == {
        paths.ENROL: 64 * 1024,
        paths.RENEW: 64 * 1024,
        paths.REPORTS: codec.LARGEST_BYTES,
        paths.HEALTH: 4096,
        paths.PROGRESS: 4 * 1024,
        paths.STANDING: 1536 * 1024,
        paths.BOX: 64 * 1024,
        paths.EDGE_TLS: 4 * 1024,
        paths.TUNNEL_ENROL: 64 * 1024,
        paths.TUNNEL_RENEW: 64 * 1024,
        paths.TUNNEL_STANDING: codec.LARGEST_BYTES,
        paths.JOBS: 2 * LARGEST_PART_BYTES,
        paths.PHONE_WEB: 2 * LARGEST_PART_BYTES,
        paths.PHONE_SERVICES + "{service}": LARGEST_BYTES,
    }
    assert all(route.most_body_bytes == 0 for route in ROUTES if route.method == "GET")


def test_a_body_beyond_the_routes_limit_is_refused_before_it_is_sent(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Long bodies"), tmp_path / "edge")
    context = running.device_context()
    context.load_cert_chain(edge.folder / "certificate.pem", edge.folder / "key.pem")
    for route in ROUTES:
        if route.path in OF_CONCENTRATORS:
            continue
        path = route.path.replace("{name}", "timestamp.json").replace("{digest}", "0" * 64)
        with connected(running.device_url, context) as line:
            answer = answer_to_head(line, route.method, path, f"Content-Length: {route.most_body_bytes + 1}")
        assert status_of(answer) == 400, (route.path, answer)
        assert b"more than" in answer


def test_a_body_in_chunks_beyond_the_limit_is_refused(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Long chunks"), tmp_path / "edge")
    answer = edge.pool.request("POST", paths.PROGRESS, body=iter([b"x" * 4096, b"x"]), chunked=True)
    assert (answer.status, b"more than 4096 bytes" in answer.data) == (400, True)


def test_a_revoked_edge_reads_why_after_all_of_its_body(running: RunningHub, tmp_path: Path) -> None:
    edge = running.enrol(running.site("Revoked senders"), tmp_path / "edge")
    running.do("POST", f"/edges/{edge.response.edge_id}/revoke", {})
    answer = edge.pool.request("POST", paths.REPORTS, body=b"x" * (FOUR_MIB - 1))
    assert (answer.status, codec.from_json(Problem, answer.data).kind) == (403, "edge-revoked")


def test_a_route_that_says_nothing_takes_enrolled_edges_only(made_hub: tuple[Path, Secret], tmp_path: Path) -> None:
    seen: list[DeviceCaller] = []

    def work(_request: Request, caller: DeviceCaller, body: bytes) -> Response:
        seen.append(caller)
        return message({"got": len(body)})

    added = Listener(
        "added",
        "added",
        lambda _config: 0,
        lambda hub: device_app(hub, (*ROUTES, DeviceRoute("/device/v1/added", "POST", work, 10))),
        tls.device_context,
        tls.ClientCertificateProtocol,
    )
    copied(made_hub[0], tmp_path / "hub")
    folder = DataFolder(tmp_path / "hub")
    hub = open_hub(folder)
    with serving(hub, folder, (*LISTENERS, added)):
        running = RunningHub(folder, hub, made_hub[1], Clock())
        url = json.loads((folder.path / "run.json").read_text())["added"]
        with connected(url, running.device_context()) as line:
            answer = answer_to_head(line, "POST", "/device/v1/added", "Content-Length: 3")
        assert status_of(answer) == 401
        edge = running.enrol(running.site("Anna"), tmp_path / "edge")
        context = running.device_context()
        context.load_cert_chain(edge.folder / "certificate.pem", edge.folder / "key.pem")
        with connected(url, context) as line:
            answer = answer_to_head(
                line, "POST", "/device/v1/added", "Content-Length: 3\r\nConnection: close\r\n\r\nabc"
            )
        assert answer.endswith(b'{"got":3}')
    assert [(caller.edge_id, caller.site_id) for caller in seen] == [(edge.response.edge_id, "anna")]


@pytest.mark.parametrize(
    ("work", "sent"),
    [
        (reports.progress, Progress(1, 0, 0)),
        (reports.reports, ReportBatch((Report(1, 0.0, "file-served", "x"),))),
    ],
)
def test_a_revocation_between_the_head_and_the_work_counts(
    running: RunningHub, tmp_path: Path, work: Work, sent: object
) -> None:
    edge = running.enrol(running.site(f"Revoked in between {work.__name__}"), tmp_path / "edge")
    caller = DeviceCaller(edge.response.edge_id, edge.response.site_id, "")
    running.do("POST", f"/edges/{caller.edge_id}/revoke", {})
    app = SimpleNamespace(state=SimpleNamespace(hub=running.hub))
    with pytest.raises(EdgeRefused) as refused:
        work(Request({"type": "http", "app": app}), caller, codec.to_json(sent))
    assert refused.value.kind == "edge-revoked"
