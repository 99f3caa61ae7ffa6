"""The metrics, and the alert rules, the dashboard and the page that speak of them."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families

from hub.test_publishing_by_https import HttpsFleet
from ringfence.edge.reporting.metrics import FAMILIES
from ringfence.hub.core import open_hub
from ringfence.hub.data import backup_note
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet.guard import report_intake
from ringfence.hub.publishing.publish import publish
from ringfence.hub.store.models import EdgeRow
from ringfence.secret import Secret
from ringfence.wire.messages import Report, ReportKind
from support.called_app import CalledApp
from support.two_sites import ANNA, add_two_sites, relabel

ROOT = Path(__file__).parents[2]
RULES = ROOT / "packaging/prometheus/ringfence.rules.yml"
DASHBOARD = json.loads((ROOT / "packaging/grafana/ringfence.json").read_text())
PAGE = (ROOT / "docs/monitoring.md").read_text()
OF_OTHERS = {"up"}
"""What Prometheus adds of its own."""
Json = dict[str, Any]  # Any: what a dashboard holds


@pytest.fixture(scope="module")
def shown(made_hub: tuple[Path, Secret], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Metric]:
    """What a hub with two sites says, one of whose edges has missed a release."""
    folder = DataFolder(shutil.copytree(made_hub[0], tmp_path_factory.mktemp("monitored") / "hub"))
    with closing(open_hub(folder)) as hub:
        now = hub.clock()
        add_two_sites(hub)
        HttpsFleet(hub).edge()
        publish(hub, "test")
        with hub.change("edge") as change:
            change.session.get_one(EdgeRow, "edge-0000000000a1").release = 1
            name = f"SEP{ANNA.bare}.cnf.xml"
            took = Report(1, 1.0, ReportKind.FILE_SERVED, "Served.", name=name, owner=ANNA.bare, release=1)
            report_intake.take_own(change, "anna", [took])
        relabel(hub, ANNA, "Another")
        hub.clock = lambda: now + 1000
        publish(hub, "test")
        hub.clock = lambda: now + 5000
        backup_note.write(folder, now)
        hub.jobs.begin("look after edges", 60)
        hub.measures.requests.labels("people", "2xx").observe(0.1)
        told = CalledApp(hub, made_hub[1]).ask("GET", "/metrics").data.decode()
    families = list(text_string_to_metric_families(told))
    found = {family.name: family for family in families}
    assert len(found) == len(families)
    return found


def value(shown: Mapping[str, Metric], name: str, **labels: str) -> float:
    (found,) = [
        sample.value for family in shown.values() for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]  # fmt: skip
    return float(found)


def test_they_say_who_is_behind_and_for_how_long(shown: Mapping[str, Metric]) -> None:
    assert value(shown, "ringfence_site_release_lag_seconds") == pytest.approx(4000)
    assert value(shown, "ringfence_site_release_lag_seconds", site="anna") == pytest.approx(4000)
    assert value(shown, "ringfence_phone_files", state="stale") == 1
    assert value(shown, "ringfence_phone_files", state="never") == 1
    assert value(shown, "ringfence_edges_behind") == 1


def test_they_say_how_the_hub_and_its_process_are(shown: Mapping[str, Metric]) -> None:
    assert value(shown, "ringfence_publish_duration_seconds_count") == 2
    assert value(shown, "ringfence_releases_made_total") == 3
    assert value(shown, "ringfence_request_duration_seconds_count", listener="people") == 1
    assert value(shown, "ringfence_hub_info", database="SQLite") == 1
    assert value(shown, "ringfence_database_bytes") > 100_000
    assert value(shown, "process_resident_memory_bytes") > 1_000_000
    assert value(shown, "ringfence_metadata_ends_timestamp_seconds", role="timestamp") > 1e9
    assert value(shown, "ringfence_hub_certificate_ends_timestamp_seconds", certificate="The CA that edges pin") > 1e9
    assert value(shown, "ringfence_oldest_waiting_seconds", queue="edge-jobs") == 0


def names(shown: Mapping[str, Metric]) -> set[str]:
    """Every name that a query may have."""
    of_hub = {sample.name for family in shown.values() for sample in family.samples}
    empty = {family.name + ("_total" if family.type == "counter" else "") for family in shown.values()}
    return of_hub | empty | set(FAMILIES) | OF_OTHERS


def asked(query: str) -> set[str]:
    """The metrics that a query reads."""
    bare = re.sub(r'"[^"]*"|\b(by|without|on) \([^)]*\)', "", query)
    return set(re.findall(r"\b(?:ringfence|process)_[a-z_]+|\bup\b", bare))


def queries() -> list[str]:
    return [target["expr"] for panel in panels() for target in panel["targets"]]


def panels() -> list[Json]:
    return [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


def test_rules_and_dashboard_ask_for_what_there_is(shown: Mapping[str, Metric]) -> None:
    rules = re.findall(r"expr: (.+)", RULES.read_text())
    assert len(rules) > 10
    for query in (*rules, *queries()):
        assert asked(query), query
        assert asked(query) <= names(shown), query


def test_each_panel_says_what_it_shows_and_has_a_place_of_its_own() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        assert panel["title"]
        assert panel["description"].endswith(".")
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _y in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_page_names_each_metric(shown: Mapping[str, Metric]) -> None:
    of_hub, of_edge = PAGE.split("## What an edge measures")
    assert re.findall(r"^\| `(\w+)` \| (.+) \|$", of_edge, re.MULTILINE) == list(FAMILIES.items())
    told = dict(re.findall(r"^\| `(\w+)` \| ([^|]*) \|", of_hub, re.MULTILINE))
    there = {
        family.name + ("_total" if family.type == "counter" else ""): ", ".join(
            sorted({f"`{label}`" for sample in family.samples for label in sample.labels} - {"`le`"})
        )
        for family in shown.values()
    }
    assert told.keys() == there.keys()
    for name, labels in there.items():
        assert not labels or ", ".join(sorted(told[name].strip().split(", "))) == labels, name


DAY = 86_400
HUB, EDGE = 'instance="hub"', 'instance="edge"'


def edges(away: int) -> dict[str, str]:
    return {f'ringfence_edges{{{HUB},state="{state}"}}': steady(n) for state, n in (("away", away), ("connected", 50))}


def files(stale: int) -> dict[str, str]:
    return {f'ringfence_phone_files{{{HUB},state="{s}"}}': steady(n) for s, n in (("stale", stale), ("current", 50))}


def ends(ending: int) -> dict[str, str]:
    return {
        f'ringfence_edge_certificates{{{HUB},state="{s}"}}': steady(n) for s, n in (("ending", ending), ("ended", 0))
    }


def answers(status: str, slow: int) -> dict[str, str]:
    """A thousand requests every five minutes, of which so many took longer than 2.5 s."""
    of = f'{HUB},listener="people",status="{status}"'
    name = "ringfence_request_duration_seconds"
    return {
        f"{name}_count{{{of}}}": "0+1000x400", f'{name}_bucket{{{of},le="2.5"}}': f"0+{1000 - slow}x400",
        f'{name}_bucket{{{of},le="10.0"}}': "0+1000x400", f'{name}_bucket{{{of},le="+Inf"}}': "0+1000x400",
    }  # fmt: skip


def one(name: str, value: float, labels: str = HUB) -> dict[str, str]:
    return {f"{name}{{{labels}}}": steady(value)}


def steady(value: float) -> str:
    return f"{value}x400"


INFO = one("ringfence_hub_info", 1)
FIRES: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "RingfenceHubNotScraped": (one("up", 0, 'job="ringfence-hub"'), one("up", 1, 'job="ringfence-hub"')),
    "RingfenceHubJobFailing": (one("ringfence_hub_job_failing", 1), one("ringfence_hub_job_failing", 0)),
    "RingfenceHubCertificateEnds": (
        one("ringfence_hub_certificate_ends_timestamp_seconds", 10 * DAY),
        one("ringfence_hub_certificate_ends_timestamp_seconds", 100 * DAY),
    ),
    "RingfenceMetadataEnds": (
        one("ringfence_metadata_ends_timestamp_seconds", DAY),
        one("ringfence_metadata_ends_timestamp_seconds", 7 * DAY),
    ),
    "RingfenceNoBackup": (
        INFO | one("ringfence_backup_timestamp_seconds", -3 * DAY),
        INFO | one("ringfence_backup_timestamp_seconds", -DAY),
    ),
    "RingfenceHubDiskFillsUp": (
        {f"ringfence_disk_free_bytes{{{HUB}}}": "30000000000-50000000x400"},
        one("ringfence_disk_free_bytes", 20e9),
    ),
    "RingfenceRequestsFail": (answers("5xx", 0), answers("2xx", 0)),
    "RingfenceRequestsSlow": (answers("2xx", 200), answers("2xx", 0)),
    "RingfenceEdgesAway": (edges(10), edges(4)),
    "RingfenceReleaseLag": (
        one("ringfence_site_release_lag_seconds", 2 * DAY),
        one("ringfence_site_release_lag_seconds", 3600),
    ),
    "RingfencePhonesStale": (files(10), files(4)),
    "RingfenceQueueStuck": (
        one("ringfence_oldest_waiting_seconds", 4000, 'queue="drafts"'),
        one("ringfence_oldest_waiting_seconds", 4000, 'queue="edge-jobs"'),
    ),
    "RingfenceAlertChannelFailing": (
        one("ringfence_alert_channels", 1, 'state="failing"'),
        one("ringfence_alert_channels", 1, 'state="all"'),
    ),
    "RingfenceEdgeCertificatesEnd": (ends(1), ends(0)),
    "RingfencePhonesLeftOut": (
        {f"ringfence_phones_left_out_total{{{HUB}}}": "0x30 1x370"},
        one("ringfence_phones_left_out_total", 7),
    ),
    "RingfenceEdgeProblem": (one("ringfence_edge_problem", 1, EDGE), one("ringfence_edge_problem", 0, EDGE)),
    "RingfenceEdgeCertificateEnds": (
        one("ringfence_edge_certificate_ends_timestamp_seconds", 4 * DAY, EDGE),
        one("ringfence_edge_certificate_ends_timestamp_seconds", 20 * DAY, EDGE),
    ),
    "RingfenceEdgeDiskFull": (
        one("ringfence_edge_disk_free_bytes", 1e8, EDGE),
        one("ringfence_edge_disk_free_bytes", 1e9, EDGE),
    ),
}
"""For each rule what makes it fire, a sample every five minutes, and what does not. It begins at 0 in Unix time."""
WHEN = {"RingfencePhonesStale": "25h"}
"""When it is looked at, where three hours are not enough."""


@pytest.mark.needs("promtool")
def test_each_rule_fires_when_it_is_to_and_not_otherwise(tmp_path: Path) -> None:
    assert FIRES.keys() == set(re.findall(r"alert: (\w+)", RULES.read_text()))
    tests = [
        {
            "interval": "5m",
            "input_series": [{"series": name, "values": values} for name, values in series.items()],
            "promql_expr_test": [{
                "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}}) or vector(0)',
                "eval_time": WHEN.get(alert, "3h"),
                "exp_samples": [{"labels": "{}", "value": fires}],
            }],
        }
        for alert, (firing, quiet) in FIRES.items()
        for series, fires in ((firing, 1), (quiet, 0))
    ]  # fmt: skip
    told = {"rule_files": [str(RULES)], "evaluation_interval": "5m", "tests": tests}
    (tmp_path / "tests.yml").write_text(json.dumps(told))
    done = promtool("test", "rules", tmp_path / "tests.yml")
    assert done.returncode == 0, done.stderr


@pytest.mark.needs("promtool")
def test_each_query_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    rules = [
        {"record": f"panel:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries())
    ]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", tmp_path / "rules.yml")
    assert done.returncode == 0, done.stderr


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = ["promtool", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
