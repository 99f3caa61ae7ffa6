"""Runs as a worker, confined as the launcher and ``worker.serve`` do it, and tries what a worker must not be able to.

``python inside_worker.py WHO WHAT``: started as root, or as nobody from the start where WHO is ``plain``. WHAT is
``everything`` for all steps together, else the one step that is in force. Prints JSON: what was tried → the name of the
error that it met, or "reached".
"""

# ruff: noqa: PTH102, PTH104, PTH108, PTH115, PTH208, PTH211 - what is tried are the calls themselves, not paths
import ctypes
import errno
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from unittest.mock import patch

from ringfence.server.confinement import capabilities, landlock, seccomp
from ringfence.server.confinement.allowed_calls import WORKER
from ringfence.server.confinement.steps import MOST_MEMORY_BYTES, Confined, confine
from ringfence.server.confinement.syscalls import HIGHEST_KNOWN, architecture_here
from ringfence.server.processes import worker

NOBODY = 65534
REACHED = "reached"
FEW_DESCRIPTORS = 128
KERNELS_OWN = {335, 336}
"""x86-64's uretprobe and uprobe (Linux 6.11, 6.18): seccomp leaves them be, and a process that makes them is ended."""
LIBC = ctypes.CDLL(None, use_errno=True)
PARENT = os.getppid()
HERE = architecture_here()  # asked before: uname is on no list
LANDLOCK_VERSION = landlock.version_here()
ELSEWHERE = ("127.0.0.1", 9)


def checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def call(number: int, *arguments: object) -> int:
    return checked(LIBC.syscall(ctypes.c_long(number), *arguments))


def set_limit(which: int, value: int) -> None:
    checked(LIBC.setrlimit(which, (ctypes.c_long * 2)(value, value)))


class Prepared:
    """What a worker of a real edge has too: a TCP connection of a phone, a file, and the clock's usual things."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.elsewhere = socket.create_server(("127.0.0.1", 0))
        self.phone = socket.create_connection(self.listener.getsockname())
        self.accepted, _ = self.listener.accept()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))


def files() -> dict[str, Callable[[], object]]:
    tries: dict[str, Callable[[], object]] = {}
    for path in (
        "/etc/passwd",
        "etc/passwd",
        "../../../../etc/passwd",
        "/proc/self/mem",
        "/proc/self/maps",
        f"/proc/{PARENT}/mem",
        f"/proc/{PARENT}/environ",
        "/proc/self/root/etc/passwd",
        "/proc/self/fd/0",
        "/dev/null",
        "/dev/mem",
        "/dev/kmsg",
        "/",
        ".",
        "..",
    ):
        tries[f"open {path}"] = partial(os.open, path, os.O_RDONLY)
        tries[f"look at {path}"] = partial(os.stat, path)
    return tries | {
        "open a path only": lambda: os.open("/", os.O_PATH),
        "create": lambda: os.open("new", os.O_WRONLY | os.O_CREAT, 0o600),
        "create in /tmp": lambda: os.open("/tmp/new", os.O_WRONLY | os.O_CREAT, 0o600),  # noqa: S108 - it shall fail
        "create a nameless file": lambda: os.open("/", os.O_WRONLY | os.O_TMPFILE, 0o600),
        "create a file of memory": lambda: os.memfd_create("x"),
        "list /": lambda: os.listdir("/"),
        "list .": lambda: os.listdir("."),
        "make a folder": lambda: os.mkdir("folder"),
        "make a device": lambda: os.mknod("device", 0o600 | 0o020000, os.makedev(1, 1)),
        "make a link": lambda: os.symlink("/etc/passwd", "link"),
        "remove": lambda: os.unlink("x"),
        "rename": lambda: os.rename("x", "y"),
        "read a link": lambda: os.readlink("/proc/self/exe"),
        "change the folder": lambda: os.chdir("/"),
        "change the root": lambda: os.chroot("/"),
    }


def sockets(there: Prepared) -> dict[str, Callable[[], object]]:
    tries: dict[str, Callable[[], object]] = {}
    kinds = {"stream": 1, "datagram": 2, "raw": 3, "seqpacket": 5, "packet": 10}
    families = {
        "unix": 1, "inet": 2, "inet6": 10, "key": 15, "netlink": 16, "packet": 17, "can": 29, "bluetooth": 31,
        "alg": 38, "vsock": 40, "xdp": 44,
    }  # fmt: skip
    for family, family_number in families.items():
        for kind, kind_number in kinds.items():
            if (family, kind) not in {("inet", "datagram"), ("inet6", "datagram")}:
                tries[f"socket {family} {kind}"] = partial(socket.socket, family_number, kind_number)

    def connect_again() -> None:
        """A connection that is dissolved (AF_UNSPEC) may be made anew, to anybody, with no new socket."""
        nowhere = struct.pack("=H14x", socket.AF_UNSPEC)
        checked(LIBC.connect(there.accepted.fileno(), nowhere, len(nowhere)))
        there.accepted.settimeout(5)
        there.accepted.connect(there.elsewhere.getsockname())

    return tries | {
        "socket for ping": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP),
        "socket pair": socket.socketpair,
        "listen anew": lambda: there.udp.listen(1),
        "connect by sending": lambda: there.accepted.sendto(b"x", 0x20000000, ELSEWHERE),
        "bind a device": lambda: there.udp.setsockopt(socket.SOL_SOCKET, 25, b"lo"),
        "connect TCP over a phone's socket": connect_again,
    }


def processes() -> dict[str, Callable[[], object]]:
    column = HERE.column if HERE is not None else 0
    of = {
        "ptrace the parent": ((101, 117), (16, PARENT, 0, 0)),
        "read the parent's memory": ((310, 270), (PARENT, 0, 0, 0, 0, 0)),
        "write the parent's memory": ((311, 271), (PARENT, 0, 0, 0, 0, 0)),
        "hold the parent by a descriptor": ((434, 434), (PARENT, 0)),
        "become root": ((105, 146), (0,)),
        "mount": ((165, 40), (0, 0, 0, 0, 0)),
        "leave the namespaces": ((272, 97), (0x10000000,)),
        "load a BPF program": ((321, 280), (0, 0, 0)),
        "watch performance": ((298, 241), (0, 0, -1, -1, 0)),
        "use the keyring": ((250, 219), (0, -3, 0)),
        "start io_uring": ((425, 425), (1, 0)),
        "catch page faults": ((323, 282), (0,)),
        "open by handle": ((304, 265), (-100, 0, 0)),
        "change the personality": ((135, 92), (0x400000,)),
    }
    tries: dict[str, Callable[[], object]] = {
        what: partial(call, numbers[column], *map(ctypes.c_long, rest)) for what, (numbers, rest) in of.items()
    }

    def fork() -> None:
        if os.fork() == 0:
            os._exit(0)

    return tries | {
        "fork": fork,
        "run a program": lambda: os.execv(sys.executable, [sys.executable, "-c", ""]),  # noqa: S606 - it shall fail
        "signal the parent": lambda: os.kill(PARENT, 0),
        "signal everybody": lambda: os.kill(-1, 0),
        "signal itself by another call": lambda: os.kill(os.getpid(), 0),
        "raise a limit": lambda: set_limit(resource.RLIMIT_NPROC, 99),
        "raise the limit of memory": lambda: set_limit(resource.RLIMIT_DATA, -1),
        "map memory that can be run": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
        "make memory runnable": lambda: checked(
            LIBC.mprotect(ctypes.c_void_p(id(LIBC) & ~4095), ctypes.c_size_t(4096), 7)
        ),
    }


def keep_too_much() -> int:
    """Keep memory, piece by piece; return how much it was when there was no more."""
    kept: list[bytearray] = []
    piece = 8 * 1024 * 1024
    try:
        while len(kept) * piece < 4 * MOST_MEMORY_BYTES:
            kept.append(bytearray(piece))
    except MemoryError:
        pass
    return len(kept) * piece


def open_too_many() -> tuple[int, str]:
    kept: list[socket.socket] = []
    try:
        while len(kept) < 4 * FEW_DESCRIPTORS:
            kept.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    except OSError as fault:
        return len(kept), errno.errorcode[fault.errno or 0]
    return len(kept), REACHED


def sweep() -> dict[str, list[int]]:
    """Make every call that is on no list, with nothing for arguments; return the numbers by what came of it."""
    if HERE is None:
        return {}
    listed = {HERE.number(name) for name in WORKER} | {HERE.number("tgkill")} | KERNELS_OWN
    found: dict[str, list[int]] = {}
    for number in range(HIGHEST_KNOWN + 20):
        if number not in listed:
            try:
                call(number, *(ctypes.c_long(0),) * 6)
                outcome = REACHED
            except OSError as fault:
                outcome = errno.errorcode[fault.errno or 0]
            found.setdefault(outcome, []).append(number)
    return found


def outcome_of(attempt: Callable[[], object]) -> str:
    try:
        attempt()
    except OSError as fault:
        return errno.errorcode[fault.errno or 0]
    return REACHED


def main(who: str, what: str) -> None:
    there = Prepared()
    resource.setrlimit(resource.RLIMIT_NOFILE, (FEW_DESCRIPTORS, FEW_DESCRIPTORS))
    if who == "plain" and os.geteuid() == 0:
        capabilities.drop_bounding_set()
        capabilities.become(NOBODY, NOBODY, ())
    if what in {"root directory", "system calls"}:
        patch.object(landlock, "restrict", return_value=False).start()
    if what in {"root directory", "Landlock"}:
        patch.object(seccomp, "restrict", return_value=False).start()

    class Inside:
        def __init__(self, channel: socket.socket) -> None:
            self._channel = channel

        def run(self, confined: Confined) -> None:
            answers = {
                "files": {name: outcome_of(attempt) for name, attempt in files().items()},
                "sockets": {name: outcome_of(attempt) for name, attempt in sockets(there).items()},
                "confined": [confined.is_another, confined.has_landlock, confined.has_filter],
                "words": confined.in_words(),
                "landlock": LANDLOCK_VERSION,
            }
            if confined.has_filter:
                answers["processes"] = {name: outcome_of(attempt) for name, attempt in processes().items()}
                answers["sweep"] = sweep()
            else:
                answers["processes"] = {
                    "signal the parent": outcome_of(lambda: os.kill(PARENT, 0)),
                    "become root": outcome_of(lambda: os.setuid(0)),
                    "fork": outcome_of(os.fork),
                }
            there.udp.sendto(b"serving goes on", there.udp.getsockname())
            answers["own business"] = there.udp.recv(99).decode()
            answers["memory"] = keep_too_much()
            answers["descriptors"] = open_too_many()
            os.write(1, json.dumps(answers).encode())

    patch.object(worker, "Worker", Inside).start()  # what runs where the engine would
    signal.signal(signal.SIGSYS, signal.SIG_DFL)
    end, _mine = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    sys.exit(worker.serve(os.dup(end.fileno()), confine()))


if __name__ == "__main__":
    main(*sys.argv[1:])
