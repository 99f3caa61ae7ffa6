"""``make scale``: what publishing costs in a large fleet, of a real hub process, while others ask it for something.

Figures are of one machine, and of whatever else it did meanwhile: compare CPU seconds, bytes and ratios, measured in
one run. ``--save FILE`` keeps the figures; ``--before FILE`` prints those of another version beside them.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert, update

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

import fleet

from ringfence.content.signing import ROOT_LIFETIME_S, TIMESTAMP_LIFETIME_S, first_root
from ringfence.hub.core import Hub, open_hub
from ringfence.hub.data.config import make_config
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.init import init
from ringfence.hub.store.models import LineRow, PhoneRow, SiteRow
from ringfence.hub.store.release_models import RoleMetadataRow
from ringfence.secret import Secret
from stack import free_port

Figures = dict[str, float]
"""What was measured, with its unit → the figure."""
PHONES_OF_A_SITE = 3
SINGLE_EDITS = 30
_ASKED_EVERY_S = 0.05
_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST_S = 1800.0


@dataclass
class HubProcess:
    """A hub that runs by itself, and what it costs."""

    data: DataFolder
    token: Secret
    url: str
    process: subprocess.Popen[bytes]
    pool: urllib3.PoolManager = field(init=False)

    def __post_init__(self) -> None:
        self.pool = urllib3.PoolManager(
            ca_certs=str(self.data.authority_certificate), maxsize=4, retries=False, timeout=_LONGEST_S
        )

    def ask(self, method: str, path: str, body: object = None) -> tuple[float, bytes]:
        """Return in how many seconds the hub answered, and what."""
        began = time.perf_counter()
        headers = {"Authorization": f"Bearer {self.token.reveal()}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        answer = self.pool.request(method, f"{self.url}/api/v1{path}", headers=headers, body=data)
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.data[:300]!r}")
        return time.perf_counter() - began, answer.data

    def cpu_s(self) -> float:
        """Return what it and its processes have spent so far."""
        return sum(_cpu_s(pid) for pid in [self.process.pid, *_children(self.process.pid)])

    def forget_peak(self) -> None:
        """Begin to measure its peak of memory anew (proc(5), clear_refs)."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def peak_mb(self) -> float:
        """Return its peak of memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return sum(int(each) for each in fields[11:15]) / _TICKS


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def fill(hub: Hub, sites: int) -> None:
    """Make sites with their phones and lines, each with a password of its own, none of them published."""
    now, signers, endpoints = time.time(), hub.signers, hub.endpoints
    for start in range(0, sites, 250):
        some = range(start, min(start + 250, sites))
        phones = [number for site in some for number in range(site * PHONES_OF_A_SITE, (site + 1) * PHONES_OF_A_SITE)]
        with hub.database.writing() as session:
            session.add_all(
                SiteRow(
                    id=f"site-{site}", name=f"Site {site}", created_at=now, newest_release=0,
                    endpoints_digest=endpoints.digest, keys_digest=signers.named.digest,
                )
                for site in some
            )  # fmt: skip
            session.flush()
            roots = [
                {
                    "site_id": f"site-{site}", "role": "root", "version": 1, "made_at": now,
                    "body": first_root(f"site-{site}", signers, now, endpoints), "expires_at": now + ROOT_LIFETIME_S,
                }
                for site in some
            ]  # fmt: skip
            session.execute(insert(RoleMetadataRow), roots)
            session.execute(insert(PhoneRow), [_phone(number, now) for number in phones])
            session.execute(insert(LineRow), [_line(hub, number) for number in phones])


def _phone(number: int, now: float) -> fleet.Values:
    return {
        "mac": fleet.bare(number), "site_id": f"site-{number // PHONES_OF_A_SITE}", "model": "9971",
        "description": f"Phone {number}", "created_at": now, "named_load": "", "running_load": "", "blocked": False,
    }  # fmt: skip


def _line(hub: Hub, number: int) -> fleet.Values:
    mac = fleet.bare(number)
    sealed = hub.sealer.seal(Secret(f"pw{number:08d}Kx9aZ"), f"line:{mac}:1")
    return {
        "mac": mac, "index": 1, "label": f"Person {number}", "name": str(100_000 + number),
        "display_name": "", "auth_name": "", "sealed_password": sealed,
    }  # fmt: skip


@contextmanager
def running(data: DataFolder, token: Secret, found: Figures, what: str) -> Iterator[HubProcess]:
    """Run the hub; note in how many seconds it listens."""
    program = [str(Path(sys.executable).with_name("ringfence")), "hub", "run", str(data.path)]
    began = time.perf_counter()
    with Path(data.path, "bench.log").open("ab") as log:
        process = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=log)
    try:
        if process.stdout is None or not process.stdout.readline():
            raise SystemExit((data.path / "bench.log").read_text())
        found[f"{what}, s"] = time.perf_counter() - began
        facts = json.loads((data.path / "run.json").read_text())
        yield HubProcess(data, token, facts["people"], process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(120)


def measured(hub: HubProcess, what: str, found: Figures, order: object) -> None:
    """Publish, and note what it takes, while somebody asks for a page every twentieth of a second."""
    hub.forget_peak()
    stored, blobs, cpu = _stored(hub.data), _blobs(hub.data), hub.cpu_s()
    waits: list[float] = []
    done = threading.Event()
    asking = threading.Thread(target=_ask_on, args=(hub, waits, done))
    asking.start()
    took, answer = hub.ask("POST", "/publish", order)
    done.set()
    asking.join()
    found[f"{what}: time, s"] = took
    found[f"{what}: CPU, s"] = hub.cpu_s() - cpu
    found[f"{what}: peak memory, MB"] = hub.peak_mb()
    found[f"{what}: answer, MB"] = len(answer) / 1e6
    found[f"{what}: database grows by, MB"] = (_stored(hub.data) - stored) / 1e6
    found[f"{what}: blobs grow by, MB"] = (_blobs(hub.data) - blobs) / 1e6
    if len(waits) > 2:
        found[f"{what}: others wait, median, ms"] = statistics.median(waits) * 1e3
        found[f"{what}: others wait, 99 of 100, ms"] = statistics.quantiles(waits, n=100)[98] * 1e3


def _ask_on(hub: HubProcess, waits: list[float], done: threading.Event) -> None:
    while not done.wait(_ASKED_EVERY_S):
        waits.append(hub.ask("GET", "/sites?limit=1")[0])


def _stored(data: DataFolder) -> int:
    return sum(path.stat().st_size for path in data.path.glob("*.sqlite*"))


def _blobs(data: DataFolder) -> int:
    return sum(path.stat().st_size for path in data.blobs.rglob("*") if path.is_file())


def single_edits(hub: HubProcess, sites: int, found: Figures) -> None:
    """Note what publishing one site's edit takes."""
    took = []
    for at in range(SINGLE_EDITS):
        site = at * max(sites // SINGLE_EDITS, 1) % sites
        mac = fleet.bare(site * PHONES_OF_A_SITE)
        hub.ask("PUT", f"/phones/{mac}/lines/1", {"label": f"Edit {at}"})
        took.append(hub.ask("POST", "/publish", {"sites": [f"site-{site}"], "diffs": False})[0])
    found["one edit at one site: median, ms"] = statistics.median(took) * 1e3
    found["one edit at one site: slowest, ms"] = max(took) * 1e3


def age_timestamps(hub: Hub) -> None:
    """Make every site's timestamp due to be signed again."""
    with hub.database.writing() as session:
        is_timestamp = RoleMetadataRow.role == "timestamp"
        long_ago = time.time() - 0.8 * TIMESTAMP_LIFETIME_S
        values = {"made_at": long_ago, "expires_at": long_ago + TIMESTAMP_LIFETIME_S}
        session.execute(update(RoleMetadataRow).where(is_timestamp).values(values))


def measure(sites: int, folder: Path) -> Figures:
    """Measure a fleet of so many sites."""
    found: Figures = {}
    here = ("127.0.0.0/8",)
    config = make_config(
        address="127.0.0.1", listen="127.0.0.1", people_port=free_port(), device_port=free_port(),
        sign_in_networks=here, pbx_networks=here,
    )  # fmt: skip
    token = init(folder, config)
    data = DataFolder(folder)
    hub = open_hub(data)
    fill(hub, sites)
    hub.close()
    with running(data, token, found, "a start with nothing due") as process:
        process.ask("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        measured(process, "first publish", found, {})
        process.ask("PUT", "/settings/organisation/sip_server", {"value": "sip2.example.org"})
        measured(process, "a setting for all", found, {})
        process.forget_peak()
        single_edits(process, sites, found)
    hub = open_hub(data)
    age_timestamps(hub)
    hub.close()
    with running(data, token, found, "a start with all timestamps due") as process:
        process.ask("GET", "/sites?limit=1")
    return found


def show(figures: Figures, before: Figures, sites: int) -> None:
    """Print the figures, and those of before where there are some."""
    table = Table(
        box=None, pad_edge=False, header_style="bold", title=f"{sites:,} sites, {PHONES_OF_A_SITE} phones each"
    )
    for heading in ("WHAT", *(("BEFORE",) if before else ()), "NOW"):
        table.add_column(heading, justify="left" if heading == "WHAT" else "right", no_wrap=True)
    for what, figure in figures.items():
        was = [f"{before[what]:,.1f}" if what in before else ""] if before else []
        table.add_row(what, *was, f"{figure:,.1f}")
    Console().print(table)


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--sites", type=int, default=10_000)
    options.add_argument("--save", type=Path, help="keep the figures in this file")
    options.add_argument("--before", type=Path, help="figures of another version, to print beside")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(chosen.sites, Path(folder) / "data")
    if chosen.save:
        chosen.save.write_text(json.dumps(figures))
    show(figures, json.loads(chosen.before.read_text()) if chosen.before else {}, chosen.sites)


if __name__ == "__main__":
    main()
