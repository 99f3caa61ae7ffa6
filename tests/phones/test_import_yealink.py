"""Importing Yealink's files: what a phone is told afterwards is what it was told before, or a remark speaks of it."""

import string
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.phones.families import family as family_of
from ringfence.phones.families import model
from ringfence.phones.importing.assigned_files import comparison, read_assigned
from ringfence.phones.importing.compared import differences
from ringfence.phones.importing.folder import FolderReport, read_folder
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.rendering.patches import patches_of
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer

NAME = "001565aabbcc.cfg"
FILE = """\
#!version:1.0.0.1
## The file header can not be edited.
static.security.user_password = admin:adm1n-secret
account.1.enable = 1
account.1.label = Desk
account.1.display_name=Anna
account.1.user_name = 201
account.1.auth_name = a201
account.1.password = Pw=0f#Anna
account.1.sip_server.1.address = pbx.example.com
account.1.sip_server.1.port = 5070
account.1.sip_server.1.transport_type = 1
account.1.sip_server.1.expires = 600
account.1.sip_server.2.address = %NULL%
account.1.outbound_proxy_enable = 0
account.1.codec.1.enable = 1
account.2.enable = 1
account.2.user_name = 202
account.2.password = Pw0fBert
account.2.sip_server.1.address = other.example.com
account.3.enable = 0
voice_mail.number.1 = *97
local_time.time_zone = +1
local_time.summer_time = 1
local_time.dst_time_type = 1
local_time.start_time = 3/5/7/2
local_time.end_time = 10/5/7/3
local_time.offset_time = 60
local_time.ntp_server1 = 192.0.2.1
linekey.5.type = 16
linekey.5.value = 300
features.dnd.allow = 1
"""


def imported(files: Mapping[str, str | bytes], said: SaidModels | None = None) -> FolderReport:
    data = {name: text.encode() if isinstance(text, str) else text for name, text in files.items()}
    return read_folder(SourceFolder.of(data), said or SaidModels())


def phone_of(files: Mapping[str, str | bytes], said: SaidModels | None = None) -> ImportedPhone:
    (entry,) = imported(files, said).entries
    assert entry.phone is not None, entry.why
    return entry.phone


def new_file(phone: ImportedPhone) -> bytes:
    patches = patches_of([("phone", {**phone.settings, **phone.patches})], family_of("yealink"))
    whole = PhoneToRender(phone.mac, phone.model, "", phone.settings, phone.lines, patches)
    return Renderer().render(whole)[-1].data


def unlike(phone: ImportedPhone, *files: str) -> list[str]:
    """Return what the new file says otherwise than the old ones, the later of which win."""
    old = {name: said for text in files for name, said in read_assigned(text.encode()).items()}
    return differences(old, read_assigned(new_file(phone)), comparison(model(phone.model)[1], phone.lines))


def remarks_of(phone: ImportedPhone, fate: Fate) -> list[str]:
    return [str(remark) for remark in phone.with_fate(fate)]


def test_settings_and_lines_come_in_and_the_phone_is_told_the_same() -> None:
    phone = phone_of({NAME: FILE})
    assert [(line.index, line.label, line.name, line.auth_name) for line in phone.lines] == [
        (1, "Desk", "201", "a201"),
        (2, "", "202", "202"),
    ]
    assert phone.lines[0].password.reveal() == "Pw=0f#Anna"
    assert {
        name: phone.settings[name]
        for name in ("sip_server", "sip_port", "sip_transport", "time_zone", "voicemail_number", "admin_password")
    } == {
        "sip_server": "pbx.example.com", "sip_port": 5070, "sip_transport": "tcp", "time_zone": "Europe/Berlin",
        "voicemail_number": "*97", "admin_password": "adm1n-secret",
    }  # fmt: skip
    assert phone.patches["patch:yealink:account.2.sip_server.1.address"] == "other.example.com"
    assert unlike(phone, FILE) == []
    assert remarks_of(phone, Fate.LOST) == []
    assert remarks_of(phone, Fate.ADDED) == ["sip.notify_reboot_enable is new in the file"]


def test_the_models_common_file_counts_and_tells_the_model() -> None:
    common = "#!version:1.0.0.1\nfeatures.dnd.allow = 0\nphone_setting.lcd_logo.mode = 2\n"
    report = imported({NAME: FILE, "y000000000066.cfg": common})
    (entry,) = report.entries
    assert entry.phone is not None
    assert report.used == {"y000000000066.cfg"}
    assert report.left_alone == ()
    assert entry.phone.guess.model in {"T41S", *entry.phone.guess.others}
    assert "T46U" not in entry.phone.guess.others
    assert unlike(entry.phone, common, FILE) == []


def test_a_boot_file_names_the_files_that_count() -> None:
    boot = (
        '#!version:1.0.0.1\ninclude:config <http://192.0.2.9/all.cfg>\ninclude:config "away.cfg"\noverwrite_mode = 1\n'
    )
    every = "#!version:1.0.0.1\nfeatures.call_log.enable = 0\n"
    report = imported({NAME: FILE, "y000000000000.boot": boot, "all.cfg": every, "y000000000066.cfg": "x"})
    (entry,) = report.entries
    assert entry.phone is not None
    assert report.used == {"y000000000000.boot", "all.cfg"}
    assert report.left_alone == ("y000000000066.cfg",)
    assert entry.phone.patches["patch:yealink:features.call_log.enable"] == "0"
    assert any(
        "'away.cfg', which y000000000000.boot names, is not in" in each for each in remarks_of(entry.phone, Fate.NOTE)
    )


def test_where_it_fetched_its_files_is_left_out_and_told() -> None:
    away = "auto_provision.server.url = http://192.0.2.9\nstatic.auto_provision.server.password = x\n"
    phone = phone_of({NAME: FILE + away})
    assert b"auto_provision" not in new_file(phone)
    (told,) = remarks_of(phone, Fate.MENDED)
    assert told.startswith("line 33: auto_provision.server.url is left out")


def test_firmware_by_an_address_of_its_own_stays_and_is_told() -> None:
    url = "static.firmware.url = http://192.0.2.9/T48U-108.86.0.45.rom\n"
    phone = phone_of({NAME: FILE + url})
    assert (phone.model, phone.guess.confidence) == ("T48U", Confidence.CERTAIN)
    assert any("which the edge may not serve" in each for each in remarks_of(phone, Fate.NOTE))
    assert unlike(phone, FILE + url) == []


def test_nothing_is_lost_without_a_line() -> None:
    more = (
        "static.security.user_password = user:pw\nwords without a meaning\nfeatures.x.y =\noverwrite_mode = 1\n"
        f"account.1.ringtone = {'x' * 5000}\n"
    )
    phone = phone_of({NAME: FILE + more})
    assert phone.settings["admin_password"] == "adm1n-secret"
    lost = remarks_of(phone, Fate.LOST)
    assert [each.partition(": ")[0] for each in lost] == ["line 33", "line 34", "line 36", "line 37"]
    assert remarks_of(phone, Fate.NOTE) == [
        "line 35: 1 line without a value: the phone goes by its own there; the first is this one"
    ]


def test_letters_of_latin_1_and_a_byte_order_mark_are_read() -> None:
    assert phone_of({NAME: FILE.replace("Desk", "Küche").encode("latin-1")}).lines[0].label == "Küche"
    assert phone_of({NAME: b"\xef\xbb\xbf" + FILE.encode()}).lines[0].label == "Desk"


def test_a_person_names_the_model() -> None:
    phone = phone_of({NAME: FILE}, SaidModels(for_others="T54W"))
    assert (phone.model, phone.guess.confidence) == ("T54W", Confidence.CERTAIN)
    (entry,) = imported({NAME: FILE}, SaidModels(by_mac={"001565AABBCC": "8841"})).entries
    assert entry.why == "it is a Yealink phone's file, which an 8841 does not read"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("#!version:1.0.0.1\n", "no account is enabled and has a user"),
        (FILE.replace("= 201", "= {{ user }}"), "it is a template: the account of line 1"),
        (FILE.replace("Pw=0f#Anna", "").replace("Pw0fBert", ""), "it has no line with a password"),
        (FILE.replace("account.1.sip_server.1.address", "account.1.x.y"), "it names no SIP server"),
        (FILE.partition("\n")[2], "its first line is not #!version:1.0.0.1, without which"),
        (b"\x00\x01\xff\xfe" * 40, "it is encrypted, or no profile of a phone"),
    ],
)
def test_what_configures_no_phone_is_left_out_with_the_reason(text: str | bytes, why: str) -> None:
    (entry,) = imported({NAME: text}).entries
    assert entry.phone is None
    assert entry.why.startswith(why)


VALUES = st.text(string.ascii_letters + string.digits + " =#:;/@.%\"'<>&{}\\é", max_size=40).map(str.strip)
PARAMETERS = st.sampled_from((
    "account.1.display_name", "account.1.dtmf.type", "account.1.sip_server.1.port", "account.1.nat.nat_traversal",
    "account.4.enable", "account.4.user_name", "call_waiting.enable", "voice_mail.number.1", "linekey.1.type",
    "local_time.time_zone", "local_time.summer_time", "local_time.ntp_server2", "features.remote.name",
    "static.firmware.url", "programablekey.2.value", "account.1.outbound_proxy.1.address",
))  # fmt: skip


@given(st.dictionaries(PARAMETERS, VALUES, max_size=8))
def test_whatever_it_says_the_new_file_says_or_a_remark_speaks_of_it(more: Mapping[str, str]) -> None:
    text = FILE + "".join(f"{name} = {value}\n" for name, value in more.items())
    (entry,) = imported({NAME: text}).entries
    if entry.phone is None:
        assert "template" in entry.why
        return
    told = {remark.element for remark in entry.phone.remarks if remark.fate in {Fate.LOST, Fate.MENDED}}
    assert set(unlike(entry.phone, text)) <= told
