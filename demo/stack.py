"""A whole Ringfence on loopback: hub, edge and virtual phones as real processes, driven by the real command line.

The demo tells its story with it, the end-to-end tests and the benchmarks measure with it.
"""

import contextlib
import itertools
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from ringfence.cli.support.api import TIMEOUT_S, Login, PeoplesApi
from ringfence.edge.reporting.status import read as status_of
from ringfence.edge.storage.disk import Disk
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.secret import Secret

T = TypeVar("T")
Json = dict[str, Any]
"""Any: what the commands print with --json."""

PATIENCE_S = 120.0
_PORTS = range(21_000, 32_000)
_next_ports = itertools.count(os.getpid() * 97)

RINGFENCE = [sys.executable, "-m", "ringfence.cli.main"]


class StoryBroken(Exception):  # noqa: N818 - it reads as what happened
    """A step's result is not what it says."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that neither TCP nor UDP uses there, and that no other process was given this way.

    It lies below the ports that the kernel gives out by itself, and each process begins at a place of its own: so what
    runs side by side doesn't take it before it is used.
    """
    for number in _next_ports:
        port = _PORTS[number % len(_PORTS)]
        with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp, contextlib.suppress(OSError):
            tcp.bind((host, port))
            udp.bind((host, port))
            return port
    raise AssertionError("the numbers end")


def wait_for(what: str, look: Callable[[], T | None], patience_s: float = PATIENCE_S, pause_s: float = 0.02) -> T:
    """Return the first true thing that ``look`` finds; StoryBroken where it finds none in time."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(pause_s)
    raise StoryBroken(f"waited {patience_s:.0f} s in vain for {what}")


class Phone:
    """A virtual phone in a process of its own; its steps are JSON lines."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.events: list[Json] = []
        self._news: queue.Queue[Json] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, event: str, patience_s: float = PATIENCE_S) -> Json:
        """Return the next event of a kind, passing over others."""
        end = time.monotonic() + patience_s
        while (left := end - time.monotonic()) > 0:
            try:
                news = self._news.get(timeout=left)
            except queue.Empty:
                break
            if news["event"] == event:
                return news
        raise StoryBroken(f"the phone did not say {event!r}; it said {self.events[-5:]}")

    def _read(self) -> None:
        for line in self.process.stdout or ():
            event = json.loads(line)
            self.events.append(event)
            self._news.put(event)


class Stack:
    """Hub, one edge and phones below one folder; ``close`` ends every process that it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.hub_folder = folder / "hub"
        self.edge_folder = folder / "edge"
        self.people_port, self.device_port = free_port(), free_port()
        self.tftp_port = free_port()
        self.http_port, self.https_port = free_port(), free_port()
        self.token = ""
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "NO_COLOR": "1", "COLUMNS": "120"}
        self.environment["RINGFENCE_HUB_PBX_NETWORKS"] = '["127.0.0.0/8"]'
        for name in ("RINGFENCE_HUB", "RINGFENCE_TOKEN", "RINGFENCE_CA"):
            self.environment.pop(name, None)
        self._processes: list[subprocess.Popen[str]] = []
        self.hub: subprocess.Popen[str] | None = None
        self.edge: subprocess.Popen[str] | None = None

    @property
    def people_url(self) -> str:
        """Where the hub listens for people."""
        return f"https://127.0.0.1:{self.people_port}"

    @property
    def tftp(self) -> tuple[str, int]:
        """Where the edge serves phones."""
        return ("127.0.0.1", self.tftp_port)

    def run(self, *arguments: str, stdin: str = "", status: int | None = 0) -> str:
        """Run a ringfence command and return what it printed; StoryBroken where its status is another (None: any)."""
        done = subprocess.run(
            [*RINGFENCE, *arguments], input=stdin, capture_output=True, text=True, env=self.environment, check=False
        )
        if status is not None and done.returncode != status:
            raise StoryBroken(
                f"ringfence {' '.join(arguments[:3])} ended with {done.returncode}: {done.stderr.strip()}"
            )
        return done.stderr if status else done.stdout

    def ask(self, *arguments: str) -> Any:  # noqa: ANN401 - what the command prints with --json
        """Run a ringfence command with --json and return what it printed."""
        return json.loads(self.run(*arguments, "--json"))

    def api(self, *, timeout_s: float = TIMEOUT_S) -> PeoplesApi:
        """Return the hub's people's API, for what would be slow as commands."""
        login = Login(self.people_url, Secret(self.token), (self.hub_folder / "authority.pem").read_text())
        return PeoplesApi(login, timeout_s=timeout_s)

    def make_hub(self) -> None:
        """Initialise a hub, start it, and log the command line in."""
        ports = ["--people-port", str(self.people_port), "--device-port", str(self.device_port)]
        printed = self.run("hub", "init", str(self.hub_folder), "--address", "127.0.0.1", *ports)
        self.token = next(word for word in printed.split() if word.startswith("rft_"))
        self.start_hub()
        self.run("login", self.people_url, "--ca", str(self.hub_folder / "authority.pem"), stdin=self.token + "\n")

    def start_hub(self) -> None:
        """Start the hub and wait until both of its listeners listen."""
        ready = self.hub_folder / "run.json"
        ready.unlink(missing_ok=True)
        self.hub = self._start("hub.log", [*RINGFENCE, "hub", "run", str(self.hub_folder)])
        hub = self.hub
        wait_for("the hub", lambda: self._alive(hub, "hub.log") and ready.exists())

    def enrol_edge(self, site: str) -> None:
        """Make a token at the hub and enrol an edge with it."""
        token = self.ask("site", "token", site)["token"]
        self.run("edge", "enrol", "-", "--folder", str(self.edge_folder), stdin=token)

    def launch_edge(self, *, as_service: bool = False) -> subprocess.Popen[str]:
        """Start the edge's process as people do, or as a service manager does, and wait for nothing."""
        where = ["--folder", str(self.edge_folder), "--listen", f"127.0.0.1:{self.tftp_port}"]
        where += ["--http", f"127.0.0.1:{self.http_port}", "--https-port", str(self.https_port)]
        command = [sys.executable, "-I", "-m", "ringfence.edge"] if as_service else [*RINGFENCE, "edge", "run"]
        return self._start("edge.log", [*command, *where])

    def start_edge(self) -> None:
        """Start the edge and wait until it serves."""
        log = self.folder / "edge.log"
        seen = log.stat().st_size if log.exists() else 0
        edge = self.edge = self.launch_edge()
        wait_for("the edge", lambda: self._alive(edge, "edge.log") and "serving phones on" in log.read_text()[seen:])

    def make_site(self, name: str, mac: str, family: str) -> None:
        """Make a hub, a site with one phone, its first release, and an edge that serves it."""
        self.make_hub()
        site = self.ask("site", "add", name)["id"]
        self.trust_loopback(site)
        self.run("set", "organisation", "sip_server=sip.example.org")
        self.run("phone", "add", mac, "--site", site, "--model", family)
        self.run("line", "set", mac, "1", "--name", "201", "--label", name)
        self.run("set", "phone", mac, f"sip_listen_port={free_port()}")
        self.ask("publish")
        self.enrol_edge(site)
        self.start_edge()
        wait_for("the first release", lambda: self.edge_status().get("release"))

    def trust_loopback(self, site: str) -> None:
        """Let a site's guard be content with loopback, where no wire shows a phone's MAC address."""
        self.run("guard", "policy", site, "--need", "secret=L1,configuration=L1")

    def phone(self, mac: str, family: str, *options: str) -> Phone:
        """Plug in a virtual phone."""
        command = [
            "sim",
            "phone",
            "--family",
            family,
            "--mac",
            mac,
            "--server",
            f"127.0.0.1:{self.tftp_port}",
            "--json",
        ]
        with (self.folder / "phones.log").open("a") as errors:
            process = subprocess.Popen(
                [*RINGFENCE, *command, *options], stdout=subprocess.PIPE, stderr=errors, text=True, env=self.environment
            )
        self._processes.append(process)
        return Phone(process)

    def edge_log(self) -> str:
        """Return what the edge has logged."""
        return (self.folder / "edge.log").read_text()

    def edge_status(self) -> Json:
        """Return what the edge says of itself; nothing if it does not run."""
        status, _is_running = status_of(EdgeFolder(self.edge_folder, Disk()))
        return asdict(status) if status is not None else {}

    def stop(self, process: subprocess.Popen[str] | None, number: signal.Signals = signal.SIGTERM) -> None:
        """End one process that this stack started, and wait for it."""
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout:
            process.stdout.close()

    def close(self) -> None:
        """End every process that this stack started."""
        for process in reversed(self._processes):
            self.stop(process)
        self._processes.clear()

    def _start(self, log: str, command: list[str]) -> subprocess.Popen[str]:
        with (self.folder / log).open("a") as file:
            process = subprocess.Popen(command, stdout=file, stderr=file, text=True, env=self.environment)
        self._processes.append(process)
        return process

    def _alive(self, process: subprocess.Popen[str], log: str) -> bool:
        if process.poll() is not None:
            raise StoryBroken(f"it ended with {process.returncode}: {(self.folder / log).read_text()[-2000:]}")
        return True


@contextlib.contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """Give a stack whose processes end with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    stack = Stack(folder)
    try:
        yield stack
    finally:
        stack.close()
