"""``ringfence serve --dry-run``: what can be known before serving is checked and told; nothing is started."""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, MutableMapping
from dataclasses import dataclass, field

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.phones.filenames import owner_of
from ringfence.server.confinement.steps import Account
from ringfence.server.errors import NotNow
from ringfence.server.events import printable
from ringfence.server.files.folder import Folder
from ringfence.server.standalone.options import (
    ServeOptions,
    account_for,
    open_folder,
    require_entry,
)
from ringfence.server.standalone.phone_files import trouble_with
from ringfence.server.standalone.run import bind, names_of

MOST_ENTRIES = 200_000
MOST_SHOWN = 50
"""Odd files that are named; the rest are counted."""

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


@dataclass(slots=True)
class Findings:
    """What a walk through the folder found; ``odd`` has each name with what is the matter."""

    entries: int = 0
    files: int = 0
    size_bytes: int = 0
    phones: set[str] = field(default_factory=set)
    odd: list[tuple[str, str]] = field(default_factory=list)


def show(options: ServeOptions, environment: MutableMapping[str, str], say: Callable[[str], object]) -> int:
    """Print what would be served and how; return 0. Raises the same RingfenceError as the start itself would."""
    account = account_for(options.user)
    folder_fd = open_folder(options.folder)
    bound = bind(options, environment)
    who = f"user {account.name}" if account else f"user {os.geteuid()}, who is not root"
    root = "with the folder as root directory" if options.chroot and account else "without its own root directory"
    ports = "any port"
    if options.single_port:
        ports = "the request port only"
    elif options.ports is not None:
        ports = f"ports {options.ports.first} to {options.ports.last}"
    say(f"Would serve {options.folder}, read-only, as {who}, {root}.")
    say(f"TFTP on {names_of(bound.tftp)}; transfers over {ports}.")
    say(f"HTTP on {names_of(bound.http)}. Metrics on {names_of(bound.metrics)}. Log as {options.log_format}.")
    say(f"To {', '.join(str(network) for network in options.allowed) or 'any client'}.")
    bound.close()
    if isinstance(options.metrics, str):
        os.unlink(options.metrics)  # noqa: PTH108 - pathlib is another megabyte
    folder = Folder(folder_fd)
    with acting_as(account):
        require_entry(folder_fd, options.folder, who)
        found = walk(folder, folder_fd)
    folder.retire()
    _show_findings(found, say)
    return 0


def _show_findings(found: Findings, say: Callable[[str], object]) -> None:
    say(f"Files: {found.files}, {found.size_bytes} bytes; phones with a file of their own: {len(found.phones)}.")
    if found.entries > MOST_ENTRIES:
        say(f"The folder has more than {MOST_ENTRIES} entries; the rest was not checked.")
    if not found.odd:
        say("Every file can be served.")
        return
    say("Not served, or not served as you may expect:")
    for name, what in found.odd[:MOST_SHOWN]:
        say(f"  {printable(name)}: {what}")
    if len(found.odd) > MOST_SHOWN:
        say(f"  … and {len(found.odd) - MOST_SHOWN} more")


@contextlib.contextmanager
def acting_as(account: Account | None) -> Iterator[None]:
    """See files as ``account`` does; None: as this process does anyway."""
    if account is None:
        yield
        return
    groups, group, user = os.getgroups(), os.getegid(), os.geteuid()
    os.setgroups([])
    os.setegid(account.group)
    os.seteuid(account.user)
    try:
        yield
    finally:
        os.seteuid(user)
        os.setegid(group)
        os.setgroups(groups)


def walk(folder: Folder, folder_fd: int) -> Findings:
    """Look at every entry of the folder that ``folder_fd`` is of. Links to folders are not walked through."""
    found = Findings()
    waiting = [""]
    while waiting and found.entries <= MOST_ENTRIES:
        inner = waiting.pop()
        try:
            names, folders = _look_at(folder, folder_fd, inner, found)
        except OSError as fault:
            found.odd.append(
                (
                    inner or ".",
                    f"can't be listed ({fault.strerror}): only requests with exact names can be answered there",
                )
            )
            continue
        waiting += sorted(folders, reverse=True)
        _note_clashes(inner, names, found)
    return found


def _look_at(folder: Folder, folder_fd: int, inner: str, found: Findings) -> tuple[list[str], list[str]]:
    """Look at the entries of one folder; return their names, and which of them are folders."""
    names, folders = [], []
    fd = os.open(inner or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder_fd)
    try:
        with os.scandir(fd) as entries:
            for entry in entries:
                found.entries += 1
                if found.entries > MOST_ENTRIES:
                    break
                name = f"{inner}/{entry.name}" if inner else entry.name
                names.append(entry.name)
                if entry.is_dir(follow_symlinks=False):
                    folders.append(name)
                else:
                    _note_entry(folder, name, entry, found)
    finally:
        os.close(fd)
    return names, folders


def _note_entry(folder: Folder, name: str, entry: "os.DirEntry[str]", found: Findings) -> None:
    facts = entry.stat(follow_symlinks=False)
    if not _can_be_asked_for(name):
        found.odd.append((name, "no phone can ask for this name"))
    elif (kind := _KINDS.get(stat.S_IFMT(facts.st_mode))) is not None:
        found.odd.append((name, f"{kind}, never opened"))
    elif (why := folder.why_not(name)) is not None:
        if not (entry.is_symlink() and why == "it is a folder"):
            found.odd.append((name, why))
    else:
        found.files += 1
        found.size_bytes += facts.st_size if not entry.is_symlink() else 0
        if (owner := owner_of(name)) is not None:
            found.phones.add(owner.bare)
        if entry.name.startswith("."):
            found.odd.append((name, "hidden, but served to any client that asks for it"))
        if (trouble := _trouble_in(folder, name)) is not None:
            found.odd.append((name, trouble))


def _trouble_in(folder: Folder, name: str) -> str | None:
    try:
        file = folder.find(name)
        return None if file is None else trouble_with(name, file.length, file.read)
    except (NotNow, OSError):
        return None  # it is being changed at this moment


def _can_be_asked_for(name: str) -> bool:
    try:
        return normalise(name) == name
    except BadName:
        return False


def _note_clashes(inner: str, names: list[str], found: Findings) -> None:
    first: dict[str, str] = {}
    for name in sorted(names):
        before = first.setdefault(name.casefold(), name)
        if before != name:
            where = f"{inner}/{name}" if inner else name
            found.odd.append((where, f"differs from {before} only by case; each is served by its exact name"))
