"""An enrolled edge that reports what its guard did, and the alerts that people see of it."""

from pathlib import Path

from ringfence.wire import codec, paths
from ringfence.wire.messages import GuardRules, Report, ReportBatch
from support.running_hub import EdgeInHand, RunningHub


class ReportingEdge:
    """An enrolled edge that numbers its reports."""

    def __init__(self, running: RunningHub, site: str, folder: Path) -> None:
        self.hand: EdgeInHand = running.enrol(site, folder)
        self.seq = 0

    def report(self, kind: str, sentence: str = "Something.", **parts: object) -> None:
        self.seq += 1
        at = self.hand.hub.clock()
        report = Report(self.seq, at, kind, sentence, **parts)  # type: ignore[arg-type]  # the report's own fields
        answer = self.hand.post(paths.REPORTS, ReportBatch((report,), self.seq - 1))
        assert answer.json == {"stored_through": self.seq}, answer.data

    def asks(self, kind: str, mac: str, finding: str = "", **parts: object) -> None:
        told = {"name": f"SEP{mac}.cnf.xml", "owner": mac, "peer": "192.168.1.77", "finding": finding, **parts}
        self.report(kind, **told)  # type: ignore[arg-type] # a mapping's fields

    def rules(self) -> GuardRules:
        return codec.from_json(GuardRules, self.hand.get(paths.GUARD).data)


def alerts(running: RunningHub, site: str, **query: str) -> list[tuple[str, str, int]]:
    more = "".join(f"&{name}={value}" for name, value in query.items())
    items = running.do("GET", f"/guard/alerts?site={site}{more}")["items"]
    return sorted((each["kind"], each["subject"], each["count"]) for each in items)
