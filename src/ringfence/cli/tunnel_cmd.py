"""``ringfence tunnel``: tunnels of boxes to the PBX; enrol and run their other end here."""

import os
import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli import concentrator_cmd
from ringfence.cli.support import output
from ringfence.cli.support.errors import BadArgument

app = typer.Typer(help="Tunnels of boxes: the concentrators beside the PBX where they end.", no_args_is_help=True)
app.add_typer(concentrator_cmd.app)

DEFAULT_FOLDER = Path("/var/lib/ringfence-concentrator")
DEFAULT_PORT = 51820
Folder = Annotated[
    Path, typer.Option(envvar="RINGFENCE_CONCENTRATOR_FOLDER", help="Where the concentrator keeps its keys.")
]
_INTERFACE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")


@app.command()
def enrol(
    token: Annotated[str, typer.Argument(help="From `ringfence tunnel token NAME`; - reads it from standard input.")],
    folder: Folder = DEFAULT_FOLDER,
) -> None:
    """Make this machine, beside the PBX, the other end of boxes' tunnels. As root.

    Example: ringfence tunnel token Berlin | ringfence tunnel enrol -
    """
    from ringfence.edge.concentrator.enrolment import enrol as enrol_concentrator
    from ringfence.edge.concentrator.folder import ConcentratorFolder
    from ringfence.edge.storage.disk import Disk

    text = sys.stdin.read() if token == "-" else token  # noqa: S105 - the usual name of standard input
    who = enrol_concentrator(ConcentratorFolder(folder, Disk()), text)
    output.say(
        f"Enrolled as concentrator {who.name}. Next: ringfence tunnel run --folder {folder} --endpoint HOST:PORT"
    )


@app.command()
def run(
    endpoint: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where boxes reach this machine, over UDP.")],
    folder: Folder = DEFAULT_FOLDER,
    listen_port: Annotated[
        int | None,
        typer.Option(min=1, max=65_535, help="UDP port here.", show_default="the endpoint's"),
    ] = None,
    pbx_port: Annotated[
        str,
        typer.Option(help="Interface where the PBX is: this machine answers ARP there for boxes.", show_default="none"),
    ] = "",
    interface: Annotated[str, typer.Option(help="What the tunnel's own interface is called.")] = "rf-tunnel",
) -> None:
    """Let the boxes' phones reach the PBX, and it them, until stopped. As root, with WireGuard.

    Who may call, and what each may reach, comes from the hub within a second. Calls go on while this is started again.

    Example: ringfence tunnel run --endpoint vpn.example.org:51820 --pbx-port eth1
    """
    from ringfence.edge.process.addresses import read_address

    _host, port = read_address(endpoint)
    for name in filter(None, (pbx_port, interface)):
        if _INTERFACE.fullmatch(name) is None:
            raise BadArgument("this is not an interface's name", where=repr(name[:40]))
    command = [
        sys.executable, "-I", "-m", "ringfence.edge.concentrator.main", "--folder", str(folder.resolve()),
        f"--endpoint={endpoint}", f"--listen-port={listen_port or port or DEFAULT_PORT}", f"--pbx-port={pbx_port}",
        f"--interface={interface}",
    ]  # fmt: skip
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - our own module, arguments checked above
