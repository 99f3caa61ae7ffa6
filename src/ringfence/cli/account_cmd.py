"""``ringfence sip export``: SIP accounts as files for a PBX."""

import os
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument, CanNotWrite
from ringfence.cli.support.output import AsJson
from ringfence.phones.sip.pbx_accounts import PbxKind

app = typer.Typer()


@app.command()
def export(
    pbx: Annotated[PbxKind, typer.Option(help="The PBX to write files for.")],
    folder: Annotated[Path, typer.Option("--to", help="The folder to write to; only you can read the files.")],
    site: Annotated[str | None, typer.Option(help="Only lines of this site.")] = None,
    realm: Annotated[str, typer.Option(help="The digest realm; needed for Kamailio's hashes.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write every line's SIP account as configuration files for a PBX.

    These are pjsip sections for Asterisk, subscriber and htable data for Kamailio, or a directory for FreeSWITCH.

    Example: ringfence sip export --pbx asterisk --to /etc/asterisk/ringfence
    """
    made = hub().post("/sip/export", {"pbx": str(pbx), "site": site, "realm": realm})
    written = [str(_write(folder, name, text)) for name, text in sorted(made["files"].items())]
    if as_json:
        output.show_json({"files": written, "left_out": made["left_out"]})
        return
    for why in made["left_out"]:
        output.say(f"Left out: {why}")
    for path in written:
        output.say(f"{path} written.")
    output.say(_NEXT[pbx])


_NEXT = {
    PbxKind.ASTERISK: "Next: #include it in pjsip.conf, then run asterisk -rx 'pjsip reload'.",
    PbxKind.KAMAILIO: "Next: load it into db_text or your SQL database, then run kamcmd htable.reload credentials.",
    PbxKind.FREESWITCH: "Next: run fs_cli -x reloadxml.",
}


def _write(folder: Path, name: str, text: str) -> Path:
    """Write a whole file that only its owner can read."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadArgument(f"{name!r} is not the name of a file below the folder", where=str(folder))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as fault:
        raise CanNotWrite(f"the file can't be written: {fault.strerror}", where=str(path)) from None
    return path
