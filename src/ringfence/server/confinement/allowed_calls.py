"""The system calls that a serving process makes once it is set up: the only ones that it may make then.

``WORKER`` has no call that opens, creates, names or runs anything except a UDP socket over IPv4 or IPv6. ``FOLDER`` is
for ``ringfence serve``, which opens files: the root directory and Landlock say which ones, these calls can't.
``CALCULATION`` is for a process that only computes, and answers over a socket that it was given. ``CONVERSATION`` is
for one that talks over sockets that it is given, more and more of them, with an event loop of Python's.
"""

import fcntl
import socket
import termios
from types import MappingProxyType

from ringfence.server.confinement.seccomp import (
    IN_ANY_WAY,
    Argument,
    Calls,
    Ways,
)

# Linux's numbers that Python's modules don't name: <asm-generic/mman-common.h>, <linux/socket.h>, <asm/socket.h>,
# <linux/in.h>, <linux/udp.h>.
_PROT_EXEC = 4
_MSG_FASTOPEN = 0x20000000
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_IP_MTU_DISCOVER = 10
_SOL_UDP, _UDP_SEGMENT = 17, 103

_UDP: Ways = (
    (
        Argument(0, (socket.AF_INET, socket.AF_INET6)),
        Argument(1, (socket.SOCK_DGRAM,), mask=~(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) & 0xFFFFFFFF),
        Argument(2, (0, socket.IPPROTO_UDP)),
    ),
)
_OPTIONS: Ways = (
    (Argument(1, (socket.IPPROTO_IP,)), Argument(2, (_IP_MTU_DISCOVER,))),
    (Argument(1, (socket.IPPROTO_TCP,)), Argument(2, (socket.TCP_NODELAY,))),
    (Argument(1, (_SOL_UDP,)), Argument(2, (_UDP_SEGMENT,))),
    (
        Argument(1, (socket.SOL_SOCKET,)),
        Argument(2, (_SO_ATTACH_FILTER, _SO_DETACH_FILTER, socket.SO_LINGER)),
    ),
)
_OF_SOCKETS: Ways = ((Argument(1, (socket.SOL_SOCKET,)),),)
_NO_CODE: Ways = ((Argument(2, (0,), mask=_PROT_EXEC),),)
"""Memory that is data: no page of it can be run."""


def _without_fast_open(index: int) -> Ways:
    """Send, but make no TCP connection by sending."""
    return ((Argument(index, (0,), mask=_MSG_FASTOPEN),),)


WORKER: Calls = MappingProxyType(
    {
        # What a transfer costs for each block, first.
        "epoll_wait": IN_ANY_WAY,
        "epoll_pwait": IN_ANY_WAY,
        "recvfrom": IN_ANY_WAY,
        "recv": IN_ANY_WAY,
        "sendto": _without_fast_open(3),
        "send": _without_fast_open(3),
        "read": IN_ANY_WAY,
        "write": IN_ANY_WAY,
        "sendmsg": _without_fast_open(2),
        "recvmsg": IN_ANY_WAY,
        "pread64": IN_ANY_WAY,
        "clock_gettime": IN_ANY_WAY,
        "clock_gettime64": IN_ANY_WAY,
        "epoll_ctl": IN_ANY_WAY,
        "sendfile": IN_ANY_WAY,
        "sendfile64": IN_ANY_WAY,
        # For each transfer or connection.
        "socket": _UDP,
        "bind": IN_ANY_WAY,
        "connect": IN_ANY_WAY,
        "close": IN_ANY_WAY,
        "accept4": IN_ANY_WAY,
        "accept": IN_ANY_WAY,
        "setsockopt": _OPTIONS,
        "getsockopt": _OF_SOCKETS,
        "getsockname": IN_ANY_WAY,
        "getpeername": IN_ANY_WAY,
        "shutdown": IN_ANY_WAY,
        "ioctl": ((Argument(1, (termios.FIONBIO, termios.TIOCOUTQ)),),),
        "getrandom": IN_ANY_WAY,
        # Memory.
        "mmap": _NO_CODE,
        "mmap2": _NO_CODE,
        "mprotect": _NO_CODE,
        "munmap": IN_ANY_WAY,
        "mremap": IN_ANY_WAY,
        "brk": IN_ANY_WAY,
        "madvise": IN_ANY_WAY,
        # Now and then: the loop's start, waiting, time, and the language's own needs.
        "epoll_create1": IN_ANY_WAY,
        "epoll_pwait2": IN_ANY_WAY,
        "poll": IN_ANY_WAY,
        "ppoll": IN_ANY_WAY,
        "ppoll_time64": IN_ANY_WAY,
        "futex": IN_ANY_WAY,
        "futex_time64": IN_ANY_WAY,
        "fcntl": ((Argument(1, (fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_GETFD)),),),
        "fcntl64": ((Argument(1, (fcntl.F_GETFL, fcntl.F_SETFL, fcntl.F_GETFD)),),),
        "readv": IN_ANY_WAY,
        "writev": IN_ANY_WAY,
        "preadv": IN_ANY_WAY,
        "gettimeofday": IN_ANY_WAY,
        "clock_getres": IN_ANY_WAY,
        "clock_getres_time64": IN_ANY_WAY,
        "clock_nanosleep": IN_ANY_WAY,
        "clock_nanosleep_time64": IN_ANY_WAY,
        "nanosleep": IN_ANY_WAY,
        "restart_syscall": IN_ANY_WAY,
        "sched_yield": IN_ANY_WAY,
        "getpid": IN_ANY_WAY,
        "gettid": IN_ANY_WAY,
        # Signals come in; the only ones that go out are its own end's (abort), to itself: see ``confine.seal``.
        "rt_sigaction": IN_ANY_WAY,
        "rt_sigprocmask": IN_ANY_WAY,
        "rt_sigreturn": IN_ANY_WAY,
        "sigreturn": IN_ANY_WAY,
        "sigaltstack": IN_ANY_WAY,
        "exit": IN_ANY_WAY,
        "exit_group": IN_ANY_WAY,
    }
)

FOLDER: Calls = MappingProxyType(
    {
        **WORKER,
        "openat2": IN_ANY_WAY,
        "openat": IN_ANY_WAY,
        "newfstatat": IN_ANY_WAY,
        "fstatat64": IN_ANY_WAY,
        "fstat": IN_ANY_WAY,
        "fstat64": IN_ANY_WAY,
        "statx": IN_ANY_WAY,
        "getdents64": IN_ANY_WAY,
        "lseek": IN_ANY_WAY,
        "llseek": IN_ANY_WAY,
        "readlinkat": IN_ANY_WAY,
        "faccessat": IN_ANY_WAY,
        "faccessat2": IN_ANY_WAY,
    }
)

CALCULATION: Calls = MappingProxyType(
    {
        call: WORKER[call]
        for call in (
            "recvfrom", "recv", "sendto", "send", "read", "write", "poll", "ppoll", "ppoll_time64", "close", "shutdown",
            "mmap", "mmap2", "mprotect", "munmap", "mremap", "brk", "madvise", "futex", "futex_time64", "getrandom",
            "clock_gettime", "clock_gettime64", "gettimeofday", "getpid", "gettid", "rt_sigaction", "rt_sigprocmask",
            "rt_sigreturn", "sigreturn", "sigaltstack", "restart_syscall", "sched_yield", "exit", "exit_group",
        )
    }
)  # fmt: skip

CONVERSATION: Calls = MappingProxyType(
    {
        **CALCULATION,
        **{
            call: WORKER[call]
            for call in (
                "recvmsg", "sendmsg", "epoll_wait", "epoll_pwait", "epoll_pwait2", "epoll_ctl", "ioctl", "fcntl",
                "fcntl64", "getsockname", "getpeername", "getsockopt", "clock_nanosleep", "nanosleep",
            )
        },
    }
)  # fmt: skip

RELAY: Calls = MappingProxyType({**CONVERSATION, "accept": IN_ANY_WAY, "accept4": IN_ANY_WAY})
"""For a process that passes bytes between sockets that it accepts and sockets that it is given."""

_UNIX_PAIR: Ways = (
    (
        Argument(0, (socket.AF_UNIX,)),
        Argument(1, (socket.SOCK_STREAM,), mask=~(socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC) & 0xFFFFFFFF),
    ),
)
TLS_PORT: Calls = MappingProxyType({**RELAY, "socketpair": _UNIX_PAIR})
"""For a process that ends TLS of connections that it accepts, and hands on one end of a pair for each."""

_NO_DELAY: Ways = ((Argument(1, (socket.IPPROTO_TCP,)), Argument(2, (socket.TCP_NODELAY,))),)
LISTENER: Calls = MappingProxyType({**RELAY, "pread64": IN_ANY_WAY, "setsockopt": _NO_DELAY})
"""For a process that accepts connections and answers them with files whose descriptors it is given."""
