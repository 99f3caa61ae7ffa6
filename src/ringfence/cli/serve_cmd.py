"""``ringfence serve``: a plain TFTP server for one folder, read-only.

Its options are declared once, for this command and for ``ringfence-serve`` (``server/standalone/options.py``).
"""

import inspect
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ringfence.server.standalone.options import FOLDER_HELP, SERVE_OPTIONS, ServeOption


def serve(folder: Path, **given: Any) -> None:  # noqa: ANN401 - each option's value, of the type that the table says
    """Serve a folder over TFTP, read-only, in place of tftpd-hpa or dnsmasq.

    Started as root, it makes the folder its root directory and runs as user tftp, or nobody. It can take its sockets
    from systemd.

    Example: ringfence serve /srv/tftp --allow 192.168.1.0/24 --dry-run
    """
    arguments = [argument for option in SERVE_OPTIONS for argument in _arguments(option, given[option.name])]
    # A separate process, so that the code that parses strangers' packets holds no command-line library.
    command = [sys.executable, "-I", "-m", "ringfence.server", *arguments, "--", str(folder.absolute())]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own module; it reads and checks the arguments


def _arguments(option: ServeOption, value: bool | str | list[str] | None) -> list[str]:
    flag = option.flags[0]
    match value:
        case None | False:
            return []
        case True:
            return [flag]
        case str():
            return [f"{flag}={value}"]
        case _:
            return [f"{flag}={each}" for each in value]


def _parameter(option: ServeOption) -> inspect.Parameter:
    """Return an option in the form that Typer wants."""
    info = typer.Option(
        *option.flags,
        metavar=option.metavar or None,
        help=option.help,
        show_default=option.without or bool(option.default),
    )
    kind: object = list[str] | None if option.repeats else str | None if option.metavar else bool
    default = option.default if option.metavar else False
    return inspect.Parameter(
        option.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, info],
    )


_FOLDER = inspect.Parameter(
    "folder",
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    annotation=Annotated[Path, typer.Argument(metavar="DIR", help=FOLDER_HELP)],
)
serve.__signature__ = inspect.Signature([_FOLDER, *map(_parameter, SERVE_OPTIONS)])  # type: ignore[attr-defined]  # what inspect.signature looks at first
