"""``ringfence sip export``: SIP accounts as files for a PBX."""

from pathlib import Path
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.connection import hub
from ringfence.cli.support.output import AsJson
from ringfence.cli.support.pbx_files import root_alone_reads, write_pbx_file
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
    written = [str(write_pbx_file(folder, name, text)) for name, text in sorted(made["files"].items())]
    if as_json:
        output.show_json({"files": written, "left_out": made["left_out"]})
        return
    for why in made["left_out"]:
        output.say(f"Left out: {why}")
    for path in written:
        output.say(f"{path} written.")
    for path in filter(root_alone_reads, written):
        output.say(f"Only root can read {path}. If the PBX runs as somebody else, give it to that user.")
    output.say(_NEXT[pbx])


_NEXT = {
    PbxKind.ASTERISK: "Next: #tryinclude pjsip_ringfence.conf in pjsip.conf, then run asterisk -rx 'pjsip reload'.",
    PbxKind.KAMAILIO: "Next: load it into db_text or your SQL database, then run kamcmd htable.reload credentials.",
    PbxKind.FREESWITCH: "Next: run fs_cli -x reloadxml.",
}
