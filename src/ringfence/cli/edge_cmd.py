"""``ringfence edge``: enrol and run an edge here and see its status; list and revoke edges at the hub."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from ringfence.cli import edge_job_cmd, edge_network_cmd, edge_software_cmd
from ringfence.cli.support import output
from ringfence.cli.support.arguments import OnlySite
from ringfence.cli.support.listing import Listing, lists
from ringfence.cli.support.output import (
    AsJson,
    Row,
    field,
    moment,
)
from ringfence.cli.support.questions import Yes, confirm
from ringfence.cli.support.serving import (
    Freebind,
    Http,
    Listen,
    User,
    become,
    joined,
)

# Each command loads the libraries that it needs: what `run` loads delays the first file after power-on.
app = typer.Typer(help="Edges: the boxes next to the phones.", no_args_is_help=True)
app.add_typer(edge_network_cmd.app, name="network")
app.add_typer(edge_software_cmd.app, name="software")
app.command("job")(edge_job_cmd.job)
app.add_typer(edge_job_cmd.app, name="jobs")

Folder = Annotated[Path, typer.Option(envvar="RINGFENCE_EDGE_FOLDER", help="Where the edge keeps its key and files.")]
_MODES = {
    "open": "in the clear on its disk",
    "sealed": "sealed on its disk; the key is in its memory alone",
    "locked": "sealed, and it waits for the key: it serves no phone",
}
_FAST_OR_SLOW = {True: "fast", False: "slow"}
DEFAULT_FOLDER = Path("/var/lib/ringfence-edge")
EdgeId = Annotated[str, typer.Argument(metavar="EDGE", help="The edge's id, as `ringfence edge list` shows it.")]


@app.command()
def enrol(
    token: Annotated[str, typer.Argument(help="From `ringfence site token SITE`; - reads it from standard input.")],
    folder: Folder = DEFAULT_FOLDER,
    user: Annotated[str | None, typer.Option(help="Owner of the folder: the user that the agent will run as.")] = None,
    proxy: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Reach the hub through this HTTP proxy, such as http://proxy.example.org:3128; none for no proxy.",
            show_default="what HTTPS_PROXY and NO_PROXY say",
        ),
    ] = "",
) -> None:
    """Make this machine the edge of a site.

    Example: ringfence edge enrol RFE1… --folder /var/lib/ringfence-edge
    """
    from ringfence.edge.agent.enrolment import enrol as enrol_edge
    from ringfence.edge.agent.proxy import check_proxy
    from ringfence.edge.storage.disk import Disk
    from ringfence.edge.storage.folder import EdgeFolder

    who = joined(
        lambda text: enrol_edge(EdgeFolder(folder, Disk()), text, check_proxy(proxy) if proxy else ""),
        token, folder, user,
    )  # fmt: skip
    start = f"ringfence edge run --folder {folder}" + (f" --user {user}" if user else "")
    output.say(f"Enrolled as edge {who.edge_id} of site {who.site_name}. Next: {start}")


@app.command()
def run(
    folder: Folder = DEFAULT_FOLDER,
    listen: Listen = None,
    http: Http = None,
    user: User = None,
    freebind: Freebind = False,
    leases: Annotated[
        Path | None,
        typer.Option(
            help="Lease file of the local DHCP server (dnsmasq, dhcpd or Kea), as evidence of who has an address.",
            show_default="none",
        ),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option(
            help="Offer /metrics for Prometheus, /healthz and /readyz at a loopback HOST:PORT or at unix:PATH.",
            show_default="none",
        ),
    ] = None,
    phone_port: Annotated[
        str,
        typer.Option(
            metavar="INTERFACE",
            help="The port where only the phone is: the edge fences it and gives out addresses there. Needs root.",
            show_default="none",
        ),
    ] = "",
    uplink: Annotated[
        str,
        typer.Option(
            metavar="INTERFACE", help="With --phone-port: where the home's router is.", show_default="any other"
        ),
    ] = "",
    opened: Annotated[
        list[str] | None,
        typer.Option(
            "--open",
            metavar="PORT/PROTOCOL",
            help="With --phone-port: let the home network reach this port of the box, such as 22/tcp; may repeat.",
            show_default="none",
        ),
    ] = None,
    phone_services: Annotated[
        list[str] | None,
        typer.Option(
            metavar="HOST",
            help="Also take phones' connections to CAPF (port 3804) and TVS (2445) there, for the hub; may "
            "repeat. With --phone-port this is done anyway.",
            show_default="none",
        ),
    ] = None,
    https_port: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=65535,
            help="Where phones with trust_transport=https get their configuration; real ones know port 6971 alone.",
            show_default="6971",
        ),
    ] = None,
) -> None:
    """Serve this site's phones and keep their files current, until stopped.

    With --phone-port this machine is a phone box (docs/box.md).

    Example: ringfence edge run --listen 192.168.1.2:69
    """
    from ringfence.edge.errors import BadPhonePort
    from ringfence.edge.network.interfaces import read_interfaces
    from ringfence.server.standalone.options import read_metrics_address

    more = ["--leases", str(leases.resolve())] if leases else []
    if metrics is not None:
        read_metrics_address(metrics)  # a bad one is refused here
        more += ["--metrics", metrics]
    if phone_port:
        read_interfaces(phone_port, uplink, opened or [])  # as above
        more += ["--phone-port", phone_port, *(["--uplink", uplink] if uplink else [])]
        more += [part for text in opened or [] for part in ("--open", text)]
    elif uplink or opened:
        raise BadPhonePort("--uplink and --open need --phone-port", to_do="Name the phone's port as well.")
    more += ["--https-port", str(https_port)] if https_port is not None else []
    more += [part for host in phone_services or [] for part in ("--phone-services", host)]
    become("ringfence.edge", folder, listen, http, user, *more, freebind=freebind)


@app.command()
def status(folder: Folder = DEFAULT_FOLDER, as_json: AsJson = False) -> None:
    """Show this machine's edge: identity, connection, release, phones seen.

    It finds a running edge however it was started. The exit code is 0 if the edge runs and has no problem, and 1 if it
    does not run or says a problem.

    Example: ringfence edge status --folder /var/lib/ringfence-edge
    """
    from ringfence.edge.agent.proxy import without_password
    from ringfence.edge.reporting import status as edge_status
    from ringfence.edge.storage.disk import Disk
    from ringfence.edge.storage.folder import EdgeFolder

    place = EdgeFolder(folder, Disk())
    who = place.enrolment()
    found, running = edge_status.read(place)
    if as_json:
        shown = {**asdict(who), "proxy": without_password(who.proxy) if "://" in who.proxy else who.proxy}
        output.show_json({"running": running, "enrolment": shown, "status": asdict(found) if found else None})
    else:
        for line in edge_status.in_words(found, running=running, folder=place):
            output.say(line)
    if found is None or found.problem:
        raise typer.Exit(1)


def _state(row: Row) -> str:
    if row["revoked_at"]:
        return "revoked"
    state = "connected" if row["connected"] else "away"
    return f"{state}, {row['problem']}" if row["problem"] else state


@app.command("list")
@lists
def list_edges(
    site: OnlySite = None,
) -> Listing:
    """List the edges that the hub knows.

    Example: ringfence edge list --site home-office-anna
    """
    columns = [
        ("EDGE", field("id")),
        ("SITE", field("site")),
        ("HOST", field("hostname")),
        ("STATE", _state),
        ("RELEASE", field("release")),
        ("FETCHED", output.fetched),
        ("LAST SEEN", moment("last_seen")),
        ("CERTIFICATE ENDS", moment("certificate_ends_at")),
    ]
    none = "No edges yet. Create a token to enrol one: ringfence site token SITE."
    return Listing("/edges", columns, empty=none, query={"site": site}, note=_problem)


def _problem(row: Row) -> str:
    is_told = row["problem"] and not row["revoked_at"]
    return f"Edge {row['id']} of {row['site']}: {row['problem_text']}" if is_told else ""


@app.command()
def show(edge: EdgeId, as_json: AsJson = False) -> None:
    """Show what the hub knows of an edge: its state, its problem, its clock, its disk.

    Example: ringfence edge show edge-1a2b3c4d5e6f
    """
    from ringfence.cli.support.connection import hub, segment

    row = hub().get(f"/edges/{segment(edge)}")
    if as_json:
        output.show_json(row)
        return
    who = f"Edge {row['id']}" + (f" ({row['hostname']})" if row["hostname"] else "")
    output.say(f"{who} of site {row['site']}, version {row['version'] or 'unknown'}: {_state(row)}.")
    output.say(f"Last seen      {output.when(row['last_seen'])}")
    output.say(f"Release        {row['release'] or 'none yet'}")
    output.say(f"Certificate    ends {output.when(row['certificate_ends_at'])}")
    free = row["disk_free_bytes"]
    output.say(f"Disk           {'not known' if free is None else f'{free / 1e6:,.1f} MB free'}")
    if row["http_addresses"]:
        output.say(f"HTTP           {', '.join(row['http_addresses'])}, as it says")
    if row["jobs_allowed"] or row["jobs_problem"]:
        output.say(f"Jobs           {row['jobs_problem'] or ', '.join(row['jobs_allowed'])}")
    if row["mode"]:
        output.say(f"Files          {_MODES.get(row['mode'], row['mode'])}")
    off_s = row["clock_off_s"]
    output.say(f"Clock          {f'{abs(off_s):,.0f} s {_FAST_OR_SLOW[off_s > 0]}' if off_s else 'right'}")
    if row["problem"]:
        output.say(f"Problem        {row['problem_text']} Since {output.when(row['problem_since'])}.")


@app.command()
def revoke(
    edge: EdgeId,
    wipe: Annotated[
        bool, typer.Option("--wipe", help="Also ask it to delete everything that it holds, now or when it comes back.")
    ] = False,
    keep_serving: Annotated[
        bool, typer.Option("--keep-serving", help="Let it go on giving the secrets that it has to its phones.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Revoke an edge: its connection ends, its requests are refused, and it gives out no more secrets.

    What it held may be read by whoever holds it: change its phones' SIP secrets as well.

    Example: ringfence edge revoke edge-1a2b3c4d5e6f --wipe
    """
    from ringfence.cli.support.connection import hub

    if wipe and keep_serving:
        raise typer.BadParameter("an edge that is wiped has nothing to serve", param_hint="--keep-serving")
    confirm(f"Revoke edge {edge}" + (", and wipe it" if wipe else ""), yes=yes)
    row = hub().post(f"/edges/{edge}/revoke", {"wipe": wipe, "keeps_serving": keep_serving})
    told = "It is asked to wipe itself." if wipe else "It gives out no more secrets, once it hears of it."
    output.say(f"Edge {edge} revoked. " + ("It goes on with what it has." if keep_serving else told))
    if not keep_serving:
        output.say(f"If somebody else may have it, change the secrets that it held: ringfence sip rotate {row['site']}")


@app.command()
def readmit(edge: EdgeId, as_json: AsJson = False) -> None:
    """Let in an edge that was enrolled after the copy from which the hub was restored.

    Example: ringfence edge readmit edge-1a2b3c4d5e6f
    """
    from ringfence.cli.support.connection import hub

    row = hub().post(f"/edges/{edge}/readmit")
    if as_json:
        output.show_json(row)
        return
    output.say(f"Edge {edge} of site {row['site']} is let in again.")


@app.command()
def mode(
    edge: EdgeId,
    wanted: Annotated[
        Literal["open", "sealed"] | None,
        typer.Argument(metavar="[open|sealed]", help="How it is to keep its files; without, how it does is shown."),
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Show or set how an edge keeps what it holds for its phones: open, or sealed.

    A sealed edge has the key in its memory alone, and gets it from the hub after each start: whoever takes the box
    finds ciphertext. The price: after a power cut it serves no phone until it has reached the hub.

    Example: ringfence edge mode edge-1a2b3c4d5e6f sealed
    """
    from ringfence.cli.support.connection import hub, segment

    path = f"/edges/{segment(edge)}/mode"
    if wanted is None:
        row = hub().get(path)
        told = _MODES.get(row["told"], "not said yet")
        output.tell(f"Edge {edge} is to be {row['mode']}. Its files: {told}.", row, as_json=as_json)
        return
    if wanted == "sealed":
        price = "after a cut of its power it serves no phone until it has reached the hub"
        confirm(f"Seal what edge {edge} holds: {price}", yes=yes)
    else:
        confirm(f"Keep what edge {edge} holds in the clear on its disk", yes=yes)
    row = hub().put(path, {"mode": wanted})
    output.tell(
        f"Edge {edge} is told to be {wanted}. See whether it is: ringfence edge show {edge}", row, as_json=as_json
    )


@app.command("tls-key")
def tls_key(edge: EdgeId, as_json: AsJson = False) -> None:
    """Show by which keys an edge meets phones that get their configuration by HTTPS (trust_transport=https).

    Example: ringfence edge tls-key edge-1a2b3c4d5e6f
    """
    from ringfence.cli.support.connection import hub, segment

    path = f"/edges/{segment(edge)}/tls-key"
    row = hub().get(path)
    if as_json:
        output.show_json(row)
        return
    columns: list[output.Column] = [
        ("STATE", output.field("state")), ("MADE", output.moment("made_at")), ("ENDS", output.moment("ends_at")),
        ("FINGERPRINT", lambda key: key["fingerprint"][:16]),
    ]  # fmt: skip
    output.show_table(row["keys"], columns, empty="No keys.")
    output.say(row["sentence"])


@app.command("renew-tls-key")
def renew_tls_key(edge: EdgeId, yes: Yes = False, as_json: AsJson = False) -> None:
    """Ask an edge for another key for phones by HTTPS; it uses that once all its phones know it, and then ends the old.

    Publish after the edge has made it, and once more when it uses it; `ringfence edge tls-key` says how far it is.

    Example: ringfence edge renew-tls-key edge-1a2b3c4d5e6f
    """
    from ringfence.cli.support.connection import hub, segment

    confirm(f"Give edge {edge} another key for phones by HTTPS", yes=yes)
    path = f"/edges/{segment(edge)}/tls-key/renew"
    row = hub().post(path)
    output.tell(f"Edge {edge}: {row['sentence']}", row, as_json=as_json)
