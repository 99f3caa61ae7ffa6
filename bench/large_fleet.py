"""``make bench``: what lists and look-ups of a large fleet take, over the people's API on loopback.

A hub is made with many sites, each with a phone, an edge, a release and some reports. ``--save FILE`` keeps the
figures; ``--before FILE`` prints those of another version beside them. Compare figures of one machine only.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from sqlalchemy import insert

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.store.models import EdgeReportRow, EdgeRow, LineRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import ReleaseRow, ReleaseTargetRow
from support.running_hub import Clock, RunningHub
from support.serving_hub import new_hub, serving

Figures = dict[str, tuple[float, int]]
"""What was asked → seconds, bytes of the answers."""
_REPORTS = 20
_AT_ONCE = 500


def bare(number: int) -> str:
    """Return the address of a site's phone."""
    return f"001B54{number:06X}"


def fill(hub: Hub, sites: int) -> None:
    """Make the sites with what belongs to them."""
    now = time.time()
    for start in range(0, sites, _AT_ONCE):
        numbers = range(start, min(start + _AT_ONCE, sites))
        with hub.database.writing() as session:
            session.add_all(
                SiteRow(id=f"site-{number}", name=f"Site {number}", created_at=now, newest_release=1)
                for number in numbers
            )
            session.flush()
            session.execute(insert(PhoneRow), [_phone(number, now) for number in numbers])
            session.execute(insert(LineRow), [_line(number) for number in numbers])
            session.execute(insert(EdgeRow), [_edge(number, now) for number in numbers])
            session.execute(
                insert(ReleaseRow),
                [{"site_id": f"site-{number}", "number": 1, "made_at": now, "made_by": "bench"} for number in numbers],
            )
            session.execute(insert(ReleaseTargetRow), [_target(number) for number in numbers])
            session.execute(
                insert(EdgeReportRow), [_report(number, seq, now) for number in numbers for seq in range(1, _REPORTS)]
            )


def _phone(number: int, now: float) -> dict[str, object]:
    return {
        "mac": bare(number), "site_id": f"site-{number}", "model": "9971", "description": f"Phone {number}",
        "created_at": now, "named_load": "", "running_load": "", "blocked": False,
    }  # fmt: skip


def _line(number: int) -> dict[str, object]:
    return {
        "mac": bare(number), "index": 1, "label": f"Person {number}", "name": str(100_000 + number),
        "display_name": "", "auth_name": "", "sealed_password": b"",
    }  # fmt: skip


def _edge(number: int, now: float) -> dict[str, object]:
    name = f"edge-{number}"
    return {
        "id": name, "site_id": f"site-{number}", "hostname": name, "version": "", "enrolled_at": now,
        "key_fingerprint": name, "certificate_serial": name, "certificate_fingerprint": name,
        "certificate_ends_at": now + 1e6, "wipe": False, "release": 1,
    }  # fmt: skip


def _target(number: int) -> dict[str, object]:
    return {
        "site_id": f"site-{number}", "number": 1, "name": f"SEP{bare(number)}.cnf.xml", "digest": f"{number:064x}",
        "length": 8000, "kind": "configuration", "owner": bare(number), "reload_port": 5060, "secret": True,
    }  # fmt: skip


def _report(number: int, seq: int, now: float) -> dict[str, object]:
    at = now - 60.0 * (_REPORTS - seq)
    own = seq % 2
    return {
        "edge_id": f"edge-{number}", "site_id": f"site-{number}", "seq": seq, "at": at, "received_at": at,
        "kind": "file-served" if own else "file-refused", "sentence": "It asked.", "peer": "192.0.2.7", "release": 1,
        "name": f"SEP{bare(number)}.cnf.xml" if own else "dialplan.xml", "owner": bare(number) if own else "",
    }  # fmt: skip


def measure(served: RunningHub, sites: int) -> Figures:
    """Ask for the lists, whole and their first page, and for single things."""
    found: Figures = {}

    def note(what: str, work: Callable[[], int]) -> None:
        began = time.perf_counter()
        size = work()
        found[what] = (time.perf_counter() - began, size)

    def one_answer(method: str, path: str, body: object = None) -> int:
        return len(served.ask(method, path, body).data)

    def whole(path: str) -> int:
        size, cursor = 0, ""
        while True:
            answer = served.ask("GET", f"{path}?limit=1000&cursor={quote(cursor)}")
            size += len(answer.data)
            cursor = answer.json.get("next") or ""
            if not cursor:
                return size

    for path in ("/sites", "/phones", "/edges", "/phones/status"):
        note(f"first 100 of {path}", partial(one_answer, "GET", f"{path}?limit=100"))
        note(f"all of {path}", partial(whole, path))
    one = bare(sites // 2)
    singles = {
        "one site": ("GET", f"/sites/site-{sites // 2}", None),
        "one phone": ("GET", f"/phones/{one}", None),
        "one phone's status": ("GET", f"/phones/{one}/status", None),
        "making a site": ("POST", "/sites", {"name": "One more"}),
        "setting a line": ("PUT", f"/phones/{one}/lines/1", {"label": "Changed"}),
    }
    for what, request in singles.items():
        note(what, partial(one_answer, *request))
    return found


def show(figures: Figures, before: Figures, sites: int) -> None:
    """Print the figures, and those of before where there are some."""
    table = Table(box=None, pad_edge=False, header_style="bold", title=f"{sites:,} sites with a phone each")
    for heading in ("ASKED FOR", *(("BEFORE",) if before else ()), "NOW"):
        table.add_column(heading, justify="left" if heading == "ASKED FOR" else "right", no_wrap=True)
    for what, taken in figures.items():
        table.add_row(what, *([_in_words(before.get(what))] if before else []), _in_words(taken))
    Console().print(table)


def _in_words(taken: tuple[float, int] | None) -> str:
    return "" if taken is None else f"{taken[0] * 1e3:,.0f} ms, {taken[1] / 1e3:,.1f} kB"


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sites", type=int, default=10_000)
    options.add_argument("--save", type=Path, help="keep the figures in this file")
    options.add_argument("--before", type=Path, help="figures of another version, to print beside")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data, token = new_hub(Path(folder) / "data")
        hub, clock = open_hub(data), Clock()
        fill(hub, chosen.sites)
        with serving(hub, data):
            figures = measure(RunningHub(data, hub, token, clock), chosen.sites)
    if chosen.save:
        chosen.save.write_text(json.dumps(figures))
    show(figures, json.loads(chosen.before.read_text()) if chosen.before else {}, chosen.sites)


if __name__ == "__main__":
    main()
