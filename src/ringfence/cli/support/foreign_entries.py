"""Phones of another system: its export is taken entry by entry, and what can't be is listed with its reason."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

import typer

from ringfence.cli.support import output
from ringfence.cli.support.bulk import Json, say_outcome
from ringfence.cli.support.connection import hub
from ringfence.cli.support.errors import BadArgument
from ringfence.counted import counted
from ringfence.csv_table import CsvTable
from ringfence.phones.errors import BadMac
from ringfence.phones.mac import Mac

Site = Annotated[str, typer.Option(help="The site of its phones; created if it does not exist.")]
Model = Annotated[str | None, typer.Option(help="The model of the phones whose entries don't name one.")]


_LARGEST_LINE = 1000


@dataclass(slots=True)
class ForeignEntries:
    """The phones that an export holds, in its order, and what was left out or lost of its entries."""

    site: str
    default_model: str | None
    phones: dict[str, Json] = field(default_factory=dict)
    left_out: list[Json] = field(default_factory=list)
    remarks: list[Json] = field(default_factory=list)

    def rows(self, table: CsvTable) -> Iterator[tuple[int, dict[str, str]]]:
        """Return the rows of a table by its columns, each with its number; rows that are too long are left out."""
        heading = [" ".join(name.split()) for name in table.heading]
        for number, cells in table.too_long:
            self.leave_out(number, "", f"it has {cells} cells, but there are {len(heading)} columns")
        for number, row in table.rows:
            yield number, dict(zip(heading, row, strict=True))

    def phone(self, row: int, name: str, *, model: str, description: str) -> Json | None:
        """Return the phone whose MAC address is ``name``, made at its first entry; None if it is left out."""
        try:
            mac = Mac.parse(name)
        except BadMac:
            self.leave_out(row, name, "it has no MAC address, so it is not a desk phone")
            return None
        known = self.phones.get(mac.bare)
        if known is not None:
            return known
        kind = model or self.default_model or ""
        made: Json = {"mac": str(mac), "row": row, "site": self.site, "model": kind, "description": description}
        self.phones[mac.bare] = {**made, "lines": [], "settings": {}}
        return self.phones[mac.bare]

    def add_line(self, phone: Json, number: str, said: Mapping[str, str]) -> None:
        """Add a line with those parts that have a text; one that can't be is remarked on."""
        parts = {name: text for name, text in said.items() if text}
        index = int(number) if number.isascii() and number.isdecimal() and len(number) <= len(str(_LARGEST_LINE)) else 0
        if not 1 <= index <= _LARGEST_LINE:
            self.remark(phone, f"{number[:20]!r} is not a line's number, so this line is lost")
        elif any(line["index"] == index for line in phone["lines"]):
            self.remark(phone, f"line {index} is there twice; the first is kept")
        elif "name" in parts:
            phone["lines"].append({"index": index, "row": phone["row"], **parts})

    def leave_out(self, row: int, name: str, why: str) -> None:
        """Note that an entry is not imported."""
        self.left_out.append({"row": row, "name": name, "what": why})

    def remark(self, phone: Json, what: str) -> None:
        """Note what is not as in the export."""
        self.remarks.append({"row": phone["row"], "name": phone["mac"], "what": what})

    def take(self, where: str, *, dry_run: bool, as_json: bool) -> None:
        """Import what can be, and report the rest.

        Raises:
            BadArgument: Nothing can be imported.
        """
        done = self._post(dry_run=True)
        refused = {each["row"]: each for each in done["refusals"]}
        if refused:
            for key, phone in list(self.phones.items()):
                if phone["row"] in refused:
                    each = refused[phone["row"]]
                    self.leave_out(phone["row"], phone["mac"], f"{each['what']}. {each['to_do']}".rstrip())
                    del self.phones[key]
            done = self._post(dry_run=True)
        if self.phones and not (dry_run or done["refusals"]):
            done = self._post(dry_run=False)
        if as_json:
            output.show_json({**done, "left_out": self.left_out, "remarks": self.remarks})
        else:
            for kind, entries in (("Left out", self.left_out), ("Remark", self.remarks)):
                for entry in sorted(entries, key=lambda each: int(each["row"])):
                    output.say(f"{kind}: {entry['name'] or 'no name'} (entry {entry['row']}): {entry['what']}")
            say_outcome(done, dry_run=dry_run)
        if not self.phones or done["refusals"]:
            raise BadArgument(
                f"none of its {counted(len(self.left_out), 'entry', 'entries')} can be imported"
                if self.left_out
                else "it holds no phones",
                where=where,
                to_do="Name the model of phones whose entries have none with --model.",
            )

    def _post(self, *, dry_run: bool) -> Json:
        order = {"phones": list(self.phones.values()), "dry_run": dry_run, "make_sites": True}
        return hub().post("/phones/bulk", order)
