"""``ringfence hub``: create a hub here, and run it."""

import ipaddress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli import hub_backup_cmd, hub_copy_cmd, hub_key_cmd, hub_retention_cmd
from ringfence.cli.hub_backup_cmd import Folder
from ringfence.cli.support import output
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.questions import Yes, confirm

if TYPE_CHECKING:
    from ringfence.hub.process.moving import HubMove
    from ringfence.hub.process.way_back import WayBack

app = typer.Typer(help="The hub: the central server for sites, phones and settings.", no_args_is_help=True)
app.add_typer(hub_backup_cmd.app)
app.add_typer(hub_key_cmd.app, name="keys")
app.add_typer(hub_copy_cmd.app)
app.add_typer(hub_retention_cmd.app)


@app.command()
def init(
    folder: Folder,
    address: Annotated[str, typer.Option(help="The host name or IP address at which edges and people reach the hub.")],
    name: Annotated[str, typer.Option(help="Its name for people.")] = "Ringfence hub",
    listen: Annotated[
        str | None,
        typer.Option(
            help="The address to listen on for edges; by default all, but only loopback for a loopback address. "
            "Given, it is people's too."
        ),
    ] = None,
    people_listen: Annotated[
        str | None,
        typer.Option(
            help="The address to listen on for people; by default --address if it is one of this machine's, otherwise "
            "only loopback."
        ),
    ] = None,
    people_port: Annotated[int, typer.Option(help="Port for people and the command line; 0 takes a free one.")] = 8443,
    device_port: Annotated[int, typer.Option(help="Port for edges; 0 takes a free one.")] = 8444,
    user: Annotated[str | None, typer.Option(help="Owner of the folder: the user that the hub will run as.")] = None,
) -> None:
    """Create a new hub: keys, certificates, database and first API token.

    The token is shown only once.

    Example: ringfence hub init /var/lib/ringfence/hub --address hub.example.org
    """
    from ringfence.hub.data.config import default_listen, default_people_listen, make_config
    from ringfence.hub.process.init import init as init_hub
    from ringfence.identity.certificates import fingerprint, read_certificate
    from ringfence.server.confinement.accounts import account_for, hand_over

    account = account_for(user)
    config = make_config(
        name=name,
        address=address,
        listen=listen or default_listen(address),
        people_listen=people_listen or listen or default_people_listen(address),
        people_port=people_port,
        device_port=device_port,
    )
    token = init_hub(folder, config)
    if account is not None:
        hand_over(folder, account)
    output.say(f"Hub created in {folder}. Its first API token, shown only once:\n\n  {token.reveal()}\n")
    output.say(f"Start it:  ringfence hub run {folder}" + (f" --user {user}" if user else ""))
    pin = fingerprint(read_certificate((folder / "authority.pem").read_text()))
    host = config.host_for_people
    is_here_only = ipaddress.ip_address(config.people_address).is_loopback
    shown = f"[{host}]" if ":" in host else host
    port = people_port or "PORT"  # a free port is known only when the hub runs; its first line shows it
    output.say(f"In a browser, once it runs:  ringfence hub sign-in-link {folder}")
    output.say(f"Log in:    ringfence login https://{shown}:{port} --fingerprint {pin}")
    output.say(f"It listens for edges on {_in_words(config.listen)}, for people on {_in_words(config.people_address)}.")
    if is_here_only and host != config.listen:
        output.say(f"People log in on this machine, or through it: ssh -L {port}:{shown}:{port} {address}")
    output.say(f"To change that, set `listen` and `people_listen` in {folder / 'hub.toml'} before you start it.")


def _in_words(listen: str) -> str:
    return "all addresses of this machine" if ipaddress.ip_address(listen).is_unspecified else listen


@app.command()
def run(
    folder: Folder,
    user: Annotated[
        str | None, typer.Option(help="The user to become once the ports are bound, if root starts it.")
    ] = None,
) -> None:
    """Run the hub in the foreground, until stopped.

    It logs JSON lines to standard error.

    Example: ringfence hub run /var/lib/ringfence/hub --user ringfence-hub
    """
    from ringfence.hub.data.folder import DataFolder
    from ringfence.hub.process.run import run as run_hub

    run_hub(DataFolder(folder), user=user)


@app.command()
def token(
    folder: Folder,
    name: Annotated[str, typer.Option(help="Whom the token is for.")] = "administrator",
    organisation: Annotated[
        str, typer.Option(metavar="ORGANISATION", envvar="RINGFENCE_ORGANISATION", help="Whose token it is.")
    ] = "main",
    as_json: AsJson = False,
) -> None:
    """Make a new API token of an organisation's owner, for whoever owns the data folder; also while the hub runs.

    The token is shown only once, and the organisation's audit log tells that it was made here.

    Example: ringfence hub token /var/lib/ringfence/hub --organisation acme
    """
    from ringfence.hub.data.folder import DataFolder, acting_as_owner
    from ringfence.hub.process import way_back

    with acting_as_owner(folder):
        row, made = way_back.token(DataFolder(folder), name, organisation)
    if as_json:
        output.show_json({"id": row.id, "name": row.name, "token": made.reveal()})
        return
    output.say(f"A new API token for {name}, shown only once:\n\n  {made.reveal()}\n")
    output.say("Those that are lost stay valid until they are revoked: ringfence access list")


Person = Annotated[str, typer.Argument(metavar="[NAME]", help="Whom it is for.", show_default=False)]
Whose = Annotated[str, typer.Option("--of", metavar="ORGANISATION", help="Whose person it is.")]


@app.command("sign-in-link")
def sign_in_link(folder: Folder, name: Person = "", of: Whose = "main", as_json: AsJson = False) -> None:
    """Print a link that signs somebody in to the pages, once, within ten minutes; for whoever owns the data folder.

    A hub that has no people yet needs no name: the link makes the first person, who owns the hub.

    Example: ringfence hub sign-in-link /var/lib/ringfence/hub
    """
    from ringfence.hub.data.folder import DataFolder, acting_as_owner
    from ringfence.hub.process import way_back

    with acting_as_owner(folder):
        made = way_back.sign_in_link(DataFolder(folder), name, of)
    _show_link(made, "makes the hub's first account" if made.person is None else "signs them in", as_json=as_json)


@app.command()
def recover(folder: Folder, name: Person = "", of: Whose = "main", yes: Yes = False, as_json: AsJson = False) -> None:
    """Let a lost administrator in again: all ways in and all sessions end, and a link for a new password is made.

    Password, second step and passkeys are taken away.

    It needs no name where one person alone owns the hub. The audit log tells that it was done here.

    Example: ringfence hub recover /var/lib/ringfence/hub anna@example.org
    """
    from ringfence.hub.data.folder import DataFolder, acting_as_owner
    from ringfence.hub.process import way_back

    confirm(f"Take password, second step and passkeys of {name or 'the owner'} away", yes=yes)
    with acting_as_owner(folder):
        made = way_back.recover(DataFolder(folder), name, of)
    _show_link(made, "lets them choose a new password", as_json=as_json)


def _show_link(made: "WayBack", does: str, *, as_json: bool) -> None:
    if as_json:
        output.show_json({"link": made.link, "person": None if made.person is None else made.person.name})
        return
    whose = "" if made.person is None else f" for {made.person.name}"
    output.say(f"A link{whose} that {does}, once, within ten minutes:\n\n  {made.link}\n")


@app.command()
def move(
    folder: Folder,
    to: Annotated[
        str, typer.Option(metavar="HOST", help="The host name or address that edges and people use from now on.")
    ] = "",
    device_url: Annotated[
        str, typer.Option(metavar="URL", help="What edges use at the new place, if it isn't HOST with the same port.")
    ] = "",
    also: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="A further address for edges: https://HOST:PORT.")
    ] = None,
    new_authority: Annotated[
        bool, typer.Option("--new-authority", help="Make a new CA; edges change to it by themselves.")
    ] = False,
    end: Annotated[
        bool, typer.Option("--end", help="Drop the old addresses and the old CA, once every edge has followed.")
    ] = False,
    keep: Annotated[
        list[str] | None, typer.Option(metavar="URL", help="With --end: a further address that stays.")
    ] = None,
    leave_behind: Annotated[
        bool, typer.Option("--leave-behind", help="With --end: leave edges behind that have not followed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move the hub to another address, or another CA; without options, show who has followed.

    Edges are told of it in signed form, and keep the old address until the end of the move. It takes effect when the
    hub starts again. The data go to another machine with `ringfence hub backup` and `ringfence hub restore`.

    People's passkeys work at the host name that they were made at. At another one people sign in by password and add
    new ones.

    Example: ringfence hub move /var/lib/ringfence/hub --to hub.example.net
    """
    import time

    from ringfence.hub.data.folder import DataFolder, acting_as_owner
    from ringfence.hub.process import moving

    if device_url and not to:
        raise typer.BadParameter("give the new host too", param_hint="--to")
    if (keep or leave_behind) and not end:
        raise typer.BadParameter("it says how a move ends", param_hint="--end")
    if end and (to or also or new_authority):
        raise typer.BadParameter("end one move before another begins", param_hint="--end")
    with acting_as_owner(folder):
        hub_folder = DataFolder(folder)
        if to:
            moving.move_to(hub_folder, to, device_url)
        for each in also or []:
            moving.add_address(hub_folder, each)
        if new_authority:
            moving.change_authority(hub_folder, time.time())
        if end:
            moving.end(hub_folder, keep or [], leaves_behind=leave_behind)
        now = moving.status(hub_folder)
    if as_json:
        output.show_json({**asdict(now), "urls": list(now.urls)})
        return
    if to or also or new_authority or end:
        output.say("It takes effect when the hub starts again: systemctl restart ringfence-hub")
    _show_move(now, folder)


@app.command()
def doubts(as_json: AsJson = False) -> None:
    """List the sites and edges of which a restored hub is in doubt.

    Example: ringfence hub doubts
    """
    from ringfence.cli.support.connection import hub

    rows = hub().items("/doubts")
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("SITE", output.field("site")),
        ("EDGE", output.field("edge")),
        ("SINCE", output.moment("since")),
        ("WHY", output.field("why")),
        ("WHAT TO DO", output.field("to_do")),
    ]
    output.show_table(rows, columns, empty="The hub is in doubt of nothing.")


def _show_move(now: "HubMove", folder: Path) -> None:
    from ringfence.counted import counted

    others = f", then at {', '.join(now.urls[1:])}" if now.urls[1:] else ""
    output.say(f"Edges find the hub at {now.urls[0]}{others}.")
    if now.changes_authority:
        output.say("The hub has a new CA, and the old one until the end of the move.")
    if now.lost_passkeys:
        was, works = ("was", "it works") if now.lost_passkeys == 1 else ("were", "they work")
        output.say(
            f"{counted(now.lost_passkeys, 'passkey')} {was} made at another address for people: there alone {works}. "
            "Their owners sign in by password, and add new ones."
        )
    if now.is_over:
        return
    output.say(f"{now.followed} followed, {len(now.stragglers)} not yet.")
    columns = [
        ("HOST", output.field("hostname")),
        ("ID", lambda row: str(row["edge_id"] or row["concentrator_id"])),
        ("SITE", output.field("site_id")),
        ("LAST SEEN", output.moment("last_seen_at")),
        ("WHY", output.field("why")),
    ]
    rows = [asdict(each) for each in now.stragglers]
    output.show_table(rows, columns, empty=f"The old place may go: ringfence hub move {folder} --end")
