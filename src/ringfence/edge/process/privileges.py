"""What the agent keeps of root's rights: none, once its sockets are there.

Started as root with ``--user``, or by a service manager as that user with some capabilities: what comes first takes
most. The launcher of workers is made with the rights of the start; then ``become``, and the folder is never touched as
anybody but its user; then the sockets are made, with what ``FOR_SOCKETS`` names; then ``let_go``, before the first
packet and before the hub is called. Where the firewall bans, ``FOR_BANS`` stays, also for the program that does so.
Started as root without ``--user`` the agent stays root, as it was started.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from ringfence.edge.errors import BadUser, FolderNotOwned, UserRefused
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.capabilities import Capability
from ringfence.server.confinement.steps import Account, account_of, nobody

FOR_SOCKETS = frozenset({Capability.NET_BIND_SERVICE, Capability.NET_RAW, Capability.NET_ADMIN})
"""Ports below 1024, frames of a link, and a receive buffer for a whole building's requests (SO_RCVBUFFORCE)."""

FOR_BANS = frozenset({Capability.NET_ADMIN})


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
            "the agent needs a user of its own, who is neither root nor the workers' nobody",
            where=user,
            to_do="Create one: useradd --system --no-create-home ringfence-edge.",
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
                f"this does not belong to the agent's user, {account.name}",
                where=str(path),
                to_do=f"Make that user its owner: chown -R {account.name}: {folder}",
            )


def hand_over(folder: Path, account: Account) -> None:
    """Make the user the owner of the folder and its content; needs root, and does nothing if run as that user."""
    if os.geteuid() == 0:
        for path in _all_of(folder):
            os.lchown(path, account.user, account.group)


def become(account: Account | None, *, bans: bool = False) -> None:
    """Switch to that user, or keep the current one, and keep at most FOR_SOCKETS of its capabilities.

    Args:
        account: The user to become; None: the current one.
        bans: Whether programs that are run from now on get FOR_BANS, if the process has it.

    Raises:
        UserRefused: The machine does not permit it.
    """
    is_root = os.geteuid() == 0
    if is_root and account is None:
        return
    held = capabilities.held()
    passed_on = held & FOR_BANS if bans else frozenset()
    try:
        if Capability.SETPCAP in held:
            capabilities.keep_only(held, passed_on=passed_on)
            capabilities.drop_bounding_set()
        if is_root and account is not None:
            groups = os.getgrouplist(account.name, account.group)
            capabilities.become(account.user, account.group, groups, kept=held & FOR_SOCKETS, passed_on=passed_on)
        else:
            capabilities.keep_only(held & FOR_SOCKETS, passed_on=passed_on)
        capabilities.no_new_privileges()
        capabilities.hide_memory()
        _require_program()
    except OSError as fault:
        raise UserRefused(
            "the agent can't give up root's rights",
            where=fault.strerror or str(fault),
            to_do="Start it as an unprivileged user, or as root with all of root's capabilities.",
        ) from fault


def let_go(*, bans: bool = False) -> None:
    """Keep no capability at all, or FOR_BANS alone, unless one is root still. OSError."""
    if os.geteuid() != 0:
        kept = capabilities.held() & FOR_BANS if bans else frozenset()
        capabilities.keep_only(kept, passed_on=kept)


def _require_program() -> None:
    """UserRefused if the rest of the program, which is loaded when it is needed, could not be read any more."""
    for path in (__file__, os.__file__):
        if not os.access(path, os.R_OK):
            raise UserRefused(
                "the agent's user can't read the program", where=path,
                to_do="Install it in a place that everybody may read, such as /opt/ringfence.",
            )  # fmt: skip


def _all_of(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield folder
        yield from folder.rglob("*")
