"""A collector of traces that speaks OTLP over HTTP, and keeps what it is told."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class TraceCollector:
    """What was told so far."""

    url: str
    _told: list[Span] = field(default_factory=list)

    def take(self, body: bytes) -> None:
        """Take a request's spans in."""
        request = ExportTraceServiceRequest.FromString(body)
        self._told += [span for of in request.resource_spans for part in of.scope_spans for span in part.spans]

    def spans(self, name: str = "") -> list[Span]:
        """Return those that were told, or those of a name."""
        return [span for span in list(self._told) if name in {"", span.name}]


def about(span: Span) -> dict[str, str | int]:
    """Return a span's attributes."""
    return {each.key: each.value.string_value or each.value.int_value for each in span.attributes}


@contextmanager
def collecting() -> Iterator[TraceCollector]:
    """Run a collector on loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take what is told."""
            collector.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Stay quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        collector = TraceCollector(f"http://127.0.0.1:{server.server_port}/v1/traces")
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield collector
        finally:
            server.shutdown()
            thread.join()
