"""``ringfence hub``: create a hub here, and run it."""

import ipaddress
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.questions import Yes, confirm
from ringfence.secret import Secret

if TYPE_CHECKING:
    from ringfence.hub.process.moving import HubMove
    from ringfence.hub.process.way_back import WayBack

app = typer.Typer(help="The hub: the central server for sites, phones and settings.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The hub's data folder.")]


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


_PASSPHRASE = "RINGFENCE_BACKUP_PASSPHRASE"  # noqa: S105 - the variable's name
_LEAST_PASSPHRASE = 12


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
def backup(
    folder: Folder,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy, or a folder for copies named by their time.")],
    recipient: Annotated[
        str, typer.Option(help="An age recipient (age1…) to encrypt for; a passphrase otherwise.", show_default=False)
    ] = "",
    keep: Annotated[
        int, typer.Option(min=0, help="Keep only so many copies in the folder FILE; 0 keeps all.", show_default=False)
    ] = 0,
    verify: Annotated[bool, typer.Option(help="Restore the copy on trial and check all of it.")] = True,
    as_json: AsJson = False,
) -> None:
    """Copy the hub, also while it runs, with its keys, into one encrypted file.

    The passphrase comes from RINGFENCE_BACKUP_PASSPHRASE, or is asked for. Keep it elsewhere than the copies.

    Example: ringfence hub backup /var/lib/ringfence/hub /mnt/copies --keep 30
    """
    from ringfence.cli.support import uploads
    from ringfence.counted import counted
    from ringfence.hub.data import backup_note
    from ringfence.hub.data.folder import DataFolder
    from ringfence.hub.recovery import backup as backups
    from ringfence.hub.recovery import restore as restoring
    from ringfence.hub.recovery.sealed_file import Lock, Opener

    hub_folder = DataFolder(folder)
    passphrase = None if recipient else _passphrase(twice=True)
    with uploads.progress("Copying") as (show, _advance):
        made = backups.make(hub_folder, file, Lock(passphrase, recipient), show)
    if passphrase is not None and verify:
        restoring.check(made.file, Opener(passphrase))
    backup_note.write(hub_folder, made.manifest.made_at)
    gone = backups.thin_out(made.file.parent, keep) if keep else []
    if as_json:
        output.show_json(
            {"file": str(made.file), "size_bytes": made.size_bytes, "missing": len(made.manifest.missing),
             "is_verified": passphrase is not None and verify, "removed": [str(each) for each in gone]}
        )  # fmt: skip
        return
    output.say(f"{made.file}: {counted(made.size_bytes, 'byte')}, {counted(made.manifest.blobs, 'file')} of releases.")
    if made.manifest.missing:
        output.say(f"The hub itself lacks {counted(len(made.manifest.missing), 'file')} of older releases.")
    if passphrase is None:
        output.say(
            f"Only its identity opens it. Try it there: ringfence hub restore {made.file} --check --identity KEY"
        )
    elif verify:
        output.say("Restored on trial: it is whole.")
    if gone:
        output.say(f"Removed: {counted(len(gone), 'older copy', 'older copies')}.")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `ringfence hub backup` made.")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The new data folder; nothing may be there yet.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only check that the copy is whole and opens.")] = False,
    identity: Annotated[
        Path | None, typer.Option(help="The file with the age identity, for a copy made for a recipient.")
    ] = None,
    address: Annotated[
        str, typer.Option(help="The hub's new host name or address, if it changes.", show_default=False)
    ] = "",
    database_url: Annotated[
        str,
        typer.Option(
            envvar="RINGFENCE_HUB_DATABASE_URL",
            help="An empty PostgreSQL database; SQLite otherwise.",
            show_default=False,
        ),
    ] = "",
    keep_tokens: Annotated[
        bool, typer.Option("--keep-tokens", help="Keep the copy's API tokens, also those that were revoked since.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a hub from a copy; edges then tell what the copy lacks.

    Enrolment tokens and windows of the copy end, as they may have been used. So do API tokens; a new one is shown.

    Example: ringfence hub restore /mnt/copies/hub.backup /var/lib/ringfence/hub
    """
    from ringfence.counted import counted
    from ringfence.hub.recovery import restore as restoring
    from ringfence.hub.recovery import sealed_file
    from ringfence.hub.recovery.sealed_file import Opener

    if (folder is None) is not check:
        raise typer.BadParameter("give the new data folder, or --check", param_hint="DIR")
    try:
        is_for_passphrase = sealed_file.is_for_passphrase(file)
        key = Secret(_identity_in(identity.read_text("utf-8", "replace"))) if identity is not None else None
    except OSError as fault:
        raise typer.BadParameter(f"{fault.filename}: {fault.strerror}", param_hint="FILE") from None
    opener = Opener(_passphrase(twice=False) if is_for_passphrase else None, key)
    if folder is None:
        manifest = restoring.check(file, opener)
        if as_json:
            output.show_json({"is_whole": True, "name": manifest.name, "made_at": manifest.made_at})
            return
        output.say(f"{file} is whole: a copy of {manifest.name} ({manifest.address}), {output.when(manifest.made_at)}.")
        return
    done = restoring.restore(file, folder, opener, address=address, database_url=database_url, keep_tokens=keep_tokens)
    if as_json:
        output.show_json(
            {"folder": str(folder), "made_at": done.manifest.made_at, "token": done.token.reveal(),
             "sites_in_doubt": done.sites_in_doubt, "ended_tokens": done.ended_tokens, "missing": list(done.missing)}
        )  # fmt: skip
        return
    output.say(f"Restored into {folder}: {done.manifest.name} as of {output.when(done.manifest.made_at)}.")
    output.say(f"A new API token, shown only once:\n\n  {done.token.reveal()}\n")
    if done.ended_tokens:
        output.say(f"Ended: {counted(done.ended_tokens, 'API token')} of the copy.")
    if done.sites_in_doubt:
        output.say(
            f"In doubt until an edge has told what it has: {counted(done.sites_in_doubt, 'site')}. Edges go on serving "
            "meanwhile. Who was revoked after the copy is let in until an edge that knows tells: if you know of any, "
            "revoke it again."
        )
    for path in done.missing:
        output.say(
            f"{folder / 'hub.toml'} names {path}, which is not on this machine: bring it here, or empty "
            "people_certificate and people_key there, before you start the hub."
        )
    output.say(f"Start it:  ringfence hub run {folder}")
    output.say("Then see:  ringfence hub doubts")


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


def _passphrase(*, twice: bool) -> Secret:
    given = os.environ.get(_PASSPHRASE)
    text = given if given is not None else typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice)
    if twice and len(text) < _LEAST_PASSPHRASE:
        raise typer.BadParameter(f"it has fewer than {_LEAST_PASSPHRASE} characters", param_hint=_PASSPHRASE)
    return Secret(text)


def _identity_in(text: str) -> str:
    """Return the identity in a file as `age-keygen` writes it, among lines that begin with #."""
    lines = [line.strip() for line in text.splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


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
    output.say(f"{counted(now.followers, 'edge')} followed, {len(now.stragglers)} not yet.")
    columns = [
        ("EDGE", output.field("hostname")),
        ("ID", output.field("edge_id")),
        ("SITE", output.field("site_id")),
        ("LAST SEEN", output.moment("last_seen_at")),
        ("WHY", output.field("why")),
    ]
    rows = [asdict(each) for each in now.stragglers]
    output.show_table(rows, columns, empty=f"The old place may go: ringfence hub move {folder} --end")
