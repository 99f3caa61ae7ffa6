"""Network namespaces of a test's own: two machines on one wire, without touching the network that the tests run in."""

import ctypes
import itertools
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

_CLONE_NEWNS, _CLONE_NEWNET = 0x00020000, 0x40000000
_SOON_S = 60.0
_serial = itertools.count(1)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Let this thread be in a namespace: sockets that it makes and processes that it starts belong there."""
    libc = ctypes.CDLL(None, use_errno=True)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if libc.setns(there, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            if libc.setns(home, _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(home)
        os.close(there)


@contextmanager
def own_tunnels() -> Iterator[None]:
    """Let this thread, and what it starts, have a place of its own for the sockets of tunnels.

    ``wg`` and ``wireguard-go`` know an interface by its name alone, whatever network it is in. Networks that are made
    in here are known by name only in here.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    folder = Path.cwd()
    home = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNS):
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            _mount("--make-rprivate", "/")
            # Or each network that there is now would be kept as long as anything that is started here.
            subprocess.run(["umount", "--lazy", "/run/netns"], check=False, capture_output=True)
            Path("/run/wireguard").mkdir(parents=True, exist_ok=True)
            _mount("-t", "tmpfs", "none", "/run/wireguard")
            yield
        finally:
            if libc.setns(home, _CLONE_NEWNS):
                raise OSError(ctypes.get_errno(), "setns")
            os.chdir(folder)
    finally:
        os.close(home)


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True)


class Wire:
    """A namespace ``server`` and a namespace ``client``, joined by a wire; addresses as ``ip`` writes them."""

    def __init__(self, server: list[str], client: list[str], *, mtu: int = 1500) -> None:
        number = f"{os.getpid()}-{next(_serial)}"
        self.server, self.client = f"rf-server-{number}", f"rf-client-{number}"
        self._addresses = {self.server: server, self.client: client}
        self._mtu = mtu

    def __enter__(self) -> Self:
        try:
            for name in self._addresses:
                _ip("netns", "add", name)
            _ip("-n", self.server, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", self.client)
            for name, addresses in self._addresses.items():
                _ip("-n", name, "link", "set", "lo", "up")
                for address in addresses:
                    more = ("nodad",) if ":" in address else ("broadcast", "+")
                    _ip("-n", name, "address", "add", address, "dev", "wire", *more)
                _ip("-n", name, "link", "set", "wire", "mtu", str(self._mtu), "up")
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _wait_until_up(self) -> None:
        until = time.monotonic() + _SOON_S
        while not all(self._is_up(name) for name in self._addresses):
            if time.monotonic() > until:
                raise TimeoutError("the wire does not come up")
            time.sleep(0.01)

    def _is_up(self, name: str) -> bool:
        """Whether the kernel has noticed both ends: IPv6 makes its routes only then."""
        if not any(":" in address for address in self._addresses[name]):
            return True
        shown = subprocess.run(
            ["ip", "-n", name, "-6", "route", "show", "table", "local"], check=True, capture_output=True
        )
        return b"ff00::/8" in shown.stdout

    def __exit__(self, *_fault: object) -> None:
        for name in self._addresses:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)
