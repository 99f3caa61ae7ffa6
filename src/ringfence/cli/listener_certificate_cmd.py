"""``ringfence listener-certificate``: what phones see at the hub when they fetch their files by HTTPS."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field, moment

app = typer.Typer(help="Certificates that phones see at the hub, by HTTPS.", no_args_is_help=True)

_LARGEST_BYTES = 65_536


@app.command("list")
@lists
def list_listener_certificates() -> Listing:
    """List what phones see, whose it is, when it ends, and what is wrong.

    Example: ringfence listener-certificate list
    """
    columns = [
        ("LISTENER", field("listener")),
        ("SOURCE", field("source")),
        ("NAMES", field("names")),
        ("ISSUER", field("issuer")),
        ("ENDS", moment("ends_at")),
        ("RENEWED BY", field("renewed_by")),
        ("PROBLEM", field("problem")),
    ]
    return Listing("/listener-certificates", columns, empty="hub.toml names no listener for phones (`phones_listen`).")


@app.command()
def renew(as_json: AsJson = False) -> None:
    """Have the hub order a new certificate for phones at the CA in hub.toml, at once.

    It does so by itself in good time; a CA is asked at most five times a day.

    Example: ringfence listener-certificate renew
    """
    hub().post("/listener-certificates/renew", {})
    output.tell(
        "The hub orders it within seconds. How it went: ringfence listener-certificate list.", {"ordered": True},
        as_json=as_json,
    )  # fmt: skip


@app.command()
def request(
    name: Annotated[str, typer.Argument(help="The full name at which old phones find the hub.")],
    organisation: Annotated[str, typer.Option(help="Your organisation, as the maker is to know it.")],
    mail: Annotated[str, typer.Option(help="Whom the maker may ask; it is in the request.")],
    out: Annotated[Path, typer.Option(help="The file for the request.")],
    unit: Annotated[str, typer.Option(help="A part of the organisation.")] = "",
    country: Annotated[str, typer.Option(help="Two letters, such as AT.")] = "",
    state: Annotated[str, typer.Option(help="State or province.")] = "",
    locality: Annotated[str, typer.Option(help="The town.")] = "",
    bits: Annotated[int, typer.Option(help="The key's length: 2048, or 1024 for the makers' oldest CA.")] = 2048,
    again: Annotated[
        bool, typer.Option("--again", help="Make another one, though one is with the maker: its key is lost.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a request for the maker of SPA phones, which believe a server alone that their maker's CA has signed.

    The key is made at the hub and stays there.

    Example: ringfence listener-certificate request old.example.org --organisation ACME --mail a@example.org --out x.csr
    """
    asked = {
        "name": name, "organisation": organisation, "mail": mail, "unit": unit, "country": country, "state": state,
        "locality": locality, "bits": bits, "again": again,
    }  # fmt: skip
    made = hub().post("/listener-certificates/request", asked)
    try:
        out.write_text(made["pem"])
    except OSError as fault:
        raise typer.BadParameter(
            f"{fault.filename}: {fault.strerror}. The request waits at the hub: ringfence listener-certificate pending",
            param_hint="--out",
        ) from None
    output.tell(
        f"The request is in {out}. Send it to the maker; what it signs: ringfence listener-certificate install FILE.",
        {"file": str(out), **made}, as_json=as_json,
    )  # fmt: skip


@app.command()
def pending(as_json: AsJson = False) -> None:
    """Show the request that is with the maker.

    Example: ringfence listener-certificate pending
    """
    found = hub().get("/listener-certificates/request")
    if as_json:
        output.show_json(found)
        return
    output.say(found["pem"] or "No request is with the maker.")


@app.command()
def install(
    certificate: Annotated[Path, typer.Argument(help="What the maker signed, in PEM, with its CA's chain behind it.")],
    as_json: AsJson = False,
) -> None:
    """Put a certificate that the maker has signed to work for old phones; nothing is to be started again.

    Example: ringfence listener-certificate install provserver.pem
    """
    try:
        with certificate.open("rb") as file:
            pem = file.read(_LARGEST_BYTES + 1).decode("utf-8", "replace")
    except OSError as fault:
        raise typer.BadParameter(f"{fault.filename}: {fault.strerror}", param_hint="CERTIFICATE") from None
    if len(pem) > _LARGEST_BYTES:
        raise typer.BadParameter("this is too large for a certificate", param_hint="CERTIFICATE")
    found = hub().post("/listener-certificates/install", {"pem": pem})
    output.tell(
        f"Old phones see it within seconds: {', '.join(found['names'])}, issued by {found['issuer']}.", found,
        as_json=as_json,
    )  # fmt: skip
