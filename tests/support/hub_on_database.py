"""What tests do with a hub on either database, which has a site and a phone."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from ringfence.errors import RingfenceError
from ringfence.hub.core import Hub
from ringfence.hub.fleet import (
    audit,
    edges,
    enrolment_tokens,
)
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.guard import report_intake
from ringfence.identity.certificates import EdgeIdentity
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report, ReportBatch

ANNA, BEN = Mac("001B54C2D001"), Mac("001B54C2D002")


def edge_of(hub: Hub, edge_id: str = "edge-1") -> None:
    with hub.change("test") as change:
        token, _secret = enrolment_tokens.create(change, "anna")
        edges.admit(
            change,
            token,
            edge_id,
            Certificate("1", edge_id, "k", 1e9, 2e9, EdgeIdentity(edge_id, "anna")),
            ("pi", "0.1.0"),
        )


def report(hub: Hub, *batch: Report, acknowledged: int = 0, edge_id: str = "edge-1") -> int:
    with hub.change(edge_id) as change:
        stored = report_intake.take(change, edges.let_in(change.session, edge_id), ReportBatch(batch, acknowledged))
        return stored.through


def verified(hub: Hub) -> audit.AuditCheck:
    with hub.database.reading() as session:
        return audit.verify(session)


def at_once(*works: Callable[[], object]) -> list[bool]:
    """Start all at the same moment; return which were not refused."""
    together = Barrier(len(works))

    def run(work: Callable[[], object]) -> bool:
        together.wait(60)
        try:
            work()
        except RingfenceError:
            return False
        return True

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
