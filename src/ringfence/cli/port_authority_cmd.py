"""``ringfence port-authority``: CAs of phone manufacturers, whose certificates 802.1X accepts."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.cli.support.questions import Yes, confirm

app = typer.Typer(help="CAs whose certificates boxes accept from phones (802.1X).", no_args_is_help=True)

_LARGEST_BYTES = 20_000


@app.command()
def add(
    certificate: Annotated[Path, typer.Argument(help="The file with the CA's certificate in PEM.")],
    as_json: AsJson = False,
) -> None:
    """Add a phone manufacturer's CA, for sites whose boxes ask phones for a certificate.

    Example: ringfence port-authority add cisco-manufacturing-ca.pem
    """
    try:
        with certificate.open("rb") as file:
            pem = file.read(_LARGEST_BYTES).decode("utf-8", "replace")
    except OSError as fault:
        raise typer.BadParameter(f"{fault.filename}: {fault.strerror}", param_hint="CERTIFICATE") from None
    row = hub().post("/port-authorities", {"pem": pem})
    output.tell(f"CA {row['id']} ({row['subject']}) added.", row, as_json=as_json)


@app.command("list")
@lists
def list_port_authorities() -> Listing:
    """List the CAs.

    Example: ringfence port-authority list
    """
    columns = [("ID", field("id")), ("SUBJECT", field("subject")), ("ENDS", moment("ends_at"))]
    return Listing("/port-authorities", columns, empty="No CAs yet. Add one: ringfence port-authority add FILE.")


@app.command()
def remove(
    authority: Annotated[str, typer.Argument(metavar="CA", help="Its id, as ringfence port-authority list shows it.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove a CA: what it issued is accepted no more.

    Example: ringfence port-authority remove ca-1a2b3c4d5e6f
    """
    confirm(f"Remove CA {authority}", yes=yes)
    hub().delete(f"/port-authorities/{segment(authority)}")
    output.tell(f"CA {authority} removed.", {"removed": authority}, as_json=as_json)
