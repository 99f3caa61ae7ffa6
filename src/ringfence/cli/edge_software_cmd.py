"""``ringfence edge software``: the edge's own software on this machine, in two slots."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.files import read_text
from ringfence.cli.support.output import AsJson

app = typer.Typer(
    help="This machine's edge software: two slots, and the way back to the old one.", no_args_is_help=True
)

SlotsFolder = Annotated[
    Path, typer.Argument(metavar="SLOTS", help="The folder of the slots, such as /opt/ringfence-slots.")
]
Archive = Annotated[
    Path, typer.Argument(metavar="FILE", help="The archive; FILE.json, which says what it is, lies beside it.")
]


@app.command()
def install(
    slots: SlotsFolder,
    archive: Archive,
    key: Annotated[Path, typer.Option(help="Public key that all software for this edge must be signed with.")],
    user: Annotated[str | None, typer.Option(help="The user that the edge will run as.", show_default="you")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the slots, with the edge's first version in one of them. It needs no network.

    Example: ringfence edge software install /opt/ringfence-slots edge-1.2.0.zip --key software-key.pub
    """
    from ringfence.edge.software.slots import SoftwareSlots
    from ringfence.server.confinement.accounts import account_for

    account = account_for(user)
    owner = None if account is None else (account.user, account.group)
    release = SoftwareSlots(slots).install(archive, read_text(key), owner)
    output.tell(
        f"Version {release.version} installed. The edge is started by: python3 -I {slots}/launcher.py --folder DIR "
        "--listen HOST:PORT",
        asdict(release),
        as_json=as_json,
    )


@app.command()
def update(
    slots: SlotsFolder,
    archive: Archive,
    again: Annotated[bool, typer.Option("--again", help="Try a version that was given up before.")] = False,
    older: Annotated[
        bool, typer.Option("--older", help="Take a version that is not newer than the one in use.")
    ] = False,
    within: Annotated[int, typer.Option(min=10, max=86_400, help="Seconds that it has for being well.")] = 600,
    as_json: AsJson = False,
) -> None:
    """Put a newer version into the free slot; the launcher tries it, and goes back where it is not well in time.

    Well means: connected to its hub, with the hub's release and state, and TFTP answers.

    Example: ringfence edge software update /opt/ringfence-slots edge-1.3.0.zip
    """
    from ringfence.edge.software.slots import SoftwareSlots

    release = SoftwareSlots(slots).update(archive, again=again, older=older, within_s=within)
    output.tell(
        f"Version {release.version} is tried now. See how it went: ringfence edge software status {slots}",
        asdict(release),
        as_json=as_json,
    )


@app.command()
def status(slots: SlotsFolder, as_json: AsJson = False) -> None:
    """Show which version is in use, which is being tried, and which were given up and why.

    Example: ringfence edge software status /opt/ringfence-slots
    """
    from ringfence.edge.software.slots import SoftwareSlots

    found = SoftwareSlots(slots).status()
    if as_json:
        output.show_json(asdict(found))
        return
    for slot, version in found.versions.items():
        use = ", in use" if slot == found.current else ""
        output.say(f"Slot {slot}   {version or 'empty'}{use}")
    output.say(f"Oldest   {found.minimum}")
    if found.trial:
        output.say(f"Tried    {found.trial}")
    for version, why in found.failed.items():
        output.say(f"Given up {version}: {why}")
    output.say(found.said)
