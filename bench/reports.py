"""``make bench``: what a report costs the hub, as edges send them, and what part of a core a fleet's would take.

A hub with many sites runs as a process of its own; some edges are enrolled and send what a phone's fetch is told by,
over connections that they keep: one report in each request, and ten. The hub's processor time is read from /proc.
No more is sent than the hub keeps of an edge. REPORTS="--sites 1000" is quicker.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from fleet import Fleet
from urllib3 import HTTPSConnectionPool

from ringfence.edge.agent.hub_trust import verified_context
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.hub.core import open_hub
from ringfence.hub.data.folder import DataFolder
from ringfence.wire import codec, paths
from ringfence.wire.messages import Report, ReportAcknowledgement, ReportBatch, ReportKind
from stack import Stack

TICKS = os.sysconf("SC_CLK_TCK")
EDGES = 10
REQUESTS = 40
"""Of each edge, with one report and then with ten: fewer than the hub keeps of it in a minute."""
FLEET_EDGES, GOAL = 10_000, 0.4
"""Edges that report once a minute each, and the part of a core that this may take."""


@dataclass
class ReportingEdge:
    """An enrolled edge and its connection."""

    pool: HTTPSConnectionPool
    mac: str
    sent: int = 0

    def send(self, count: int) -> None:
        """Send a batch of so many reports, each of its phone that took its file."""
        name = f"SEP{self.mac}.cnf.xml"
        sentence = f"Gave 192.0.2.7 the file {name}: its address is the phone's, seen on the wire."
        one = Report(
            0, time.time(), ReportKind.FILE_SERVED, sentence, name, self.mac, "192.0.2.7", 0, 8000, 0.4, level="L3"
        )
        batch = ReportBatch(tuple(replace(one, seq=self.sent + number) for number in range(1, count + 1)), self.sent)
        answer = self.pool.request("POST", paths.REPORTS, body=codec.to_json(batch))
        self.sent += count
        if answer.status != 200 or codec.from_json(ReportAcknowledgement, answer.data).stored_through != self.sent:
            raise SystemExit(f"the hub did not take a report: {answer.status} {answer.data[:300]!r}")


def enrolled(stack: Stack, number: int) -> ReportingEdge:
    """Make a site with a phone beside the fleet's, and enrol its edge."""
    site, mac = stack.ask("site", "add", f"Reporting {number}")["id"], f"001B55{number:06X}"
    stack.run("phone", "add", mac, "--site", site, "--model", "9971")
    stack.edge_folder = stack.folder / f"edge-{number}"
    stack.enrol_edge(site)
    folder = EdgeFolder(stack.edge_folder, Disk())
    context = verified_context(folder.credentials().authority_pem, folder.key_file, folder.certificate_file)
    pool = HTTPSConnectionPool("127.0.0.1", stack.device_port, ssl_context=context, retries=False, timeout=60)
    edge = ReportingEdge(pool, mac)
    edge.send(1)  # the handshake is no part of it
    return edge


def cost_ms(pid: int, edges: Sequence[ReportingEdge], reports: int) -> tuple[float, float]:
    """Return the hub's processor time for a request of so many reports, and how many requests there were a second."""
    began, before = time.perf_counter(), _cpu_s(pid)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda edge: [edge.send(reports) for _request in range(REQUESTS)], edges))
    spent, requests = _cpu_s(pid) - before, REQUESTS * len(edges)
    return 1e3 * spent / requests, requests / (time.perf_counter() - began)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sites", type=int, default=10_000, help="sites that the hub has")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.make_hub()
            stack.stop(stack.hub)
            with closing(open_hub(DataFolder(stack.hub_folder))) as hub:
                Fleet(chosen.sites).fill(hub)
            stack.start_hub()
            if stack.hub is None:
                raise SystemExit("the hub does not run")
            edges = [enrolled(stack, number) for number in range(EDGES)]
            size = (stack.hub_folder / "hub.sqlite").stat().st_size
            found = {count: cost_ms(stack.hub.pid, edges, count) for count in (1, 10)}
        finally:
            stack.close()
    show(found, chosen.sites, size)


def show(found: dict[int, tuple[float, float]], sites: int, size: int) -> None:
    """Print what was measured, and what follows for a fleet."""
    title = f"Reports at a hub with {sites:,} sites, a database of {size / 1e6:,.0f} MB"
    table = Table(box=None, pad_edge=False, header_style="bold", title=title)
    for heading in ("REPORTS IN A REQUEST", "CPU MS A REQUEST", "A REPORT", "REQUESTS/S"):
        table.add_column(heading, justify="right", no_wrap=True)
    for count, (ms, rate) in found.items():
        table.add_row(str(count), f"{ms:.2f}", f"{ms / count:.2f}", f"{rate:,.0f}")
    console = Console()
    console.print(table)
    part = found[1][0] / 1e3 * FLEET_EDGES / 60
    met = "met" if part <= GOAL else "missed"
    console.print(f"{FLEET_EDGES:,} edges, one report a minute each: {part:.0%} of a core (goal {GOAL:.0%}: {met}).")


if __name__ == "__main__":
    main()
