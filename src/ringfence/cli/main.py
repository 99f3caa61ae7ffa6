"""``ringfence``: every command group in its own file, put together here; errors become one line and an exit code."""

import os
import sys

import typer

from ringfence import __version__
from ringfence.cli import (
    access_cmd,
    edge_cmd,
    hub_cmd,
    line_cmd,
    phone_cmd,
    publish_cmd,
    release_cmd,
    report_cmd,
    set_cmd,
    sim_cmd,
    site_cmd,
)
from ringfence.errors import EnvironmentFault, RingfenceError

app = typer.Typer(
    name="ringfence",
    help="Keeps IP phones that only speak TFTP provisioned over the internet, with TFTP never leaving the room.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("login")(access_cmd.login)
app.command("publish")(publish_cmd.publish)
app.add_typer(site_cmd.app, name="site")
app.add_typer(phone_cmd.app, name="phone")
app.add_typer(line_cmd.app, name="line")
app.add_typer(set_cmd.app, name="set")
app.add_typer(release_cmd.app, name="release")
app.add_typer(edge_cmd.app, name="edge")
app.add_typer(report_cmd.app, name="report")
app.add_typer(access_cmd.app, name="access")
app.add_typer(hub_cmd.app, name="hub")
app.add_typer(sim_cmd.app, name="sim")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"ringfence {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Print the version."),
) -> None:
    pass


def main() -> None:
    """Run the command line; a RingfenceError becomes one line on standard error and its family's exit code."""
    try:
        app()
    except RingfenceError as fault:
        sys.stderr.write(f"ringfence: {fault}\n")
        sys.exit(fault.exit_code)
    except ModuleNotFoundError as fault:
        if fault.name is None or fault.name.partition(".")[0] == "ringfence":
            raise
        command = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        extra = command if command in {"hub", "edge", "sim"} else "hub"
        advice = f"Run pip install 'ringfence[{extra}]'."
        sys.stderr.write(f"ringfence: this command needs {fault.name}, which is not installed. {advice}\n")
        sys.exit(EnvironmentFault.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # who read us has gone; nothing is wrong
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
