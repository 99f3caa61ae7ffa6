"""Traces for a collector that speaks OTLP over HTTP. Only a hub that has one loads this, and what it needs.

The standard variables OTEL_EXPORTER_OTLP_HEADERS, OTEL_EXPORTER_OTLP_CERTIFICATE, OTEL_TRACES_SAMPLER and OTEL_BSP_…
hold too (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). What a collector that is
away can't be told is dropped: the queue is bounded, and nobody waits for it.
"""

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags, set_span_in_context
from opentelemetry.trace import Span as ApiSpan

from ringfence import __version__
from ringfence.hub.tracing import NOTHING, Attributes, Span

_CLOSING_MS = 3000
_TOLD_IN_S = 5.0
_NS = 1_000_000_000


class _ToldSpan:
    """A span of the library's."""

    def __init__(self, span: ApiSpan) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """What parts that come of it go on from."""
        told = self._span.get_span_context()
        return f"00-{told.trace_id:032x}-{told.span_id:016x}-{told.trace_flags:02x}"

    def end(self, *, at: float | None = None, name: str = "", attributes: Attributes = NOTHING) -> None:
        """End it, and tell it."""
        if name:
            self._span.update_name(name)
        self._span.set_attributes(dict(attributes))
        self._span.end(_ns(at))


class OpenTelemetryTraces:
    """Tells traces to the collector at ``url``, in a thread of its own."""

    are_told = True

    def __init__(self, url: str, hub_name: str) -> None:
        about = Resource.create({"service.name": "ringfence-hub", "service.version": __version__, "hub.name": hub_name})
        self._provider = TracerProvider(resource=about, shutdown_on_exit=False)
        self._processor = BatchSpanProcessor(OTLPSpanExporter(url, timeout=_TOLD_IN_S))
        self._provider.add_span_processor(self._processor)
        self._tracer = self._provider.get_tracer("ringfence.hub", __version__)

    def begin(
        self,
        name: str,
        /,
        *,
        parent: str = "",
        links: Sequence[str] = (),
        attributes: Attributes = NOTHING,
        at: float | None = None,
    ) -> Span:
        """Begin a span."""
        context = set_span_in_context(NonRecordingSpan(_context(parent))) if parent else None
        return _ToldSpan(
            self._tracer.start_span(
                name,
                context=context,
                kind=SpanKind.INTERNAL,
                attributes=dict(attributes),
                links=[Link(_context(each)) for each in links],
                start_time=_ns(at),
            )
        )

    def close(self) -> None:
        """Tell what is not told yet, if that can be done in three seconds, and end."""
        self._processor.force_flush(_CLOSING_MS)
        self._provider.shutdown()


def _context(traceparent: str) -> SpanContext:
    _version, trace, span, flags = traceparent.split("-")
    return SpanContext(int(trace, 16), int(span, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _ns(at: float | None) -> int | None:
    return None if at is None else round(at * _NS)
