"""``ringfence sip export``: SIP accounts as files for a PBX."""

import os
import stat
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument, CanNotWrite
from ringfence.cli.support.output import AsJson
from ringfence.phones.sip.pbx_accounts import DEFAULT_CONTEXT, PbxKind

app = typer.Typer()


@app.command()
def export(
    pbx: Annotated[PbxKind, typer.Option(help="The PBX to write files for.")],
    folder: Annotated[Path, typer.Option("--to", help="The folder to write to; a file keeps its owner and mode.")],
    site: Annotated[str | None, typer.Option(help="Only lines of this site.")] = None,
    realm: Annotated[str, typer.Option(help="The digest realm; needed for Kamailio's hashes.")] = "",
    context: Annotated[
        str, typer.Option(help="Where the dial plan of Asterisk or FreeSWITCH begins for calls of these phones.")
    ] = DEFAULT_CONTEXT,
    as_json: AsJson = False,
) -> None:
    """Write every line's SIP account as configuration files for a PBX.

    These are pjsip sections for Asterisk, subscriber and htable data for Kamailio, or a directory for FreeSWITCH.

    Example: ringfence sip export --pbx asterisk --to /etc/asterisk/ringfence
    """
    made = hub().post("/sip/export", {"pbx": str(pbx), "site": site, "realm": realm, "context": context})
    written = [str(_write(folder, name, text)) for name, text in sorted(made["files"].items())]
    if as_json:
        output.show_json({"files": written, "left_out": made["left_out"]})
        return
    for why in made["left_out"]:
        output.say(f"Left out: {why}")
    for path in written:
        output.say(f"{path} written.")
    for path in written:
        if (found := Path(path).stat()).st_uid == found.st_gid == 0:
            output.say(f"Only root can read {path}. If the PBX runs as somebody else, give it to that user.")
    output.say(_NEXT[pbx])


_NEXT = {
    PbxKind.ASTERISK: "Next: #tryinclude pjsip_ringfence.conf in pjsip.conf, then run asterisk -rx 'pjsip reload'.",
    PbxKind.KAMAILIO: "Next: load it into db_text or your SQL database, then run kamcmd htable.reload credentials.",
    PbxKind.FREESWITCH: "Next: run fs_cli -x reloadxml.",
}


def _write(folder: Path, name: str, text: str) -> Path:
    """Write a whole file: one that is replaced keeps its owner and mode, a new one belongs to its folder's owner.

    A PBX gives up root's rights: a file that root alone can read takes away its accounts at its next start.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadArgument(f"{name!r} is not the name of a file below the folder", where=str(folder))
    try:
        _make_folder(path.parent)
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            model = path if path.exists() else path.parent
            _give_to_owner_of(file.fileno(), model)
            os.fchmod(file.fileno(), stat.S_IMODE(path.stat().st_mode) if model == path else _new_mode(model))
        temporary.replace(path)
    except OSError as fault:
        raise CanNotWrite(f"the file can't be written: {fault.strerror}", where=str(path)) from None
    return path


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _give_to_owner_of(folder, folder.parent)


def _give_to_owner_of(made: int | Path, model: Path) -> None:
    """Give a file to whom another belongs; only root can, and for everybody else there is nothing to do."""
    if os.geteuid() == 0:
        found = model.stat()
        os.chown(made, found.st_uid, found.st_gid)


def _new_mode(folder: Path) -> int:
    """Return the mode of a new file: root's folders are read by their group, where that is a PBX's."""
    found = folder.stat()
    return 0o640 if found.st_uid == 0 and found.st_gid != 0 else 0o600
