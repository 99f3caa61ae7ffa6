"""The network helper as the agent sees it: started with the rights of the start, told the rules, heard."""

import contextlib
import os
import socket
import subprocess
import sys
from pathlib import Path

from ringfence.edge.errors import BadPhonePort, HelperGone, HelperUnfit, NoPhonePort
from ringfence.edge.network import programs
from ringfence.edge.network.interfaces import Interfaces
from ringfence.edge.network.messages import (
    FromHelper,
    HelperFailed,
    HelperReady,
    KeepPort,
    ToHelper,
    make_pair,
    read_answer,
    send,
)
from ringfence.server.confinement.capabilities import Capability
from ringfence.wire import codec

FOLDER = Path("/run/ringfence-box")
KEYS = Path("/var/lib/ringfence-box")
"""Where the tunnel's private key is; root's alone."""
START_TIMEOUT_S = 60.0
_FAILED = 3
_SUPERVISOR = f"""
trap '' INT TERM HUP
pause=1
while :; do
    began=$(/bin/date +%s)
    "$@"
    status=$?
    [ $status = 0 ] || [ $status = {_FAILED} ] && exit $status
    [ $(($(/bin/date +%s) - began)) -gt 60 ] && pause=1
    /bin/sleep $pause
    pause=$((pause * 2))
    [ $pause -gt 30 ] && pause=30
done
"""
"""Starts the helper anew whenever it is killed or fails. A shell, as that waits in a twentieth of the memory."""
_STOP_TIMEOUT_S = 10.0
_ROUTES = Path("/proc/thread-self/net/route")


KEPT = frozenset({
    Capability.NET_ADMIN, Capability.NET_RAW, Capability.NET_BIND_SERVICE, Capability.SETUID, Capability.SETGID,
    Capability.SETPCAP, Capability.KILL,
})  # fmt: skip
"""What the helper and its programs need of root's rights; the last one ends a dnsmasq that is another user by then."""
RIGHTS = ("--no-new-privs", f"--bounding-set=-all,{','.join(f'+{right.name.lower()}' for right in sorted(KEPT))}")


class NetworkHelper:
    """The process that keeps the phone's port (``network/helper.py``); to be made as root.

    Raises:
        BadPhonePort, NoPhonePort: The interfaces can't be a box's, or are not there.
        ProgramMissing: A program that a box needs is not installed.
        HelperUnfit: This is not root, or the machine does not start it.
    """

    def __init__(self, interfaces: Interfaces, folder: Path = FOLDER, keys: Path = KEYS) -> None:
        self.interfaces = interfaces
        self.folder = folder
        check(interfaces)
        self._channel, child_end = make_pair()
        task = codec.to_text(KeepPort(interfaces, str(folder), str(keys)))
        with child_end:
            number = str(child_end.fileno())
            try:
                self._child = subprocess.Popen(  # noqa: S603 - the shell's text is ours, and so is what it runs
                    [programs.find("setpriv"), *RIGHTS, "/bin/sh", "-c", _SUPERVISOR, "network-helper",
                     sys.executable, "-I", "-m", "ringfence.edge.network.helper", number, task],
                    pass_fds=[child_end.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd="/",
                    env={"LC_ALL": "C.UTF-8"},
                    start_new_session=True,
                )  # fmt: skip
            except OSError as fault:
                self._channel.close()
                raise HelperUnfit("the network helper can't be started", where=str(fault)) from fault

    @property
    def leases(self) -> Path:
        """The file that says who has which address at the port."""
        return self.folder / "leases"

    def prepare(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until the port is fenced.

        Raises:
            HelperUnfit: It can't be.
            HelperGone: The helper has ended.
        """
        self._channel.settimeout(timeout_s)
        try:
            match self.hear():
                case HelperReady():
                    pass
                case HelperFailed(why):
                    raise HelperUnfit("the phone's port can't be kept", where=why)
                case other:
                    raise HelperUnfit(f"the network helper began with {type(other).__name__}")
        except TimeoutError:
            raise HelperUnfit("the network helper does not get ready") from None
        finally:
            self._channel.settimeout(None)

    def hear(self) -> FromHelper:
        """Return what the helper tells next; wait for it. HelperGone, BadMessage."""
        answer = read_answer(self._channel)
        if answer is None:
            raise HelperGone("the network helper ended; the fence stays as it is")
        return answer

    def order(self, order: ToHelper) -> None:
        """Give an order. HelperGone, BadMessage."""
        send(self._channel, order)

    def close(self) -> None:
        """End it: the fence stays. May be called twice, and while another thread hears."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        try:
            self._child.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(PermissionError):  # it is root's; the closed channel ends it
                self._child.kill()
                self._child.wait()
        self._channel.close()


def check(interfaces: Interfaces) -> None:
    """Raise what keeps this machine from being a box with these interfaces; as ``NetworkHelper``."""
    if os.geteuid() != 0:
        raise HelperUnfit("a phone's port needs root", to_do="Start the edge as root; --user NAME gives it up at once.")
    for program in ("nft", "ip", "dnsmasq", "setpriv"):
        programs.find(program)
    there = {name for _index, name in socket.if_nameindex()}
    for name in filter(None, (interfaces.phone, interfaces.uplink)):
        if name not in there:
            known = ", ".join(sorted(there - {"lo"})) or "none"
            raise NoPhonePort("this machine has no such interface", where=name, to_do=f"It has: {known}.")
    if interfaces.phone in _ways_out():
        raise BadPhonePort(
            "the phone's port is this machine's way to the internet",
            where=interfaces.phone,
            to_do="Plug the phone into another interface, and name that one.",
        )


def _ways_out() -> frozenset[str]:
    """Return the interfaces of default routes."""
    with contextlib.suppress(FileNotFoundError):
        lines = [line.split() for line in _ROUTES.read_text().splitlines()[1:]]
        return frozenset(words[0] for words in lines if int(words[1], 16) == int(words[7], 16) == 0)
    return frozenset()
