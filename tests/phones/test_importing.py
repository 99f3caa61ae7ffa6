"""Files that people wrote for their phones, read back: what is understood, what is kept, and that nothing is lost."""

from functools import cache
from pathlib import Path

import pytest

from ringfence.phones.errors import NotImportable
from ringfence.phones.importing.device_file import DeviceFiles
from ringfence.phones.importing.folder import read_folder
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, Outcome, common_settings
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.side_files import SideFile, read_dial_plan
from ringfence.phones.importing.source_folder import SourceFolder
from support.imported import differences, rendered

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"
BYTES = {path.name: path.read_bytes() for path in sorted(FOLDER.iterdir()) if path.is_file()}
FILES = [name for name in BYTES if DeviceFiles().mac_of(name, SourceFolder.of({})) and "E0FF" not in name]
GOLDENS = Path(__file__).parent / "goldens"
NAME = "SEP001122334455.cnf.xml"


def read(name: str, data: bytes, model: str = "") -> ImportedPhone:
    said = SaidModels(for_others=model)
    return DeviceFiles().read(name, SourceFolder.of({name: data}), said)


@cache
def forty() -> dict[str, ImportedPhone]:
    report = read_folder(SourceFolder.of(BYTES), SaidModels())
    return {entry.path: entry.phone for entry in report.imported if entry.phone is not None}


def test_there_are_forty_mixed_phones() -> None:
    assert len(FILES) == len(forty()) == 40
    assert len({phone.model for phone in forty().values()}) >= 8


@pytest.mark.parametrize("name", FILES, ids=lambda name: name[3:15])
def test_an_imported_phone_gets_an_equivalent_file(name: str) -> None:
    phone = forty()[name]
    assert differences(BYTES[name], phone) == []
    assert [each.element for each in phone.with_fate(Fate.LOST) if each.element != "sipProfile/dialTemplate"] == []
    assert phone.settings["sip_server"] == "pbx.example.org"
    assert phone.settings["time_zone"] == "Europe/Berlin"
    assert phone.lines[0].password.reveal() in rendered(phone).decode()


@pytest.mark.parametrize(
    ("golden", "model"), [("9971", "9971"), ("9971-everything", ""), ("8941", "8941"), ("8851-vpn", "8851")]
)
def test_our_own_files_come_back_without_a_patch(golden: str, model: str) -> None:
    data = (GOLDENS / golden / NAME).read_bytes()
    phone = read(NAME, data, model)
    assert {name.partition(":")[2].partition(":")[2] for name in phone.patches} <= {"vpnGroup/credentials/certHash1"}
    assert phone.settings.get("leave_out", "") == ""
    assert differences(data, phone) == []


def test_the_model_is_told_by_the_firmware_and_guessed_by_the_keys() -> None:
    by_model = {phone.model: phone for phone in forty().values()}
    assert by_model["9971"].guess.confidence is Confidence.CERTAIN
    assert by_model["7942"].guess.confidence is Confidence.LIKELY  # its firmware is the 7962's too
    wide = BYTES[FILES[0]].replace(b'button="1"', b'button="6"')
    assert read(FILES[0], wide).model == "7962"
    said = SaidModels({FILES[0][3:15]: "7965"})
    assert DeviceFiles().read(FILES[0], SourceFolder.of({FILES[0]: wide}), said).model == "7965"


def test_other_keys_become_the_table_of_keys() -> None:
    with_keys = [phone for phone in forty().values() if "keys" in phone.settings]
    assert with_keys
    assert "4 | blf-pickup | Gate | 206" in str(with_keys[0].settings["keys"])


def test_what_all_phones_have_is_the_sites() -> None:
    phones = list(forty().values())
    settings = common_settings(phones)
    assert settings["sip_server"] == "pbx.example.org"
    assert settings["directory_url"] == "http://192.0.2.6/directory.php?lang=de&page=1"
    assert "phone_label" not in settings
    assert not any(name.startswith("patch:") for name in settings)  # families differ, and a patch is for one
    assert common_settings(phones[:1]) == {}


def test_a_dial_plan_that_a_table_can_say_is_read_and_another_says_why_not() -> None:
    def plan(data: bytes) -> SideFile:
        return read_dial_plan(read_lenient_xml(data).root)

    assert plan(BYTES["dialplan.xml"]).rows == "2.. | 0\n112 | 0\n0,* | 5 |  | Bellcore-Outside\n* | 5"
    assert (plan(BYTES["dialplan-gate.xml"]).why, plan(BYTES["dialplan-gate.xml"]).line) == (
        "its button has no column",
        2,
    )
    assert plan(b"<DIALTEMPLATE/>").why == "it has no TEMPLATE"


GOOD = BYTES[FILES[0]]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("SEP001B54E0FF01.cnf.xml", BYTES["SEP001B54E0FF01.cnf.xml"], "speaks SCCP, not SIP"),
        ("SEP001B54E0FF02.cnf.xml", BYTES["SEP001B54E0FF02.cnf.xml"], "not XML that a phone"),
        ("SEP001B54E00000.cnf.xml", b"", "not XML that a phone"),
        ("SEP001B54E00000.cnf.xml", b"<phone/>", "its root is 'phone'"),
        ("SEP001B54E00000.cnf.xml", b"<!DOCTYPE device [<!ENTITY a 'b'>]><device>&a;</device>", "document type"),
        ("SEP001B54E00000.cnf.xml", b"<device>" + b" " * 300_000 + b"</device>", "has more than 262144 bytes"),
        ("SEP001B54E00000.cnf.xml", b"<device></device>", "it has no sipProfile"),
        ("SEP001B54E00000.cnf.xml", GOOD.replace(b"<name>200<", b"<name><"), "the line on button 1 has no name"),
        ("SEP001B54E00000.cnf.xml", GOOD.replace(b"pbx.example.org", b""), "no SIP server is set"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_named(name: str, data: bytes, says: str) -> None:
    with pytest.raises(NotImportable) as caught:
        read(name, data)
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_a_file_whose_firmware_says_nothing_stays_of_an_unknown_model() -> None:
    phone = read(FILES[0], GOOD.replace(b"SIP42.9-4-2SR3-1S", b"what"))
    assert (phone.model, phone.guess.confidence) == ("SEP", Confidence.UNKNOWN)
    assert phone.settings["firmware_load"] == "what"
    assert read(FILES[0], GOOD.decode().encode("utf-16")).model == "7942"


def test_no_secret_is_in_an_imported_phones_repr_or_remarks() -> None:
    patched = GOOD.replace(b"<garp>0</garp>", b"<garp>0</garp><adminSecret>hunter2</adminSecret>")
    phone = read(FILES[0], patched)
    assert phone.lines[0].password.reveal() not in repr(phone)
    assert "hunter2" not in repr(phone)
    assert not any("hunter2" in str(remark) for remark in phone.remarks)


def test_one_bad_file_stops_no_other() -> None:
    report = read_folder(SourceFolder.of(BYTES), SaidModels())
    left = {entry.path: entry.why for entry in report.entries if entry.outcome is Outcome.LEFT_OUT}
    assert set(left) == {"SEP001B54E0FF01.cnf.xml", "SEP001B54E0FF02.cnf.xml"}
    assert len(report.imported) == 40
