"""What ``ringfence edge`` and ``ringfence gateway`` share: joining, addresses, the user, how the process starts."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, NoReturn, TypeVar

import typer

T = TypeVar("T")
EVERYWHERE = "0.0.0.0:69"

Listen = Annotated[
    list[str] | None,
    typer.Option(help="HOST:PORT to serve TFTP on; repeat it for more.", show_default=EVERYWHERE),
]
Http = Annotated[
    list[str] | None,
    typer.Option(
        help="HOST:PORT to serve the same files on over HTTP; or off.", show_default="port 6970 where TFTP uses 69"
    ),
]
Freebind = Annotated[
    bool, typer.Option("--freebind", help="Listen also on addresses that this machine does not have yet.")
]
User = Annotated[
    str | None,
    typer.Option(
        help="User to run as once it listens, without root's rights; the folder must belong to it.",
        show_default="the user who starts it",
    ),
]


def joined(join: Callable[[str], T], token: str, folder: Path, user: str | None) -> T:
    """Join by a token, or one from standard input where it is "-"; the folder is the user's then.

    Raises:
        BadUser: There is no such user; the token is not used up.
    """
    from ringfence.server.confinement.accounts import account_for, hand_over

    account = account_for(user)
    who = join(sys.stdin.read() if token == "-" else token)  # noqa: S105 - the usual name of standard input
    if account is not None:
        hand_over(folder, account)
    return who


def become(
    module: str,
    folder: Path,
    listen: list[str] | None,
    http: list[str] | None,
    user: str | None,
    *more: str,
    freebind: bool = False,
) -> NoReturn:
    """Replace this process with one that runs ``module``; BadAddress and BadUser say first what is wrong.

    The new process holds no command-line library, for it runs for months on a small machine.
    """
    # Libraries are loaded only where they are needed: start-up time delays the first file after power-on.
    from ringfence.edge.process.addresses import http_addresses, read_address
    from ringfence.server.confinement.accounts import account_for

    account_for(user)
    addresses = listen or [EVERYWHERE]
    http_addresses(http or [], [read_address(text) for text in addresses])  # a bad one is refused here
    arguments = [part for text in addresses for part in ("--listen", text)]
    arguments += [part for text in http or [] for part in ("--http", text)]
    arguments += ["--user", user] if user else []
    arguments += ["--freebind"] if freebind else []
    command = [sys.executable, "-I", "-m", module, "--folder", str(folder.resolve()), *arguments, *more]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own module, arguments checked above
