"""A year of a hub in a minute: edits and publishes, edges that report, move and take releases, and what then goes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import func, select, text

from ringfence.hub.core import Hub
from ringfence.hub.fleet import edges, enrolment_tokens, lines, phones, settings, sites
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.guard import edge_networks, report_intake
from ringfence.hub.fleet.lines import LineParts
from ringfence.hub.fleet.settings import ORGANISATION
from ringfence.hub.process import renewal, retention_job
from ringfence.hub.publishing.publish import publish
from ringfence.hub.store import retention_tally
from ringfence.hub.store.base import Base
from ringfence.identity.certificates import EdgeIdentity
from ringfence.phones.mac import Mac
from ringfence.wire.messages import Report, ReportBatch, ReportKind

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Size:
    """How much a hub keeps at a moment: rows by table, and the bytes of blobs."""

    rows: Mapping[str, int]
    blob_bytes: int


class SimulatedHub:
    """A hub with sites that have a phone and an edge each, whose clock stands until a turn moves it."""

    def __init__(self, hub: Hub, count: int, reports: int) -> None:
        self.hub, self.reports, self._turns = hub, reports, 0
        self._sites = [f"s{number}" for number in range(count)]
        self._stand(hub.clock())
        with hub.change("simulation") as change:
            settings.put(change, hub.sealer, ORGANISATION, "sip_server", "sip.example.org")
            for number, name in enumerate(self._sites):
                site = sites.create(change, hub.signers, name)
                phones.add(change, self.phone(number), site.id, "9971", "")
                change.session.flush()
                lines.put(change, hub.sealer, self.phone(number), 1, LineParts(name="201", label=name))
                token, _secret = enrolment_tokens.create(change, site.id)
                shown = Certificate("1", f"edge-{number}", "k", 1e9, 9e9, EdgeIdentity(f"edge-{number}", site.id))
                edges.admit(change, token, f"edge-{number}", shown, ("pi", "0.1.0"))

    @staticmethod
    def phone(number: int) -> Mac:
        """The phone of a site."""
        return Mac(f"001B{number:08X}")

    def _stand(self, now: float) -> None:
        self.hub.clock = lambda: now

    def turn(self, days: float) -> None:
        """Edit all, publish, let edges report and move, and have the hub do what it does by itself."""
        hub, self._turns = self.hub, self._turns + 1
        self._stand(hub.clock() + days * DAY_S)
        with hub.change("simulation") as change:
            for number in range(len(self._sites)):
                lines.put(change, hub.sealer, self.phone(number), 1, LineParts(label=f"Turn {self._turns}"))
        published = {site.site_id: site.release or 0 for site in publish(hub, "simulation").sites}
        for number, site_id in enumerate(self._sites):
            with hub.change(f"edge-{number}") as change:
                edge = edges.let_in(change.session, f"edge-{number}")
                edge_networks.note(change, edge, f"198.51.{self._turns % 200}.{number % 250}")
                edge.release = published[site_id]
                first = edge.reports_through + 1
                numbers = range(first, first + self.reports)
                batch = tuple(self._report(number, seq, published[site_id]) for seq in numbers)
                report_intake.take(change, edge, ReportBatch(batch, edge.reports_through))
        renewal.renew_metadata(hub)
        for _look in range(2):  # the second one is a day later, for blobs
            assert list(retention_job.go_on(hub)) == []
            self._stand(hub.clock() + 1.01 * DAY_S)

    def _report(self, number: int, seq: int, release: int) -> Report:
        return Report(
            seq, self.hub.clock(), ReportKind.FILE_SERVED, "Served.", name=f"SEP{self.phone(number).bare}.cnf.xml",
            owner=self.phone(number).bare, peer="192.0.2.7", release=release,
        )  # fmt: skip

    def size(self) -> Size:
        """Count what the hub keeps."""
        with self.hub.database.of(self.hub.database.whose).reading() as session:
            rows = {
                mapper.class_.__tablename__: session.scalar(select(func.count()).select_from(mapper.class_)) or 0
                for mapper in Base.registry.mappers
            }
            return Size(rows, retention_tally.read(session)[retention_tally.BLOB_BYTES])

    def database_bytes(self) -> int:
        """How large the SQLite database is, with the room in it that is free."""
        with self.hub.database.reading() as session:
            asked = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
            return int(session.execute(text(asked)).scalar_one())

    def months(self, count: int, turns: int) -> Iterator[Size]:
        """Let months of 30 days pass, with so many turns in each; yield what is kept after each month."""
        for _month in range(count):
            for _turn in range(turns):
                self.turn(30 / turns - 2.02)
            yield self.size()
