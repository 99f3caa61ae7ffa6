"""Every source that a setting, model or element names is explained in docs/sources.md."""

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

from ringfence.phones.cisco.elements import ELEMENTS
from ringfence.phones.families import families
from ringfence.phones.family import Fact

PAGE = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
SECTIONS = {name for row in re.findall(r"(?m)^\| (\d[^|]*) \|", PAGE) for name in row.split(", ")}
SHORT = re.compile(r"(?:^|; |\()([A-Z]{2,5})\b")
CITED = re.compile(r"PHONES\.md sections? ((?:\d+[a-f]?(?:, | and | to )?)+)")
NO_NAMES = {"SIP", "ATA", "PHONES", "SPA", "HTTP"}


def cited() -> Iterator[str]:
    for family in families().values():
        of_family = [getattr(family, each.name) for each in fields(family)]
        of_models = [getattr(model, each.name) for model in family.models.values() for each in fields(model)]
        yield from (value.source for value in (*of_family, *of_models) if isinstance(value, Fact))
        yield from (setting.source for setting in family.settings.values())
    yield from (element.source for element in ELEMENTS)


def test_every_section_and_short_name_is_explained() -> None:
    sources = set(cited())
    assert len(sources) > 40
    for source in sources:
        if "PHONES.md" in source:
            said = CITED.search(source)
            assert said, source
            assert set(re.findall(r"\d+[a-f]?", said[1])) <= SECTIONS, source
        for name in SHORT.findall(source):
            assert name in NO_NAMES or f"| {name} |" in PAGE or f"`{name}`" in PAGE, source
