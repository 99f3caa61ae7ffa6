"""What a serving process gives up before it reads its first packet from a stranger.

There are two steps, and neither can be undone. ``confine`` takes rights away. The root directory becomes empty, or the
folder that is served. The process has no groups, another user and group (nobody's by default), no capability that could
come back, no new privileges, and no file outside the folder (Landlock). ``seal`` leaves the process only what serving
needs: a list of system calls, no other process, limited memory. If a step fails, ConfinementFailed is raised and
nothing is served. What the kernel does not have is left out, and ``Confined`` says so.

Every module must be imported before that: there is no file system afterwards.
"""

import errno
import os
import pwd
import resource
from dataclasses import dataclass, replace

from ringfence.server.confinement import capabilities, landlock, seccomp
from ringfence.server.confinement.capabilities import Capability
from ringfence.server.errors import ConfinementFailed

_NOBODY = 65534
_MOST_DESCRIPTORS = 65536
MOST_MEMORY_BYTES = 256 * 1024 * 1024
"""Of its own (RLIMIT_DATA): an idle worker has 12 MiB, one with 5,000 transfers in progress 24."""
_EMPTY_ROOTS = ("/run", "/tmp", "/var/tmp")  # noqa: S108 - each name is made by us, and gone before it is used

TO_BE_NOBODY: frozenset[int] = frozenset(
    {Capability.SETGID, Capability.SETUID, Capability.SETPCAP, Capability.SYS_CHROOT}
)
"""What ``confine`` needs to change root directory and account, of a process that is not root's."""


@dataclass(frozen=True, slots=True)
class Account:
    """Whose rights a process keeps."""

    name: str
    user: int
    group: int


@dataclass(frozen=True, slots=True)
class Confinement:
    """What is left to the process. The default leaves nothing.

    ``root_fd`` is a directory that becomes the root, or None for an empty one; with ``keep_root`` the root stays. Only
    below ``root_fd`` files can be opened. ``account`` is None for nobody. ``may_grow_files`` is for a process that
    writes a log to a file.
    """

    root_fd: int | None = None
    keep_root: bool = False
    account: Account | None = None
    may_grow_files: bool = False


@dataclass(frozen=True, slots=True)
class Confined:
    """What holds a process, as far as its start and the kernel allowed it."""

    is_another: bool
    """Whether it had the right to change its account and its root directory, and did."""
    has_landlock: bool
    has_filter: bool = False
    """Whether the kernel refuses it system calls."""

    def in_words(self) -> str:
        """Return what is in force, and what is not, for people."""
        steps = {
            "an empty root directory as nobody": self.is_another,
            "Landlock": self.has_landlock,
            "a list of system calls": self.has_filter,
        }
        there = [step for step, is_there in steps.items() if is_there]
        missing = [step for step, is_there in steps.items() if not is_there]
        held_by = f"confined by {_listed(there)}" if there else "confined only by its limits"
        return f"{held_by}; not by {_listed(missing)}" if missing else held_by


WITH_NOTHING = Confinement()


def confine(wanted: Confinement = WITH_NOTHING) -> Confined:
    """Give up all rights except ``wanted``; return the result. Raise ConfinementFailed if a step fails.

    Without root and without TO_BE_NOBODY, root directory and account stay as they are.
    """
    is_privileged = os.geteuid() == 0 or capabilities.held() >= TO_BE_NOBODY
    try:
        _limit_resources(may_grow_files=wanted.may_grow_files)
        if is_privileged:
            account = wanted.account or nobody()
            _enter_root(wanted)
            capabilities.drop_bounding_set()
            capabilities.become(account.user, account.group, ())
        else:
            capabilities.keep_only()
        capabilities.no_new_privileges()
        capabilities.hide_memory()
    except OSError as fault:
        raise _failed(fault) from fault
    return Confined(is_privileged, landlock.restrict(wanted.root_fd))


def seal(confined: Confined, calls: seccomp.Calls) -> Confined:
    """Allow a confined process nothing but ``calls``, no other process and so much memory. ConfinementFailed."""
    try:
        resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
        _, hardest = resource.getrlimit(resource.RLIMIT_DATA)
        most = MOST_MEMORY_BYTES if hardest == resource.RLIM_INFINITY else min(hardest, MOST_MEMORY_BYTES)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    except OSError as fault:
        raise _failed(fault) from fault
    to_itself: seccomp.Ways = ((seccomp.Argument(0, (os.getpid(),)),),)
    return replace(confined, has_filter=seccomp.restrict({**calls, "tgkill": to_itself}))


def nobody() -> Account:
    """Return the account that owns nothing."""
    return account_of("nobody") or Account("nobody", _NOBODY, _NOBODY)


def account_of(name: str) -> Account | None:
    """Return the account of that name, with its own group, or None if the machine has none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _limit_resources(*, may_grow_files: bool) -> None:
    _, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    descriptors = _MOST_DESCRIPTORS if hardest == resource.RLIM_INFINITY else min(hardest, _MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not may_grow_files:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


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
    raise fault or OSError(errno.EROFS, "there is no place for an empty directory")


def _failed(fault: OSError) -> ConfinementFailed:
    return ConfinementFailed(
        "the serving process can't give up the rights that it must not keep",
        where=fault.strerror or str(fault),
        to_do="Start Ringfence as an unprivileged user, or as root with all of root's capabilities.",
    )


def _listed(parts: list[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
