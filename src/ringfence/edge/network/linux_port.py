"""The phone's port on Linux: nftables for the fence, iproute2 for addresses, dnsmasq for who is there.

State is the kernel's and the run folder's, so that a helper that comes after another finds what there is.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from pathlib import Path

from ringfence.edge.errors import FenceRefused, PortRefused
from ringfence.edge.network import programs
from ringfence.edge.network.chrony import time_service
from ringfence.edge.network.dhcp_probe import discover, offered_by
from ringfence.edge.network.dnsmasq import AddressService, files
from ringfence.edge.network.fence import FAMILY, MARK, SEEN, TABLE, mark_of
from ringfence.edge.network.interfaces import BRIDGE, LOOPBACK, TUNNEL, Interfaces
from ringfence.edge.network.port_access.bridge import LockedBridge
from ringfence.edge.network.uplink_queue import HANDLE, no_queue_commands, queue_commands

_GET_FLAGS, _GET_HARDWARE, _IS_UP, _HAS_LINK = 0x8913, 0x8927, 0x1, 0x40
"""SIOCGIFFLAGS, SIOCGIFHWADDR; IFF_UP, IFF_RUNNING (netdevice(7))."""
_REQUEST = struct.Struct("16s24s")
_LONGEST_FRAME = 1518
_MOST_FRAMES = 64
_ANSWERS_COME_S = 5.0
_ETHERTYPE_IPV4 = 0x0800
_TRIES, _PAUSE_S = 3, 0.1
"""How often nft is asked which fence stands, if it fails for another reason than that there is none."""
_TIMEX_BYTES, _TIME_ERROR = 512, 5
"""More than struct timex has anywhere; TIME_ERROR: nobody keeps the clock."""
_CONFIGURATION = Path("/proc/sys/net")
_ROUTES = Path("/proc/thread-self/net/route")
_SAFE = {"rp_filter": "1", "arp_ignore": "1", "arp_announce": "2", "accept_redirects": "0", "send_redirects": "0"}
"""What the port does about packets of a wrong source, questions for another interface's addresses, and redirects."""


class LinuxPort:
    """One interface of this machine; ``folder`` is root's own. ProgramMissing if nft or ip is not installed."""

    def __init__(self, interfaces: Interfaces, folder: Path) -> None:
        self._interfaces = interfaces
        self._folder = folder
        self._nft, self._ip = programs.find("nft"), programs.find("ip")
        self._bridge = LockedBridge(interfaces.phone)
        self._service: AddressService | None = None
        self._dnsmasq = programs.KeptProgram(
            "dnsmasq", [f"--conf-file={folder / 'dnsmasq.conf'}"], folder / "dnsmasq.pid"
        )
        self._time_at: IPv4Interface | None = None
        words = ["-x", "-d", "-f", str(folder / "chronyd.conf"), "-u", programs.user("_chrony")]
        self._chronyd = programs.KeptProgram("chronyd", words, folder / "chronyd.pid")
        self._queued_kbit: int | None = None
        """What the uplink's queue was set to; None before anybody looked."""
        self._asking: socket.socket | None = None
        self._asking_until = 0.0
        self._transaction = 0
        self._others: frozenset[IPv4Address] = frozenset()

    def fence(self) -> str:
        """Return the text of what stands: the kernel says by its mark which one that is."""
        mark = self._mark()
        for path in (self._fence_file, self._next_fence_file):
            with contextlib.suppress(OSError):
                if mark and mark_of(text := path.read_text()) == mark:
                    return text
        return ""

    def set_fence(self, text: str) -> None:
        """Check, then swap as one transaction. Whoever is killed meanwhile has left both texts. FenceRefused."""
        try:
            programs.run(self._nft, "--check", "--file", "-", text=text)
            _write(self._next_fence_file, text)
            programs.run(self._nft, "--file", "-", text=text)
            _write(self._fence_file, text)
        except PortRefused as fault:
            raise FenceRefused("nftables refuses the fence", where=fault.what) from fault

    def is_there(self) -> bool:
        """Return whether the kernel knows the interface."""
        return self._flags(self._interfaces.phone) is not None

    def addresses(self) -> tuple[IPv4Interface, ...]:
        """Ask the kernel."""
        name = self._stands_at
        if not all((self._flags(each) or 0) & _IS_UP for each in (name, self._interfaces.phone)):
            return ()
        if name == BRIDGE and not self._bridge.is_there():
            return ()  # somebody took the port out of it, or the lock off
        found = json.loads(programs.run(self._ip, "-json", "-4", "address", "show", "dev", name))
        return tuple(
            IPv4Interface(f"{each['local']}/{each['prefixlen']}")
            for told in found
            for each in told.get("addr_info", ())
        )

    def open(self, addresses: Sequence[IPv4Interface], *, routed: Sequence[str], is_gated: bool = False) -> None:
        """Set what the kernel does there, then the addresses, then the link."""
        port = name = self._interfaces.phone
        self._set("ipv6", port, {"disable_ipv6": "1"})
        if is_gated:
            self._bridge.make()
            name = BRIDGE
            self._set("ipv6", name, {"disable_ipv6": "1"})
        self._set("ipv4", name, _SAFE)
        for each in routed:
            self._set("ipv4", each, {"forwarding": "1"})
        programs.run(self._ip, "address", "flush", "dev", name)
        for address in addresses:
            programs.run(self._ip, "address", "add", str(address), "broadcast", "+", "dev", name)
        for each in dict.fromkeys((name, port)):
            programs.run(self._ip, "link", "set", each, "up")

    def is_gated(self) -> bool:
        """Ask the kernel whether the port is locked behind the bridge."""
        return self._flags(BRIDGE) is not None and self._bridge.is_there()

    def shut(self) -> None:
        """Take the link down first."""
        name = self._interfaces.phone
        programs.run(self._ip, "link", "set", name, "down")
        if self._flags(BRIDGE) is not None:
            self._bridge.remove()
        programs.run(self._ip, "address", "flush", "dev", name)
        self._set("ipv4", name, {"forwarding": "0"})

    def serve(self, service: AddressService | None) -> None:
        """Start dnsmasq, or tell it of phones that are new. ProgramMissing, PortRefused."""
        before, self._service = self._service, service
        if service is None:
            self._dnsmasq.end()
            self._stop_asking()
            self._others = frozenset()
        elif before is None or before.configuration != service.configuration:
            self._service = None  # not served unless all of it comes about
            programs.find("dnsmasq")
            self._write_files(service)
            self._dnsmasq.start()
            self._service = service
        elif before != service:
            self._write_files(service)
            self._dnsmasq.tell(signal.SIGHUP)

    def keep_time(self, box: IPv4Interface | None) -> None:
        """Start chronyd, or end it. ProgramMissing, PortRefused."""
        if box == self._time_at and box is not None:
            return
        self._time_at = None
        self._chronyd.end()
        if box is not None:
            programs.find("chronyd")
            _write(self._folder / "chronyd.conf", time_service(box, self._folder))
            self._chronyd.start()
            self._time_at = box

    def put_calls_first(self, kbit: int) -> None:
        """Have tc's queue at the uplink, which goes when a USB adapter does. ProgramMissing, PortRefused."""
        uplink = self._interfaces.uplink
        if not uplink or self._flags(uplink) is None or (not kbit and self._queued_kbit == 0):
            return
        tc = programs.find("tc")
        is_ours = any(
            each.get("root") and each["handle"] == f"{HANDLE}:"
            for each in json.loads(programs.run(tc, "-json", "qdisc", "show", "dev", uplink))
        )
        if kbit and not (is_ours and kbit == self._queued_kbit):
            before = no_queue_commands(uplink) if is_ours else ""  # htb takes no other rate in its place
            programs.run(tc, "-batch", "-", text=before + queue_commands(uplink, kbit))
        elif not kbit and is_ours:
            programs.run(tc, "-batch", "-", text=no_queue_commands(uplink))
        self._queued_kbit = kbit

    def knows_time(self) -> bool:
        """Ask the kernel (adjtimex(2)), without changing anything."""
        try:
            state: int = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
        except (AttributeError, OSError):
            return False
        return 0 <= state < _TIME_ERROR

    def look_after(self) -> str:
        """Start again what has ended."""
        said = self._dnsmasq.look_after() if self._service is not None else ""
        return said or (self._chronyd.look_after() if self._time_at is not None else "")

    def other_networks(self) -> frozenset[IPv4Network]:
        """Read the kernel's routes without a gateway."""
        found = set()
        with contextlib.suppress(FileNotFoundError):  # a kernel without IPv4 routes has none
            for line in _ROUTES.read_text().splitlines()[1:]:
                name, destination, gateway, _, _, _, _, mask, *_ = line.split()
                if name in {self._interfaces.phone, BRIDGE, TUNNEL, LOOPBACK} or int(gateway, 16) or not int(mask, 16):
                    continue
                network, bits = (struct.pack("=I", int(each, 16)) for each in (destination, mask))
                found.add(IPv4Network((network, int.from_bytes(bits).bit_count())))
        return frozenset(found)

    def links(self) -> Mapping[str, bool]:
        """Ask the kernel for the named interfaces' flags."""
        names = filter(None, (self._interfaces.phone, self._interfaces.uplink))
        wanted = _IS_UP | _HAS_LINK
        return {name: (self._flags(name) or 0) & wanted == wanted for name in names}

    def devices(self) -> frozenset[str]:
        """Return what the fence has noted. PortRefused."""
        told = json.loads(programs.run(self._nft, "--json", "list", "set", FAMILY, TABLE, SEEN))
        found = set()
        for entry in told["nftables"]:
            for element in entry.get("set", {}).get("elem", ()):
                text = element["elem"]["val"] if isinstance(element, dict) else element
                found.add(text.replace(":", "").upper())
        return frozenset(found)

    def ask_who_serves(self) -> None:
        """Broadcast a question; ``others_serving`` reads what is answered."""
        self._stop_asking()
        self._others = frozenset()
        self._asking_until = time.monotonic() + _ANSWERS_COME_S
        self._transaction = int.from_bytes(os.urandom(4))
        try:
            asking = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._asking = asking
            asking.setblocking(False)
            asking.bind((self._stands_at, _ETHERTYPE_IPV4))
            asking.send(discover(self._hardware_address(), self._transaction))
        except OSError:
            self._stop_asking()  # the link has gone meanwhile; it is asked again when it is back

    def others_serving(self) -> frozenset[IPv4Address]:
        """Read what has come: for one question a bounded number of frames each time."""
        if self._asking is None:
            return self._others
        for _ in range(_MOST_FRAMES):
            try:
                frame, (_name, _protocol, kind, *_) = self._asking.recvfrom(_LONGEST_FRAME)
            except OSError:
                if time.monotonic() > self._asking_until:
                    self._stop_asking()
                break
            server = offered_by(frame, self._transaction) if kind != socket.PACKET_OUTGOING else None
            if server is not None:
                self._others |= {server}
                self._stop_asking()
                break
        return self._others

    def _mark(self) -> str:
        """Return the mark of the fence that stands; empty if none does. PortRefused if nft does not say."""
        for left in reversed(range(_TRIES)):
            try:
                return mark_of(programs.run(self._nft, "list", "chain", FAMILY, TABLE, MARK).decode())
            except PortRefused as fault:
                if "No such file" in fault.what:
                    break
                if not left:
                    raise
                time.sleep(_PAUSE_S)
        return ""

    @property
    def _fence_file(self) -> Path:
        return self._folder / "fence.nft"

    @property
    def _next_fence_file(self) -> Path:
        return self._folder / "fence-next.nft"

    def _write_files(self, service: AddressService) -> None:
        for name, text in files(service):
            _write(self._folder / name, text)

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.close()
            self._asking = None

    @property
    def _stands_at(self) -> str:
        """The interface where the addresses are: the bridge if there is one."""
        return BRIDGE if self._flags(BRIDGE) is not None else self._interfaces.phone

    def _hardware_address(self) -> bytes:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            told = fcntl.ioctl(asking.fileno(), _GET_HARDWARE, _REQUEST.pack(self._stands_at.encode(), b""))
        return bytes(told[18:24])

    @staticmethod
    def _flags(name: str) -> int | None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            try:
                told = fcntl.ioctl(asking.fileno(), _GET_FLAGS, _REQUEST.pack(name.encode(), b""))
            except OSError:
                return None
        flags: int = struct.unpack_from("=H", told, 16)[0]
        return flags

    @staticmethod
    def _set(family: str, name: str, values: Mapping[str, str]) -> None:
        folder = _CONFIGURATION / family / "conf" / name
        if not folder.exists():
            return  # an interface that is not there, or a kernel without that family
        for key, value in values.items():
            try:
                (folder / key).write_text(value)
            except OSError as fault:
                raise PortRefused(f"the kernel does not take {family}.{name}.{key}: {fault.strerror}") from fault


def _write(path: Path, text: str) -> None:
    """Write a file that others may read; a reader sees the old one or the new one. PortRefused."""
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(text)
        new.chmod(0o644)
        new.replace(path)
    except OSError as fault:
        raise PortRefused(f"{path} can't be written: {fault.strerror}") from fault
