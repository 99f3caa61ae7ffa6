"""Machines of a made-up world: each has a network of its own, and a place of its own for its tunnels' sockets.

``wg`` and ``wireguard-go`` find an interface by its name in ``/run/wireguard``, whatever network it is in. So that
every machine may have an ``rf-tunnel``, each sees an empty folder there.
"""

import itertools
import os
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from ringfence.edge.network.interfaces import TUNNEL
from stack import StoryBroken

SOCKETS = Path("/run/wireguard")
_ENDS_WITHIN_S = 60.0
_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin"
_ALONE = f"""set -eu
umount -l /run/netns 2>/dev/null || :  # or it would keep every network that there is now
mkdir -p {SOCKETS}
mount -t tmpfs -o mode=755 none {SOCKETS}
mount -t sysfs none /sys
echo
exec cat"""
_serial = itertools.count(1)


def ip(*words: str) -> str:
    """Run ip; return what it printed."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def lacking(needed: Mapping[str, str]) -> str:
    """Return what this machine lacks for made-up ones, as a sentence; empty if nothing.

    Args:
        needed: Programs, and Debian's packages of them.
    """
    packages = [package for program, package in needed.items() if shutil.which(program, path=_FOLDERS) is None]
    wants = [f"apt install {' '.join(packages)}"] if packages else []
    if os.geteuid() != 0:
        wants.append("run it as root, for network namespaces")
    return "; ".join(wants)


class Machine:
    """One machine; ``close`` ends what was started on it, and takes it away."""

    def __init__(self, what: str) -> None:
        self.namespace = f"rf-{what}-{os.getpid()}-{next(_serial)}"
        """By which ``ip -n`` and ``support.namespaces.entered`` know its network."""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        ip("netns", "add", self.namespace)
        self._stack.callback(subprocess.run, ["ip", "netns", "del", self.namespace], check=False, capture_output=True)
        ip("-n", self.namespace, "link", "set", "lo", "up")
        holder = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{self.namespace}", "unshare", "--mount", "--propagation", "private",
             "sh", "-c", _ALONE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self._stack.callback(_end, holder)
        if holder.stdout is None or not holder.stdout.readline():
            self.close()
            raise StoryBroken(f"no machine of its own for {self.namespace}")
        self._holder = holder.pid
        # Its program would outlive the machine. It is made anew by what keeps it, so this comes after that has ended.
        self._stack.callback(self.run, "ip", "link", "delete", "dev", TUNNEL)
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def close(self) -> None:
        """End what runs here, the newest first."""
        self._stack.close()

    def command(self, *words: str) -> list[str]:
        """Return the command that runs a program on this machine."""
        there = f"/proc/{self._holder}/ns"
        return ["nsenter", f"--mount={there}/mnt", f"--net={there}/net", *words]

    def run(
        self, *words: str, text: str = "", environment: dict[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program here, to its end."""
        command = self.command(*words)
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, env=environment)

    def must(self, *words: str, text: str = "") -> str:
        """Run a program that must not fail; return what it printed."""
        done = self.run(*words, text=text)
        if done.returncode:
            raise StoryBroken(f"{' '.join(words[:4])} ended with {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def start(self, *words: str, log: IO[str], environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start a program here, which ends with the machine if it does not before."""
        process = subprocess.Popen(
            self.command(*words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True, env=environment
        )
        self._stack.callback(_end, process)
        return process

    def cable(self, device: str, other: "Machine", there: str, *addresses: str) -> None:
        """Plug a wire in between two machines; this end gets addresses (CIDR), and both are up."""
        ip("-n", self.namespace, "link", "add", device, "type", "veth", "peer", "name", there, "netns", other.namespace)
        for address in addresses:
            ip("-n", self.namespace, "address", "add", address, "dev", device)
        ip("-n", self.namespace, "link", "set", device, "up")
        ip("-n", other.namespace, "link", "set", there, "up")

    def switch(self, name: str) -> None:
        """Have a switch here, for ``plug``."""
        ip("-n", self.namespace, "link", "add", name, "type", "bridge", "forward_delay", "0")
        ip("-n", self.namespace, "link", "set", name, "up")

    def plug(self, device: str, switch: str) -> None:
        """Plug one of this machine's wires into its switch."""
        ip("-n", self.namespace, "link", "set", device, "master", switch)

    def passes_on(self) -> None:
        """Let this machine pass packets on, as a router does."""
        self.must("sysctl", "-qw", "net.ipv4.ip_forward=1")


def end(process: "subprocess.Popen[str]") -> None:
    """Have a program end, and wait for it."""
    _end(process)


def _end(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
