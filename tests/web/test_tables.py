"""Tables as files, and live streams, as programs see them."""

import csv
import html
import io
import re
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from ringfence.hub.errors import TooManyStreams
from ringfence.hub.web import page
from ringfence.hub.web.live_streams import MOST_OF_CALLER, LiveStreams
from support.reporting_edge import ReportingEdge
from support.running_hub import RunningHub


def test_sites_as_a_table_hold_no_formula(running: RunningHub) -> None:
    running.do("POST", "/sites", {"name": "=1+1", "id": "formula"})
    answer = running.raw("GET", "/sites/-/csv?search=formula")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="sites.csv"'
    assert list(csv.reader(io.StringIO(answer.data.decode()))) == [
        ["site", "name", "state", "phones", "edges", "release"],
        ["formula", "'=1+1", "without-edge", "0", "0", "0"],
    ]
    assert running.raw("GET", "/sites/-/csv?state=sideways").status == 422


def test_nobody_has_more_streams_than_one_may_have() -> None:
    streams = LiveStreams()
    with ExitStack() as stack:
        for _ in range(MOST_OF_CALLER):
            streams.check_room("anna")
            stack.enter_context(streams.counted("anna"))
        with pytest.raises(TooManyStreams):
            streams.check_room("anna")
        streams.check_room("ben")
    streams.check_room("anna")


def test_many_streams_at_once_are_no_way_to_have_more(running: RunningHub) -> None:
    site = running.site("Watched by many")
    token = running.do("POST", f"/sites/{site}/tokens")["id"]
    reader = running.do("POST", "/api-tokens", {"name": "many", "role": "support"})["token"]
    url = f"{running.people_url}/sites/{site}/tokens/{token}/live"
    headers = {"Authorization": f"Bearer {reader}"}
    many = 4 * MOST_OF_CALLER
    with (
        urllib3.PoolManager(ca_certs=str(running.folder.authority_certificate), retries=False, maxsize=many) as pool,
        ThreadPoolExecutor(many) as threads,
    ):

        def open_one(_number: int) -> urllib3.BaseHTTPResponse:
            return pool.request("GET", url, headers=headers, preload_content=False, timeout=60)

        opened = list(threads.map(open_one, range(many)))  # all are held, as one that is dropped makes room
        statuses = [each.status for each in opened]
        for each in opened:
            each.close()
    assert sorted(statuses) == [200] * MOST_OF_CALLER + [503] * (many - MOST_OF_CALLER)


def test_a_stream_ends_once_nothing_changes_any_more(running: RunningHub) -> None:
    site = running.site("Streamed")
    token = running.do("POST", f"/sites/{site}/tokens")["id"]
    url = f"{running.people_url}/sites/{site}/tokens/{token}/live"
    headers = {"Authorization": f"Bearer {running.token.reveal()}"}
    with urllib3.PoolManager(ca_certs=str(running.folder.authority_certificate), retries=False) as pool:
        answer = pool.request("GET", url, headers=headers, preload_content=False, timeout=60)
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        parts = answer.stream(1)
        told = next(parts)  # it has looked once
        running.do("DELETE", f"/tokens/{token}")
        told += b"".join(parts)  # it would never end, or be cut by the time-out
    assert b"Waiting for the edge" in told
    assert told.endswith(b"event: end\ndata:\n\n")


@pytest.mark.parametrize("how", ["revoked", "ended"])
def test_whoever_has_no_access_any_more_gets_no_more_of_a_stream(running: RunningHub, how: str) -> None:
    site = running.site(f"Watched {how}")
    token = running.do("POST", f"/sites/{site}/tokens")["id"]
    order = {"name": "watcher", "role": "support", "ends_at": running.clock() + 1000}
    reader = running.do("POST", "/api-tokens", order)
    url = f"{running.people_url}/sites/{site}/tokens/{token}/live"
    headers = {"Authorization": f"Bearer {reader['token']}"}
    with urllib3.PoolManager(ca_certs=str(running.folder.authority_certificate), retries=False) as pool:
        answer = pool.request("GET", url, headers=headers, preload_content=False, timeout=60)
        parts = answer.stream(1)
        told = next(parts)
        if how == "revoked":
            running.do("DELETE", f"/api-tokens/{reader['id']}")
            told += b"".join(parts)  # it would not end, or be cut by the time-out
        else:
            with running.clock.forward(2000):
                told += b"".join(parts)
    assert b"Waiting for the edge" in told
    assert b"event: end" not in told


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/sites", ["name", "id", "release", "created"]),
        ("/phones", ["phone", "description", "model", "site", "firmware"]),
        ("/edges", ["site", "name", "release", "seen"]),
        ("/people", ["name", "role", "signed-in"]),
        ("/activations", ["phone", "site", "model", "ends"]),
    ],
)
def test_parts_of_a_sorted_list_are_the_whole_list(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, words: list[str]
) -> None:
    made = [running.site(f"Sorted {path} {name}") for name in ("\N{WOMAN}\N{ZERO WIDTH JOINER}", "b", "a", "C", "ä")]
    for number, site in enumerate(made):
        mac = f"00:1B:54:C2:{ord(path[2]):02X}:{number:02X}"
        running.do("POST", "/phones", {"mac": mac, "site": site, "model": "9971", "description": "\u200d" * number})
        running.do(
            "POST", "/people", {"name": f"sorted-{path[2]}-{number}", "role": ("operator", "support")[number % 2]}
        )
        running.do("POST", "/activations", {"site": site if number else "", "model": "9971" if number % 2 else ""})
    running.enrol(made[0], tmp_path).pool.close()
    monkeypatch.setattr(page, "ROWS", 2)
    for word in words:
        up, down = (_rows(running, path, f"?sort={sign}{word}") for sign in ("", "-"))
        assert len(up) == len(set(up)) > 0
        assert up == down[::-1]
    refused = running.raw("GET", f"{path}?sort=sideways")
    assert (refused.status, refused.json["kind"]) == (422, "bad-selection")


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/groups", ["name", "phones", "created"]),
        ("/api-tokens", ["name", "role", "used", "ends"]),
        ("/sign-in-providers", ["name", "issuer"]),
    ],
)
def test_parts_of_a_short_list_are_the_whole_list_and_rows_that_are_alike_stay_in_order(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, path: str, words: list[str]
) -> None:
    for number, name in enumerate(("Ö", "b", "C", "a")):
        body: dict[str, object] = {"name": f"{name} short"}
        if path == "/api-tokens":
            ends_at = running.clock() + 86_400 * number if number else None
            body |= {"role": "read", "ends_at": ends_at}
        if path == "/sign-in-providers":
            body |= {"id": f"short-{number}", "issuer": f"https://{'dcba'[number]}.example", "client_id": "x"}
            body |= {"client_secret": "x", "groups": []}
        running.do("POST", path, body)
    monkeypatch.setattr(page, "ROWS", 3)
    whole = _rows(running, path, "?")
    for word in words:
        up, down = (_rows(running, path, f"?sort={sign}{word}") for sign in ("", "-"))
        assert len(up) == len(set(up)) >= 4
        assert set(up) == set(down) == set(whole)
        own = [row for row in up if " short " in row]
        assert word not in {"name", "issuer"} or own == [row for row in down if " short " in row][::-1]
    refused = running.raw("GET", f"{path}?sort=sideways")
    assert (refused.status, refused.json["kind"]) == (422, "bad-selection")


@pytest.mark.parametrize("path", ["/audit", "/guard/log", "/guard/alerts"])
def test_a_log_begins_with_the_newest_or_with_the_oldest(
    running: RunningHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    site = running.site(f"Logged {path}")
    edge = ReportingEdge(running, site, tmp_path / "edge")
    for number in range(5):
        edge.asks("file-refused", f"001B54FE0{ord(path[-1]):02X}{number}", "unknown-phone")
    monkeypatch.setattr(page, "ROWS", 2)
    narrowed = "?action=site.&object=logged" if path == "/audit" else f"?site={site}"
    newest, oldest = (_rows(running, path, f"{narrowed}&sort={word}") for word in ("-when", "when"))
    assert oldest == newest[::-1]
    assert newest == _rows(running, path, narrowed), "the newest are first where nobody asks"
    assert len(newest) >= (1 if path == "/audit" else 3)
    first = running.raw("GET", f"{path}{narrowed}&sort=when").data.decode()
    assert "<caption>The oldest first</caption>" in first
    assert 'aria-sort="ascending"' in first
    refused = running.raw("GET", f"{path}?sort=who")
    assert (refused.status, refused.json["to_do"]) == (422, "By: when.")


def _rows(running: RunningHub, path: str, query: str) -> list[str]:
    """The heads of a list's rows, part after part."""
    found: list[str] = []
    while query:
        answer = running.raw("GET", path + query)
        assert answer.status == 200, answer.data
        text = answer.data.decode()
        found += re.findall(r'<th scope="row">(.*?)</th>', text, re.DOTALL)
        onward = re.search(r'rel="next" href="[^?"]*([^"]+)"', text)
        query = html.unescape(onward[1]) if onward else ""
    return found
