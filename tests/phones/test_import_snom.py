"""Importing Snom's files: what a phone is told afterwards is what it was told before, or a remark speaks of it."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from ringfence.phones.families import family as family_of
from ringfence.phones.importing.compared import differences
from ringfence.phones.importing.folder import FolderReport, read_folder
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.snom_files import comparison, what_is_told
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.rendering.patches import patches_of
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer

NAME = "snomD785-000413AABBCC.xml"
FILE = """\
<?xml version="1.0" encoding="utf-8"?>
<settings>
  <phone-settings e="2">
    <language perm="">Deutsch</language>
    <timezone perm="">GER+1</timezone>
    <utc_offset perm="RW">+3600</utc_offset>
    <dst>3600 03.05.07 02:00:00 10.05.07 03:00:00</dst>
    <user_active idx="1" perm="RW">on</user_active>
    <user_idle_text idx="1">Desk</user_idle_text>
    <user_realname idx="1" perm="R">Anna</user_realname>
    <user_name idx="1" perm="">401</user_name>
    <user_pass idx="1">s3cr&amp;t</user_pass>
    <user_host idx="1" perm="">pbx.example.com</user_host>
    <user_outbound idx="1" perm="$">pbx.example.com:5061;transport=tls</user_outbound>
    <user_srtp idx="1" perm="">on</user_srtp>
    <user_expiry idx="1">600</user_expiry>
    <user_active idx="2" perm="RW">off</user_active>
    <user_name idx="2" perm="">500</user_name>
    <admin_mode_password perm="">adm1n-secret</admin_mode_password>
  </phone-settings>
  <functionKeys e="2">
   <fkey idx="0" context="active" label="line" perm="">line</fkey>
   <fkey idx="3" context="1" label="Mary" lp="on" perm="R">blf sip:402@pbx.example.com</fkey>
  </functionKeys>
  <tbook e="2">
    <item context="active" type="none" index="0"><name>Door</name><number>100</number></item>
    <item context="active" type="none" index="1"><name>Gate</name><number>101</number></item>
  </tbook>
</settings>
"""


def imported(files: Mapping[str, str], said: SaidModels | None = None) -> FolderReport:
    return read_folder(SourceFolder.of({name: text.encode() for name, text in files.items()}), said or SaidModels())


def phone_of(text: str, name: str = NAME, said: SaidModels | None = None) -> ImportedPhone:
    (entry,) = imported({name: text}, said).entries
    assert entry.phone is not None, entry.why
    return entry.phone


def new_file(phone: ImportedPhone) -> bytes:
    patches = patches_of([("phone", {**phone.settings, **phone.patches})], family_of("snom"))
    return Renderer().render(PhoneToRender(phone.mac, phone.model, "", phone.settings, phone.lines, patches))[-1].data


def unlike(phone: ImportedPhone, text: str) -> list[str]:
    every = what_is_told(text.encode(), {})
    old = what_is_told(text.encode(), every)
    return differences(old, what_is_told(new_file(phone), old), comparison(phone.lines))


def remarks_of(phone: ImportedPhone, fate: Fate) -> list[str]:
    return [str(remark) for remark in phone.with_fate(fate)]


def test_settings_and_identities_come_in_and_the_phone_is_told_the_same() -> None:
    phone = phone_of(FILE)
    assert (phone.model, phone.guess.confidence) == ("D785", Confidence.CERTAIN)
    (line,) = phone.lines
    assert (line.index, line.label, line.name, line.display_name, line.auth_name) == (1, "Desk", "401", "Anna", "401")
    assert line.password.reveal() == "s3cr&t"
    assert {name: value for name, value in phone.settings.items() if name != "leave_out"} == {
        "sip_server": "pbx.example.com", "sip_port": 5061, "sip_transport": "tls", "time_zone": "Europe/Berlin",
        "register_expires_s": 600, "admin_password": "adm1n-secret",
    }  # fmt: skip
    assert unlike(phone, FILE) == []
    assert {remark.fate for remark in phone.remarks} == {Fate.PATCH}
    keys = etree.fromstring(new_file(phone)).findall("functionKeys/fkey")
    assert [(key.get("idx"), key.get("label"), key.get("lp"), key.text) for key in keys] == [
        ("0", "line", None, "line"),
        ("3", "Mary", "on", "blf sip:402@pbx.example.com"),
    ]


def test_an_outbound_proxy_is_one() -> None:
    phone = phone_of(FILE.replace("pbx.example.com:5061;transport=tls", "sip:192.0.2.7:5070"))
    assert (phone.settings["outbound_proxy"], phone.settings["outbound_proxy_port"]) == ("192.0.2.7", 5070)


def test_where_it_fetched_its_files_is_left_out_and_told() -> None:
    away = '<setting_server perm="R">https://192.0.2.9/{mac}</setting_server><http_client_pass>pw</http_client_pass>'
    phone = phone_of(FILE.replace("<language", f"{away}<language"))
    assert b"setting_server" not in new_file(phone)
    assert b"http_client_pass" not in new_file(phone)
    (told,) = remarks_of(phone, Fate.MENDED)
    assert told.startswith("line 4: setting_server is left out")


@pytest.mark.parametrize(
    ("name", "model", "confidence"),
    [
        ("snom715-000413AABBCC.htm", "715", Confidence.CERTAIN),
        ("snomD715-000413AABBCC.htm", "715", Confidence.CERTAIN),
        ("sub/SnomD785-000413aabbcc.xml", "D785", Confidence.CERTAIN),
        ("000413AABBCC.xml", "D315", Confidence.LIKELY),
        ("000413aabbcc.htm", "D315", Confidence.LIKELY),
    ],
)
def test_its_name_tells_the_model(name: str, model: str, confidence: Confidence) -> None:
    phone = phone_of(FILE, name)
    assert (phone.model, phone.guess.confidence) == (model, confidence)
    assert unlike(phone, FILE) == []


def test_a_person_names_the_model() -> None:
    assert phone_of(FILE, "000413AABBCC.xml", SaidModels(for_others="D865")).model == "D865"
    assert phone_of(FILE, "snom370-000413AABBCC.htm", SaidModels(by_mac={"000413AABBCC": "D785"})).model == "D785"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        (NAME, "<settings>", "it is not XML that a phone could read"),
        (NAME, "<html><pre>user_name1!: 401</pre></html>", "its root is 'html', not 'settings'"),
        (NAME, "<settings><phone-settings/></settings>", "no identity has a user and is active"),
        (NAME, FILE.replace(">401<", ">{{ name }}<"), "it is a template"),
        (NAME, FILE.replace("s3cr&amp;t", ""), "it has no line with a password"),
        (NAME, FILE.replace(' idx="1" perm="">pbx.example.com<', ' idx="1"><'), "it names no SIP server"),
        ("snom370-000413AABBCC.htm", FILE, "it is for a Snom 370, which is not known here"),
    ],
)
def test_what_configures_no_phone_is_left_out_with_the_reason(name: str, text: str, why: str) -> None:
    (entry,) = imported({name: text}).entries
    assert entry.phone is None
    assert entry.why.startswith(why)


ELEMENTS = st.sampled_from((
    "language", "ntp_server", "call_waiting", "network_id_port", "http_pass", "utc_offset", "dst", "update_policy",
    'user_active idx="3"', 'user_mailbox idx="1"', 'user_expiry idx="1"', 'user_name idx="4"', "ringer_headset_device",
))  # fmt: skip
PERMS = st.sampled_from(("", ' perm=""', ' perm="R"', ' perm="RW"', ' perm="!"', ' perm="&amp;"'))
TEXTS = st.sampled_from(("on", "off", "", "600", "Deutsch", "a &lt;b&gt; c", "é", "long " * 600))


@given(st.lists(st.tuples(ELEMENTS, PERMS, TEXTS), max_size=6, unique_by=lambda each: each[0]))
def test_whatever_it_says_the_new_file_says_or_a_remark_speaks_of_it(more: list[tuple[str, str, str]]) -> None:
    document = etree.fromstring(FILE.encode())
    settings = document.find("phone-settings")
    assert settings is not None
    for element, perm, text in more:
        node = etree.fromstring(f"<{element}{perm}>{text}</{element.split()[0]}>")
        for there in [each for each in settings if (each.tag, each.get("idx")) == (node.tag, node.get("idx"))]:
            settings.remove(there)
        settings.append(node)
    whole = etree.tostring(document, encoding="unicode")
    (entry,) = imported({NAME: whole}).entries
    if (phone := entry.phone) is None:
        assert "no phone could use it" in entry.why
        return
    told = {remark.element for remark in phone.remarks if remark.fate in {Fate.LOST, Fate.MENDED}}
    assert set(unlike(phone, whole)) <= told
