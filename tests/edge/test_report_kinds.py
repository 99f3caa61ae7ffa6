"""No word of a report is forgotten: an edge sends each, a hub reads each, and nobody writes one as a bare text."""

import re
from pathlib import Path

import pytest

import ringfence
from ringfence.wire.messages import Report, ReportKind

PACKAGE = Path(ringfence.__file__).parent
WORDS_OF_OTHERS = {"banned"}
"""Also a finding of the server's and an alert of the hub's."""


def sources(part: str) -> str:
    return "\n".join(path.read_text() for path in sorted((PACKAGE / part).rglob("*.py")))


@pytest.mark.parametrize("part", ["edge", "hub"])
@pytest.mark.parametrize("kind", ReportKind)
def test_every_kind_of_report_is_sent_and_read(part: str, kind: ReportKind) -> None:
    assert re.search(rf"\bReportKind\.{kind.name}\b", sources(part)), f"{part} knows no {kind}"


@pytest.mark.parametrize("kind", sorted(set(ReportKind) - WORDS_OF_OTHERS))
def test_no_kind_is_a_bare_text(kind: ReportKind) -> None:
    assert not [part for part in ("edge", "hub", "cli", "server") if re.search(rf"[\"']{kind}[\"']", sources(part))]


def test_a_kind_of_a_newer_edge_is_none_that_is_known_and_stays_as_it_is() -> None:
    assert Report(1, 1.0, "file-served", "x").known_kind is ReportKind.FILE_SERVED
    newer = Report(1, 1.0, "phone-flew", "x")
    assert newer.known_kind is None
    assert newer.kind == "phone-flew"
