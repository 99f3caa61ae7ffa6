"""A hub in a process of its own, with few descriptors, and those who use it while it is attacked.

A person and an edge come again and again, with new connections, and another connection of the edge waits for news.
Attackers come from ten other addresses. What they may be besides strangers is here, too: a person with a token of his
own, and the edge of another site.
"""

import contextlib
import json
import re
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from ringfence.hub.core import Hub, open_hub
from ringfence.wire import paths
from ringfence.wire.messages import Event
from stack import wait_for
from support.running_hub import Clock, EdgeInHand, RunningHub
from support.serving_hub import new_hub

DESCRIPTORS = 1024
ANNA, ROGUES_PHONE = "00:1B:54:C2:9A:10", "00:1B:54:C2:9A:66"
ADDRESSES = tuple(f"127.66.0.{number}" for number in range(1, 11))
"""Attackers' addresses."""
PATIENCE_S = 120.0
_STARTS_WITHIN_S = 180.0
_PROGRAM = f"""
import resource
import sys
from pathlib import Path
from ringfence.hub.data.folder import DataFolder
from ringfence.hub.process.run import run
resource.setrlimit(resource.RLIMIT_NOFILE, ({DESCRIPTORS}, {DESCRIPTORS}))
run(DataFolder(Path(sys.argv[1])))
"""
_RESETS_PEAK = "5"  # proc(5), clear_refs


class AttackedHub:
    """The hub, its users, and what there is for attackers.

    Besides the methods there are ``hub`` (as its administrator), ``edge`` (Anna's), ``rogue`` (the edge of another
    site), ``token`` (of a person who is no friend), and ``blob`` (the digest of a file of Anna's site).
    """

    def __init__(self) -> None:
        self.did = ""
        """What the attacker notes of what it did: figures, for the table."""
        self._stack = ExitStack()
        self._label = 0
        self._read = 0

    def __enter__(self) -> Self:
        with ExitStack() as on_fault:
            on_fault.push(self._stack)
            self._start(Path(self._stack.enter_context(tempfile.TemporaryDirectory())))
            on_fault.pop_all()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._stack.close()

    def _start(self, folder: Path) -> None:
        data, token = new_hub(folder / "data")
        self._log = folder / "log"
        with self._log.open("w") as log:
            self.process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(data.path)], stdout=log, stderr=log)
        self._stack.callback(self._end)
        wait_for("the hub", (data.path / "run.json").exists, _STARTS_WITHIN_S)
        opened: Hub = self._stack.enter_context(contextlib.closing(open_hub(data)))
        self.hub = RunningHub(data, opened, token, Clock())
        self.hub.do("PUT", "/settings/organisation/sip_server", {"value": "sip.example.org"})
        self.token = str(self.hub.do("POST", "/api-tokens", {"name": "no friend"})["token"])
        self.site, self.rogues_site = self.hub.site("Anna's home"), self.hub.site("Elsewhere")
        self.hub.phone(self.site, ANNA)
        self.hub.phone(self.rogues_site, ROGUES_PHONE, label="Rogue")
        self.edge = self.hub.enrol(self.site, folder / "edge")
        self.rogue = self.hub.enrol(self.rogues_site, folder / "rogue")
        self.hub.publish()
        revealed = self.hub.do("POST", f"/phones/{ANNA}/lines/1/password/reveal")
        self.secret = str(revealed["password"]).encode()
        self.blob = self._blob_of(self.edge)
        self._news: Iterator[Event] = self._stack.enter_context(self.edge.events())
        assert next(self._news).kind == "greeting"
        self._authority = ssl.create_default_context(cafile=str(data.authority_certificate))

    def _end(self) -> None:
        self.process.kill()
        self.process.wait()

    @staticmethod
    def _blob_of(edge: EdgeInHand) -> str:
        """Return the digest of a file of the edge's site."""
        metadata = json.loads(edge.get(paths.METADATA + "1.targets.json").data)
        return str(next(iter(metadata["signed"]["targets"].values()))["hashes"]["sha256"])

    def administrator(self) -> RunningHub:
        """Return the administrator with connections of her own: those that are open are one process's."""
        return RunningHub(self.hub.folder, self.hub.hub, self.hub.token, self.hub.clock)

    # -- those who use it ------------------------------------------------------------------------------------------

    def person_s(self) -> float:
        """Let the administrator look at her sites and write something; return how long that took."""
        hub = self.administrator()
        began = time.monotonic()
        assert hub.do("GET", "/sites")["items"]
        self._label += 1
        hub.do("PUT", f"/phones/{ANNA}/lines/1", {"label": f"Anna {self._label}"})
        return time.monotonic() - began

    def edge_s(self) -> float:
        """Let Anna's edge fetch what it fetches for a release; return how long that took."""
        self.edge.use(self.edge.response.certificate_pem)
        began = time.monotonic()
        for path in (paths.GREETING, paths.METADATA + "timestamp.json", paths.STATE, paths.BLOBS + self.blob):
            answer = self.edge.get(path)
            assert answer.status == 200, answer.data
        return time.monotonic() - began

    def news_s(self) -> float:
        """Publish what the administrator wrote; return how long it takes until Anna's edge hears of it."""
        began = time.monotonic()
        self.hub.publish(sites=[self.site])
        while next(self._news).kind != "release":
            pass
        return time.monotonic() - began

    # -- for attackers ---------------------------------------------------------------------------------------------

    @property
    def ports(self) -> tuple[str, str]:
        """The people's and the edges' URL."""
        return self.hub.people_url, self.hub.device_url

    def line(self, url: str, address: str, *, room_bytes: int = 0) -> socket.socket:
        """Connect to a port from an address, with little room for answers where ``room_bytes`` says so."""
        to = urlsplit(url)
        line = socket.socket()
        try:
            if room_bytes:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room_bytes)
            line.settimeout(5)
            line.bind((address, 0))
            line.connect((str(to.hostname), to.port or 0))
        except BaseException:
            line.close()
            raise
        return line

    def tls(self, url: str, address: str, *, room_bytes: int = 0) -> ssl.SSLSocket:
        """Connect as ``line`` does, and do the handshake."""
        line = self.line(url, address, room_bytes=room_bytes)
        try:
            return self._authority.wrap_socket(line, server_hostname=urlsplit(url).hostname)
        except BaseException:
            line.close()
            raise

    # -- what is seen of it ----------------------------------------------------------------------------------------

    def said(self) -> list[str]:
        """Return the log's lines since the last time."""
        lines = self._log.read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        return new

    def forget_peak(self) -> None:
        """Let ``peak_mib`` begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text(_RESETS_PEAK)

    @property
    def peak_mib(self) -> float:
        """How much memory the hub's process had at most, in MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(peak) / 1024

    @property
    def connections(self) -> int:
        """How many sockets the hub's process has open."""
        count = 0
        for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(OSError):  # it was closed meanwhile
                count += str(descriptor.readlink()).startswith("socket:")
        return count
