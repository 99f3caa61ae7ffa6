"""``ringfence guard``: what is asked of whoever wants a file, and what was decided."""

from pathlib import Path

import pytest

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_a_policy_is_shown_and_set_in_parts(ringfence: CommandLine, site: str) -> None:
    before = ringfence.ask("guard", "policy", site)
    changed = ringfence.ask("guard", "policy", site, "--need", "secret=L3", "--first-contact", "hold")
    needs = {row["kind"]: row["level"] for row in changed["needs"]}
    assert (needs["secret"], changed["first_contact"]) == ("L3", "hold")
    assert (changed["gateway"], changed["networks"]) == (before["gateway"], before["networks"])
    more = ["--network", "192.0.2.0/24", "--gateway", "windows", "--edge-moves", "alert", "--learned-days", "3"]
    assert "192.0.2.0/24" in ringfence("guard", "policy", site, *more)
    assert ringfence.ask("guard", "policy", site, "--network", "any")["networks"] == []


@pytest.mark.parametrize(
    "words",
    [
        ("--need", "secret"), ("--need", "secret=L9"), ("--need", "nothing=L1"), ("--network", "everywhere"),
        ("--first-contact", "never"), ("--gateway", "on"), ("--edge-moves", "shout"), ("--learned-days", "-1"),
    ],
)  # fmt: skip
def test_what_no_policy_says_is_refused(ringfence: CommandLine, site: str, words: tuple[str, ...]) -> None:
    before = ringfence.ask("guard", "policy", site)
    ringfence.refused(3, "guard", "policy", site, *words)
    assert ringfence.ask("guard", "policy", site) == before
    ringfence.refused(4, "guard", "policy", "nowhere", *words[:0])


def test_alerts_are_listed_and_closed(ringfence: CommandLine, hub: RunningHub, site: str, tmp_path: Path) -> None:
    ReportingEdge(hub, site, tmp_path / "edge").asks("file-refused", "001B54FF0010", "unknown-phone")
    (alert,) = ringfence.ask("guard", "alerts", "--site", site)
    assert str(alert["id"]) in ringfence("guard", "alerts", "--site", site)
    assert ringfence.ask("guard", "alerts", "--close", str(alert["id"]))["closed_at"]
    assert ringfence.ask("guard", "alerts", "--site", site) == []
    assert len(ringfence.ask("guard", "alerts", "--site", site, "--all")) == 1
    ringfence.refused(4, "guard", "alerts", "--close", "99999")


def test_where_nothing_was_decided_nothing_is_told(ringfence: CommandLine, phone: PhoneThere) -> None:
    assert ringfence.ask("guard", "log", "--site", phone.site, "--phone", phone.mac, "--refused") == []
    assert ringfence("guard", "log", "--site", phone.site)
    ringfence.refused(4, "guard", "explain", phone.mac)
    ringfence.refused(4, "guard", "log", "--site", "nowhere")
    ringfence.refused(3, "guard", "log", "--phone", "no-address")
