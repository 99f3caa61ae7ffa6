"""Text files of 7940 and 7960 phones as people wrote them, read back; the new files say what the old ones said."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.phones.errors import NotImportable
from ringfence.phones.families import model
from ringfence.phones.importing.compared import Said, differences
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, Outcome
from ringfence.phones.importing.outcome import Entry as EntryOfFolder
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.importing.text_files import TextFileReader, comparison, read_values
from ringfence.phones.rendering.patches import parse_name, patch_setting
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer

NAME = "SIP001122334455.cnf"
DEFAULT = b"""\
# the site's file
image_version: "P0S3-8-12-00"
proxy1_address: 192.0.2.10        ; the server
proxy1_port:"5160"
proxy_register: 1
timer_register_expires: "120"
preferred_codec: g711alaw
sntp_mode: unicast
sntp_server: "192.0.2.1"\t\t; clock
time_zone: "GMT" ; assuming that
dst_auto_adjust: 0
telnet_level: "2"      ; 0-Disabled (default), 1-Enabled
messages_uri: *97
dtmf_inband: "1"
logo_url: "http://192.0.2.1/logo.bmp"
dial_template: "dialplan"
services_url: "http://192.0.2.1/s?a=1;b=2" ; quoted, so it stays whole
"""
OWN = """\
phone_label: Büro Süd ; where it stands
line1_name: 201
line1_authname: "201"
line1_password: "s3cr3t; really"
line1_shortname: "201 Anna"
line2_name: "UNPROVISIONED"
line2_authname: "UNPROVISIONED"
line2_password: "UNPROVISIONED"
proxy1_port: 5060
proxy1_port: 5070
reg.1.displayName="x"
""".encode("latin-1")
PLAN = b'<DIALTEMPLATE>\n <!-- all -->\n <TEMPLATE MATCH="9,........" Timeout="2" User="Phone"/>\n</DIALTEMPLATE>'
FOLDER = {NAME: OWN, "SIPDefault.cnf": DEFAULT, "dialplan.xml": PLAN}
RENDERER = Renderer()


def imported(files: dict[str, bytes], named: str = "") -> ImportedPhone:
    return TextFileReader().read(NAME, SourceFolder.of(files), SaidModels({"001122334455": named} if named else {}))


def published(phone: ImportedPhone) -> dict[str, RenderedFile]:
    patches: dict[str, dict[str, str]] = {}
    for name, text in phone.patches.items():
        patch = parse_name(name)
        patches.setdefault(patch.file.key, {})[patch.element] = text
    one = PhoneToRender(phone.mac, phone.model, "", phone.settings, phone.lines, patches)
    return {file.name: file for file in RENDERER.render(one)}


def held(files: dict[str, bytes]) -> dict[str, Said]:
    return read_values(files.get("SIPDefault.cnf", b""), "")[0] | read_values(files[NAME], NAME)[0]


def test_both_files_make_one_phone() -> None:
    phone = imported(FOLDER)
    assert (phone.model, phone.guess.confidence, phone.guess.others) == ("7940", Confidence.LIKELY, ("7960",))
    (line,) = phone.lines
    assert (line.name, line.auth_name, line.label, line.password.reveal()) == (
        "201",
        "201",
        "201 Anna",
        "s3cr3t; really",
    )
    assert phone.settings["sip_server"] == "192.0.2.10"
    assert phone.settings["sip_port"] == 5070  # the last one counts
    assert phone.settings["register_expires_s"] == 120
    assert phone.settings["voicemail_number"] == "*97"
    assert phone.settings["phone_label"] == "Büro Süd"
    assert phone.settings["zone_name"] == "GMT"
    assert phone.settings["firmware_load"] == "P0S3-8-12-00"
    assert phone.settings["dial_plan"] == "9,........ | 2 |  |  | phone"
    assert phone.patches["patch:cisco-7940-7960:telnet_level"] == "2"
    assert phone.patches["patch:cisco-7940-7960:logo_url"] == "http://192.0.2.1/logo.bmp"
    assert phone.settings["services_url"] == "http://192.0.2.1/s?a=1;b=2"
    assert phone.uses == ("SIPDefault.cnf", "dialplan.xml")


def test_nothing_is_lost_without_a_line() -> None:
    phone = imported(FOLDER)
    assert [(remark.line, remark.text) for remark in phone.with_fate(Fate.LOST)] == [
        (11, "1 line not of the form name: value, which phones pass over; the first is this one")
    ]
    assert [remark.text for remark in phone.with_fate(Fate.MENDED)] == [
        "its letters are Latin-1; the new file has them in UTF-8"
    ]
    assert EntryOfFolder(NAME, phone).outcome is Outcome.WITH_REMARKS


def test_the_new_files_say_what_the_old_ones_said() -> None:
    phone = imported(FOLDER)
    made = {name: file.data for name, file in published(phone).items()}
    assert differences(held(FOLDER), held(made), comparison(model("7940")[1], held(FOLDER))) == []
    plan = next(data for name, data in made.items() if name.startswith("dialplan"))
    assert b'<TEMPLATE MATCH="9,........" Timeout="2" User="Phone"/>' in plan
    assert "s3cr3t; really" in made[NAME].decode()


def test_a_line_that_is_switched_off_keeps_what_its_file_says_and_a_call_manager_is_the_server() -> None:
    phone = imported(FOLDER)
    assert phone.patches["patch:cisco-7940-7960:line2_authname"] == "UNPROVISIONED"
    managed = (
        OWN + b'proxy1_address: "USECALLMANAGER"\ncall_manager1_addr: "192.0.2.30";\ncall_manager1_sip_port: 5062\n'
    )
    phone = imported({**FOLDER, NAME: managed})
    assert (phone.settings["sip_server"], phone.settings["sip_port"]) == ("192.0.2.30", 5062)
    assert phone.patches["patch:cisco-7940-7960:proxy1_address"] == "USECALLMANAGER"
    assert phone.patches["patch:cisco-7940-7960:call_manager1_addr"] == "192.0.2.30"


def test_more_than_two_lines_are_a_7960_s() -> None:
    own = OWN + b'line3_name: "203"\nline3_password: "x"\n'
    assert imported({**FOLDER, NAME: own}).guess.model == "7960"
    assert imported({**FOLDER, NAME: OWN}, "CP-7960G").guess.confidence is Confidence.CERTAIN


@pytest.mark.parametrize(
    ("files", "named", "says"),
    [
        ({NAME: b"line1_name: 201\nline1_password: x\n"}, "", "it names no SIP server"),
        ({NAME: b"proxy1_address: 192.0.2.10\nline1_name: 201\n"}, "", "it has no line with a password"),
        ({NAME: b"\0\1\2"}, "", "it is not a text file of a phone"),
        ({**FOLDER, NAME: OWN + b'line1_name: "{$user_id}"'}, "", "the account of line 1 is still to be filled in"),
        ({**FOLDER, NAME: OWN}, "9971", "which a 9971 does not read"),
    ],
)
def test_what_configures_no_phone_is_left_out_with_the_reason(files: dict[str, bytes], named: str, says: str) -> None:
    with pytest.raises(NotImportable, match=says):
        imported(files, named)


def test_what_is_shown_is_cut_as_the_phone_cuts_it_and_a_name_is_not() -> None:
    own = OWN + b'line1_displayname: "' + b"x" * 40 + b'"\nphone_label: "Reception desk"\n'
    phone = imported({**FOLDER, NAME: own})
    assert phone.lines[0].display_name == "x" * 31
    assert phone.settings["phone_label"] == "Reception d"
    assert {remark.element for remark in phone.with_fate(Fate.MENDED)} >= {"line1_displayname", "phone_label"}
    with pytest.raises(NotImportable, match="line1_name has 40 characters"):
        imported({**FOLDER, NAME: OWN + b"line1_name: " + b"anna" * 10 + b"\n"})


def test_a_plan_that_is_not_in_the_folder_is_asked_for_as_before() -> None:
    phone = imported({NAME: OWN, "SIPDefault.cnf": DEFAULT})
    assert phone.settings["dial_plan_file"] == "dialplan.xml"
    (note,) = phone.with_fate(Fate.NOTE)
    assert "is not in the folder" in note.text


def test_only_names_of_these_files_are_these_phones() -> None:
    reader = TextFileReader()
    assert str(reader.mac_of("sub/sip001122334455.cnf", SourceFolder.of({}))) == "00:11:22:33:44:55"
    for name in ("SIPDefault.cnf", "SEP001122334455.cnf.xml", "SIP00112233445.cnf", "SIP000000000000.cnf"):
        assert reader.mac_of(name, SourceFolder.of({})) is None


VALUES = st.text(string.ascii_letters + string.digits + " .:/_*", max_size=12).map(str.strip)
NAMES = st.one_of(
    st.sampled_from(
        ["telnet_level", "call_waiting", "enable_vad", "nat_enable", "time_zone", "sync", "dtmf_outofband",
         "messages_uri", "start_media_port", "end_media_port", "phone_label", "proxy_backup", "timer_t1", "dst_offset",
         "line1_shortname", "logo_url", "voip_control_port", "proxy_register"]
    ),
    st.from_regex(r"[a-z][a-z0-9_]{2,12}", fullmatch=True).filter(lambda name: not name.startswith(("line", "dial"))),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=8), st.dictionaries(NAMES, VALUES, max_size=8))
def test_any_files_are_said_again_or_the_report_names_what_is_not(site: dict[str, str], own: dict[str, str]) -> None:
    files = {
        "SIPDefault.cnf": "".join(f"{name}: {text}\n" for name, text in site.items()).encode(),
        NAME: "".join(f'{name} : "{text}" ; what it is\n' for name, text in own.items()).encode()
        + b"proxy1_address: 192.0.2.10\nline1_name: 201\nline1_password: x\n",
    }
    try:
        phone = imported(files)
    except NotImportable:
        return  # the reason is in the error
    made = {name: file.data for name, file in published(phone).items()}
    named = {remark.element for remark in phone.remarks if remark.fate in {Fate.LOST, Fate.MENDED}}
    found = differences(held(files), held(made), comparison(model(phone.model)[1], held(files)))
    assert set(found) <= named


def test_the_site_s_file_is_the_one_beside_the_phone_s() -> None:
    files = {f"site-b/{NAME}": OWN, "site-b/SIPDefault.cnf": DEFAULT, "SIPDefault.cnf": b"proxy1_address: 192.0.2.99\n"}
    phone = TextFileReader().read(f"site-b/{NAME}", SourceFolder.of(files), SaidModels())
    assert phone.settings["sip_server"] == "192.0.2.10"
    assert phone.uses == ("site-b/SIPDefault.cnf",)
    alone = TextFileReader().read(f"site-c/{NAME}", SourceFolder.of({f"site-c/{NAME}": OWN, **FOLDER}), SaidModels())
    assert alone.uses == ("SIPDefault.cnf", "dialplan.xml")


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_any_bytes_are_a_phone_or_refused(data: bytes) -> None:
    start = DEFAULT + OWN
    for whole in (data, start + data):
        try:
            phone = TextFileReader().read(NAME, SourceFolder.of({NAME: whole}), SaidModels())
        except NotImportable:
            continue
        for name, text in phone.patches.items():
            patch_setting(name).check(text)
