"""The hub's metrics in Prometheus' text format, for who has an API token."""

from fastapi import APIRouter, Response
from sqlalchemy import select

from ringfence.hub.fleet.guard import alerts
from ringfence.hub.people.callers import TheCaller, TheHub
from ringfence.hub.store.guard_models import GuardCountRow

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

router = APIRouter()


@router.get("/metrics", include_in_schema=False)
def metrics(hub: TheHub, _caller: TheCaller) -> Response:
    """Give the counters: what guards decided, and which alerts are open."""
    with hub.database.reading() as session:
        counts = session.scalars(
            select(GuardCountRow).order_by(GuardCountRow.site_id, GuardCountRow.verdict, GuardCountRow.level)
        )
        decisions = [
            (f'site="{row.site_id}",verdict="{_escaped(row.verdict)}",level="{_escaped(row.level)}"', row.count)
            for row in counts
        ]
        open_alerts = [
            (f'site="{site}",kind="{_escaped(kind)}"', count) for site, kind, count in alerts.count_open(session)
        ]
    page = _family("ringfence_guard_decisions_total", "counter", "Requests, by verdict and level reached.", decisions)
    page += _family("ringfence_guard_alerts_open", "gauge", "Alerts that nobody has closed.", open_alerts)
    return Response(page, media_type=CONTENT_TYPE)


def _family(name: str, kind: str, meaning: str, samples: list[tuple[str, int]]) -> str:
    lines = [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{{{labels}}} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """Return a label's value; verdicts and levels come from edges, so they may hold anything."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
