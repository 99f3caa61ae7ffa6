"""The report of an import: what became of each entry, and of each part of it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ringfence.cli.support import output
from ringfence.cli.support.bulk import Json
from ringfence.counted import counted

if TYPE_CHECKING:
    from ringfence.phones.importing.folder import FolderReport

_KEPT = "kept as a patch"


def rows(report: "FolderReport", refused: Mapping[str, str]) -> list[Json]:
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
                "remarks": [
                    {"fate": str(each.fate), "element": each.element, "line": each.line, "text": each.text}
                    for each in phone.remarks
                ],
            }
        )
    return found


def say(entries: Sequence[Json], report: "FolderReport", passed_over: Sequence[tuple[str, str]]) -> None:
    """Print the report for people: patches are counted, all else is told line by line."""
    for row in entries:
        if row["outcome"] == "left out":
            to_do = f" {row['to_do']}" if row["to_do"] else ""
            output.say(f"{row['path']}: left out: {row['why']}.{to_do}".replace("..", "."))
            continue
        sizes = f"{counted(row['settings'], 'setting')}, {counted(row['patches'], 'patch', 'patches')}"
        model = f"model {row['model']} ({row['confidence']})"
        output.say(f"{row['path']}: {row['outcome']}: {model}, lines {', '.join(row['lines'])}; {sizes}.")
        for remark in row["remarks"]:
            if remark["fate"] != _KEPT:
                place = f"line {remark['line']}: " if remark["line"] else ""
                output.say(f"  {remark['fate'].capitalize()}: {place}{remark['text']}.")
    kept = sorted({each["element"] for row in entries for each in row.get("remarks", []) if each["fate"] == _KEPT})
    if kept:
        output.say(f"Kept as patches, as no setting expresses them: {output.some(kept)}.")
    if report.used:
        output.say(f"Read with the phones: {output.some(sorted(report.used))}.")
    for path, why in passed_over:
        output.say(f"{path}: passed over: {why}.")
    counts = {name: sum(row["outcome"] == name for row in entries) for name in _OUTCOMES}
    output.say(
        "; ".join(f"{count} {name}" for name, count in counts.items()) + f", of {counted(len(entries), 'file')}."
    )
    if loads := sorted({row.get("firmware_load", "") for row in entries} - {""}):
        output.say(f"Phones keep their firmware until it is imported (ringfence firmware import): {output.some(loads)}")
    if report.left_alone:
        output.say(f"No phone's configuration: {output.some(list(report.left_alone))}")


_OUTCOMES = ("imported", "imported with remarks", "left out")
