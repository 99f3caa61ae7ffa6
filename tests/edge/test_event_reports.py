"""What the agent's log says of the worker's events, and how loudly."""

from pathlib import Path

import pytest

from ringfence.edge.phones.event_reports import EventReports
from ringfence.edge.reporting.journal import Journal
from ringfence.edge.storage.disk import Disk
from ringfence.guard.findings import Finding
from ringfence.server.events import RequestRefused


@pytest.mark.parametrize(("finding", "level"), [(Finding.OPTIONAL_FILE, "info"), (Finding.NOT_IN_RELEASE, "warning")])
def test_a_request_that_is_harmless_is_no_warning(tmp_path: Path, finding: Finding, level: str) -> None:
    told: list[tuple[str, str]] = []
    reports = EventReports(lambda level, sentence: told.append((level, sentence)), Journal(tmp_path, Disk()), tuple)
    reports.note(RequestRefused(1.0, "192.0.2.7", 1234, "dialplan.xml", "No.", finding=finding))
    assert told == [(level, "No.")]
