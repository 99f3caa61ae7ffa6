"""What the soak stands on: a hub and several edges as real processes, whose clocks and disks the soak can change."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ringfence.content.digests import sha256_hex
from ringfence.errors import RingfenceError
from ringfence.server.tftp.client import fetch
from stack import RINGFENCE, Stack, StoryBroken, free_port, wait_for

Json = dict[str, Any]
"""Any: what the hub's API answers."""

LABEL = re.compile(rb"edit (\d+) of ([0-9A-F]{12})")
PHONES_OF_SITE = 2
CONVERGES_S = 240.0
_FETCH_S, _TRIES = 1.0, 3
_FILLS_BY = 1 << 20
_FAKE = "libfaketimeMT.so.1"


def label(mac: str, number: int) -> str:
    """Return the label of a phone's line after an edit."""
    return f"edit {number} of {mac}"


class Clock:
    """The clock of the processes that are started with it; without libfaketime it can't be moved."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._library = next(iter(sorted(Path("/usr/lib").glob(f"*/faketime/{_FAKE}"))), None)
        self.move(0)

    @property
    def is_movable(self) -> bool:
        """Whether it can be moved."""
        return self._library is not None

    def move(self, seconds: float) -> None:
        """Have it show this much more than the machine's."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{seconds:+.0f}")
        part.replace(self._file)

    def environment(self) -> dict[str, str]:
        """Return what a process needs to have it."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library), "FAKETIME_TIMESTAMP_FILE": str(self._file), "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }  # fmt: skip


class SmallDisk:
    """A file system in memory that can be filled; it needs a mount namespace of the soak's own."""

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.folder, self._ballast = folder, folder / "ballast"
        folder.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)

    def fill(self) -> None:
        """Leave no byte free."""
        block = bytes(_FILLS_BY)
        with self._ballast.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while len(block) > 0:
                try:
                    file.write(block)
                except OSError:
                    block = block[: len(block) // 2]

    def free(self) -> None:
        """Give the room back."""
        self._ballast.unlink(missing_ok=True)


@dataclass(slots=True)
class Home:
    """A site with its edge's process, and what its phones saw."""

    stack: "SoakStack"
    number: int
    site: str
    macs: tuple[str, ...]
    folder: Path
    clock: Clock
    tftp_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    https_port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None
    is_stopped: bool = False
    """Whether a trouble keeps its process from running just now."""
    stops: int = 0
    """How often one did."""
    seen: dict[str, int] = field(default_factory=dict)

    def enrol(self) -> None:
        """Make it known to the hub."""
        token = self.stack.ask("site", "token", self.site)["token"]
        self.stack.run("edge", "enrol", "-", "--folder", str(self.folder), stdin=token)

    def start(self) -> None:
        """Start its process, and wait for nothing."""
        where = ["--folder", str(self.folder), "--listen", f"127.0.0.1:{self.tftp_port}"]
        where += ["--http", f"127.0.0.1:{self.http_port}", "--https-port", str(self.https_port)]
        self.process = self.stack.launch(f"edge{self.number}.log", [*RINGFENCE, "edge", "run", *where], self.clock)

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Let its phones get nothing for the length of the block."""
        self.stops += 1
        self.is_stopped = True
        yield
        self.is_stopped = False

    def fetch(self, name: str) -> bytes:
        """Return a file as a phone gets it; RingfenceError where it gets none."""
        return fetch(("127.0.0.1", self.tftp_port), name, timeout_s=_FETCH_S, retries=_TRIES)

    def edit_seen(self, mac: str) -> int:
        """Return which edit a phone has by its file.

        Raises:
            RingfenceError: It gets no file.
            StoryBroken: The file is another phone's, is no whole file, or is older than what it had before.
        """
        content = self.fetch(f"SEP{mac}.cnf.xml")
        found = LABEL.search(content)
        if not content.rstrip().endswith(b"</device>") or found is None or found[2].decode() != mac:
            raise StoryBroken(f"{mac} got a file that is not its own, or not whole ({len(content)} bytes)")
        number = int(found[1])
        if number < self.seen.get(mac, 0):
            raise StoryBroken(f"{mac} got edit {number} after edit {self.seen[mac]}")
        self.seen[mac] = number
        return number

    def differences(self, release: Json) -> list[str]:
        """Return which files of a release its edge does not give as the hub has them."""
        found = []
        for file in release["files"]:
            try:
                if sha256_hex(self.fetch(file["name"])) != file["digest"]:
                    found.append(f"{file['name']} differs")
            except RingfenceError as fault:
                found.append(f"{file['name']}: {fault}")
        return found


class SoakStack(Stack):
    """A hub whose clock can be moved, and the edges of several sites."""

    def __init__(self, folder: Path, hub_folder: Path) -> None:
        super().__init__(folder)
        self.hub_folder = hub_folder
        self.clock = Clock(folder / "hub.clock")
        self.homes: list[Home] = []

    def launch(self, log: str, command: list[str], clock: Clock) -> subprocess.Popen[str]:
        """Start a process that has a clock of its own."""
        return self._start(log, ["env", *(f"{name}={value}" for name, value in clock.environment().items()), *command])

    def start_hub(self) -> None:
        """Start the hub and wait until both of its listeners listen."""
        ready = self.hub_folder / "run.json"
        ready.unlink(missing_ok=True)
        hub = self.hub = self.launch("hub.log", [*RINGFENCE, "hub", "run", str(self.hub_folder)], self.clock)
        wait_for("the hub", lambda: self._alive(hub, "hub.log") and ready.exists())

    def settle(self, sites: int, edges_folder: Path) -> None:
        """Make the hub, the sites and their edges, and wait until each serves."""
        self.make_hub()
        self.run("set", "organisation", "sip_server=sip.example.org")
        api = self.api()
        for number in range(sites):
            site = self.ask("site", "add", f"Soak {number}")["id"]
            self.trust_loopback(site)
            macs = tuple(f"001B54D{number:03X}{each:02X}" for each in range(PHONES_OF_SITE))
            for mac in macs:
                self.run("phone", "add", mac, "--site", site, "--model", "8851")
                api.put(f"/phones/{mac}/lines/1", {"name": "201", "label": label(mac, 0)})
            clock = Clock(self.folder / f"edge{number}.clock")
            self.homes.append(Home(self, number, site, macs, edges_folder / f"edge{number}", clock))
        self.ask("publish")
        for home in self.homes:
            home.enrol()
            home.start()
        for home in self.homes:
            wait_for(f"the edge of {home.site}", partial(_serves, home))

    def differences(self) -> list[str]:
        """Return where edges differ from the hub: nothing at a good end."""
        api, found = self.api(), []
        for home in self.homes:
            newest = api.items(f"/sites/{home.site}/releases", limit=1)[0]["number"]
            found += [
                f"{home.site}: {each}" for each in home.differences(api.get(f"/sites/{home.site}/releases/{newest}"))
            ]
        return found


def _serves(home: Home) -> bool:
    try:
        return all(home.edit_seen(mac) >= 0 for mac in home.macs)
    except RingfenceError:
        return False


def family(pid: int) -> list[int]:
    """Return a process and those below it; none that has ended."""
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        below = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []
    return [pid, *(each for child in below for each in family(child))]


def held(pid: int) -> tuple[float, int]:
    """Return what a process and those below it hold: memory in MB (PSS), and descriptors."""
    memory_kb = descriptors = 0
    for each in family(pid):
        with contextlib.suppress(OSError):
            memory_kb += int(re.findall(r"Pss: +(\d+)", Path(f"/proc/{each}/smaps_rollup").read_text())[0])
            descriptors += sum(1 for _ in Path(f"/proc/{each}/fd").iterdir())
    return memory_kb / 1024, descriptors


@contextlib.contextmanager
def stopped(process: subprocess.Popen[str]) -> Iterator[None]:
    """Keep a process and those below it from running for the length of the block."""
    pids = family(process.pid)
    for pid in pids:
        _tell(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            _tell(pid, signal.SIGCONT)


def kill(process: subprocess.Popen[str]) -> None:
    """End a process as a power cut does."""
    process.kill()
    process.wait()


def _tell(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def in_own_mounts() -> None:
    """Go on in a mount namespace of its own, so that what is mounted goes with this process."""
    if os.environ.get("RINGFENCE_SOAK_MOUNTS") != "own":
        environment = {**os.environ, "RINGFENCE_SOAK_MOUNTS": "own"}
        command = ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv]
        os.execvpe("unshare", command, environment)  # noqa: S606 - our own program again


def pause(seconds: float, until: float) -> None:
    """Wait, at most until a moment of the monotonic clock."""
    time.sleep(max(0.0, min(seconds, until - time.monotonic())))
