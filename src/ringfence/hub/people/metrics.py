"""The hub's metrics in Prometheus' text format, for callers with an API token."""

from collections.abc import Iterator, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.fleet import fleet_counts, hub_health, hub_keys, phone_files, queue_ages, release_lags
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.people.callers import TheCaller, TheHub, TheWholeHub
from ringfence.hub.store import retention_tally
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.guard_models import GuardCountRow

router = APIRouter()

_OF_FILES = {
    retention_tally.BLOBS: (GaugeMetricFamily, "blobs", "Files of releases, firmware and assets in the store."),
    retention_tally.BLOB_BYTES: (GaugeMetricFamily, "blobs_bytes", "How large they are."),
    retention_tally.REMOVED_BLOBS: (
        CounterMetricFamily,
        "removed_blobs",
        "Files removed, as nothing referred to them.",
    ),
    retention_tally.REMOVED_BYTES: (CounterMetricFamily, "removed_blobs_bytes", "How large those were."),
    retention_tally.REMOVED_RELEASES: (CounterMetricFamily, "removed_releases", "Releases removed, as they were old."),
}
"""What is counted of files (``store/retention_tally.py``): the kind of its metric, the name and the meaning."""


MOST_LAGS = 100
"""How many sites are named that are behind: those that are for longest."""


class FleetMetrics(Collector):
    """What the database says, read on request: whichever process is asked, it has the same of the fleet."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield the guards' decisions, the open alerts, and how the fleet is; verdicts and levels are edges' words."""
        decisions = CounterMetricFamily(
            "ringfence_guard_decisions", "Requests, by verdict and level reached.", labels=("site", "verdict", "level")
        )
        open_alerts = GaugeMetricFamily("ringfence_guard_alerts_open", "Open alerts.", labels=("site", "kind"))
        counted = select(GuardCountRow).order_by(GuardCountRow.site_id, GuardCountRow.verdict, GuardCountRow.level)
        now = self._hub.clock()
        with self._hub.database.reading() as session:
            for row in session.scalars(counted):
                decisions.add_metric((row.site_id, row.verdict, row.level), row.count)
            for site, kind, count in alerts.count_open(session):
                open_alerts.add_metric((site, kind), count)
            fleet = fleet_counts.count(session, now)
            files = phone_files.count(session)
            queues = queue_ages.look(session, now)
            lags = dict(release_lags.longest(session, now, MOST_LAGS))
        yield decisions
        yield open_alerts
        for name, (meaning, values) in fleet.items():
            yield _gauge(name, meaning, "state", values)
        meaning = "Phones by what they took of their own file: its newest form, an older one, none that was seen."
        yield _gauge("phone_files", meaning, "state", files)
        waiting = {name: each.waiting for name, each in queues.items()}
        yield _gauge("waiting", "How much waits at the hub, by what it is.", "queue", waiting)
        oldest = {name: each.oldest_s for name, each in queues.items()}
        yield _gauge("oldest_waiting_seconds", "For how long the oldest of it has waited.", "queue", oldest)
        meaning = f"For how long an edge of a site lacks a release; the {MOST_LAGS} sites where that is longest."
        yield _gauge("site_release_lag_seconds", meaning, "site", lags)
        if (free := self._hub.blobs.free_bytes()) is not None:
            yield GaugeMetricFamily("ringfence_disk_free_bytes", "Room for files of releases.", value=free)


class HubMetrics(Collector):
    """What concerns those alone who run the hub: its certificates, its database, its copy, its jobs."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield how the hub is."""
        health = hub_health.look(self._hub, self._hub.clock())
        meaning = "Always 1; the labels show version and database."
        info = GaugeMetricFamily("ringfence_hub_info", meaning, labels=("version", "database"))
        info.add_metric((health.version, health.database), 1)
        yield info
        yield GaugeMetricFamily("ringfence_database_bytes", "How large the database is.", value=health.database_bytes)
        if health.last_backup_at is not None:
            meaning = "Of when the last copy of the hub is, in Unix seconds."
            yield GaugeMetricFamily("ringfence_backup_timestamp_seconds", meaning, value=health.last_backup_at)
        ends = {each.what: each.ends_at for each in health.certificates if each.ends_at is not None}
        meaning = "When each of the hub's certificates ends, in Unix seconds."
        yield _gauge("hub_certificate_ends_timestamp_seconds", meaning, "certificate", ends)
        ends = {key.role: key.ends_at for key in health.keys if key.ends_at is not None}
        meaning = "When the newest metadata of a site ends first, in Unix seconds, by role."
        yield _gauge("metadata_ends_timestamp_seconds", meaning, "role", ends)
        jobs = {job.does: job.failing_since is not None or job.is_late for job in self._hub.jobs.all()}
        meaning = "Whether a background job of this process failed in its last turn, or is late (1)."
        yield _gauge("hub_job_failing", meaning, "job", jobs)
        keys = hub_keys.find(self._hub, self._hub.clock())
        meaning = "When a key of the hub, or the first of what it signed, ends, in Unix seconds."
        ends = {each.key: each.ends_at for each in keys if each.ends_at is not None}
        yield _gauge("hub_key_end_timestamp_seconds", meaning, "key", ends)
        made = {each.key: each.made_at for each in keys if each.made_at is not None}
        yield _gauge("hub_key_made_timestamp_seconds", "When a key of the hub was made, in Unix seconds.", "key", made)
        meaning = "Sites or sealed values that do not follow the newest key yet."
        yield _gauge("hub_key_waiting", meaning, "key", {each.key: each.waiting for each in keys})
        for name, (of, word, meaning) in _OF_FILES.items():
            yield of(f"ringfence_{word}", meaning, value=health.files[name])


def _gauge(name: str, meaning: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"ringfence_{name}", meaning, labels=(label,))
    for of, value in values.items():
        family.add_metric((of,), value)
    return family


@router.get("/healthz", include_in_schema=False)
def healthz() -> Response:
    """Answer that the process runs; open to all, and says nothing else."""
    return Response("ok\n", media_type="text/plain")


@router.get("/readyz", include_in_schema=False)
def readyz(hub: TheHub) -> Response:
    """Answer whether the hub can work: its database answers. Open to all."""
    with hub.database.reading() as session:
        session.execute(select(1))
    return Response("ok\n", media_type="text/plain")


@router.get("/authority.pem", include_in_schema=False)
def authority(hub: TheHub) -> Response:
    """Return the hub's CA certificate to anybody: it is trusted only by its fingerprint."""
    return Response(hub.authority.pem, media_type="application/x-pem-file")


@router.get("/metrics", include_in_schema=False)
def metrics(hub: TheWholeHub, _caller: TheCaller) -> Response:
    """Return the metrics: how the fleet is, and for those who run the hub also how that and this process of it are."""
    registry = CollectorRegistry()
    registry.register(FleetMetrics(hub))
    told = generate_latest(registry)
    if hub.database.whose is EVERYWHERE:
        own = CollectorRegistry()
        own.register(HubMetrics(hub))
        told += generate_latest(own) + generate_latest(hub.measures.registry)
    return Response(told, media_type=CONTENT_TYPE_PLAIN_0_0_4)
