"""What the worker gives up before it reads its first packet from a stranger.

Started as root: an empty root directory, no groups, user and group nobody, no capability that could come back.
Whoever started it: no new privileges, no process, no core dump, no file that grows. One way, no return; a step that
fails is a ConfinementFailed and the worker serves nothing.

Everything that is imported must have been imported before: there is no file system afterwards.
"""

import contextlib
import ctypes
import errno
import os
import pwd
import resource
from collections.abc import Sequence

from ringfence.server.errors import ConfinementFailed

# <linux/prctl.h>, <linux/capability.h>
_PR_SET_DUMPABLE = 4
_PR_CAPBSET_READ = 23
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_CAPABILITY_VERSION_3 = 0x20080522
_HIGHEST_CAPABILITY = 63

_NOBODY = 65534
_MOST_DESCRIPTORS = 65536
_EMPTY_ROOTS = ("/run", "/tmp", "/var/tmp")  # noqa: S108 - each name is made by us, and gone before it is used


def confine() -> bool:
    """Give everything up; say whether there was root to give up. ConfinementFailed where a step fails."""
    libc = ctypes.CDLL(None, use_errno=True)
    was_root = os.geteuid() == 0
    try:
        _limit_resources()
        if was_root:
            user, group = _nobody()
            _enter_empty_root()
            _drop_bounding_set(libc)
            os.setgroups([])
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
        _clear_capabilities(libc)
        _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
        _prctl(libc, _PR_SET_DUMPABLE, 0)
    except OSError as fault:
        raise ConfinementFailed(
            "the worker can't give up what it must not keep",
            where=fault.strerror or str(fault),
            to_do="Start Ringfence as a plain user, or as root with all of root's capabilities.",
        ) from fault
    return was_root


def _limit_resources() -> None:
    _, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = _MOST_DESCRIPTORS if hardest == resource.RLIM_INFINITY else min(hardest, _MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    for nothing in (resource.RLIMIT_NPROC, resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(nothing, (0, 0))


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return _NOBODY, _NOBODY
    return entry.pw_uid, entry.pw_gid


def _enter_empty_root() -> None:
    """Make a directory, go in, unlink it, and make it the root: nothing is in it, and nothing can be made in it."""
    fault: OSError | None = None
    for parent in _EMPTY_ROOTS:
        path = f"{parent}/ringfence-empty-{os.getpid()}-{os.urandom(8).hex()}"
        try:
            os.mkdir(path, 0o555)  # noqa: PTH102 - pathlib is another megabyte
        except OSError as refused:
            fault = refused
            continue
        os.chdir(path)
        os.rmdir(path)  # noqa: PTH106 - as above
        os.chroot(".")
        os.chdir("/")
        return
    raise fault or OSError(errno.EROFS, "no place for an empty directory")


def _drop_bounding_set(libc: ctypes.CDLL) -> None:
    for capability in range(_HIGHEST_CAPABILITY + 1):
        try:
            _prctl(libc, _PR_CAPBSET_READ, capability)
        except OSError:
            return  # the kernel knows no capability from here on
        _prctl(libc, _PR_CAPBSET_DROP, capability)


def _clear_capabilities(libc: ctypes.CDLL) -> None:
    with contextlib.suppress(OSError):  # no ambient set before Linux 4.3
        _prctl(libc, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    nothing = (ctypes.c_uint32 * 6)()
    if libc.capset(header, nothing):
        raise _last_fault()


def _prctl(libc: ctypes.CDLL, option: int, argument: int) -> None:
    rest: Sequence[ctypes.c_ulong] = (ctypes.c_ulong(0),) * 3
    if libc.prctl(ctypes.c_int(option), ctypes.c_ulong(argument), *rest) < 0:
        raise _last_fault()


def _last_fault() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
