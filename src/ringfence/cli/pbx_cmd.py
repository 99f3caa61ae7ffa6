"""``ringfence pbx``: the PBXes that the hub talks to."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub, segment
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import AsJson, field
from ringfence.cli.support.questions import Yes, confirm, typed_secret

app = typer.Typer(help="PBXes that the hub talks to, to change secrets and reload phones.", no_args_is_help=True)

PbxId = Annotated[str, typer.Argument(metavar="PBX", help="Its id, as ringfence pbx list shows it.")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Its name, such as main.")],
    kind: Annotated[str, typer.Option(help="kamailio or asterisk.")],
    url: Annotated[str, typer.Option(help="https://HOST:PORT/RPC for Kamailio, amis://HOST:5039 for Asterisk.")],
    realm: Annotated[str, typer.Option(help="The digest realm.")],
    user: Annotated[str, typer.Option(help="The manager's user, for Asterisk.")] = "",
    secret: Annotated[
        bool, typer.Option("--secret", help="Prompt for the manager's secret or /RPC's token, or read it from a pipe.")
    ] = False,
    sip_server: Annotated[
        list[str] | None,
        typer.Option(help="A SIP server that this PBX is, as phones name it; without any, it is every SIP server."),
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="For amis:// and https://: the file with the CA's certificate.")
    ] = None,
    fingerprint: Annotated[
        str,
        typer.Option(help="For amis:// and https://: the SHA-256 of the PBX's own certificate.", show_default=False),
    ] = "",
    allow_clear_text: Annotated[
        bool,
        typer.Option("--allow-clear-text", help="For http:// and ami:// to another machine: the way is yours alone."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add a PBX.

    The hub does not connect to its own machine or to link-local addresses, unless `pbx_networks` in hub.toml names
    them.

    Example: ringfence pbx add main --kind kamailio --url https://10.0.0.5:5061/RPC --realm sip.example.org
    """
    if ca is not None and fingerprint:
        raise typer.BadParameter("give the CA or a fingerprint, not both", param_hint="--fingerprint")
    try:
        trust = ca.read_text("utf-8", "replace") if ca is not None else fingerprint
    except OSError as fault:
        raise typer.BadParameter(f"{fault.filename}: {fault.strerror}", param_hint="--ca") from None
    said = ""
    if secret:
        said = typed_secret("Secret")
    row = hub().post(
        "/pbxes",
        {"name": name, "kind": kind, "url": url, "user": user, "secret": said, "realm": realm,
         "sip_servers": sip_server or [], "trust": trust, "allow_clear_text": allow_clear_text},
    )  # fmt: skip
    if as_json:
        output.show_json(row)
    else:
        if row["warning"]:
            output.say(row["warning"])
        output.say(f"PBX {row['id']} added. Next: ringfence pbx check {row['id']}")


@app.command("list")
@lists
def list_pbxes() -> Listing:
    """List the PBXes.

    Example: ringfence pbx list
    """
    columns = [
        ("ID", field("id")),
        ("KIND", field("kind")),
        ("URL", field("url")),
        ("REALM", field("realm")),
        ("SIP SERVERS", lambda row: ", ".join(row["sip_servers"]) or "any"),
        ("WARNING", field("warning")),
    ]
    return Listing("/pbxes", columns, empty="No PBXes yet. Add one: ringfence pbx add NAME --kind … --url … --realm ….")


@app.command()
def check(pbx: PbxId, as_json: AsJson = False) -> None:
    """Check whether a PBX answers.

    Example: ringfence pbx check main
    """
    found = hub().post(f"/pbxes/{segment(pbx)}/check")
    output.tell(f"PBX {pbx} answers: {found['version']}", found, as_json=as_json)


@app.command()
def remove(pbx: PbxId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Remove a PBX.

    Example: ringfence pbx remove main
    """
    confirm(f"Remove PBX {pbx}", yes=yes)
    hub().delete(f"/pbxes/{segment(pbx)}")
    output.tell(f"PBX {pbx} removed.", {"removed": pbx}, as_json=as_json)
