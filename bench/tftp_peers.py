"""``make bench``: this project's worker against Debian's TFTP servers, the same C client for all, in one run.

Rates are of one shared machine: compare the rows of one run. The peers come from Debian's packages, which are unpacked
and not installed; dnsmasq's TFTP has port 69 only, so it needs root.
"""

import argparse
import contextlib
import functools
import os
import platform
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ringfence.content.release import TargetKind
from ringfence.errors import RingfenceError
from ringfence.server.files.catalogue import Offer
from ringfence.server.processes.supervisor import WorkerSupervisor
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions

HERE = Path(__file__).parent
HOST = "127.0.0.1"
TFTP_PORT = 69
FLOOR = "C floor"
OURS = "ringfence"
SMALL, LARGE = 20_000, 100_000_000
START_TIMEOUT_S = 5.0
IDLE_S = 5.0  # the worker gives memory back after three quiet seconds
LONGEST_RUN_S = 60.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the load generator said, and what the server spent on it (seconds of processor time)."""

    seconds: float
    blocks: int
    octets: int
    transfers: int
    failed: int
    repeats: int
    refused_options: int
    server_cpu_s: float

    @property
    def blocks_per_s(self) -> float:
        """Blocks that arrived, each second."""
        return self.blocks / self.seconds

    @property
    def megabytes_per_s(self) -> float:
        """Octets that arrived, each second."""
        return self.octets / self.seconds / 1e6

    @property
    def cpu_us_per_block(self) -> float:
        """The server's processor time for a block, user and system."""
        return 1e6 * self.server_cpu_s / max(self.blocks, 1)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs: its port and its processes."""

    name: str
    port: int
    pids: tuple[int, ...]

    def cpu_s(self) -> float:
        """Return the processor time of its processes so far."""
        return cpu_of(self.pids)


def free_port() -> int:
    """Return a UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def cpu_of(pids: Sequence[int]) -> float:
    """Return the user and system time of ``pids`` and their children that live, in seconds."""
    total = 0
    wanted = set(pids)
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(stat.parent.name) in wanted or int(fields[1]) in wanted:
                total += sum(int(field) for field in fields[11:15])
    return total / CLOCK_TICKS


@contextlib.contextmanager
def process(name: str, arguments: Sequence[str], port: int) -> Iterator[Server]:
    """Run a peer in the foreground until the block ends."""
    child = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Server(name, port, (child.pid,))
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextlib.contextmanager
def ringfence(folder: Path) -> Iterator[Server]:
    """Run this project's worker, as an edge does."""
    supervisor = WorkerSupervisor(listen=[(HOST, 0)], site="bench", on_event=lambda _event: None)
    supervisor.start()
    fds = {path.name: os.open(path, os.O_RDONLY) for path in folder.iterdir()}
    try:
        offers = [Offer(name, fd, os.fstat(fd).st_size, TargetKind.SHARED) for name, fd in fds.items()]
        supervisor.offer(1, offers)
        pid = supervisor.worker_pid
        if pid is None:
            raise SystemExit("the worker is gone")
        yield Server(OURS, supervisor.addresses[0][1], (pid,))
    finally:
        supervisor.stop()
        for fd in fds.values():
            os.close(fd)


def peers(folder: Path, tools: Path) -> Iterator[tuple[str, Callable[[], contextlib.AbstractContextManager[Server]]]]:
    """Yield each server's name and how to run it; the ones that are not installed are left out."""
    root = str(folder)
    yield OURS, lambda: ringfence(folder)
    floor_port = free_port()
    yield FLOOR, lambda: process(FLOOR, [str(tools / "floor"), str(floor_port), str(SMALL)], floor_port)
    commands: dict[str, tuple[str, Callable[[int], list[str]]]] = {
        "tftpd-hpa": ("in.tftpd", lambda port: ["-L", "-s", "-a", f"{HOST}:{port}", root]),
        "atftpd": (
            "atftpd",
            lambda port: ["--daemon", "--no-fork", "--bind-address", HOST, "--port", str(port), "--maxthread", "10000",
                          "--user", "root", "--group", "root", "--logfile", "/dev/null", root],
        ),
        "dnsmasq": (
            "dnsmasq",
            lambda _port: ["-k", "-C", "/dev/null", "-p", "0", "--enable-tftp", f"--tftp-root={root}",
                           "--tftp-max=10000", f"--listen-address={HOST}", "--bind-interfaces", "--user=root",
                           "--pid-file=", "--quiet-tftp"],
        ),
    }  # fmt: skip
    for name, (program, arguments) in commands.items():
        found = tools / name / "usr/sbin" / program
        port = TFTP_PORT if name == "dnsmasq" else free_port()  # dnsmasq knows no other
        if found.exists():
            yield name, functools.partial(process, name, [str(found), *arguments(port)], port)


PACKAGES = {"tftpd-hpa": "tftpd-hpa", "atftpd": "atftpd", "dnsmasq": "dnsmasq-base"}


def unpack_peers(tools: Path, console: Console) -> None:
    """Unpack Debian's packages of the peers side by side: two of them can't be installed together."""
    for name, package in PACKAGES.items():
        folder = tools / name
        folder.mkdir()
        fetched = subprocess.run(["apt-get", "-q", "download", package], cwd=folder, capture_output=True, check=False)
        for archive in folder.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive.name, "."], cwd=folder, check=True)
        if fetched.returncode:
            console.print(f"{name} is left out: 'apt-get download {package}' does not work here")


def load(server: Server, tools: Path, name: str, sessions: int, transfers: int, block: int, window: int) -> Run:
    """Run the load generator once."""
    size = LARGE if name == "large" else SMALL
    before = server.cpu_s()
    arguments = [HOST, server.port, name, sessions, transfers, block, window, size]
    done = subprocess.run(
        [str(tools / "load"), *map(str, arguments)], capture_output=True, text=True, check=True, timeout=LONGEST_RUN_S
    )
    seconds, *counts = done.stdout.split()
    return Run(float(seconds), *map(int, counts), server.cpu_s() - before)  # type: ignore[call-arg]  # in its order


def wait_until_it_serves(server: Server) -> None:
    """Return once the server gives the small file out."""
    until = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            fetch((HOST, server.port), "small", timeout_s=0.2, retries=0, options=RequestedOptions(block_size=1428))
        except (RingfenceError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(0.05)  # it is starting; asking faster would slow it
        else:
            return


@dataclass(frozen=True, slots=True)
class Case:
    """What the load generator does: sessions at a time, transfers in all, block and window size."""

    title: str
    file: str
    sessions: int
    transfers: int
    block: int = 512
    window: int = 1


CASES = (
    Case("20 KB, lock-step, 1 session", "small", 1, 1000),
    Case("20 KB, lock-step, 100 sessions", "small", 100, 4000),
    Case("20 KB, lock-step, 1000 sessions", "small", 1000, 6000),
    Case("20 KB, lock-step, 5000 sessions", "small", 5000, 10_000),
    Case("100 MB, blksize 1428, windowsize 16", "large", 1, 1, 1428, 16),
)


def measure(case: Case, folder: Path, tools: Path, rounds: int) -> dict[str, Run | str]:
    """Run one case against every server, ``rounds`` times in turn; keep each one's median by rate."""
    runs: dict[str, list[Run]] = {}
    faults: dict[str, str] = {}
    for _ in range(rounds):
        for name, start in peers(folder, tools):
            if (name == FLOOR and case.file == "large") or name in faults:
                continue
            with start() as server:
                try:
                    wait_until_it_serves(server)
                    run = load(server, tools, case.file, case.sessions, case.transfers, case.block, case.window)
                    runs.setdefault(name, []).append(run)
                except subprocess.TimeoutExpired:
                    faults[name] = f"did not end in {LONGEST_RUN_S:g} s"
                except (subprocess.CalledProcessError, RingfenceError, OSError) as fault:
                    faults[name] = f"did not do it: {fault}"
    medians: dict[str, Run | str] = {
        name: sorted(found, key=lambda run: run.seconds)[len(found) // 2] for name, found in runs.items()
    }
    return medians | faults


def show(case: Case, found: dict[str, Run | str], console: Console) -> None:
    """Print one case: each server's rate, the ratio to ours, what failed, and the processor time for a block."""
    table = Table(title=case.title, box=None, header_style="bold", title_justify="left")
    for heading in ("SERVER", "BLOCKS/S", "MB/S", "OURS ÷ IT", "FAILED", "REPEATS", "CPU µs/BLOCK"):
        table.add_column(heading, justify="left" if heading == "SERVER" else "right", no_wrap=True)
    ours = found.get(OURS)
    for name, run in found.items():
        if isinstance(run, str):
            table.add_row(f"{name} ({run})")
            continue
        ratio = f"{ours.blocks_per_s / run.blocks_per_s:.2f}" if isinstance(ours, Run) else ""
        shown = f"{name} (no windows)" if run.refused_options else name
        if run.refused_options:
            ratio = f"{ours.megabytes_per_s / run.megabytes_per_s:.2f}" if isinstance(ours, Run) else ""
        repeats = f"{run.repeats} ({100 * run.repeats / max(run.blocks, 1):.2f} %)"
        table.add_row(
            shown,
            f"{run.blocks_per_s:,.0f}",
            f"{run.megabytes_per_s:.1f}",
            ratio,
            f"{run.failed} of {run.transfers}",
            repeats,
            f"{run.cpu_us_per_block:.2f}",
        )
    console.print(table)
    console.print()


def build(tools: Path) -> None:
    """Compile the load generator and the floor."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("the load generator is written in C: apt install --no-install-recommends gcc libc6-dev")
    for name in ("load", "floor"):
        subprocess.run([compiler, "-O2", "-o", str(tools / name), str(HERE / f"{name}.c")], check=True)


def memory_of_sessions(folder: Path, sessions: int) -> str:
    """Hold ``sessions`` transfers open, let them end, and tell the worker's resident memory and descriptors."""
    with ringfence(folder) as server:
        wait_until_it_serves(server)
        pid = server.pids[0]
        idle = resident_kib(pid), descriptors(pid)
        phones = []
        for number in range(sessions):
            phone = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            phone.bind((f"127.1.{number // 250}.{number % 250 + 1}", 0))
            phone.sendto(b"\0\1small\0octet\0", (HOST, server.port))
            phone.settimeout(5)
            _, address = phone.recvfrom(600)
            phone.sendto(b"\0\4\0\1", address)
            phones.append((phone, address))
        held = resident_kib(pid), descriptors(pid)
        for phone, address in phones:
            phone.sendto(b"\0\5\0\0enough\0", address)
            phone.close()
        until = time.monotonic() + 30
        while descriptors(pid) > idle[1] and time.monotonic() < until:
            time.sleep(0.05)  # the worker is reading five thousand goodbyes
        time.sleep(IDLE_S)
        after = resident_kib(pid), descriptors(pid)
    return (
        f"{sessions} sessions: resident memory {idle[0] / 1024:.1f} MiB idle, +{(held[0] - idle[0]) / 1024:.1f} held, "
        f"+{(after[0] - idle[0]) / 1024:.1f} afterwards; descriptors {idle[1]}, {held[1]}, {after[1]}"
    )


def resident_kib(pid: int) -> int:
    """Return a process's resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def main() -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each case and server; the median is shown")
    parser.add_argument("--case", type=int, action="append", help="only this case (1 is the first)")
    options = parser.parse_args()
    _, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hardest, hardest))
    console = Console()
    base = Path(tempfile.mkdtemp(prefix="ringfence-bench-"))
    try:
        base.chmod(0o755)
        folder, tools = base / "files", base / "tools"
        folder.mkdir()
        tools.mkdir()
        build(tools)
        unpack_peers(tools, console)
        (folder / "small").write_bytes(os.urandom(SMALL))
        (folder / "large").write_bytes(os.urandom(1 << 20) * (LARGE >> 20) + bytes(LARGE % (1 << 20)))
        console.print(f"Linux {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} processors")
        for number, case in enumerate(CASES, 1):
            if options.case and number not in options.case:
                continue
            with console.status(case.title):
                found = measure(case, folder, tools, options.rounds)
            show(case, found, console)
        with console.status("memory"):
            console.print(memory_of_sessions(folder, 5000))
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
