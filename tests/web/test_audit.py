"""The audit log on pages."""

import csv
import io
import json
import re
from urllib.parse import quote

from support.running_hub import RunningHub


def _text(running: RunningHub, path: str) -> str:
    answer = running.raw("GET", path)
    assert answer.status == 200, answer.data
    return answer.data.decode()


def test_an_entry_says_who_did_what_and_what_was_before_and_after(running: RunningHub) -> None:
    site = running.site("Audited")
    running.do("POST", "/phones", {"mac": "00:1B:54:C2:AD:01", "site": site, "model": "9971", "description": "<b>Old"})
    running.do("PATCH", "/phones/00:1B:54:C2:AD:01", {"description": "<i>New"})
    shown = _text(running, "/audit?action=phone.describe&object=C2:AD:01")
    assert "&lt;b&gt;Old" in shown
    assert "&lt;i&gt;New" in shown
    assert "<bdi>&lt;b&gt;Old</bdi> → <bdi>&lt;i&gt;New</bdi>" in shown
    assert "127.0.0.1" in shown
    assert "No entry fits" in _text(running, "/audit?who=nobody")
    assert "No entry fits" in _text(running, "/audit?until=2001-01-01T00:00")
    assert "phone.describe" in _text(running, "/audit?since=2001-01-01T00:00&action=phone.")
    assert running.raw("GET", "/audit?since=yesterday").status == 422


def test_no_secret_is_shown_of_what_changed(running: RunningHub) -> None:
    site = running.site("Audited secret")
    running.phone(site, "00:1B:54:C2:AD:02")
    running.do("PUT", "/phones/00:1B:54:C2:AD:02/lines/1", {"password": "Not-to-be-seen-1"})
    shown = _text(running, "/audit?object=C2:AD:02")
    assert "a secret" in shown
    assert "Not-to-be-seen-1" not in shown


def test_what_is_shown_is_handed_out_whole(running: RunningHub) -> None:
    for number in range(3):
        running.do("POST", "/groups", {"name": f"=Handed out {number}"})
    rows = list(csv.DictReader(io.StringIO(_text(running, "/audit/-/csv?action=group.create&object=handed-out"))))
    lines = _text(running, "/audit/-/jsonl?action=group.create&object=handed-out").splitlines()
    assert [row["object"] for row in rows] == [json.loads(line)["object"] for line in lines]
    assert [row["object"] for row in rows] == ["handed-out-2", "handed-out-1", "handed-out-0"]
    assert all(row["detail"].startswith("'=") for row in rows if row["detail"])
    oldest_first = _text(running, "/audit/-/jsonl?action=group.create&object=handed-out&sort=when").splitlines()
    assert oldest_first == lines[::-1]
    assert running.raw("GET", "/audit/-/csv?sort=who").status == 422


def test_the_log_is_checked_against_a_head_that_was_written_down(running: RunningHub) -> None:
    running.site("Chained")
    (head,) = re.findall(r"<code>(\d+:[0-9a-f]{64})</code>", _text(running, "/audit"))
    running.site("Chained further")
    assert "What you wrote down is of this log." in _text(running, f"/audit/verify?head={head}")
    other = head[:-1] + ("0" if head[-1] != "0" else "1")
    assert "is not as it should be" in _text(running, f"/audit/verify?head={other}")
    refused = running.raw("GET", f"/audit/verify?head={quote('12:no head')}")
    assert refused.status == 422
    assert "is no head of an audit log" in refused.data.decode()
