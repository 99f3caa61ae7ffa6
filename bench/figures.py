"""``make bench``: the figures of the whole, as a table. Everything runs on loopback, in processes as users have them.

Rates and times vary with the machine; compare figures of one run. BENCH="--edits 20 --sites 100" makes it shorter.
"""

import argparse
import platform
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from ringfence.errors import RingfenceError
from ringfence.hub.core import open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.fleet import (
    lines,
    phones,
    settings,
    sites,
)
from ringfence.hub.process.init import init
from ringfence.hub.publishing import publish as publishing
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.server.tftp.client import fetch
from stack import Stack, running_stack, wait_for

MAC, NAME = "00:1B:54:C2:9A:10", "SEP001B54C29A10.cnf.xml"
Row = tuple[str, str, str]


def edits(stack: Stack, count: int) -> list[Row]:
    """Time from the publish request's first byte to the edge's first answer with the new bytes."""
    api = stack.api()
    taken = []
    for number in range(count):
        label = f"Edit {number}"
        api.put("/phones/001B54C29A10/lines/1", {"label": label})
        wanted = f"<featureLabel>{label}</featureLabel>".encode()
        begun = time.monotonic()
        api.post("/publish", {"dry_run": False, "sites": None, "comment": ""})
        while wanted not in fetch(stack.tftp, NAME):
            time.sleep(0.002)
        taken.append(1000 * (time.monotonic() - begun))
    cuts = statistics.quantiles(taken, n=100)
    return [
        (f"publish → served, {count} edits, p50", f"{statistics.median(taken):.0f} ms", "< 150 ms"),
        (f"publish → served, {count} edits, p99", f"{cuts[98]:.0f} ms", "< 1000 ms"),
    ]


def memory(stack: Stack) -> list[Row]:
    """Resident memory of agent and worker, and their proportional share, which counts shared pages once."""
    status = stack.edge_status()
    parts = {"agent": status["pid"], "worker": status["worker_pid"]}
    resident = {name: _kib(pid, "Rss") for name, pid in parts.items()}
    shared_once = sum(_kib(pid, "Pss") for pid in parts.values())
    each = ", ".join(f"{name} {kib / 1024:.1f}" for name, kib in resident.items())
    return [
        (f"edge's resident memory ({each} MiB)", f"{sum(resident.values()) / 1024:.1f} MiB", "≤ 60 MB"),
        ("the same, shared pages counted once", f"{shared_once / 1024:.1f} MiB", ""),
    ]


def cold_start(stack: Stack, count: int = 5) -> list[Row]:
    """Time from starting the edge's process to the first byte served, the hub away."""
    stack.stop(stack.hub)
    rows = []
    for as_service, command in ((True, "ringfence-edge"), (False, "ringfence edge run")):
        taken = []
        for _ in range(count):
            stack.stop(stack.edge)
            begun = time.monotonic()
            stack.edge = stack.launch_edge(as_service=as_service)
            wait_for("the first byte", lambda: _served(stack), pause_s=0.005)
            taken.append(time.monotonic() - begun)
        median = statistics.median(taken)
        rows.append((f"{command}: start to first file, hub away, median of {count}", f"{median:.2f} s", "< 1 s"))
    return rows


def fleet(folder: Path, site_count: int) -> list[Row]:
    """Render and sign for many sites with three phones each, in the hub's own code and database."""
    init(folder, make_config(name="bench", address="127.0.0.1", listen="127.0.0.1", people_port=0, device_port=0))
    hub = open_hub(DataFolder(folder))
    try:
        with hub.change("bench") as change:
            settings.put(change, hub.sealer, settings.ORGANISATION, "sip_server", "sip.example.org")
            for number in range(site_count):
                site = sites.create(change, hub.signers, f"Site {number}")
                for phone in range(3):
                    mac = Mac.parse(f"001B54{3 * number + phone:06X}")
                    phones.add(change, mac, site.id, ("9971", "8941")[phone % 2], "")
                    lines.put(change, hub.sealer, mac, 1, lines.LineParts(name=str(1000 + phone), label="Desk"))
        begun = time.monotonic()
        result = publishing.publish(hub, "bench", with_diffs=False)
        first = time.monotonic() - begun
        if len(result.sites) != site_count:
            raise SystemExit(f"only {len(result.sites)} of {site_count} sites got a release")
        begun = time.monotonic()
        again = publishing.publish(hub, "bench", with_diffs=False)
        second = time.monotonic() - begun
        if again.sites:
            raise SystemExit("a publish without changes made releases")
    finally:
        hub.close()
    return [
        (f"render + sign + store, {site_count} sites × 3 phones", f"{first:.1f} s", "< 10 s for 1000"),
        ("the same again, nothing changed", f"{second:.1f} s", ""),
    ]


def rendering(count: int) -> list[Row]:
    """Rate at which phones' files are rendered and checked, in seconds of one core: mixed models, two lines each."""
    renderer = Renderer()
    kinds = ("9971", "8941", "7942", "8851", "7975", "7960", "SPA504G", "8851-3PCC")
    common: dict[str, Value] = {
        "sip_server": "sip.example.org",
        "time_zone": "Europe/Berlin",
        "ntp_servers": "192.0.2.1",
    }
    rows = []
    for name, chosen in (("9971", kinds[:1]), ("eight models", kinds)):
        made = [
            PhoneToRender(
                Mac.parse(f"001B54{number:06X}"),
                chosen[number % len(chosen)],
                f"Desk {number}",
                {**common, "phone_label": f"Desk {number}"[:11]},
                tuple(
                    LineAccount(at, f"Line {at}", f"{number}{at}", "", f"{number}", Secret("s3cr3tS3cr3t"))
                    for at in (1, 2)
                ),
            )
            for number in range(count)
        ]
        renderer.render(made[0])
        begun = time.process_time()
        for phone in made:
            renderer.render(phone)
        rate = count / (time.process_time() - begun)
        rows.append((f"rendering {count} phones, {name}", f"{rate:,.0f} phones/s/core", "≥ 2,000"))
    return rows


def _served(stack: Stack) -> bool:
    try:
        return bool(fetch(stack.tftp, NAME, timeout_s=0.02, retries=0))
    except (RingfenceError, OSError):
        return False


def _kib(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def main() -> int:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=200)
    parser.add_argument("--sites", type=int, default=1000)
    parser.add_argument("--phones", type=int, default=10_000)
    options = parser.parse_args()
    console = Console()
    folder = Path(tempfile.mkdtemp(prefix="ringfence-bench-"))
    rows: list[Row] = []
    try:
        with running_stack(folder / "stack") as stack, console.status("hub and edge …") as status:
            stack.make_site("Bench", MAC, "9971")
            status.update("memory …")
            rows += memory(stack)
            status.update(f"{options.edits} edits …")
            rows += edits(stack, options.edits)
            status.update("cold start …")
            rows += cold_start(stack)
        with console.status(f"{options.phones} phones …"):
            rows += rendering(options.phones)
        with console.status(f"{options.sites} sites …"):
            rows += fleet(folder / "fleet", options.sites)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    table = Table(title=f"Python {platform.python_version()}, {platform.machine()}", box=None, header_style="bold")
    for heading in ("MEASURED", "FIGURE", "GOAL"):
        table.add_column(heading)
    for row in rows:
        table.add_row(*row)
    console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
