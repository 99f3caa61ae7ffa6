"""What a serving process gives up before it reads its first packet from a stranger.

Started as root: a root directory that is empty, or is the folder that it serves; no groups, another user and group
(nobody's by default), no capability that could come back. Whoever started it: no new privileges, no process, no core
dump, no file that grows. One way, no return; a step that fails is a ConfinementFailed and nothing is served.

Everything that is imported must have been imported before: there is no file system afterwards.
"""

import contextlib
import ctypes
import errno
import os
import pwd
import resource
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rights a process keeps."""

    name: str
    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Confinement:
    """What is left to the process. The default leaves nothing.

    ``root_fd`` is a directory that becomes the root, or None for an empty one; with ``keep_root`` the root stays.
    ``account`` is None for nobody. ``may_grow_files`` is for who writes a log to a file.
    """

    root_fd: int | None = None
    keep_root: bool = False
    account: Account | None = None
    may_grow_files: bool = False


WITH_NOTHING = Confinement()


def confine(wanted: Confinement = WITH_NOTHING) -> bool:
    """Give everything up but what is ``wanted``; say whether there was root to give up.

    Without root, root directory and account stay as they are. ConfinementFailed where a step fails.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    was_root = os.geteuid() == 0
    try:
        _limit_resources(may_grow_files=wanted.may_grow_files)
        if was_root:
            account = wanted.account or nobody()
            _enter_root(wanted)
            _drop_bounding_set(libc)
            os.setgroups([])
            os.setresgid(account.group, account.group, account.group)
            os.setresuid(account.user, account.user, account.user)
        _clear_capabilities(libc)
        _prctl(libc, _PR_SET_NO_NEW_PRIVS, 1)
        _prctl(libc, _PR_SET_DUMPABLE, 0)
    except OSError as fault:
        raise ConfinementFailed(
            "the serving process can't give up what it must not keep",
            where=fault.strerror or str(fault),
            to_do="Start Ringfence as a plain user, or as root with all of root's capabilities.",
        ) from fault
    return was_root


def _limit_resources(*, may_grow_files: bool) -> None:
    _, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = _MOST_DESCRIPTORS if hardest == resource.RLIM_INFINITY else min(hardest, _MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    for nothing in (resource.RLIMIT_NPROC, resource.RLIMIT_CORE):
        resource.setrlimit(nothing, (0, 0))
    if not may_grow_files:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def nobody() -> Account:
    """Return the account that owns nothing."""
    return account_of("nobody") or Account("nobody", _NOBODY, _NOBODY)


def account_of(name: str) -> Account | None:
    """Return the account of that name, with its own group, or None where the machine has none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _enter_root(wanted: Confinement) -> None:
    if wanted.keep_root:
        os.chdir("/")
    elif wanted.root_fd is None:
        _enter_empty_root()
    else:
        os.fchdir(wanted.root_fd)
        os.chroot(".")
        os.chdir("/")


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
