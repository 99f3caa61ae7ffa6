"""``ringfence import freepbx``: import what FreePBX exports of its phones and of its extensions.

Phones: the list of devices of the open-source Endpoint Manager, ``devices_list.csv`` without a heading
(FreePBX/endpointman, ``epm_advanced_iedl_export``: mac, brand, model, extension, line, template), or the Bulk Handler's
export of it, which has one. Extensions: the Bulk Handler's export (FreePBX/bulkhandler and FreePBX/core: extension,
name, tech, secret). The commercial Endpoint Manager's own form is not public.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import typer

from ringfence import csv_table
from ringfence.cli.support.bulk import DryRun
from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.files import read_text
from ringfence.cli.support.foreign_entries import ForeignEntries, Model, Site
from ringfence.cli.support.output import AsJson
from ringfence.csv_table import CsvTable
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

app = typer.Typer()

_LARGEST_BYTES = 16 << 20
_DEVICE_COLUMNS = ("mac", "brand", "model", "extension", "line", "template")
_SIP = frozenset({"", "sip", "pjsip"})


@app.command()
def freepbx(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="The list of devices, and exports of extensions.")
    ],
    site: Site = "imported",
    model: Model = None,
    server: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="The PBX's address, which no export names: sip_server of the phones."),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import phones and lines from FreePBX's Endpoint Manager and Bulk Handler (CSV).

    The list of devices says which extension is on which line of which phone; the export of extensions has their names
    and passwords. Without it, lines get new passwords. One entry that can't be used never stops the others.

    Example: ringfence import freepbx devices_list.csv extensions.csv --site office --server 192.0.2.10
    """
    devices: list[tuple[Path, CsvTable, int]] = []
    extensions: dict[str, Mapping[str, str]] = {}
    entries = ForeignEntries(site, model)
    for file in files:
        table, ahead = _table(file)
        if "mac" in table.heading:
            devices.append((file, table, ahead))
        elif "extension" in table.heading:
            extensions.update(_extensions(table))
        else:
            raise BadArgument(
                "it is neither a list of devices nor an export of extensions",
                where=str(file),
                to_do="A list of devices begins with MAC addresses or has the column mac; an export has extension.",
            )
    if not devices:
        raise BadArgument(
            "no file is a list of devices, which says which phone has which extension",
            where=", ".join(map(str, files)),
            to_do="Export it in the Endpoint Manager, or import the phones' files: ringfence import tftp.",
        )
    for _file, table, ahead in devices:
        for row, said in entries.rows(table):
            _add(entries, row - ahead, said, extensions, server or "")
    entries.take(", ".join(str(file) for file, _table, _ahead in devices), dry_run=dry_run, as_json=as_json)


def _table(file: Path) -> tuple[CsvTable, int]:
    """Return a file's table, and by how many rows its heading is put before what the file has."""
    text = read_text(file, _LARGEST_BYTES)
    table = csv_table.from_text(text, str(file))
    try:
        Mac.parse(next(iter(table.heading), ""))
    except BadMac:
        return table, 0
    return csv_table.from_text(f"{','.join(_DEVICE_COLUMNS)}\n{text}", str(file)), 1


def _extensions(table: CsvTable) -> Iterator[tuple[str, Mapping[str, str]]]:
    for _row, cells in table.rows:
        said = dict(zip(table.heading, cells, strict=True))
        if number := said["extension"].strip():
            yield number, said


def _add(
    entries: ForeignEntries, row: int, said: Mapping[str, str], extensions: Mapping[str, Mapping[str, str]], server: str
) -> None:
    number = said.get("extension", "").strip()
    extension = extensions.get(number, {})
    name = (extension.get("name", "") or extension.get("description", "")).strip()
    phone = entries.phone(row, said["mac"].strip(), model=said.get("model", "").strip(), description=name or number)
    if phone is None or not number:
        return
    if server:
        phone["settings"]["sip_server"] = server
    if extensions and not extension:
        entries.remark(phone, f"extension {number} is in no export, so its line gets a new password")
    tech = extension.get("tech", "").strip().lower()
    if tech not in _SIP:
        entries.remark(phone, f"extension {number} speaks {tech}, not SIP, so its line is lost")
        return
    entries.add_line(
        phone,
        said.get("line", "").strip() or "1",
        {"name": number, "display_name": name, "password": extension.get("secret", "")},
    )
