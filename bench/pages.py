"""``make bench``: what people wait for a large hub's pages, and for the API behind them, while twenty of them click.

The hub is a process of its own, on SQLite; each person is signed in, opens a page, reads for about a second, and opens
another. PAGES="--sites 1000 --seconds 20" is quicker. Compare figures of one machine only.
"""

import argparse
import json
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from fleet import Fleet, bare

from ringfence.hub.core import Hub, open_hub
from ringfence.hub.fleet import sessions
from ringfence.hub.people.callers import COOKIE
from ringfence.hub.web.static.files import static_files
from stack import RINGFENCE, wait_for
from support.serving_hub import new_hub
from support.signing_in import person

LIST_GOAL_S, PHONE_GOAL_S = 0.100, 0.060
MEMORY_GOAL_MB, PAGE_GOAL_KB, SCRIPT_GOAL_KB = 300, 60, 15
MEMORY_EVERY_S = 0.5
_READS_S = (0.5, 1.5)
"""How long somebody looks at a page before the next click, at least and at most."""

Choice = Callable[[random.Random, Fleet], str]


def _any_site(dice: random.Random, fleet: Fleet) -> str:
    return f"site-{dice.randrange(fleet.sites)}"


def _any_phone(dice: random.Random, fleet: Fleet) -> str:
    return bare(dice.randrange(fleet.phones))


PAGES: Mapping[str, tuple[Choice, float]] = {
    "overview": (lambda _dice, _fleet: "/", LIST_GOAL_S),
    "sites": (lambda _dice, _fleet: "/sites", LIST_GOAL_S),
    "sites, searched": (lambda dice, fleet: f"/sites?search={dice.randrange(fleet.sites)}", LIST_GOAL_S),
    "phones": (lambda _dice, _fleet: "/phones", LIST_GOAL_S),
    "phones, searched": (lambda dice, fleet: f"/phones?search={_any_phone(dice, fleet)[6:]}", LIST_GOAL_S),
    "phones, what they do": (lambda _dice, _fleet: "/phones/status", LIST_GOAL_S),
    "edges": (lambda _dice, _fleet: "/edges", LIST_GOAL_S),
    "guard's log": (lambda _dice, _fleet: "/guard/log", LIST_GOAL_S),
    "guard's log, a site's": (lambda dice, fleet: f"/guard/log?site={_any_site(dice, fleet)}", LIST_GOAL_S),
    "alerts": (lambda _dice, _fleet: "/guard/alerts", LIST_GOAL_S),
    "one site": (lambda dice, fleet: f"/sites/{_any_site(dice, fleet)}", PHONE_GOAL_S),
    "one phone": (lambda dice, fleet: f"/phones/{_any_phone(dice, fleet)}", PHONE_GOAL_S),
    "one phone's settings": (lambda dice, fleet: f"/phones/{_any_phone(dice, fleet)}/settings", PHONE_GOAL_S),
    "API: sites": (lambda _dice, _fleet: "/api/v1/sites?limit=50", LIST_GOAL_S),
    "API: phones": (lambda _dice, _fleet: "/api/v1/phones?limit=50", LIST_GOAL_S),
    "API: phones, searched": (
        lambda dice, fleet: f"/api/v1/phones?limit=50&search={_any_phone(dice, fleet)[6:]}",
        LIST_GOAL_S,
    ),
    "API: edges": (lambda _dice, _fleet: "/api/v1/edges?limit=50", LIST_GOAL_S),
    "API: one phone's status": (
        lambda dice, fleet: f"/api/v1/phones/{_any_phone(dice, fleet)}/status",
        PHONE_GOAL_S,
    ),
}
"""What people open → how the address is chosen, and how long 95 of 100 may take."""


@dataclass
class Clicks:
    """What was waited for, and how much came."""

    waits_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    compressed: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def click(url: str, cookie: str, authority: Path, fleet: Fleet, until: float, seed: int, found: Clicks) -> None:
    """Be a person at a browser until a time."""
    connected = False
    dice = random.Random(seed)  # noqa: S311 - which page is opened is no secret
    address = urllib3.util.parse_url(url)
    context = ssl.create_default_context(cafile=str(authority))
    headers = {"Cookie": f"{COOKIE}={cookie}", "Accept": "text/html"}
    with urllib3.HTTPSConnectionPool(
        str(address.host), address.port, ssl_context=context, retries=False, timeout=60, headers=headers
    ) as pool:
        time.sleep(dice.uniform(0, _READS_S[1]))  # nobody begins at the same moment
        while time.monotonic() < until:
            what = dice.choice(list(PAGES))
            path = PAGES[what][0](dice, fleet)
            began = time.perf_counter()
            answer = pool.request("GET", path, redirect=False)
            if connected:  # the first one is of a new browser
                found.waits_s[what].append(time.perf_counter() - began)
            connected = True
            if answer.status != 200:
                found.refused.append(f"{path}: {answer.status}")
            found.compressed.setdefault(what, len(zlib.compress(answer.data)))
            time.sleep(dice.uniform(*_READS_S))  # what is measured are people who read what they open


def _percentile(waits_s: Sequence[float], percent: int) -> float:
    return statistics.quantiles(waits_s, n=100, method="inclusive")[percent - 1] if len(waits_s) > 1 else waits_s[0]


def _signed_in(hub: Hub, people: int) -> list[str]:
    """Make people and sign them in; return their sessions' secrets."""
    made = []
    for number in range(people):
        row = person(hub, f"person-{number}@example.org")
        with hub.change("bench") as change:
            made.append(sessions.start(change, row, address="192.0.2.1", agent="Bench")[1].reveal())
    return made


def _memory_mb(pid: int) -> float:
    """Return the memory of a process and those below it, what they share counted once (proc(5), Pss)."""
    told = Path(f"/proc/{pid}/smaps_rollup").read_text()
    own = int(told.partition("Pss:")[2].split()[0]) / 1024
    below = [each for task in Path(f"/proc/{pid}/task").iterdir() for each in (task / "children").read_text().split()]
    return own + sum(_memory_mb(int(each)) for each in below)


def show(fleet: Fleet, people: int, found: Clicks, memory_mb: float) -> None:
    """Print what was waited for beside what it should be."""
    clicks = sum(map(len, found.waits_s.values()))
    title = f"{fleet}, {people} people, {clicks:,} clicks"
    table = Table(title=title, box=None, pad_edge=False, header_style="bold")
    for heading in ("OPENED", "CLICKS", "MEDIAN", "95 OF 100", "SLOWEST", "GOAL", "COMPRESSED"):
        table.add_column(heading, justify="left" if heading == "OPENED" else "right", no_wrap=True)
    for what, (_choice, goal_s) in PAGES.items():
        waits_s = found.waits_s.get(what)
        if waits_s:
            figures = [_percentile(waits_s, 50), _percentile(waits_s, 95), max(waits_s), goal_s]
            size = f"{found.compressed[what] / 1000:.1f} kB"
            table.add_row(what, str(len(waits_s)), *(f"{each * 1e3:,.0f} ms" for each in figures), size)
    console = Console(width=110)
    console.print(table)
    script_kb = sum(len(each.data) for each in static_files().values() if each.media_type == "text/javascript") / 1000
    largest_kb = max(found.compressed.values()) / 1000
    console.print(f"largest page {largest_kb:.1f} kB compressed (goal {PAGE_GOAL_KB}), scripts {script_kb:.1f} kB "
                  f"as they are (goal {SCRIPT_GOAL_KB}), memory of the hub at most {memory_mb:.0f} MB "
                  f"(goal {MEMORY_GOAL_MB})")  # fmt: skip
    for line in found.refused[:5]:
        console.print(f"not answered: {line}")


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sites", type=int, default=10_000)
    options.add_argument("--phones", type=int, default=3, help="of each site")
    options.add_argument("--reports", type=int, default=34, help="of each phone")
    options.add_argument("--people", type=int, default=20)
    options.add_argument("--seconds", type=float, default=60.0)
    chosen = options.parse_args()
    fleet = Fleet(chosen.sites, chosen.phones, chosen.reports)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        data, _token = new_hub(Path(folder) / "data")
        hub = open_hub(data)
        fleet.fill(hub)
        cookies = _signed_in(hub, chosen.people)
        hub.close()
        log = stack.enter_context(Path(folder, "log").open("w"))
        command = [*RINGFENCE, "hub", "run", str(data.path)]
        running = stack.enter_context(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log))
        stack.callback(running.terminate)
        wait_for("the hub", (data.path / "run.json").exists)
        found = Clicks()
        until = time.monotonic() + chosen.seconds
        url = json.loads((data.path / "run.json").read_text())["people"]
        clicking = [
            threading.Thread(target=click, args=(url, cookie, data.authority_certificate, fleet, until, number, found))
            for number, cookie in enumerate(cookies)
        ]
        for each in clicking:
            each.start()
        most_mb = 0.0
        while any(each.is_alive() for each in clicking):
            most_mb = max(most_mb, _memory_mb(running.pid))
            time.sleep(MEMORY_EVERY_S)
        show(fleet, chosen.people, found, most_mb)


if __name__ == "__main__":
    main()
