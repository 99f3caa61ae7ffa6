"""The gate on Linux: hostapd speaks with phones, a process checks their keys, and the locked bridge lets them in.

No key is checked in the helper, which is root's: it starts both programs and hears who has shown one.
"""

import contextlib
import os
import secrets
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from ringfence.edge.errors import PortRefused
from ringfence.edge.network import programs
from ringfence.edge.network.port_access.bridge import LockedBridge
from ringfence.edge.network.port_access.gate import GateOrders, LinkState
from ringfence.edge.network.port_access.hostapd import HostapdControl, configuration, control_socket
from ringfence.edge.network.port_access.messages import (
    CheckerFailed,
    CheckerReady,
    CheckKeys,
    KeyRefused,
    KeyShown,
    TakePhones,
    read_from_checker,
    tell,
)
from ringfence.secret import Secret
from ringfence.wire.errors import BadMessage

MOST_HEARD = 64
"""Messages of the checker that are read at once."""
_READY_S = 30.0
_LONGEST_PAUSE_S = 30.0
_END_S = 3.0
_CONFIGURATION = "hostapd.conf"
# What hostapd needs of root's rights: raw frames, its multicast address, and a socket for DHCP that it insists on.
_RIGHTS = "--bounding-set=-all,+net_admin,+net_raw,+net_bind_service"
OwnKey = Callable[[], tuple[str, Secret]]


def no_key() -> tuple[str, Secret]:
    """Refuse to make a key, where nobody has said how."""
    raise PortRefused("there is no key for 802.1X here")


class LinuxGate:
    """The gate of one port.

    Args:
        port: The phone's interface.
        folder: Root's own, for what hostapd reads.
        own_key: Returns the box's own certificate and key.
        offer: The EAP method that phones are offered first.
    """

    def __init__(self, port: str, folder: Path, own_key: OwnKey = no_key, *, offer: int = 13) -> None:
        self._port, self._folder, self._own_key, self._offer = port, folder, own_key, offer
        self._bridge = LockedBridge(port)
        self._hostapd = programs.KeptProgram(
            "hostapd", [str(folder / _CONFIGURATION)], folder / "hostapd.pid", before=("setpriv", _RIGHTS)
        )
        self._control = HostapdControl(control_socket(folder / "hostapd", port))
        self._orders: GateOrders | None = None
        self._watched: frozenset[str] | None = None
        self._checker: _Checker | None = None
        self._start_at, self._pause_s = float("-inf"), 0.0

    @property
    def waits_on(self) -> list[socket.socket]:
        """What becomes readable when somebody has shown a key."""
        return [self._checker.channel] if self._checker is not None and self._checker.is_alive else []

    def ask_for_keys(self, orders: GateOrders | None) -> None:
        """Start both programs, tell the checker of phones that are new, or end both. ProgramMissing, PortRefused."""
        before, self._orders = self._orders, None
        if orders is None:
            self._end()
            if self._watched is not None:
                self._watched = None
                self._bridge.watch_no_more()
            return
        if self._watched != orders.phones:
            self._bridge.watch(orders.phones)
            self._watched = orders.phones
        if before is None or before.authorities != orders.authorities or self._checker is None:
            programs.find("hostapd")
            self._start(orders)
        elif before.phones != orders.phones:
            self._checker.take(orders.phones)
        self._orders = orders

    def clear(self) -> None:
        """End what an earlier helper has left. PortRefused."""
        self._end()
        self._bridge.watch_no_more()

    def look_after(self) -> str:
        """Start again what has ended; a checker that has ended takes hostapd with it. ProgramMissing, PortRefused."""
        if self._orders is None:
            return ""
        if self._checker is not None and self._checker.is_alive:
            return self._hostapd.look_after()
        if (now := time.monotonic()) >= self._start_at:
            self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s + 1)
            self._start_at = now + self._pause_s
            self._start(self._orders)
        return "The process that checks phones' keys ended and is started again."

    def heard(self) -> Sequence[KeyShown | KeyRefused]:
        """Return what the checker has said."""
        return self._checker.heard() if self._checker is not None else []

    def is_authorised(self, mac: str) -> bool | None:
        """Ask hostapd."""
        return self._control.is_authorised(mac)

    def begin(self, mac: str) -> bool:
        """Have hostapd ask."""
        return self._control.begin(mac)

    def at_gate(self) -> frozenset[str]:
        """Read what nftables has noted. PortRefused."""
        return self._bridge.seen()

    def inside(self) -> frozenset[str]:
        """Read the bridge's forwarding table. PortRefused."""
        return self._bridge.inside()

    def let_in(self, macs: Collection[str]) -> None:
        """Write the bridge's forwarding table. PortRefused."""
        self._bridge.let_in(macs)

    def put_out(self, macs: Collection[str]) -> None:
        """Write the bridge's forwarding table. PortRefused."""
        self._bridge.put_out(macs)

    def link(self) -> LinkState:
        """Ask the kernel. PortRefused."""
        return self._bridge.link()

    def _start(self, orders: GateOrders) -> None:
        self._end()
        certificate, key = self._own_key()
        secret = Secret(secrets.token_hex(24))
        phones = tuple(sorted(orders.phones))
        self._checker = _Checker(CheckKeys(certificate, key, orders.authorities, phones, secret, self._offer))
        text = configuration(self._port, self._checker.radius_port, secret, self._folder / "hostapd")
        _write_secret(self._folder / _CONFIGURATION, text)
        self._hostapd.start()

    def _end(self) -> None:
        self._hostapd.end()
        if self._checker is not None:
            self._checker.end()
            self._checker = None


class _Checker:
    """The process that checks keys, until ``end``. PortRefused if it does not start."""

    def __init__(self, orders: CheckKeys) -> None:
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        at_hostapd = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with theirs, at_hostapd:
            at_hostapd.bind(("127.0.0.1", 0))
            self.radius_port: int = at_hostapd.getsockname()[1]
            numbers = [theirs.fileno(), at_hostapd.fileno()]
            try:
                self._child = subprocess.Popen(  # noqa: S603 - our own interpreter and module, no shell
                    [sys.executable, "-I", "-m", "ringfence.edge.network.port_access.checker", *map(str, numbers)],
                    pass_fds=numbers,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    env={"LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )
            except OSError as fault:
                self.channel.close()
                raise PortRefused(f"the process that checks phones' keys can't be started: {fault.strerror}") from fault
        try:
            tell(self.channel, orders)
            self._wait_until_ready()
        except (OSError, BadMessage) as fault:
            self.end()
            raise PortRefused(f"the process that checks phones' keys does not get ready: {fault}") from fault
        self.channel.setblocking(False)

    def _wait_until_ready(self) -> None:
        self.channel.settimeout(_READY_S)
        match read_from_checker(self.channel):
            case CheckerReady():
                return
            case CheckerFailed(why):
                self.end()
                raise PortRefused(f"phones' keys can't be checked: {why}")
            case _:
                raise ConnectionError("it ended")

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    def take(self, phones: Collection[str]) -> None:
        with contextlib.suppress(OSError):  # it has ended: the next one is told all
            tell(self.channel, TakePhones(tuple(sorted(phones))))

    def heard(self) -> list[KeyShown | KeyRefused]:
        found: list[KeyShown | KeyRefused] = []
        with contextlib.suppress(OSError, BadMessage):
            for _ in range(MOST_HEARD):
                if not select.select([self.channel], [], [], 0)[0]:
                    break
                said = read_from_checker(self.channel)
                if said is None:
                    self._child.kill()  # it has ended, or ought to have
                    break
                if isinstance(said, KeyShown | KeyRefused):
                    found.append(said)
        return found

    def end(self) -> None:
        self.channel.close()
        try:
            self._child.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def _write_secret(path: Path, text: str) -> None:
    """Write a file that nobody else may read. PortRefused."""
    try:
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
            file.write(text)
    except OSError as fault:
        raise PortRefused(f"{path} can't be written: {fault.strerror}") from fault
