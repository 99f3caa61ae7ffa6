"""``ringfence sip export``: the lines as PBXes take them."""

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
    pbx: Annotated[PbxKind, typer.Option(help="Whose files to write.")],
    folder: Annotated[Path, typer.Option("--to", help="The folder to write into; only you can read the files.")],
    site: Annotated[str | None, typer.Option(help="Only this site's lines.")] = None,
    realm: Annotated[str, typer.Option(help="The digest realm; Kamailio's hashes need it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Write every line as a PBX takes it: pjsip sections, a Kamailio subscriber and htable set, a FreeSWITCH directory.

    Example: ringfence sip export --pbx asterisk --to /etc/asterisk/ringfence
    """
    files = hub().post("/sip/export", {"pbx": str(pbx), "site": site, "realm": realm})["files"]
    written = [str(_write(folder, name, text)) for name, text in sorted(files.items())]
    if as_json:
        output.show_json({"files": written})
        return
    for path in written:
        output.say(f"Wrote {path}")
    output.say(_NEXT[pbx])


_NEXT = {
    PbxKind.ASTERISK: "Next: #include it in pjsip.conf, and asterisk -rx 'pjsip reload'.",
    PbxKind.KAMAILIO: "Next: point db_text or your SQL database at it, and kamcmd htable.reload credentials.",
    PbxKind.FREESWITCH: "Next: fs_cli -x reloadxml.",
}


def _write(folder: Path, name: str, text: str) -> Path:
    """Write a file whole, readable by its owner alone."""
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise BadArgument(f"{name!r} is no name of a file below the folder", where=str(folder))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = path.with_name(path.name + ".new")
        temporary.unlink(missing_ok=True)
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        temporary.replace(path)
    except OSError as fault:
        raise CanNotWrite(f"it can't be written: {fault.strerror}", where=str(path)) from None
    return path
