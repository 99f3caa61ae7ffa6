"""Capabilities (capabilities(7)): how a process gives up root's rights one by one.

Every function except ``held`` gives something up permanently, and raises OSError if the kernel refuses.
"""

import contextlib
import ctypes
import os
from collections.abc import Collection, Sequence
from enum import IntEnum

# <linux/prctl.h>, <linux/capability.h>
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_KEEPCAPS = 8
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_VERSION_3 = 0x20080522
_HIGHEST = 63


class Capability(IntEnum):
    """Those that some process of ours has a use for, by the kernel's numbers."""

    KILL = 5
    SETGID = 6
    SETUID = 7
    SETPCAP = 8
    NET_BIND_SERVICE = 10
    NET_ADMIN = 12
    NET_RAW = 13
    SYS_CHROOT = 18


def held() -> frozenset[int]:
    """Return the capabilities that this process has, or could take up at any time."""
    sets = (ctypes.c_uint32 * 6)()
    if _libc().capget(_header(), sets):
        raise _last_fault()
    permitted = sets[1] | sets[4] << 32
    return frozenset(number for number in range(_HIGHEST + 1) if permitted >> number & 1)


def keep_only(kept: Collection[int] = (), *, passed_on: Collection[int] = ()) -> None:
    """Keep these capabilities and no other, and pass ``passed_on`` of them on to a program that is run.

    What can be passed on can only become less once the bounding set is dropped.
    """
    libc = _libc()
    with contextlib.suppress(OSError):  # no ambient set before Linux 4.3
        _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    mask, inherited = (sum(1 << number for number in numbers) for numbers in (kept, passed_on))
    words = [part >> shift & 0xFFFFFFFF for shift in (0, 32) for part in (mask, mask, inherited)]
    if libc.capset(_header(), (ctypes.c_uint32 * 6)(*words)):
        raise _last_fault()
    for number in passed_on:
        _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number)


def drop_bounding_set(*, kept: Collection[int] = ()) -> None:
    """Let no program that this process might become get a capability other than ``kept``.

    That needs SETPCAP, but not where a service manager has dropped them all already.
    """
    libc = _libc()
    for number in range(_HIGHEST + 1):
        try:
            is_there = _prctl(libc, _PR_CAPBSET_READ, number)
        except OSError:
            return  # the kernel knows no capability from here on
        if is_there and number not in kept:
            _prctl(libc, _PR_CAPBSET_DROP, number)


def keep_for_good(kept: Collection[int]) -> frozenset[int]:
    """Keep what there is of these, also for programs that are run, and never get another; return it. OSError."""
    there = held() & frozenset(kept)
    drop_bounding_set(kept=there)
    keep_only(there)
    no_new_privileges()
    hide_memory()
    return there


def become(
    user: int, group: int, groups: Sequence[int], *, kept: Collection[int] = (), passed_on: Collection[int] = ()
) -> None:
    """Be another user, with ``kept`` of the capabilities of now; ``passed_on`` as in ``keep_only``."""
    libc = _libc()
    _prctl(libc, _PR_SET_KEEPCAPS, 1)
    os.setgroups(groups)
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)
    _prctl(libc, _PR_SET_KEEPCAPS, 0)
    keep_only(kept, passed_on=passed_on)


def no_new_privileges() -> None:
    """Gain nothing by a program's set-user-id bit or file capabilities."""
    _prctl(_libc(), _PR_SET_NO_NEW_PRIVS, 1)


def hide_memory() -> None:
    """Let nobody but root look into this process: no core dump, no ptrace, no /proc/PID/mem."""
    _prctl(_libc(), _PR_SET_DUMPABLE, 0)


def end_with_parent(signal_number: int) -> None:
    """Get this signal when the parent ends. It is lost where the parent has ended already."""
    _prctl(_libc(), _PR_SET_PDEATHSIG, signal_number)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _header() -> ctypes.Array[ctypes.c_uint32]:
    return (ctypes.c_uint32 * 2)(_VERSION_3, 0)


def _prctl(libc: ctypes.CDLL, option: int, argument: int, more: int = 0) -> int:
    rest = (ctypes.c_ulong(more), ctypes.c_ulong(0), ctypes.c_ulong(0))
    answer: int = libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), *rest)
    if answer < 0:
        raise _last_fault()
    return answer


def _last_fault() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
