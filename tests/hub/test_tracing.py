"""Traces: who is told of a request, what it goes on from, and what is said where that can't be done."""

import asyncio
import sys
from dataclasses import dataclass, field

import pytest
from pydantic import ValidationError
from starlette.types import Message, Receive, Scope, Send

from ringfence.hub import tracing
from ringfence.hub.core import traces_of
from ringfence.hub.data.config import HubConfig
from ringfence.hub.errors import BadConfiguration
from ringfence.hub.process.traced_requests import TracedRequests
from ringfence.hub.tracing import NO_TRACES, NOTHING, Attributes, Span

CALLERS = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
OWN = "00-11111111111111111111111111111111-2222222222222222-01"


@dataclass
class KeptSpan:
    """A span that remembers how it ended."""

    parent: str
    traceparent: str = OWN
    ended: list[tuple[str, Attributes]] = field(default_factory=list)

    def end(self, *, at: float | None = None, name: str = "", attributes: Attributes = NOTHING) -> None:
        """Remember it."""
        assert at is None
        self.ended.append((name, attributes))


@dataclass
class KeptTraces:
    """Traces that keep their spans."""

    spans: list[KeptSpan] = field(default_factory=list)
    are_told = True

    def begin(self, _name: str, /, *, parent: str = "", **_about: object) -> Span:
        """Begin one."""
        self.spans.append(KeptSpan(parent))
        return self.spans[-1]

    def close(self) -> None:
        """Nothing is open."""


class AnsweringApp:
    """Answers each request with a status, and remembers what it came of."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.seen: list[str] = []

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Answer."""
        self.seen.append(tracing.current())
        head: Message = {"type": "http.response.start", "status": self.status, "headers": []}
        await send(head)
        await send({"type": "http.response.body", "body": b""})


def call(app: TracedRequests, method: str = "POST", **headers: str) -> None:
    sent = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope: Scope = {"type": "http", "method": method, "path": "/phones", "headers": sent}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_message: Message) -> None:
        pass

    asyncio.run(app(scope, receive, send))


def test_what_a_request_does_comes_of_its_span() -> None:
    traces, app = KeptTraces(), AnsweringApp()
    call(TracedRequests(app, traces))
    assert app.seen == [OWN]
    assert traces.spans[0].parent == ""
    assert traces.spans[0].ended == [("POST", {"http.response.status_code": 200})]
    assert tracing.current() == ""


def test_a_caller_s_trace_is_gone_on_with_if_it_is_one() -> None:
    traces = KeptTraces()
    for sent in (CALLERS, CALLERS.upper(), CALLERS + "-1", "00-" + "0" * 32 + CALLERS[35:], "x" * 5000):
        call(TracedRequests(AnsweringApp(), traces), traceparent=sent)
    assert [span.parent for span in traces.spans] == [CALLERS, "", "", "", ""]


@pytest.mark.parametrize("status", [401, 403, 404, 405, 413, 429])
def test_strangers_can_not_fill_the_collector(status: int) -> None:
    traces = KeptTraces()
    call(TracedRequests(AnsweringApp(status), traces))
    assert traces.spans[0].ended == []


def test_what_only_reads_is_no_part_of_a_trace() -> None:
    traces, app = KeptTraces(), AnsweringApp()
    call(TracedRequests(app, traces), method="GET")
    assert traces.spans == []
    assert app.seen == [""]


def test_a_hub_without_a_collector_tells_nobody() -> None:
    traces = traces_of(HubConfig(address="hub.example.org"))
    assert traces is NO_TRACES
    span = traces.begin("edit")
    span.end()
    assert span.traceparent == ""
    assert not traces.are_told
    traces.close()


def test_what_tells_traces_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "ringfence.hub.open_telemetry", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BadConfiguration, match="hub-traces"):
        traces_of(HubConfig(address="hub.example.org", traces_url="http://127.0.0.1:4318/v1/traces"))


@pytest.mark.parametrize(
    "url", ["collector:4318", "ftp://collector/", "http://", "http://me:word@collector/", "http://[::1"]
)
def test_an_address_of_a_collector_is_checked(url: str) -> None:
    with pytest.raises(ValidationError, match="traces_url"):
        HubConfig(address="hub.example.org", traces_url=url)
