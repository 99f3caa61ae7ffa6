"""The page of the hub itself, and those of SIP secrets."""

from pathlib import Path

import pytest

from ringfence.hub.data_errors import DatabaseUnavailable
from ringfence.hub.process import background_jobs
from support.paper import read, send
from support.running_hub import RunningHub


def test_the_hub_says_what_ends_when_and_what_comes_first(running: RunningHub) -> None:
    running.phone(running.site("Signed for"), "00:1B:54:C2:5E:02")
    running.publish()
    shown = read(running, "/hub")
    assert "Nothing of what is looked at here waits for you." in shown
    assert running.hub.authority.fingerprint in shown
    for what in ("The CA that edges pin", "What edges and browsers see", "SQLite", "Room for files"):
        assert what in shown
    with running.clock.forward(400 * 86_400):
        later = read(running, "/hub")
    assert "Metadata of role timestamp has ended" in later
    assert "the certificate has ended" in later


def test_the_hub_says_how_its_jobs_go(running: RunningHub) -> None:
    jobs = running.hub.jobs
    assert {"Send alerts", "Publish drafts whose time has come"} <= {job.does for job in jobs.all()}
    jobs.begin("Count <sheep>", 3600)
    assert "not since the hub started" in read(running, "/hub")
    metric = 'ringfence_hub_job_failing{job="Count <sheep>"}'
    jobs.ended("Count <sheep>", running.clock(), ["main: one <is> lame", "other: gone"])
    shown = read(running, "/hub")
    assert "Count &lt;sheep&gt;&#34; fails: main: one &lt;is&gt; lame (1 more)" in shown
    assert f"{metric} 1.0" in running.raw("GET", "/metrics").data.decode()
    jobs.ended("Count <sheep>", running.clock())
    assert "fails" not in read(running, "/hub")
    assert f"{metric} 0.0" in running.raw("GET", "/metrics").data.decode()
    (sheep,) = (job for job in jobs.all() if job.does == "Count <sheep>")
    sheep.due_from -= 3600 + 121
    assert "should have come to an end by now" in read(running, "/hub")
    assert f"{metric} 1.0" in running.raw("GET", "/metrics").data.decode()
    jobs.ended("Count <sheep>", running.clock())


def test_a_job_that_fails_for_one_organisation_is_named(running: RunningHub, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_hub: object) -> None:
        raise DatabaseUnavailable("the flock is away")

    monkeypatch.setattr(background_jobs, "_look_after_edges", fail)
    assert background_jobs._in_turn(running.hub, background_jobs._look_after_edges) == [
        f"{running.hub.organisation_id}: the flock is away."
    ]


def test_a_certificate_that_cant_be_read_stops_nothing(
    running: RunningHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nonsense = tmp_path / "people.pem"
    nonsense.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n")
    monkeypatch.setattr(running.hub.config, "people_certificate", str(nonsense))
    shown = read(running, "/hub")
    assert "What browsers see: the certificate can&#39;t be read." in shown
    assert "<h2>Keys</h2>" in shown


def test_what_was_typed_stays_where_secrets_are_not_changed(running: RunningHub) -> None:
    site = running.site("Rotated")
    running.phone(site, "00:1B:54:C2:5E:01")
    for typed, said in (
        ({"site": "nowhere"}, "there is no site"),
        ({"phones": "not a phone"}, "mac"),
        ({"minutes": "0"}, "takes a number from 1 to 1440"),
        ({"site": site}, "pbx"),
    ):
        form = {"site": "", "phones": "", "minutes": "15", **typed}
        answer = send(running, "/sip/rotations/-/new", form)
        assert 400 <= answer.status < 504, typed
        text = answer.data.decode()
        assert said in text.casefold()
        assert all(value in text for value in form.values())
    assert "No secret was changed yet." in read(running, "/sip/rotations")


def test_a_first_run_goes_from_nothing_to_the_join_page(running: RunningHub) -> None:
    shown = read(running, "/hub/first-run")
    assert running.hub.authority.fingerprint in shown
    assert running.hub.device_url in shown
    refused = send(running, "/hub/first-run", {"organisation": "Anna & Co", "site": ""})
    assert (refused.status, b"Anna &amp; Co" in refused.data) == (422, True)
    joins = send(running, "/hub/first-run", {"organisation": "Anna & Co", "site": "The <first>"})
    text = joins.data.decode()
    assert (joins.status, "An edge joins" in text, "edge enrol" in text) == (200, True, True)
    assert "The &lt;first&gt;" in text
    assert [each["name"] for each in running.do("GET", "/organisations")["items"]] == ["Anna & Co"]
    running.do("PATCH", "/organisations/main", {"name": "Main"})
