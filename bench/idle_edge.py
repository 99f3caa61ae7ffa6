"""``make bench``: what an edge costs its machine while nothing happens: bytes to the disk, processor time.

A hub, and an edge that has seen 1,000 phones, stand still for a minute. IDLE_EDGE="--seconds 600" takes longer.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from stack import Stack, running_stack, wait_for

MAC = "001B54C29A10"
GOAL_DISK_MB_A_DAY = 5.0
GOAL_CPU_S_AN_HOUR = 20.0
_SETTLE_S = 10.0
_HOUR_S, _DAY_S = 3600, 86_400


def main() -> int:
    """Measure and print; return 1 if an edge costs more than it should."""
    parser = argparse.ArgumentParser(description="Watch an idle edge.", allow_abbrev=False)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--phones", type=int, default=1000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, running_stack(Path(folder)) as stack:
        stack.make_site("Bench", MAC, "8851")
        _have_seen(stack, options.phones)
        time.sleep(_SETTLE_S)  # what a start writes is no idling
        processes = _family(int(stack.edge_status()["pid"]))
        began, cpu_s, written = time.monotonic(), _cpu_s(processes), _written_bytes(processes)
        time.sleep(options.seconds)  # the time that is measured
        took_s = time.monotonic() - began
        cpu_s, written = _cpu_s(processes) - cpu_s, _written_bytes(processes) - written
        told_bytes = len(stack.run("edge", "status", "--folder", str(stack.edge_folder), "--json"))
    disk_mb_a_day = written / took_s * _DAY_S / 1e6
    cpu_s_an_hour = cpu_s / took_s * _HOUR_S
    table = Table("idle edge", "result", "goal")
    table.add_row("phones seen", str(options.phones), "")
    table.add_row("watched", f"{took_s:.0f} s", "")
    table.add_row("written to the disk", f"{disk_mb_a_day:.2f} MB a day", f"{GOAL_DISK_MB_A_DAY:.0f}")
    table.add_row("processor time", f"{cpu_s_an_hour:.1f} s an hour", f"{GOAL_CPU_S_AN_HOUR:.0f}")
    table.add_row("status, when asked for", f"{told_bytes:,} B", "")
    Console().print(table)
    return int(disk_mb_a_day > GOAL_DISK_MB_A_DAY or cpu_s_an_hour > GOAL_CPU_S_AN_HOUR)


def _have_seen(stack: Stack, phones: int) -> None:
    """Start the edge again with phones in its folder, as after a busy morning."""
    stack.stop(stack.edge)
    name = "SEP{}.cnf.xml"
    macs = [f"0200{number:08X}" for number in range(phones)]
    seen = [
        {"mac": mac, "host": "192.0.2.9", "last_seen": time.time(), "last_file": name.format(mac), "release": 1}
        for mac in macs
    ]
    (stack.edge_folder / "phones.json").write_text(json.dumps(seen))
    stack.start_edge()
    wait_for("its reports to be sent", lambda: not stack.edge_status().get("reports_waiting", 1))


def _family(pid: int) -> list[int]:
    """Return a process and those below it."""
    below = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]
    return [pid, *(each for child in below for each in _family(int(child)))]


def _cpu_s(processes: list[int]) -> float:
    stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in processes]
    return sum(int(each[11]) + int(each[12]) for each in stats) / os.sysconf("SC_CLK_TCK")


def _written_bytes(processes: list[int]) -> int:
    """Return how much the processes have caused to be written (proc(5), io: write_bytes)."""
    lines = [line for pid in processes for line in Path(f"/proc/{pid}/io").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("write_bytes"))


if __name__ == "__main__":
    sys.exit(main())
