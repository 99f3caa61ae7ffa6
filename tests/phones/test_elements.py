"""The table of elements: what settings write is documented, and what goldens hold is in the table."""

from pathlib import Path

import pytest

from ringfence.phones.cisco.elements import BY_PATH, ELEMENTS, LINE, Element, element_at
from ringfence.phones.document import parse
from ringfence.phones.families import families
from ringfence.phones.families import model as family_of
from ringfence.phones.family import Model
from ringfence.phones.importing.device_settings import path_of
from ringfence.phones.importing.element_paths import texts_by_path

GOLDENS = sorted((Path(__file__).parent / "goldens").glob("*/SEP*.cnf.xml"))
MODELS = [
    model
    for family in families().values()
    if "device" in {file.key for file in family.files}
    for model in family.models.values()
]
_UNDOCUMENTED = ("vpnGroup/", "phoneServices/phoneService")
"""What is checked as a whole: the VPN's part, and what people write into menus."""


def test_a_path_is_in_the_table_once() -> None:
    assert len(BY_PATH) == len(ELEMENTS)


@pytest.mark.parametrize("element", ELEMENTS, ids=lambda element: element.path)
def test_an_element_has_its_source_and_what_is_recommended_is_documented(element: Element) -> None:
    assert element.source.startswith("PHONES.md section")
    assert element.values.says
    if element.recommended:
        assert element.values.taken(element.recommended)


@pytest.mark.parametrize("path", GOLDENS, ids=lambda path: path.parent.name)
def test_all_that_is_rendered_is_in_the_table_and_documented(path: Path) -> None:
    for where, text in texts_by_path(parse(path.read_bytes()).root).items():
        if "@" in where.rpartition("/")[2] or where.startswith(_UNDOCUMENTED):
            continue
        element = element_at(where)
        assert element is not None or not text, where
        assert element is None or not text or element.values.documented(text) or element.values.taken(text), (
            where,
            text,
        )


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_no_setting_can_write_what_its_element_does_not_take(model: Model) -> None:
    for setting in model.settings.values():
        path = path_of(setting)
        element = BY_PATH.get(path) or BY_PATH.get(f"{LINE}/{setting.element}")
        for written in setting.wire.values() if element is not None else ():
            assert element is not None
            assert element.values_of(family_of(model.name)[0].id).taken(written), (setting.name, written)


def test_what_is_recommended_is_what_a_new_phones_file_states() -> None:
    texts = texts_by_path(parse((GOLDENS[0].parents[1] / "9971" / "SEP001122334455.cnf.xml").read_bytes()).root)
    said = {element_at(path): text for path, text in texts.items()}
    for element in ELEMENTS:
        if element.recommended:
            assert said.get(element) == element.recommended, element.path
