"""``ringfence import fusionpbx``: import the table that FusionPBX exports of its devices.

Columns: fusionpbx/fusionpbx, ``app/devices/device_download.php`` (``device_address`` is ``device_mac_address`` in newer
releases).
"""

from pathlib import Path
from typing import Annotated

import typer

from ringfence import csv_table
from ringfence.cli.support.bulk import DryRun
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.files import read_text
from ringfence.cli.support.foreign_entries import ForeignEntries, Model, Site
from ringfence.cli.support.output import AsJson

app = typer.Typer()

_LARGEST_BYTES = 16 << 20
_MAC_COLUMNS = ("device_mac_address", "device_address")
_TRANSPORTS = frozenset({"udp", "tcp", "tls"})
_PASSED_OVER = frozenset({"false", "0", "f"})


@app.command()
def fusionpbx(
    file: Annotated[Path, typer.Argument(help="The table that Devices, Export makes.")],
    site: Site = "imported",
    model: Model = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import phones and lines from FusionPBX's export of devices.

    The export holds at most one line of each device; several rows of one device become several lines. Models come from
    the template's name, such as yealink/t46s. Devices that are switched off are left out. One entry that can't be used
    never stops the others.

    Example: ringfence import fusionpbx device_export.csv --site office --dry-run
    """
    table = csv_table.from_text(read_text(file, _LARGEST_BYTES), str(file))
    if not any(name in table.heading for name in _MAC_COLUMNS):
        raise BadArgument(
            "it holds no table of devices",
            where=str(file),
            to_do="Export it again with device_mac_address and the columns of its lines.",
        )
    entries = ForeignEntries(site, model)
    for row, said in entries.rows(table):
        _add(entries, row, said)
    entries.take(str(file), dry_run=dry_run, as_json=as_json)


def _add(entries: ForeignEntries, row: int, said: dict[str, str]) -> None:
    name = next((said[column].strip() for column in _MAC_COLUMNS if said.get(column, "").strip()), "")
    if said.get("device_enabled", "").strip().lower() in _PASSED_OVER:
        entries.leave_out(row, name, "it is switched off")
        return
    template = said.get("device_template", "").strip().rpartition("/")[2]
    description = (said.get("device_description", "") or said.get("device_label", "")).strip()
    phone = entries.phone(row, name, model=template, description=description)
    if phone is None or said.get("enabled", "").strip().lower() in _PASSED_OVER:
        return
    transport = said.get("sip_transport", "").strip().lower()
    if transport and transport not in _TRANSPORTS:
        entries.remark(phone, f"its transport {transport!r} is not known here, so it is lost")
        transport = ""
    given = {
        "sip_server": said.get("server_address", "").strip(),
        "sip_port": said.get("sip_port", "").strip(),
        "sip_transport": transport,
    }
    phone["settings"].update({name: text for name, text in given.items() if text})
    entries.add_line(
        phone,
        said.get("line_number", "").strip() or "1",
        {
            "name": said.get("user_id", "").strip(),
            "auth_name": said.get("auth_id", "").strip(),
            "display_name": said.get("display_name", "").strip(),
            "password": said.get("password", ""),
        },
    )
