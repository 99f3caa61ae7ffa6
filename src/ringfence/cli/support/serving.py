"""What ``ringfence edge run`` and ``ringfence gateway run`` share: where to serve, as whom, how the process starts."""

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

EVERYWHERE = "0.0.0.0:69"

Listen = Annotated[
    list[str] | None,
    typer.Option(help="HOST:PORT to serve TFTP on, more than once if wanted.", show_default=EVERYWHERE),
]
Http = Annotated[
    list[str] | None,
    typer.Option(
        help="HOST:PORT to serve the same files over HTTP on, or off.", show_default="port 6970 where TFTP has 69"
    ),
]
User = Annotated[
    str | None,
    typer.Option(
        help="Whose rights it keeps, with none of root's, once it listens; the folder must be that user's.",
        show_default="who starts it",
    ),
]


def become(
    module: str, folder: Path, listen: list[str] | None, http: list[str] | None, user: str | None, *more: str
) -> NoReturn:
    """Be that module's process from now on; BadAddress and BadUser say what is wrong before.

    A process of its own, so that what runs for months on a small machine holds no command-line library.
    """
    # Libraries are loaded by who needs them: what starts stands between power-on and the first file.
    from ringfence.edge.process.addresses import http_addresses, read_address  # noqa: PLC0415 - see above
    from ringfence.edge.process.privileges import account_for  # noqa: PLC0415 - see above

    account_for(user)
    addresses = listen or [EVERYWHERE]
    http_addresses(http or [], [read_address(text) for text in addresses])  # each is refused here, if it must be
    arguments = [part for text in addresses for part in ("--listen", text)]
    arguments += [part for text in http or [] for part in ("--http", text)]
    arguments += ["--user", user] if user else []
    command = [sys.executable, "-I", "-m", module, "--folder", str(folder.resolve()), *arguments, *more]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own module, arguments checked above
