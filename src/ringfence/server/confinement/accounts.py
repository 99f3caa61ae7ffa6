"""A process that root starts becomes a user of its own, whose folder it works in."""

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from ringfence.server.confinement import capabilities
from ringfence.server.confinement.capabilities import Capability
from ringfence.server.confinement.steps import Account, account_of, nobody
from ringfence.server.errors import BadUser, FolderNotOwned, UserRefused


def account_for(user: str | None) -> Account | None:
    """Return the account to switch to, None to stay as it is.

    Raises:
        BadUser: There is no such user, or this process can't become that user.
    """
    if user is None:
        return None
    account = account_of(user)
    if account is None:
        raise BadUser("there is no such user", where=user, to_do="Create one: useradd --system --no-create-home.")
    if account.user in {0, nobody().user}:
        raise BadUser(
            "this needs a user of its own, who is neither root nor nobody: workers are nobody",
            where=user,
            to_do="Create one: useradd --system --no-create-home NAME.",
        )
    if os.geteuid() not in {0, account.user}:
        raise BadUser("only root can change to another user", where=user, to_do="Start as root or as that user.")
    return account


def require_owner(folder: Path, account: Account, *, deep: bool = True) -> None:
    """Check that a folder is the user's, with all that is in it: it could not be read or replaced later on.

    ``deep``: whether what is below the folder is looked at too.

    Raises:
        FolderNotOwned: Something is not the user's.
    """
    for path in _all_of(folder) if deep else filter(Path.exists, (folder,)):
        if path.lstat().st_uid != account.user:
            raise FolderNotOwned(
                f"this does not belong to {account.name}, the user to run as",
                where=str(path),
                to_do=f"Make that user its owner: chown -R {account.name}: {folder}",
            )


def hand_over(folder: Path, account: Account) -> None:
    """Make the user the owner of the folder and its content; needs root, and does nothing if run as that user."""
    if os.geteuid() == 0:
        for path in _all_of(folder):
            os.lchown(path, account.user, account.group)


def become(
    account: Account | None, *, kept: Collection[int] = (), passed_on: Collection[int] = (), program: str = __file__
) -> None:
    """Switch to that user, or keep the current one, and keep at most ``kept`` of its capabilities.

    Args:
        account: The user to become; None: the current one, who keeps everything if that is root.
        kept: Capabilities that stay, if there are any of them.
        passed_on: Those of them that programs that are run get too.
        program: A file of the program, which the user must be able to read.

    Raises:
        UserRefused: The machine does not permit it.
    """
    is_root = os.geteuid() == 0
    if is_root and account is None:
        return
    held = capabilities.held()
    staying, passing = held & frozenset(kept), held & frozenset(passed_on)
    try:
        if Capability.SETPCAP in held:
            capabilities.keep_only(held, passed_on=passing)
            capabilities.drop_bounding_set()
        if is_root and account is not None:
            groups = os.getgrouplist(account.name, account.group)
            capabilities.become(account.user, account.group, groups, kept=staying, passed_on=passing)
        else:
            capabilities.keep_only(staying, passed_on=passing)
        capabilities.no_new_privileges()
        capabilities.hide_memory()
        _require_program(program)
    except OSError as fault:
        raise UserRefused(
            "root's rights can't be given up",
            where=fault.strerror or str(fault),
            to_do="Start it as an unprivileged user, or as root with all of root's capabilities.",
        ) from fault


def _require_program(program: str) -> None:
    """UserRefused if the rest of the program, which is loaded when it is needed, could not be read any more."""
    for path in (program, os.__file__):
        if not os.access(path, os.R_OK):
            raise UserRefused(
                "the user to run as can't read the program", where=path,
                to_do="Install it in a place that everybody may read, such as /opt/ringfence.",
            )  # fmt: skip


def _all_of(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        yield from folder.rglob("*")
