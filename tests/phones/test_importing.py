"""Files that people wrote for their phones, read back: what is understood, what is kept, and that nothing is lost."""

from functools import cache
from pathlib import Path

import pytest

from ringfence.phones.errors import NotImportable
from ringfence.phones.importing.device_file import (
    Imported,
    common_settings,
    equivalent,
    is_importable,
    read_dial_plan,
    read_phone,
)
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer

FOLDER = Path(__file__).parents[2] / "examples" / "tftp-folder"
FILES = sorted(path for path in FOLDER.iterdir() if is_importable(path.name) and "E0FF" not in path.name)
GOLDENS = Path(__file__).parent / "goldens"
RENDERER = Renderer()


@cache
def forty() -> list[Imported]:
    return [read_phone(path.name, path.read_bytes()) for path in FILES]


def rendered(phone: Imported) -> bytes:
    patches = {"device": dict(phone.patches)}
    return RENDERER.render(PhoneToRender(phone.mac, phone.model, "", phone.settings, phone.lines, patches))[-1].data


def test_there_are_forty_mixed_phones() -> None:
    models = {phone.model for phone in forty()}
    assert len(FILES) == 40
    assert len(models) >= 8


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name[3:15])
def test_an_imported_phone_gets_an_equivalent_file(path: Path) -> None:
    data = path.read_bytes()
    phone = read_phone(path.name, data)
    assert equivalent(data, rendered(phone), phone) == []
    assert phone.not_kept == ()
    assert phone.lines[0].password
    assert phone.settings["sip_server"] == "pbx.example.org"
    assert phone.settings["time_zone"] == "Europe/Berlin"
    assert phone.lines[0].password.reveal() in rendered(phone).decode()


@pytest.mark.parametrize(
    ("golden", "model"), [("9971", "9971"), ("9971-everything", None), ("8941", "8941"), ("8851-vpn", "8851")]
)
def test_our_own_files_come_back_without_a_patch(golden: str, model: str | None) -> None:
    data = (GOLDENS / golden / "SEP001122334455.cnf.xml").read_bytes()
    phone = read_phone("SEP001122334455.cnf.xml", data, model)
    assert set(phone.patches) <= {"vpnGroup/credentials/certHash1"}
    assert phone.added == ()
    assert equivalent(data, rendered(phone), phone) == []


def test_the_model_is_told_by_the_firmware_and_guessed_by_the_keys() -> None:
    by_model = {phone.model: phone for phone in forty()}
    assert by_model["9971"].model_is_certain
    assert not by_model["7942"].model_is_certain  # its firmware is the 7962's too
    wide = (FILES[0].read_text(encoding="utf-8")).replace('button="1"', 'button="6"')
    assert read_phone(FILES[0].name, wide.encode()).model == "7962"
    assert read_phone(FILES[0].name, wide.encode(), "7965").model == "7965"


def test_other_keys_become_the_table_of_keys() -> None:
    with_keys = [phone for phone in forty() if "keys" in phone.settings]
    assert with_keys
    assert "4 | blf-pickup | Gate | 206" in str(with_keys[0].settings["keys"])


def test_what_all_phones_have_is_the_sites() -> None:
    phones = forty()
    settings, patches = common_settings(phones)
    assert settings["sip_server"] == "pbx.example.org"
    assert settings["directory_url"] == "http://192.0.2.6/directory.php?lang=de&page=1"
    assert "phone_label" not in settings
    assert patches == {}  # families differ, and a patch is for one
    assert common_settings(phones[:1]) == ({}, {})


def test_a_dial_plan_that_a_table_can_say_is_read_and_another_is_left() -> None:
    assert read_dial_plan((FOLDER / "dialplan.xml").read_bytes()) == (
        "2.. | 0\n112 | 0\n0,* | 5 |  | Bellcore-Outside\n* | 5"
    )
    assert read_dial_plan((FOLDER / "dialplan-gate.xml").read_bytes()) is None
    assert read_dial_plan(b"<x") is None
    assert read_dial_plan(b"<DIALTEMPLATE/>") is None


GOOD = FILES[0].read_bytes()


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("SEP001B54E0FF01.cnf.xml", (FOLDER / "SEP001B54E0FF01.cnf.xml").read_bytes(), "speaks SCCP, not SIP"),
        ("SEP001B54E0FF02.cnf.xml", (FOLDER / "SEP001B54E0FF02.cnf.xml").read_bytes(), "not XML that a phone"),
        ("SEP000000000000.cnf.xml", GOOD, "its name is not that of a phone"),
        ("SEP001B54E00000.cnf.xml", b"", "not XML that a phone"),
        ("SEP001B54E00000.cnf.xml", b"<phone/>", "its root is 'phone'"),
        ("SEP001B54E00000.cnf.xml", b"<!DOCTYPE device [<!ENTITY a 'b'>]><device>&a;</device>", "document type"),
        ("SEP001B54E00000.cnf.xml", b"<device>" + b" " * 300_000 + b"</device>", "has more than 262144 bytes"),
        ("SEP001B54E00000.cnf.xml", b"<device></device>", "does not name firmware"),
        ("SEP001B54E00000.cnf.xml", GOOD.replace(b"SIP42.9-4-2SR3-1S", b"what"), "its loadInformation is 'what'"),
        ("SEP001B54E00000.cnf.xml", GOOD.replace(b"authPassword>", b"noPassword>"), "no line with a password"),
        ("SEP001B54E00000.cnf.xml", GOOD.replace(b"pbx.example.org", b""), "no SIP server is set"),
        ("SEP001B54E00000.cnf.xml", GOOD.decode().encode("utf-16"), "does not name firmware"),
    ],
)  # fmt: skip
def test_what_can_not_be_read_is_named(name: str, data: bytes, says: str) -> None:
    if says == "does not name firmware" and data.startswith(b"\xff\xfe"):
        assert read_phone(name, data).model == "7942"  # another encoding is fine where it says so itself
        return
    with pytest.raises(NotImportable) as caught:
        read_phone(name, data)
    assert says in str(caught.value)
    assert name in str(caught.value)


def test_no_secret_is_in_an_imported_phones_repr() -> None:
    phone = read_phone(FILES[0].name, GOOD)
    assert phone.lines[0].password.reveal() not in repr(phone)
    patched = GOOD.replace(b"<garp>0</garp>", b"<garp>0</garp><adminSecret>hunter2</adminSecret>")
    assert "hunter2" not in repr(read_phone(FILES[0].name, patched))
