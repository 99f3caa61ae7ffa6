"""``ringfence hub backup`` and ``restore``: copies of a hub, and hubs from copies."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.output import AsJson
from ringfence.secret import Secret

app = typer.Typer()

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The hub's data folder.")]
_PASSPHRASE = "RINGFENCE_BACKUP_PASSPHRASE"  # noqa: S105 - the variable's name
_LEAST_PASSPHRASE = 12


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
