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

from fleet import Fleet, bare

from ringfence.hub.core import open_hub
from support.running_hub import Clock, RunningHub
from support.serving_hub import new_hub, serving

Figures = dict[str, tuple[float, int]]
"""What was asked → seconds, bytes of the answers."""


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
        Fleet(chosen.sites).fill(hub)
        with serving(hub, data):
            figures = measure(RunningHub(data, hub, token, clock), chosen.sites)
    if chosen.save:
        chosen.save.write_text(json.dumps(figures))
    show(figures, json.loads(chosen.before.read_text()) if chosen.before else {}, chosen.sites)


if __name__ == "__main__":
    main()
