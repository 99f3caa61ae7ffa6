"""``make bench``: mutual-TLS handshakes at the hub's listener for edges, beside OpenSSL's own server in the same run.

One client for both: ``openssl s_time`` with an enrolled edge's certificate, a new session each time, alone and with a
small request. Both servers have the same key and certificate, and check the edge's. What counts is the server's
processor time for a handshake, for the clients share its cores. HANDSHAKES="--seconds 3" is quicker.
"""

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from stack import Stack, free_port, wait_for

TICKS = os.sysconf("SC_CLK_TCK")
OURS, PLAIN = "ringfence hub", "openssl s_server"
REQUEST = "/nothing"
"""A path that no listener has: its answer is small, and nothing is looked up for it but the caller."""


@dataclass(frozen=True, slots=True)
class Run:
    """Handshakes that were done in how many seconds, and the server's processor time meanwhile."""

    done: int
    seconds: float
    cpu_s: float

    @property
    def ms_each(self) -> float:
        """The server's processor time for one, in milliseconds."""
        return 1e3 * self.cpu_s / max(self.done, 1)


def cpu_s(pid: int) -> float:
    """Return what a process has spent so far, in user and system time."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def measured(pid: int, port: int, edge: EdgeFolder, authority: Path, seconds: int, path: str) -> Run:
    """Have a client make new sessions for some seconds."""
    command = [
        "openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds), "-verify", "2",
        "-cert", str(edge.certificate_file), "-key", str(edge.key_file), "-CAfile", str(authority),
        *(["-www", path] if path else []),
    ]  # fmt: skip
    began, before = time.perf_counter(), cpu_s(pid)
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds + 60)
    found = re.search(r"^(\d+) connections in \d+ real seconds", told.stdout, re.MULTILINE)
    if found is None or not int(found[1]):
        raise SystemExit(f"openssl s_time made no handshake: {told.stdout[-500:]}{told.stderr[-500:]}")
    return Run(int(found[1]), time.perf_counter() - began, cpu_s(pid) - before)


def answers(process: subprocess.Popen[bytes], port: int, log: Path) -> bool:
    """Return whether a server can be connected to; SystemExit where it ended."""
    if process.poll() is not None:
        raise SystemExit(f"openssl s_server ended: {log.read_text()[-500:]}")
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def plain_server(stack: Stack, authority: Path) -> Iterator[tuple[int, int]]:
    """Run OpenSSL's server with the hub's certificate; yield its process and its port."""
    port, keys = free_port(), stack.hub_folder / "keys"
    command = [
        "openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-www", "-quiet", "-Verify", "1", "-verify_return_error",
        "-cert", str(keys / "server.pem"), "-key", str(keys / "server.key"), "-CAfile", str(authority),
    ]  # fmt: skip
    with (stack.folder / "s_server.log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            wait_for("openssl s_server", lambda: answers(process, port, stack.folder / "s_server.log"))
            yield process.pid, port
        finally:
            process.terminate()


def main() -> None:
    """Run it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=int, default=8, help="how long each client works")
    options.add_argument("--rounds", type=int, default=3, help="turns of each server; the median is shown")
    chosen = options.parse_args()
    found: dict[tuple[str, str], list[Run]] = {}
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder))
        try:
            stack.make_hub()
            stack.enrol_edge(stack.ask("site", "add", "Anna")["id"])
            edge, authority = EdgeFolder(stack.edge_folder, Disk()), stack.hub_folder / "authority.pem"
            if stack.hub is None:
                raise SystemExit("the hub does not run")
            with plain_server(stack, authority) as plain:
                for _round in range(chosen.rounds):
                    for name, (pid, port) in ((OURS, (stack.hub.pid, stack.device_port)), (PLAIN, plain)):
                        for path in ("", REQUEST):
                            run = measured(pid, port, edge, authority, chosen.seconds, path)
                            found.setdefault((name, path), []).append(run)
        finally:
            stack.close()
    show(found)


def show(found: dict[tuple[str, str], list[Run]]) -> None:
    """Print the medians, and each beside OpenSSL's."""
    table = Table(box=None, pad_edge=False, header_style="bold", title="Mutual TLS, a new session each time")
    for heading in ("SERVER", "WITH", "CPU MS EACH", "A SECOND AND CORE", "× OPENSSL"):
        table.add_column(heading, justify="left" if heading in {"SERVER", "WITH"} else "right", no_wrap=True)
    middle = {of: sorted(run.ms_each for run in runs)[len(runs) // 2] for of, runs in found.items()}
    for (name, path), ms in middle.items():
        what = "a request" if path else "nothing"
        table.add_row(name, what, f"{ms:.2f}", f"{1e3 / ms:,.0f}", f"{ms / middle[PLAIN, path]:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
