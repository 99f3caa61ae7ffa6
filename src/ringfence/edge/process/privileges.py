"""What the agent keeps of root's rights: none, once its sockets are there.

Started as root with ``--user``, or by a service manager as that user with some capabilities: what comes first takes
most. The launcher of workers is made with the rights of the start; then ``become``, and the folder is never touched as
anybody but its user; then the sockets are made, with what ``FOR_SOCKETS`` names; then ``let_go``, before the first
packet and before the hub is called. Where the firewall bans, ``FOR_BANS`` stays, also for the program that does so.
Started as root without ``--user`` the agent stays root, as it was started.
"""

import os

from ringfence.server.confinement import accounts, capabilities
from ringfence.server.confinement.capabilities import Capability
from ringfence.server.confinement.steps import Account

FOR_SOCKETS = frozenset({Capability.NET_BIND_SERVICE, Capability.NET_RAW, Capability.NET_ADMIN})
"""Ports below 1024, frames of a link, and a receive buffer for a whole building's requests (SO_RCVBUFFORCE)."""

FOR_BANS = frozenset({Capability.NET_ADMIN})


def become(account: Account | None, *, bans: bool = False) -> None:
    """Switch to that user, or keep the current one, and keep at most FOR_SOCKETS of its capabilities.

    Args:
        account: The user to become; None: the current one.
        bans: Whether programs that are run from now on get FOR_BANS, if the process has it.

    Raises:
        UserRefused: The machine does not permit it.
    """
    accounts.become(account, kept=FOR_SOCKETS, passed_on=FOR_BANS if bans else ())


def let_go(*, bans: bool = False) -> None:
    """Keep no capability at all, or FOR_BANS alone, unless one is root still. OSError."""
    if os.geteuid() != 0:
        kept = capabilities.held() & FOR_BANS if bans else frozenset()
        capabilities.keep_only(kept, passed_on=kept)
