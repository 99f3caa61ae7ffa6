"""``ringfence import cucm``: import the phones that a Cisco Unified Communications Manager exported.

The export is BAT's (Bulk Administration, Phones, Export Phones): a table whose first row names its columns, alone or in
the TAR file that Import/Export makes. Columns: the Bulk Administration Guide, "Text-Based CSV Files".
"""

import io
import re
import tarfile
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

_LARGEST_BYTES = 64 << 20
_NAMES = ("device name", "mac address", "mac address/device name")
_NUMBERED = re.compile(r"directory number ?(\d{1,3})")
_DEVICE = re.compile(r"SEP([0-9A-F]{12})", re.IGNORECASE)


@app.command()
def cucm(
    file: Annotated[Path, typer.Argument(help="The exported table (.csv), or the .tar that holds it.")],
    site: Site = "imported",
    model: Model = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Import phones and lines from an export of Cisco Unified Communications Manager (BAT).

    Each phone gets its device type, description, directory numbers, displays and line labels. The export holds no SIP
    passwords, so new ones are made. Softphones and profiles, which have no MAC address, are left out. One entry that
    can't be used never stops the others.

    Example: ringfence import cucm phone.tar --site office --dry-run
    """
    entries = ForeignEntries(site, model)
    tables = [csv_table.from_text(text, name) for name, text in _texts(file)]
    tables = [table for table in tables if any(name in table.heading for name in _NAMES)]
    if not tables:
        raise BadArgument(
            "it holds no table of phones",
            where=str(file),
            to_do="One column must be called Device Name or MAC Address.",
        )
    for table in tables:
        for row, said in entries.rows(table):
            _add(entries, row, {column: cell.strip() for column, cell in said.items()})
    entries.take(str(file), dry_run=dry_run, as_json=as_json)


def _add(entries: ForeignEntries, row: int, said: dict[str, str]) -> None:
    name = next((said[column] for column in _NAMES if said.get(column)), "")
    device = _DEVICE.fullmatch(name)
    phone = entries.phone(
        row, device[1] if device else name, model=said.get("device type", ""), description=said.get("description", "")
    )
    if phone is None:
        return
    if said.get("device protocol", "SIP").upper() == "SCCP":
        entries.remark(phone, "it spoke SCCP; it needs firmware that speaks SIP")
    for column, text in said.items():
        numbered = _NUMBERED.fullmatch(column)
        if numbered is None or not text:
            continue
        at = numbered[1]
        entries.add_line(
            phone,
            at,
            {
                "name": text.removeprefix("\\"),  # a number that begins with + is exported as \+
                "label": said.get(f"line text label {at}", ""),
                "display_name": said.get(f"display {at}", ""),
            },
        )


def _texts(file: Path) -> list[tuple[str, str]]:
    """Return the tables of an export by their names; nothing is unpacked to the disk."""
    if not file.is_file() or not tarfile.is_tarfile(file):
        return [(str(file), read_text(file, _LARGEST_BYTES))]
    found = []
    try:
        with tarfile.open(file) as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isfile() and _is_table(member) else None
                if data is not None:
                    found.append((f"{file}, {member.name}", _decoded(data.read(_LARGEST_BYTES), member.name)))
    except (tarfile.TarError, OSError, EOFError) as fault:
        raise BadArgument(f"the archive can't be read: {fault}", where=str(file)) from None
    return found


def _is_table(member: tarfile.TarInfo) -> bool:
    return member.name.lower().endswith((".csv", ".txt")) and member.size <= _LARGEST_BYTES


def _decoded(data: bytes, name: str) -> str:
    try:
        return io.TextIOWrapper(io.BytesIO(data), "utf-8-sig", newline="").read()
    except UnicodeDecodeError:
        raise BadArgument("the table is not UTF-8", where=name) from None
