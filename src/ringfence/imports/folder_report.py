"""The report of an import: how much came in, each phone, and what became of each part that is not simply taken over."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ringfence.counted import counted, some
from ringfence.imports.folder_order import Checked, ImportOrder, as_text
from ringfence.imports.hub_requests import Json
from ringfence.imports.inherited_settings import InheritedSetting
from ringfence.phones.importing.folder import FolderReport
from ringfence.phones.importing.outcome import Remark, SiteFile

_OUTCOMES = ("imported", "imported with remarks", "left out")
_SECTIONS = {
    "lost": "Lost, as phones or settings don't take it:",
    "added": "Added, as phones need it:",
    "mended": "Mended:",
    "note": "Worth knowing:",
}
_NAME_IT = "Name them with --model MAC=MODEL, or later with ringfence phone change MAC --model MODEL."
_MOST_NAMED = 5
"""How many files with the same remark are named, where nothing happened to them."""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of a folder; ``entries`` are its phones' files, ``site_files`` those about no phone alone."""

    entries: list[Json]
    site_files: list[Json]
    inherited: list[InheritedSetting]
    passed_over: list[tuple[str, str]]
    used: Sequence[str]
    left_alone: Sequence[str]
    assets: list[Json]

    @classmethod
    def of(
        cls, report: FolderReport, order: ImportOrder, sent: Checked, inherited: Iterable[InheritedSetting],
        passed_over: Sequence[tuple[str, str]], assets: Sequence[Json],
    ) -> "ImportReport":  # fmt: skip
        """Return the report of what was read, and of what the hub made of it."""
        return cls(
            _rows(report, sent.refused),
            [_site_file(file, sent) for file in order.site_files],
            list(inherited),
            list(passed_over),
            sorted(report.used),
            report.left_alone,
            list(assets),
        )

    def as_json(self) -> Json:
        """Return it for scripts."""
        return {
            "entries": self.entries,
            "site_files": self.site_files,
            "inherited": [each.as_json() for each in self.inherited],
            "left_alone": list(self.left_alone),
            "passed_over": dict(self.passed_over),
            "assets": self.assets,
        }

    @property
    def counts(self) -> str:
        """How much came in, as a sentence."""
        counts = {name: sum(row["outcome"] == name for row in self.entries) for name in _OUTCOMES}
        shares = ", ".join(f"{count} {name}" for name, count in counts.items())
        return f"{counted(len(self.entries), 'file')} of phones: {shares}."

    def sections(self, *, dry_run: bool) -> Iterator[tuple[str, Sequence[str]]]:
        """Yield what people read: the phones, and line by line what is not simply taken over, under its headings."""
        yield "Phones:", [_phone(row) for row in self.entries if row["outcome"] != "left out"]
        yield "Left out:", [_left_out(row) for row in self.entries if row["outcome"] == "left out"]
        for fate, title in _SECTIONS.items():
            yield title, self._remarks(fate)
        if any(row["outcome"] != "left out" and row["confidence"] != "certain" for row in self.entries):
            yield "Models that are not certain:", [_NAME_IT]
        yield "Set at a wider scope, and not in their files:", [str(each) for each in self.inherited]
        yield "Passed over:", [f"{path}: {why}." for path, why in self.passed_over]
        yield "Besides:", self._besides(dry_run=dry_run)

    def _remarks(self, fate: str) -> list[str]:
        """Return the remarks of a kind, each text once with the places that it is about."""
        places: dict[str, list[str]] = {}
        for row in (*self.entries, *self.site_files):
            for remark in row.get("remarks", []):
                if remark["fate"] == fate:
                    line = f" (line {remark['line']})" if remark["line"] else ""
                    places.setdefault(remark["text"], []).append(f"{row['path']}{line}")
        most = _MOST_NAMED if fate == "note" else len(self.entries) + 1
        return [
            f"{where[0]}: {text}." if len(where) == 1 else f"In {len(where)} files: {text}: {some(where, most)}."
            for text, where in places.items()
        ]

    def _besides(self, *, dry_run: bool) -> list[str]:
        found = [
            f"{file['path']} gives the site {', '.join(file['settings'])}."
            for file in self.site_files
            if file["settings"]
        ]
        patched = {each["element"] for row in self.entries for each in row.get("remarks", []) if each["fate"] == _PATCH}
        if patched:
            found.append(f"Kept as patches, as no setting expresses them: {some(sorted(patched))}.")
        if self.assets:
            names = some([f"{each['kind']} {each['name']}" for each in self.assets])
            found.append(f"Files {'that would be ' if dry_run else ''}imported as they are: {names}.")
        if self.used:
            found.append(f"Read with the phones: {some(self.used)}.")
        if loads := sorted({row.get("firmware_load", "") for row in self.entries} - {""}):
            found.append(f"Phones keep their firmware until it is imported (ringfence firmware import): {some(loads)}.")
        if self.left_alone:
            found.append(f"No phone's configuration: {some(list(self.left_alone))}.")
        return found


_PATCH = "kept as a patch"


def _phone(row: Json) -> str:
    lines = f"{'line' if len(row['lines']) == 1 else 'lines'} {', '.join(row['lines'])}"
    sizes = f"{counted(row['settings'], 'setting')}, {counted(row['patches'], 'patch', 'patches')}"
    return f"{row['path']}: {row['model']} ({row['confidence']}), {lines}; {sizes}."


def _left_out(row: Json) -> str:
    to_do = f" {row['to_do']}" if row["to_do"] else ""
    return f"{row['path']}: {row['why'].rstrip('.')}.{to_do}"


def _rows(report: FolderReport, refused: Mapping[str, str]) -> list[Json]:
    """Return each entry as JSON; ``refused`` says why the hub does not take one."""
    found: list[Json] = []
    for entry in report.entries:
        phone, why = entry.phone, refused.get(entry.path, entry.why)
        row: Json = {"path": entry.path, "outcome": str(entry.outcome), "why": why, "to_do": entry.to_do}
        if phone is None or entry.path in refused:
            found.append({**row, "outcome": "left out"})
            continue
        found.append(
            {
                **row,
                "mac": str(phone.mac),
                "model": phone.model,
                "confidence": str(phone.guess.confidence),
                "could_be": list(phone.guess.others),
                "because": phone.guess.because,
                "lines": [line.name for line in phone.lines],
                "settings": len(phone.settings),
                "patches": len(phone.patches),
                "firmware_load": str(phone.settings.get("firmware_load", "")),
                "remarks": [_remark(each) for each in phone.remarks],
            }
        )
    return found


def _site_file(file: SiteFile, sent: Checked) -> Json:
    """Return what a file that is about no phone alone gives the site, and what of it is lost."""
    remarks = [_remark(each) for each in file.remarks]
    kept = sorted(name for name, value in file.settings.items() if sent.of_site.get(name) == as_text(value))
    why = "the site has other phones, which it would reach" if sent.has_other_phones else "the hub does not take it"
    remarks += [
        {"fate": "lost", "element": name, "line": file.where.get(name, 0), "text": f"{name} is not the site's: {why}"}
        for name in sorted(file.settings.keys() - set(kept))
    ]
    return {"path": file.path, "settings": kept, "remarks": remarks}


def _remark(each: Remark) -> Json:
    return {"fate": str(each.fate), "element": each.element, "line": each.line, "text": each.text}
