"""``ringfence sip``: the lines as PBXes take them."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument, CanNotWrite, SecretsPutBack
from ringfence.cli.support.output import AsJson, field, moment
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac
from ringfence.phones.sip.pbx_accounts import PbxKind

app = typer.Typer(help="SIP accounts: brought to the PBX, and changed on both sides.", no_args_is_help=True)


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


_UNDER_WAY = {"accepting", "publishing", "fetching", "registering"}
_LOOK_EVERY_S = 0.5


@app.command()
def rotate(
    whose: Annotated[
        str, typer.Argument(metavar="PHONE|SITE", help="A MAC address, or a site's id for all its phones.")
    ],
    patience: Annotated[
        float,
        typer.Option(min=1, help="Seconds that a phone has to take its new secret, before the old one comes back."),
    ] = 900,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Look on until it has ended.")] = True,
    as_json: AsJson = False,
) -> None:
    """Change SIP secrets on both sides: PBX takes both, phone gets its file, is told, registers; then the old one ends.

    It ends with 9 where a phone did not follow and has its old secret again.

    Example: ringfence sip rotate 00:1B:54:C2:9A:10
    """
    client = hub()
    order: dict[str, object] = {"patience_s": patience}
    try:
        order["phones"] = [Mac.parse(whose).bare]
    except BadMac:
        order["site"] = whose
    rows = client.post("/sip/rotations", order)["items"]
    macs = {row["mac"] for row in rows}
    stages: dict[str, str] = {}
    while True:
        for row in rows:
            if not as_json and stages.get(row["mac"]) != row["stage"]:
                output.say(
                    f"Phone {row['mac']}: {_STAGES[row['stage']]}{': ' + row['detail'] if row['detail'] else ''}"
                )
            stages[row["mac"]] = row["stage"]
        if not wait or not any(row["stage"] in _UNDER_WAY for row in rows):
            break
        time.sleep(_LOOK_EVERY_S)
        rows = [row for row in client.items("/sip/rotations") if row["mac"] in macs]
    if as_json:
        output.show_json(rows)
    back = sorted(row["mac"] for row in rows if row["stage"] == "rolled-back")
    if back:
        raise SecretsPutBack(
            f"{len(back)} of {len(rows)} phones have their old secret again: {', '.join(back)}",
            to_do="Are they on, and do their edges reach them? Then run it again.",
        )


@app.command()
def rotations(as_json: AsJson = False) -> None:
    """List each phone's last change of secrets."""
    rows = hub().items("/sip/rotations")
    if as_json:
        output.show_json(rows)
        return
    columns = [
        ("PHONE", field("mac")),
        ("STAGE", lambda row: _STAGES[row["stage"]]),
        ("PBX", field("pbx")),
        ("SINCE", moment("changed_at")),
        ("NOTE", field("detail")),
    ]
    output.show_table(rows, columns, empty="None yet. Change some: ringfence sip rotate PHONE.")


_STAGES = {
    "accepting": "the PBX is to take the new secret beside the old one",
    "publishing": "the PBX takes both; the new file is published",
    "fetching": "the phone is told to fetch its new file",
    "registering": "it has its new file, and is to register with it",
    "done": "registered with the new secret; the old one has ended",
    "rolled-back": "put back to the old secret",
}
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
