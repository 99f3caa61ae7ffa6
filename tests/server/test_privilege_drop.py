"""As root in a network namespace of the test's own: port 69, and a worker that has nothing left."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ringfence.server.confinement.steps import MOST_MEMORY_BYTES

# Runs inside the namespace: serves on port 69, fetches a file, and prints what /proc says of the worker.
SCRIPT = """
import json, os
from pathlib import Path
from ringfence.content.release import TargetKind
from ringfence.server.files.catalogue import Offer
from ringfence.server.tftp.client import fetch
from ringfence.server.processes.supervisor import WorkerSupervisor

supervisor = WorkerSupervisor(listen=[("127.0.0.1", 69)], site="Home", on_event=lambda event: None)
supervisor.start()
fd = os.memfd_create("offer")
os.write(fd, b"served")
supervisor.offer(1, [Offer("f", fd, 6, TargetKind.SHARED)])
process = Path(f"/proc/{supervisor.worker_pid}")
descriptors = sorted(os.readlink(link) for link in (process / "fd").iterdir())  # now: a transfer's comes and goes
lines = (process / "status").read_text().splitlines()
limits = (process / "limits").read_text().splitlines()
print(json.dumps({
    "fetched": fetch(("127.0.0.1", 69), "f").decode(),
    "status": {key: value.split() for key, _, value in (line.partition(":") for line in lines)},
    "root": os.listdir(process / "root"),
    "root link": os.readlink(process / "root"),
    "environment": sorted(entry.split("=")[0] for entry in (process / "environ").read_text().split(chr(0)) if entry),
    "descriptors": descriptors,
    "limits": {line[:26].strip(): line[26:].split()[0] for line in limits[1:]},
}))
supervisor.stop()
"""


@pytest.fixture
def namespace() -> Iterator[str]:
    name = f"rf-worker-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.needs("root")
@pytest.mark.needs("netns")
def test_on_port_69_as_root_the_worker_serves_with_nothing_left_to_it(namespace: str) -> None:
    shown = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, "-c", SCRIPT],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    seen = json.loads(shown.stdout)
    status = seen["status"]
    assert seen["fetched"] == "served"
    assert status["Uid"] == status["Gid"] == ["65534"] * 4
    assert status["Groups"] == []
    for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[capabilities][0], 16) == 0, capabilities
    assert status["NoNewPrivs"] == ["1"]
    assert status["Threads"] == ["1"]
    assert status["Seccomp"] == ["2"]
    assert seen["root"] == []
    assert seen["root link"].endswith("(deleted)")
    assert seen["environment"] == ["LC_ALL"]
    assert seen["limits"]["Max processes"] == "0"
    assert seen["limits"]["Max core file size"] == "0"
    assert seen["limits"]["Max file size"] == "0"
    assert seen["limits"]["Max data size"] == str(MOST_MEMORY_BYTES)
    assert 0 < int(seen["limits"]["Max open files"]) <= 65536
    kinds = {link.split(":")[0] for link in seen["descriptors"]}
    assert kinds == {"/dev/null", "pipe", "socket", "anon_inode", "/memfd"}
