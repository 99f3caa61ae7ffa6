"""What this computer knows of its network: its own addresses, and whose hardware an address is; on any system."""

import ipaddress
import os
import re
import shutil
import socket
import subprocess
from collections import OrderedDict
from pathlib import Path

_ARP_TABLE = Path("/proc/net/arp")
_HARDWARE = re.compile(r"(?<![0-9A-Fa-f:-])(?:[0-9A-Fa-f]{1,2}[:-]){5}[0-9A-Fa-f]{1,2}(?![0-9A-Fa-f:-])")
_LARGEST_TABLE_BYTES = 1 << 20
_ASKS_S = 2.0
_KNOWN_S = 30.0
_UNKNOWN_S = 1.0
_MOST_KEPT = 256
_DISCARD_PORT = 9
_TOWARDS = ("192.168.1.1", "192.168.0.1", "192.168.178.1", "10.0.0.1", "172.16.0.1", "203.0.113.1")
"""Where a home's router may be: the way to it shows an address of ours. Nothing is sent."""


def own_addresses() -> list[str]:
    """Return this computer's addresses in home networks, the likeliest first."""
    found = dict[str, None]()
    for there in ("203.0.113.1", *_TOWARDS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect((there, _DISCARD_PORT))
                found[probe.getsockname()[0]] = None
            except OSError:
                continue
    try:
        for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET):
            found[str(entry[4][0])] = None
    except OSError:
        pass
    return [address for address in found if _is_inside(address)]


def _is_inside(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    return parsed.is_private and not parsed.is_loopback and not parsed.is_unspecified


class HardwareTable:
    """Whose hardware an address of this network is, as the system's own table says; remembered for a while."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[float, str | None]] = OrderedDict()

    def hardware(self, address: str, now: float) -> str | None:
        """Return the bare hardware address, or None where the system does not know it."""
        kept = self._known.get(address)
        if kept is not None and now < kept[0]:
            return kept[1]
        found = _look_up(address)
        self._known[address] = (now + (_UNKNOWN_S if found is None else _KNOWN_S), found)
        self._known.move_to_end(address)
        if len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)
        return found

    @staticmethod
    def provoke(address: str) -> None:
        """Send an empty datagram that nobody answers, so that the system asks whose the address is."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.setblocking(False)
                probe.sendto(b"", (address, _DISCARD_PORT))
            except OSError:
                pass


def _look_up(address: str) -> str | None:
    if _ARP_TABLE.exists():  # Linux
        try:
            with _ARP_TABLE.open("rb") as table:
                lines = table.read(_LARGEST_TABLE_BYTES).decode("ascii", "replace").splitlines()
        except OSError:
            return None
        return next((bare_of(line) for line in lines if line.split(" ", 1)[0] == address), None)
    return _by_arp(address)


def _by_arp(address: str) -> str | None:
    """Ask the system's own ``arp``, which Windows and macOS have."""
    if os.name == "nt":
        program: str | None = str(Path(os.environ.get("SYSTEMROOT", r"C:\Windows")) / "System32" / "arp.exe")
        arguments = ["-a", address]
    else:
        program = shutil.which("arp", path="/usr/sbin:/sbin:/usr/bin:/bin")
        arguments = ["-n", address]
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - the system's own program, and an address that a socket gave
            [program, *arguments], capture_output=True, timeout=_ASKS_S, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    text = done.stdout[:_LARGEST_TABLE_BYTES].decode("ascii", "replace")
    return next((bare_of(line) for line in text.splitlines() if re.search(rf"(?<![\d.]){re.escape(address)}(?![\d.])",
                                                                           line) and bare_of(line)), None)  # fmt: skip


def bare_of(line: str) -> str | None:
    """Return the hardware address in a line of such a table, bare; None where there is none, or all zeros."""
    found = _HARDWARE.search(line)
    if found is None:
        return None
    bare = "".join(part.zfill(2) for part in re.split("[:-]", found[0])).upper()
    return bare if bare.strip("0") else None
