"""Small folders, one for each kind of file that phones take, and what an import makes of each.

They are a part of the example, which ``tests/cli/test_import_report.py`` imports as a whole.

``expected.toml`` says for each folder and file what becomes of it: written anew with ``UPDATE_GOLDENS=1``, and read by
people before it is kept.
"""

import os
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from ringfence.imports.folder_order import as_text
from ringfence.phones.importing.default_file import site_defaults
from ringfence.phones.importing.folder import read_folder
from ringfence.phones.importing.outcome import Fate
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from support.imported import differences

HERE = Path(__file__).parent
FOLDERS = HERE.parents[1] / "examples" / "tftp-folder" / "kinds"
KINDS = sorted(folder.name for folder in FOLDERS.iterdir())
UPDATES = os.environ.get("UPDATE_GOLDENS") == "1"


def files_of(kind: str) -> dict[str, bytes]:
    folder = FOLDERS / kind
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@cache
def outcomes(kind: str) -> dict[str, Any]:
    """Any: TOML."""
    report = read_folder(SourceFolder.of(files_of(kind)), SaidModels())
    found: dict[str, Any] = {}
    for entry in report.entries:
        row: dict[str, Any] = {"outcome": str(entry.outcome)}
        if entry.phone is None:
            row["why"] = entry.why
        else:
            row["model"] = f"{entry.phone.model} ({entry.phone.guess.confidence})"
            row["patches"] = sorted(name.split(":", 2)[2] for name in entry.phone.patches)
            row["remarks"] = [f"{each.fate}: {each}" for each in entry.phone.remarks if each.fate is not Fate.PATCH]
        found[entry.path] = row
    if report.default is not None:
        said = site_defaults(report.default, [each.phone for each in report.imported if each.phone is not None], {})
        row = {"settings": {name: as_text(value) for name, value in said.settings.items()}}
        found[said.path] = {**row, "remarks": [f"{each.fate}: {each}" for each in said.remarks]}
    if report.dial_rules is not None:
        row = {"settings": {name: as_text(value) for name, value in report.dial_rules.settings.items()}}
        found[report.dial_rules.path] = {
            **row,
            "remarks": [f"{each.fate}: {each}" for each in report.dial_rules.remarks],
        }
    return found


def write_anew() -> None:
    document = tomlkit.document()
    for kind in KINDS:
        document[kind] = outcomes(kind)
    (HERE / "expected.toml").write_text(tomlkit.dumps(document), encoding="utf-8")


if UPDATES:
    write_anew()


@pytest.mark.parametrize("kind", KINDS)
def test_what_becomes_of_each_kind_is_known(kind: str) -> None:
    expected = tomllib.loads((HERE / "expected.toml").read_text(encoding="utf-8"))
    assert outcomes(kind) == expected[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_no_phone_changes_without_a_remark(kind: str) -> None:
    files = files_of(kind)
    for entry in read_folder(SourceFolder.of(files), SaidModels()).imported:
        assert entry.phone is not None
        if entry.path.lower().endswith(".cnf.xml"):
            assert differences(files[entry.path], entry.phone) == []
