"""What the hub tells of phones, from the reports that edges hand over."""

import time
from pathlib import Path

from hub.running_hub import RunningHub
from ringfence.wire import paths
from ringfence.wire.messages import Report, ReportBatch

MAC = "00:1B:54:D1:00:01"
OWN = "SEP001B54D10001.cnf.xml"


def test_a_phone_that_rejects_its_configuration_is_told_first(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Observed")
    running.phone(site, MAC)
    running.phone(site, "00:1B:54:D1:00:02")
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    assert [row["sentences"][0]["word"] for row in running.do("GET", f"/phones/status?site={site}")["items"]] == [
        "never-seen", "never-seen",
    ]  # fmt: skip
    begun = time.time() - 86_400  # the edge's clock is a day behind
    reports = []
    for turn in range(4):
        at = begun + 45 * turn
        peer = "192.168.1.7"
        reports.append(Report(0, at, "file-refused", "No.", name="ITLFile.tlv", peer=peer))
        reports.append(Report(0, at + 1, "file-served", "Took it.", OWN, "001B54D10001", peer, 1, 8000, 0.1))
    numbered = tuple(
        Report(number, each.at, each.kind, each.sentence, each.name, each.owner, each.peer, each.release)
        for number, each in enumerate(reports, 1)
    )
    assert edge.post(paths.REPORTS, ReportBatch(numbered)).status == 200
    first, second = running.do("GET", f"/phones/status?site={site}")["items"]
    assert (first["mac"], first["sentences"][0]["word"]) == (MAC, "rejects")
    assert "every 45 s" in first["sentences"][0]["text"]
    assert second["sentences"][0]["word"] == "never-seen"
    one = running.do("GET", f"/phones/{MAC}/status")
    assert [row["word"] for row in one["sentences"]] == ["rejects", "booting", "harmless"]
    assert "just now" in one["sentences"][1]["text"]


def test_a_file_that_changed_since_is_said(running: RunningHub, tmp_path: Path) -> None:
    site = running.site("Stale")
    mac = "00:1B:54:D1:00:11"
    running.phone(site, mac)
    running.publish(sites=[site])
    edge = running.enrol(site, tmp_path / "edge")
    served = Report(
        1, time.time(), "file-served", "Took it.", "SEP001B54D10011.cnf.xml", "001B54D10011", "192.0.2.7", 1
    )
    assert edge.post(paths.REPORTS, ReportBatch((served,))).status == 200
    with running.clock.forward(3600):
        assert running.do("GET", f"/phones/{mac}/status")["sentences"][0]["word"] == "current"
        running.do("PUT", f"/phones/{mac}/lines/1", {"label": "New"})
        running.publish(sites=[site])
        (told,) = running.do("GET", f"/phones/{mac}/status")["sentences"]
    assert (told["word"], told["urgency"]) == ("stale", "wrong")
    assert "Its file changed in release 2 since" in told["text"]
