"""The kernel's numbers of the system calls that a serving process may need, on the machines that Ringfence runs on.

The sources, in Linux's tree: x86-64 ``arch/x86/entry/syscalls/syscall_64.tbl``; 64-bit ARM
``include/uapi/asm-generic/unistd.h``; 32-bit ARM (EABI, the Raspberry Pi's small system)
``arch/arm/tools/syscall.tbl``; the words for architectures ``include/uapi/linux/audit.h``.
"""

import os
import struct
from dataclasses import dataclass

HIGHEST_KNOWN = 450
"""The last call of Linux 6.1, on all three: what is newer is in no list of ours (set_mempolicy_home_node)."""

_LITTLE_ENDIAN, _64_BIT = 0x40000000, 0x80000000


@dataclass(frozen=True, slots=True)
class Architecture:
    """One way to call the kernel; ``audit`` is the word that a filter sees for it."""

    name: str
    audit: int
    column: int

    def number(self, call: str) -> int | None:
        """Return the number of a call that is in the table; None if this architecture has no such call."""
        return _NUMBERS[call][self.column]


X86_64 = Architecture("x86_64", 62 | _LITTLE_ENDIAN | _64_BIT, 0)
AARCH64 = Architecture("aarch64", 183 | _LITTLE_ENDIAN | _64_BIT, 1)
ARM = Architecture("arm", 40 | _LITTLE_ENDIAN, 2)
ARCHITECTURES = (X86_64, AARCH64, ARM)


def architecture_of(machine: str, pointer_bytes: int) -> Architecture | None:
    """Return what programs of that pointer size call on a ``machine`` (uname -m); None if there is no table.

    A 64-bit kernel may run a 32-bit system: many a Raspberry Pi's does.
    """
    match machine, pointer_bytes:
        case "x86_64", 8:
            return X86_64
        case "aarch64", 8:
            return AARCH64
        case (("aarch64" | "armv8l" | "armv7l" | "armv6l"), 4):
            return ARM
        case _:
            return None


def architecture_here() -> Architecture | None:
    """Return this process's architecture; None if there is no table for it."""
    return architecture_of(os.uname().machine, struct.calcsize("P"))


_NUMBERS: dict[str, tuple[int | None, int | None, int | None]] = {
    # call: x86-64, 64-bit ARM, 32-bit ARM
    "accept": (43, 202, 285),
    "accept4": (288, 242, 366),
    "bind": (49, 200, 282),
    "brk": (12, 214, 45),
    "clock_getres": (229, 114, 264),
    "clock_getres_time64": (None, None, 406),
    "clock_gettime": (228, 113, 263),
    "clock_gettime64": (None, None, 403),
    "clock_nanosleep": (230, 115, 265),
    "clock_nanosleep_time64": (None, None, 407),
    "close": (3, 57, 6),
    "connect": (42, 203, 283),
    "epoll_create1": (291, 20, 357),
    "epoll_ctl": (233, 21, 251),
    "epoll_pwait": (281, 22, 346),
    "epoll_pwait2": (441, 441, 441),
    "epoll_wait": (232, None, 252),
    "exit": (60, 93, 1),
    "exit_group": (231, 94, 248),
    "faccessat": (269, 48, 334),
    "faccessat2": (439, 439, 439),
    "fcntl": (72, 25, 55),
    "fcntl64": (None, None, 221),
    "fstat": (5, 80, 108),
    "fstat64": (None, None, 197),
    "fstatat64": (None, None, 327),
    "futex": (202, 98, 240),
    "futex_time64": (None, None, 422),
    "getdents64": (217, 61, 217),
    "getpeername": (52, 205, 287),
    "getpid": (39, 172, 20),
    "getrandom": (318, 278, 384),
    "getsockname": (51, 204, 286),
    "getsockopt": (55, 209, 295),
    "gettid": (186, 178, 224),
    "gettimeofday": (96, 169, 78),
    "ioctl": (16, 29, 54),
    "llseek": (None, None, 140),
    "lseek": (8, 62, 19),
    "madvise": (28, 233, 220),
    "mmap": (9, 222, None),
    "mmap2": (None, None, 192),
    "mprotect": (10, 226, 125),
    "mremap": (25, 216, 163),
    "munmap": (11, 215, 91),
    "nanosleep": (35, 101, 162),
    "newfstatat": (262, 79, None),
    "openat": (257, 56, 322),
    "openat2": (437, 437, 437),
    "poll": (7, None, 168),
    "ppoll": (271, 73, 336),
    "ppoll_time64": (None, None, 414),
    "pread64": (17, 67, 180),
    "preadv": (295, 69, 361),
    "read": (0, 63, 3),
    "readlinkat": (267, 78, 332),
    "readv": (19, 65, 145),
    "recv": (None, None, 291),
    "recvfrom": (45, 207, 292),
    "recvmsg": (47, 212, 297),
    "restart_syscall": (219, 128, 0),
    "rt_sigaction": (13, 134, 174),
    "rt_sigprocmask": (14, 135, 175),
    "rt_sigreturn": (15, 139, 173),
    "sched_yield": (24, 124, 158),
    "seccomp": (317, 277, 383),
    "send": (None, None, 289),
    "sendfile": (40, 71, 187),
    "sendfile64": (None, None, 239),
    "sendmsg": (46, 211, 296),
    "sendto": (44, 206, 290),
    "setsockopt": (54, 208, 294),
    "shutdown": (48, 210, 293),
    "sigaltstack": (131, 132, 186),
    "sigreturn": (None, None, 119),
    "socket": (41, 198, 281),
    "socketpair": (53, 199, 288),
    "statx": (332, 291, 397),
    "tgkill": (234, 131, 268),
    "write": (1, 64, 4),
    "writev": (20, 66, 146),
}
