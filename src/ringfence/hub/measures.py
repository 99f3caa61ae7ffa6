"""What one process of the hub measures of its own work; each has its own, as Prometheus asks each."""

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call] # it is so; each metric would have a series more

_PUBLISH_BUCKETS_S = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
_REQUEST_BUCKETS_S = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Measures:
    """Publishes, requests, and what the process costs; times in seconds."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.publishes = Histogram(
            "ringfence_publish_duration_seconds",
            "How long publishes took that this process made, trials not among them.",
            buckets=_PUBLISH_BUCKETS_S,
            registry=self.registry,
        )
        self.releases = Counter(
            "ringfence_releases_made", "Releases that this process has made.", registry=self.registry
        )
        self.left_out = Counter(
            "ringfence_phones_left_out", "Phones that its publishes have left out.", registry=self.registry
        )
        self.requests = Histogram(
            "ringfence_request_duration_seconds",
            "Time from the head of a request to the head of its answer, by listener and kind of answer.",
            ("listener", "status"),
            buckets=_REQUEST_BUCKETS_S,
            registry=self.registry,
        )
