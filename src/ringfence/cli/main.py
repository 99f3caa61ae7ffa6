"""``ringfence``: puts the command groups together, each from its file; an error becomes one line and an exit code."""

import os
import sys
from importlib import import_module
from io import TextIOWrapper

import typer

from ringfence import __version__
from ringfence.cli.support.output import clean_line
from ringfence.errors import EnvironmentFault, RingfenceError

GROUPS = (
    "site",
    "phone",
    "line",
    "group",
    "set",
    "setting",
    "template",
    "firmware",
    "asset",
    "phone-book",
    "sip",
    "activation",
    "alert-channel",
    "pbx",
    "import",
    "export",
    "draft",
    "rollout",
    "release",
    "edge",
    "software",
    "box",
    "network",
    "tunnel",
    "port-authority",
    "listener-certificate",
    "bundle",
    "trust",
    "vpn",
    "gateway",
    "report",
    "guard",
    "access",
    "audit",
    "person",
    "session",
    "sign-in-provider",
    "organisation",
    "hub",
    "sim",
    "tftp",
)
"""Each is a Typer app in its own file (``file_of``)."""
COMMANDS = {"login": "login_cmd", "publish": "publish_cmd", "serve": "serve_cmd"}
"""Commands outside any group, and the file of each."""


_ORGANISATION, _DRAFT = "RINGFENCE_ORGANISATION", "RINGFENCE_DRAFT"


def file_of(group: str) -> str:
    """Return the name of the file that has a group of commands."""
    return f"{group.replace('-', '_')}_cmd"


def make_app(wanted: str = "") -> typer.Typer:
    """Return the command line, or only ``wanted`` where that names a group or command.

    A start loads only the file that it needs: an edge must serve within a second of its start.
    """
    app = typer.Typer(
        name="ringfence",
        help="Provision TFTP-only IP phones over the internet; TFTP never leaves the room.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    is_known = wanted in GROUPS or wanted in COMMANDS
    for name, file in COMMANDS.items():
        if name == wanted or not is_known:
            app.command(name)(getattr(import_module(f"ringfence.cli.{file}"), name))
    for name in GROUPS:
        if name == wanted or not is_known:
            app.add_typer(import_module(f"ringfence.cli.{file_of(name)}").app, name=name)
    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ringfence {__version__}")
        raise typer.Exit


def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
    organisation: str = typer.Option(
        "", envvar=_ORGANISATION, help="The organisation that it is about, where a token is for several."
    ),
    draft: str = typer.Option("", envvar=_DRAFT, help="The draft to look into, and to edit in."),
) -> None:
    del version  # its callback has answered
    if draft:
        os.environ[_DRAFT] = draft
    if organisation:
        os.environ[_ORGANISATION] = organisation


def main() -> None:
    """Run the command line; a RingfenceError becomes one line on standard error and the exit code of its family."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # what a terminal's encoding lacks ends no command
    try:
        make_app(_wanted())()
    except RingfenceError as fault:
        sys.stderr.write(f"ringfence: {clean_line(str(fault))}\n")
        sys.exit(fault.exit_code)
    except ModuleNotFoundError as fault:
        if fault.name is None or fault.name.partition(".")[0] == "ringfence":
            raise
        command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        extra = {"edge": "edge", "gateway": "edge", "sim": "sim"}.get(command, "hub")
        if fault.name == "psycopg":
            extra = "postgresql"
        advice = f"Run pip install 'ringfence[{extra}]'."
        sys.stderr.write(f"ringfence: this command needs {fault.name}, which is not installed. {advice}\n")
        sys.exit(EnvironmentFault.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # our reader has gone; nothing is wrong
    except KeyboardInterrupt:
        sys.exit(130)


def _wanted() -> str:
    """Return the group or command that is run, or that a shell completes."""
    words = os.environ.get("_TYPER_COMPLETE_ARGS", "").split()
    return words[1] if len(words) > 2 else next(iter(sys.argv[1:]), "")  # noqa: PLR2004 - the program, its group, more


if __name__ == "__main__":
    main()
