"""The hub's metrics in Prometheus' text format, for callers with an API token."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from sqlalchemy import select

from ringfence.hub.core import Hub
from ringfence.hub.data import backup_note
from ringfence.hub.fleet import fleet_counts
from ringfence.hub.fleet.guard import alerts
from ringfence.hub.people.callers import TheCaller, TheHub, TheWholeHub
from ringfence.hub.store.binding import EVERYWHERE
from ringfence.hub.store.guard_models import GuardCountRow

router = APIRouter()


class FleetMetrics(Collector):
    """Counts from the database, read on request: no process has counters that another lacks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def collect(self) -> Iterator[Metric]:
        """Yield the guards' decisions and the open alerts; verdicts and levels are edges' own words."""
        decisions = CounterMetricFamily(
            "ringfence_guard_decisions", "Requests, by verdict and level reached.", labels=("site", "verdict", "level")
        )
        open_alerts = GaugeMetricFamily("ringfence_guard_alerts_open", "Open alerts.", labels=("site", "kind"))
        counted = select(GuardCountRow).order_by(GuardCountRow.site_id, GuardCountRow.verdict, GuardCountRow.level)
        with self._hub.database.reading() as session:
            for row in session.scalars(counted):
                decisions.add_metric((row.site_id, row.verdict, row.level), row.count)
            for site, kind, count in alerts.count_open(session):
                open_alerts.add_metric((site, kind), count)
            fleet = fleet_counts.count(session, self._hub.clock())
        if (free := self._hub.blobs.free_bytes()) is not None:
            yield GaugeMetricFamily("ringfence_disk_free_bytes", "Room for files of releases.", value=free)
        folder = self._hub.folder if self._hub.database.whose is EVERYWHERE else None
        if folder is not None and (copied_at := backup_note.read(folder)) is not None:
            meaning = "Of when the last copy of the hub is, in Unix seconds."
            yield GaugeMetricFamily("ringfence_backup_timestamp_seconds", meaning, value=copied_at)
        if self._hub.database.whose is EVERYWHERE:
            meaning = "Whether a background job of this process failed in its last turn, or is late (1)."
            jobs = GaugeMetricFamily("ringfence_hub_job_failing", meaning, labels=("job",))
            for job in self._hub.jobs.all():
                jobs.add_metric((job.does,), job.failing_since is not None or job.is_late)
            yield jobs
        yield decisions
        yield open_alerts
        for name, (meaning, values) in fleet.items():
            family = GaugeMetricFamily(f"ringfence_{name}", meaning, labels=("state",))
            for state, value in values.items():
                family.add_metric((state,), value)
            yield family


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
    """Return the metrics: the guards' decisions, the open alerts, and what there is of the fleet."""
    registry = CollectorRegistry()
    registry.register(FleetMetrics(hub))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
