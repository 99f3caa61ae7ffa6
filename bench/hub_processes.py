"""``make bench``: three hub processes on one PostgreSQL: what each needs, and how soon another one goes on.

It needs PostgreSQL, as the tests do. Compare figures of one machine only.
"""

import json
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import create_engine, text

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from ringfence.hub.store import dialect
from support.hub_processes import PROCESSES, Processes, processes
from support.postgresql_server import postgresql

HINTS = 10
DOES = "this process does the hub's jobs"
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


def memory_mb(made: Processes, number: int) -> float:
    """Return what a process has in memory of its own and of what it shares with others in proportion."""
    rollup = Path(f"/proc/{made.process(number).pid}/smaps_rollup").read_text()
    return int(rollup.split("Pss:")[1].split()[0]) / 1024


def connections(made: Processes) -> int:
    """Return how many connections the database has."""
    engine = create_engine(dialect.driver_url(made.url))
    try:
        with engine.connect() as connection:
            return int(connection.scalar(text(CONNECTIONS)) or 0)
    finally:
        engine.dispose()


def holder(made: Processes, others: set[int]) -> int | None:
    """Return which of some processes does the jobs, as its log says."""
    for number in others:
        lines = (made.folders[number].path / "log").read_text().splitlines()
        told = [event for event in (json.loads(line)["event"] for line in lines) if event.startswith(DOES)]
        if told and told[-1].endswith("from now on"):
            return number
    return None


def seconds_until(done: Callable[[], bool]) -> float:
    """Return after how long something is so."""
    began = time.perf_counter()
    while not done():
        time.sleep(0.01)
    return time.perf_counter() - began


def hints_s(made: Processes, place: Path) -> list[float]:
    """Return how long publishes at one process take, and how long after each an edge at another one hears of it."""
    site, mac = made.at(0).site("Hints"), "001B54C2E001"
    made.at(0).phone(site, mac)
    edge = made.at(1).enrol(site, place / "edge")
    found = []
    with edge.events() as events:
        next(events)
        for number in range(HINTS):
            made.at(0).do("PUT", f"/phones/{mac}/lines/1", {"name": "201", "label": f"Anna {number}"})
            made.at(0).publish(sites=[site])
            began = time.perf_counter()
            while next(events).kind != "release":
                pass
            found.append(time.perf_counter() - began)
    return found


def take_over_s(made: Processes, how: signal.Signals) -> float:
    """Stop whoever does the jobs; return after how long another one does them."""
    everybody = set(range(PROCESSES))
    seconds_until(lambda: holder(made, everybody) is not None)
    ended = next(each for each in everybody if holder(made, {each}) is not None)
    others, process = everybody - {ended}, made.process(ended)
    if how is signal.SIGSTOP:
        process.send_signal(how)
        took = seconds_until(lambda: holder(made, others) is not None)
        process.send_signal(signal.SIGCONT)
        seconds_until(lambda: holder(made, {ended}) is None)
        return took
    made.end(ended, how)
    took = seconds_until(lambda: holder(made, others) is not None)
    made.start(ended)
    return took


def main() -> None:
    """Measure, and print a table."""
    table = Table("What", "Figure", title="Three hub processes on one PostgreSQL")
    with tempfile.TemporaryDirectory() as space, postgresql() as server, processes(server, Path(space)) as made:
        table.add_row(
            "memory of a process (PSS)", f"{statistics.mean(memory_mb(made, each) for each in range(3)):.0f} MB"
        )
        table.add_row("connections of three idle processes", str(connections(made)))
        heard = hints_s(made, Path(space))
        figures = f"median {statistics.median(heard) * 1000:.0f} ms, at most {max(heard) * 1000:.0f} ms"
        table.add_row("an edge elsewhere hears after a publish ends", figures)
        for how, meant in (
            (signal.SIGTERM, "is stopped"), (signal.SIGKILL, "is killed"), (signal.SIGSTOP, "hangs"),
        ):  # fmt: skip
            table.add_row(f"another one does the jobs after theirs {meant}", f"{take_over_s(made, how):.1f} s")
    Console().print(table)


if __name__ == "__main__":
    main()
