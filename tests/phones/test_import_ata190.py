"""Importing an ATA 190: two files of somebody else's become one phone, and what it gets says the same."""

from collections.abc import Mapping

import pytest

from ringfence.phones.document import parse_leniently
from ringfence.phones.families import family as family_of
from ringfence.phones.importing.element_paths import texts_by_path
from ringfence.phones.importing.folder import FolderReport, read_folder
from ringfence.phones.importing.outcome import Fate, ImportedPhone
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.rendering.patches import patches_of
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer

FIRST, SECOND = "ATAF029293A4B5C.cnf.xml", "ATA29293A4B5C01.cnf.xml"
FILE = """<?xml version="1.0"?>
<device>
 <deviceProtocol>SIP</deviceProtocol>
 <devicePool>
  <dateTimeSetting>
   <dateTemplate>YA.M.D</dateTemplate>
   <timeZone>W. Europe Standard/Daylight Time</timeZone>
   <ntps><ntp><name>192.0.2.1</name><ntpMode>Unicast</ntpMode></ntp></ntps>
  </dateTimeSetting>
  <callManagerGroup><members><member priority="0"><callManager>
   <ports><sipPort>5070</sipPort></ports><processNodeName>192.0.2.10</processNodeName>
  </callManager></member></members></callManagerGroup>
 </devicePool>
 <sipProfile>
  <phoneLabel>{name}</phoneLabel>
  <sipStack><timerRegisterExpires>600</timerRegisterExpires><timerT1>500</timerT1></sipStack>
  <sipLines><line button="1">
   <featureID>9</featureID><featureLabel>{label}</featureLabel><proxy>192.0.2.10</proxy><port>5070</port>
   <displayName>{name}</displayName><contact>{name}</contact><name>{name}</name>
   <authName>{name}</authName><authPassword>{password}</authPassword><sharedLine>false</sharedLine>
  </line></sipLines>
  <dialTemplate>dialplan.xml</dialTemplate>
 </sipProfile>
 <loadInformation>ATA190.1-2-2-003</loadInformation>
</device>
"""
BOTH = {
    FIRST: FILE.format(name="201", label="Fax", password="pw-of-first"),
    SECOND: FILE.format(name="202", label="Door", password="pw-of-second"),
}


def imported(files: Mapping[str, str]) -> FolderReport:
    return read_folder(SourceFolder.of({name: text.encode() for name, text in files.items()}), SaidModels())


def published(phone: ImportedPhone) -> dict[str, dict[str, str]]:
    values = {**phone.settings, **phone.patches}
    patches = patches_of([("phone", values)], family_of("cisco-ata190"))
    whole = PhoneToRender(phone.mac, phone.model, "", phone.settings, phone.lines, patches)
    return {file.name: texts_by_path(parse_leniently(file.data)) for file in Renderer().render(whole)}


def test_both_files_become_one_phone_that_is_told_the_same() -> None:
    report = imported(BOTH)
    (entry,) = report.entries
    phone = entry.phone
    assert phone is not None
    assert (entry.path, phone.uses, report.left_alone) == (FIRST, (SECOND,), ())
    assert (phone.model, phone.guess.confidence) == ("ATA190", "certain")
    assert [(line.index, line.name, line.label) for line in phone.lines] == [(1, "201", "Fax"), (2, "202", "Door")]
    assert phone.settings["sip_server"] == "192.0.2.10"
    assert (phone.settings["time_zone"], phone.settings["register_expires_s"]) == ("Europe/Berlin", 600)
    assert {remark.fate for remark in phone.remarks} == {Fate.PATCH}
    for name, text in published(phone).items():
        assert text == texts_by_path(parse_leniently(BOTH[name].encode())), name


def test_what_the_new_files_would_state_besides_is_left_out() -> None:
    files = {name: text.replace("<contact>", "<!--").replace("</contact>", "-->") for name, text in BOTH.items()}
    (entry,) = imported(files).entries
    assert entry.phone is not None
    assert entry.phone.settings["leave_out"] == "sipProfile/sipLines/line/contact"
    for name, text in published(entry.phone).items():
        assert text == texts_by_path(parse_leniently(files[name].encode())), name


def test_a_second_port_that_can_not_be_read_is_told_and_keeps_the_first_from_nothing() -> None:
    (entry,) = imported({FIRST: BOTH[FIRST], SECOND: "<device>"}).entries
    assert entry.phone is not None
    assert [line.name for line in entry.phone.lines] == ["201"]
    (lost,) = entry.phone.with_fate(Fate.LOST)
    assert "the second port is left out" in lost.text
    assert SECOND in lost.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("<device>", "not XML"),
        ("<other/>", "no device"),
        ("<device/>", "nothing to register"),
        (BOTH[FIRST].replace(">201<", ">{{ name }}<"), "template"),
        (BOTH[FIRST].replace("pw-of-first", ""), "no line has a password"),
    ],
)
def test_what_configures_no_adapter_is_left_out_with_the_reason(text: str, why: str) -> None:
    (entry,) = imported({FIRST: text}).entries
    assert entry.phone is None
    assert why in entry.why


def test_a_second_port_whose_name_looks_like_an_address_is_no_phone_of_its_own() -> None:
    """002A3A4B5C01 is an address that a phone could have."""
    files = {"ATA10002A3A4B5C.cnf.xml": BOTH[FIRST], "ATA002A3A4B5C01.cnf.xml": BOTH[SECOND]}
    (entry,) = imported(files).entries
    assert entry.path == "ATA10002A3A4B5C.cnf.xml"
    assert entry.phone is not None
    assert len(entry.phone.lines) == 2


def test_a_foreign_load_is_lost_with_a_line() -> None:
    (entry,) = imported({FIRST: BOTH[FIRST].replace("ATA190.1-2-2-003", "SIP42.9-4-2SR3-1S")}).entries
    assert entry.phone is not None
    (lost,) = entry.phone.with_fate(Fate.LOST)
    assert (lost.element, lost.line) == ("loadInformation", 24)


def test_a_dial_plan_that_is_here_comes_with_it_and_both_ports_name_it() -> None:
    plan = '<DIALTEMPLATE><TEMPLATE MATCH="..." Timeout="1" User="Phone"/></DIALTEMPLATE>'
    report = imported({**BOTH, "dialplan.xml": plan})
    (entry,) = report.entries
    assert entry.phone is not None
    assert entry.phone.settings["dial_plan"] == "... | 1 |  |  | phone"
    assert entry.phone.uses == (SECOND, "dialplan.xml")
    files = published(entry.phone)
    (name,) = files.keys() - {FIRST, SECOND}
    assert [files[port]["sipProfile/dialTemplate"] for port in (FIRST, SECOND)] == [name, name]


def test_a_second_dial_plan_is_lost_with_a_line() -> None:
    second = BOTH[SECOND].replace("dialplan.xml", "other.xml")
    report = imported({FIRST: BOTH[FIRST], SECOND: second, "dialplan.xml": "<DIALTEMPLATE/>"})
    (entry,) = report.entries
    assert entry.phone is not None
    assert "both have the first one's" in entry.phone.with_fate(Fate.LOST)[-1].text
