"""One trace from an edit to the phone's fetch, at a collector that speaks OTLP."""

from collections.abc import Iterator

import pytest

from ringfence.server.tftp.client import fetch
from stack import Stack, running_stack, wait_for
from support.trace_collector import TraceCollector, about, collecting

pytestmark = pytest.mark.slow
MAC, NAME = "00:1B:54:C2:9A:10", "SEP001B54C29A10.cnf.xml"


@pytest.fixture(scope="module")
def collector() -> Iterator[TraceCollector]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, collector: TraceCollector) -> Iterator[Stack]:
    with running_stack(tmp_path_factory.mktemp("traces")) as made:
        made.environment |= {"RINGFENCE_HUB_TRACES_URL": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "100"}
        made.make_site("Anna", MAC, "9971")
        yield made


def test_one_trace_goes_from_the_edit_to_the_phones_fetch(stack: Stack, collector: TraceCollector) -> None:
    stack.run("line", "set", MAC, "1", "--label", "Anna B.")
    (site,) = stack.ask("publish")["sites"]

    def of_release(name: str) -> list[bytes]:
        return [each.trace_id for each in collector.spans(name) if about(each)["ringfence.release"] == site["release"]]

    wait_for("the release at the edge", lambda: of_release("edge's turn to it"))
    assert b"Anna B." in fetch(stack.tftp, NAME)
    (fetched,) = wait_for("the phone's fetch", lambda: of_release("phone's fetch"))
    (released,) = wait_for("the release", lambda: of_release("release"))
    (taken,) = of_release("edge's turn to it")
    assert released == taken == fetched
    parts = [each for each in collector.spans() if each.trace_id == fetched]
    (edit,) = [each for each in parts if "http.request.method" in about(each)]
    (release,) = [each for each in parts if each.name == "release"]
    rest = [each for each in parts if each not in (edit, release)]
    assert edit.name == "PUT /phones/{mac}/lines/{index}"
    assert edit.parent_span_id == b""
    assert release.parent_span_id == edit.span_id
    assert {each.parent_span_id for each in rest} == {release.span_id}
    linked = {link.span_id for link in release.links}
    (publish,) = wait_for(
        "the request that published", lambda: [each for each in collector.spans() if each.span_id in linked]
    )
    assert publish.name == "POST /publish"
    assert publish.trace_id != edit.trace_id
    assert MAC not in str([(each.name, about(each)) for each in (edit, publish)])


def test_what_strangers_ask_for_is_not_told(stack: Stack, collector: TraceCollector) -> None:
    stack.run("line", "set", "00:1B:54:00:00:99", "1", "--label", "Nobody", status=4)
    before = len(collector.spans("POST /sites"))
    stack.run("site", "add", "Berta")
    wait_for("the next request", lambda: len(collector.spans("POST /sites")) > before)
    requests = [each for each in collector.spans() if "http.request.method" in about(each)]
    assert requests
    assert not {about(each)["http.response.status_code"] for each in requests} & {401, 403, 404}
