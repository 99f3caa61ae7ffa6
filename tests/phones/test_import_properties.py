"""Import, then publish: the new file says what the old one said, or a remark speaks of the difference."""

from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.phones.cisco.elements import ELEMENTS, LINE, Element
from ringfence.phones.cisco.legal_values import FreeText, OneOf, Whole
from ringfence.phones.importing.device_file import DeviceFiles
from ringfence.phones.importing.outcome import ImportedPhone
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from support.imported import differences

NAME = "SEP001122334455.cnf.xml"
MODELS = ("9971", "7962", "8851", "8941", "7945", "SEP")
_LISTED = ("devicePool/dateTimeSetting/ntps/ntp", "devicePool/callManagerGroup", LINE, "addOnModules", "phoneServices")
_NEEDED = frozenset({"deviceProtocol", "versionStamp"})
PLAIN = [each for each in ELEMENTS if not each.section.startswith(_LISTED) and each.path not in _NEEDED]
OF_LINES = [
    each
    for each in ELEMENTS
    if each.section.startswith(LINE) and each.tag not in {"featureID", "name", "authName", "authPassword"}
]


def values_of(element: Element) -> st.SearchStrategy[str]:
    odd = st.sampled_from(
        ["0", "1", "2", "7", "true", "false", "TRUE", "none", "x y", "ä<&>", "http://192.0.2.1/a?b=c&d", ""]
    )
    match element.values:
        case OneOf(words, also):
            return st.sampled_from((*words, *also)) | odd
        case Whole(least, most):
            return st.integers(least, most).map(str) | odd
        case FreeText():
            return odd | st.text(st.characters(codec="ascii", categories=("L", "N", "P")), max_size=40)
        case _:
            return odd | st.sampled_from(
                ["D/M/Ya", "D.M.Y", "GMT Standard/Daylight Time", "Asia/Tokyo", "08:00", "1,7", "101"]
            )


def xml_of(paths: dict[str, str], indent: str = "  ") -> str:
    """Return elements by their paths as nested XML."""
    inner: dict[str, dict[str, str]] = {}
    text = ""
    for path, value in paths.items():
        tag, slash, rest = path.partition("/")
        if slash:
            inner.setdefault(tag, {})[rest] = value
        else:
            text += f"{indent}<{tag}>{escape(value)}</{tag}>\n"
    for tag, within in inner.items():
        text += f"{indent}<{tag}>\n{xml_of(within, indent + '  ')}{indent}</{tag}>\n"
    return text


@st.composite
def files(draw: st.DrawFn) -> str:
    chosen = draw(st.lists(st.sampled_from(PLAIN), unique_by=lambda each: each.path, max_size=25))
    plain = {each.path: draw(values_of(each)) for each in chosen}
    lines = ""
    for button in draw(st.lists(st.integers(1, 8), min_size=1, max_size=3)):
        of_line = draw(st.lists(st.sampled_from(OF_LINES), unique_by=lambda each: each.path, max_size=8))
        own = {each.path.removeprefix(f"{LINE}/"): draw(values_of(each)) for each in of_line}
        feature = draw(st.sampled_from(["9", "9", "9", "2", "21", "20", "23", "200"]))
        name = draw(st.sampled_from(["201", "202", "anna", ""]))
        inside = {
            "featureID": feature,
            "name": name,
            "authName": name,
            "authPassword": draw(st.sampled_from(["s3cr3t", "t0p", ""])),
        }
        lines += f"<line button={quoteattr(str(button))}>\n{xml_of({**inside, **own})}</line>\n"
    first = '<line button="1"><featureID>9</featureID><name>200</name><authPassword>abc123</authPassword></line>\n'
    hosts = draw(st.lists(st.sampled_from(["192.0.2.10", "pbx.example.org"]), min_size=1, max_size=4))
    members = "".join(
        f'<member priority="{draw(st.integers(0, 3))}"><callManager><ports>'
        f"<sipPort>{draw(st.sampled_from(['5060', '5080', '']))}</sipPort></ports>"
        f"<processNodeName>{host}</processNodeName></callManager></member>\n"
        for host in hosts
    )
    profile = {
        path.removeprefix("sipProfile/"): value for path, value in plain.items() if path.startswith("sipProfile/")
    }
    others = {path: value for path, value in plain.items() if not path.startswith(("sipProfile/", "devicePool/"))}
    clock = {path.removeprefix("devicePool/"): value for path, value in plain.items() if path.startswith("devicePool/")}
    return (
        f"<device>\n<deviceProtocol>SIP</deviceProtocol>\n{xml_of(others)}"
        f"<devicePool>\n{xml_of(clock)}<callManagerGroup><members>\n{members}</members></callManagerGroup>\n</devicePool>\n"
        f"<sipProfile>\n{xml_of(profile)}<sipLines>\n{first}{lines}</sipLines>\n</sipProfile>\n</device>\n"
    )


def imported(text: str, model: str) -> ImportedPhone:
    said = SaidModels({"001122334455": model})
    return DeviceFiles().read(NAME, SourceFolder.of({NAME: text.encode()}), said)


@pytest.mark.slow
@settings(max_examples=120, deadline=None)
@given(files(), st.sampled_from(MODELS))
def test_an_imported_phones_new_file_says_what_its_old_one_said(text: str, model: str) -> None:
    phone = imported(text, model)
    assert differences(text.encode(), phone) == []
    assert all(remark.element or remark.text for remark in phone.remarks)
