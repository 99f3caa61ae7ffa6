"""``docs/families.md`` names every field of a family and of a model, and none that is not there."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ringfence.phones.family import Family, Model, ReloadEvent

DOCUMENT = Path(__file__).parents[2] / "docs" / "families.md"


def named_in_table(heading: str) -> list[str]:
    """Return the fields that the first column of the table under a heading names."""
    section = DOCUMENT.read_text().split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return [name for row in rows for name in re.findall(r"`(\w+)`", row.split("|")[1])]


@pytest.mark.parametrize(("heading", "form"), [("What `FAMILY` says", Family), ("What a `Model` says", Model)])
def test_the_document_names_the_fields_that_there_are(heading: str, form: type) -> None:
    assert sorted(named_in_table(heading)) == sorted(part.name for part in fields(form))


def test_the_document_names_the_reload_events_that_there_are() -> None:
    (row,) = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| `reload_event`")]
    assert set(re.findall(r"`([\w;=-]+)`", row)) == {"reload_event", *ReloadEvent}
