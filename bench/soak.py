"""``make soak``: a hub and its edges for half an hour of edits, kills, stops, wrong clocks and full disks.

All the while people edit and publish, and phones fetch their files: each must be whole, its own, and never older than
the one before. At the end every file of every site is the same at the hub and at its edge, and is what was edited last;
the audit log's chain holds. SOAK="--minutes 120 --sites 10 --seed 7" for another one; it needs root for full disks, and
Debian's faketime for clocks.
"""

import argparse
import os
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))

from soak_fleet import CONVERGES_S, Home, SmallDisk, SoakStack, held, in_own_mounts, kill, label, pause, stopped

from ringfence.errors import RingfenceError
from stack import StoryBroken, wait_for

EDIT_EVERY_S, FETCH_EVERY_S = 1.0, 2.0
PATIENCE_S = 15.0
"""How long whoever edits waits for the hub."""
REST_S = (3.0, 12.0)
LASTS_S = (2.0, 20.0)
JUMPS_S = (-86_400, -3_600, -60, 60, 3_600, 3 * 86_400)
HUB_DISK_MB, EDGES_DISK_MB = 512, 256


class Soak:
    """One run."""

    def __init__(self, stack: SoakStack, disks: dict[str, SmallDisk], seconds: float, seed: int) -> None:
        self.stack, self.disks = stack, disks
        self.chance = random.Random(seed)  # noqa: S311 - it chooses troubles
        self.until = time.monotonic() + seconds
        self.counts: Counter[str] = Counter()
        self.broken: list[str] = []
        self.edits = {mac: 0 for home in stack.homes for mac in home.macs}
        self._counting = threading.Lock()

    def run(self) -> None:
        """Edit, fetch and trouble until the time is over; StoryBroken where something went wrong that may not."""
        works: list[Callable[[], None]] = [
            self._edit,
            *(partial(self._phones, home) for home in self.stack.homes),
        ]
        threads = [threading.Thread(target=self._guarded, args=(work,)) for work in works]
        for thread in threads:
            thread.start()
        try:
            self._trouble()
        finally:
            self.until = 0.0
            for thread in threads:
                thread.join()
        if self.broken:
            raise StoryBroken("; ".join(self.broken[:5]))

    def end(self) -> float:
        """Edit once more everywhere, and wait until each edge has it; return after how long."""
        api = self.stack.api()
        for mac in self.edits:
            self.edits[mac] += 1
            api.put(f"/phones/{mac}/lines/1", {"name": "201", "label": label(mac, self.edits[mac])})
        began = time.monotonic()
        api.post("/publish", {"dry_run": False})
        wait_for("all phones' last edits", self._is_current, CONVERGES_S, 0.5)
        took = time.monotonic() - began
        if left := self.stack.differences():
            raise StoryBroken("; ".join(left[:5]))
        if not api.get("/audit/verify")["is_whole"]:
            raise StoryBroken("the audit log's chain is broken")
        return took

    def count(self, what: str) -> None:
        """Note that something happened."""
        with self._counting:
            self.counts[what] += 1

    def _is_current(self) -> bool:
        try:
            return all(home.edit_seen(mac) == self.edits[mac] for home in self.stack.homes for mac in home.macs)
        except RingfenceError:
            return False

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            while time.monotonic() < self.until and not self.broken:
                work()
        except StoryBroken as broken:
            self.broken.append(str(broken))

    def _edit(self) -> None:
        home = self.chance.choice(self.stack.homes)
        mac = self.chance.choice(home.macs)
        self.edits[mac] += 1
        try:
            api = self.stack.api(timeout_s=PATIENCE_S)
            api.put(f"/phones/{mac}/lines/1", {"name": "201", "label": label(mac, self.edits[mac])})
            self.count("edits")
            api.post("/publish", {"dry_run": False, "sites": [home.site]})
            self.count("publishes")
        except RingfenceError as fault:
            self.count(f"edits that the hub could not take ({type(fault).__name__})")
        pause(EDIT_EVERY_S, self.until)

    def _phones(self, home: Home) -> None:
        for mac in home.macs:
            stops, was_stopped = home.stops, home.is_stopped
            try:
                number = home.edit_seen(mac)
            except RingfenceError as fault:
                if not was_stopped and stops == home.stops:
                    raise StoryBroken(f"{mac} at a running edge: {fault}") from None
                self.count("fetches while their edge was stopped")
            else:
                self.count("fetches")
                if number > self.edits[mac]:
                    raise StoryBroken(f"{mac} got edit {number}, and nobody made it")
        pause(FETCH_EVERY_S, self.until)

    def _trouble(self) -> None:
        troubles: list[tuple[str, Callable[[], None]]] = [
            ("the hub is killed", self._kill_hub), ("the hub hangs", self._stop_hub),
            ("an edge is killed", self._kill_edge), ("an edge hangs", self._stop_edge),
        ]  # fmt: skip
        if self.stack.clock.is_movable:
            troubles += [("the hub's clock is wrong", self._wrong_hub), ("an edge's clock is wrong", self._wrong_edge)]
        for name, disk in self.disks.items():
            troubles.append((f"{name} full", partial(self._full, disk)))
        while time.monotonic() < self.until and not self.broken:
            pause(self.chance.uniform(*REST_S), self.until)
            name, trouble = self.chance.choice(troubles)
            print(f"{self.until - time.monotonic():7.0f} s left: {name}", flush=True)
            trouble()
            self.count(name)

    def _lasts(self) -> None:
        time.sleep(self.chance.uniform(*LASTS_S))

    def _kill_hub(self) -> None:
        assert self.stack.hub is not None  # noqa: S101 - it runs, which mypy can't know
        kill(self.stack.hub)
        self._lasts()
        self.stack.start_hub()

    def _stop_hub(self) -> None:
        assert self.stack.hub is not None  # noqa: S101 - it runs, which mypy can't know
        with stopped(self.stack.hub):
            self._lasts()

    def _kill_edge(self) -> None:
        home = self.chance.choice(self.stack.homes)
        assert home.process is not None  # noqa: S101 - it runs, which mypy can't know
        with home.away():
            kill(home.process)
            home.start()
            self._wait_for(home)

    def _stop_edge(self) -> None:
        home = self.chance.choice(self.stack.homes)
        assert home.process is not None  # noqa: S101 - it runs, which mypy can't know
        with home.away():
            with stopped(home.process):
                self._lasts()
            self._wait_for(home)

    def _wait_for(self, home: Home) -> None:
        def serves() -> bool:
            try:
                return bool(home.fetch(f"SEP{home.macs[0]}.cnf.xml"))
            except RingfenceError:
                return False

        wait_for(f"the edge of {home.site}", serves)

    def _wrong_hub(self) -> None:
        self.stack.clock.move(self.chance.choice(JUMPS_S))
        self._lasts()
        self.stack.clock.move(0)

    def _wrong_edge(self) -> None:
        clock = self.chance.choice(self.stack.homes).clock
        clock.move(self.chance.choice(JUMPS_S))
        self._lasts()
        clock.move(0)

    def _full(self, disk: SmallDisk) -> None:
        disk.fill()
        try:
            self._lasts()
        finally:
            disk.free()


def main() -> int:
    """Soak, and print what happened; 1 where something was lost, old or not whole."""
    parser = argparse.ArgumentParser(description="Soak a hub and its edges.", allow_abbrev=False)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--sites", type=int, default=6)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10_000))
    parser.add_argument("--keep", type=Path, help="leave the logs in this folder")
    options = parser.parse_args()
    is_root = os.geteuid() == 0
    if is_root:
        in_own_mounts()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="soak-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"seed {options.seed}, logs in {folder}", flush=True)
    disks = {}
    if is_root:
        disks = {
            "the hub's disk is": SmallDisk(folder / "hub-disk", HUB_DISK_MB),
            "the edges' disk is": SmallDisk(folder / "edges-disk", EDGES_DISK_MB),
        }
    stack = SoakStack(folder, folder / "hub-disk" / "hub")
    try:
        stack.settle(options.sites, folder / "edges-disk")
        before = _held(stack)
        soak = Soak(stack, disks, 60 * options.minutes, options.seed)
        soak.run()
        took = soak.end()
        _show(soak, before, _held(stack), took)
    except (StoryBroken, RingfenceError) as broken:
        print(f"broken: {broken}", file=sys.stderr)
        return 1
    finally:
        stack.close()
    return 0


def _held(stack: SoakStack) -> dict[str, tuple[float, int]]:
    assert stack.hub is not None  # noqa: S101 - it runs, which mypy can't know
    edges = [held(home.process.pid) for home in stack.homes if home.process is not None]
    worst = (max(memory for memory, _ in edges), max(descriptors for _, descriptors in edges))
    return {"the hub": held(stack.hub.pid), "the largest edge": worst}


def _show(soak: Soak, before: dict[str, tuple[float, int]], after: dict[str, tuple[float, int]], took_s: float) -> None:
    table = Table("what", "figure", title="Soak")
    for what, number in sorted(soak.counts.items()):
        table.add_row(what, f"{number:,}")
    table.add_row("from the last publish to all phones current", f"{took_s:.1f} s")
    for who, (memory_mb, descriptors) in after.items():
        first_mb, first_descriptors = before[who]
        table.add_row(f"{who}: memory, at the start and the end", f"{first_mb:.0f} MB, {memory_mb:.0f} MB")
        table.add_row(f"{who}: descriptors", f"{first_descriptors}, {descriptors}")
    table.add_row("files that differ between hub and edges", "0")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
