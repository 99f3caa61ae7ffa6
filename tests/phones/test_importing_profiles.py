"""Profiles of SPA and MPP phones and adapters as people wrote them, read back; the new one says what the old did."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from ringfence.phones.errors import NotImportable
from ringfence.phones.families import model
from ringfence.phones.flat_profile.parameters import PARAMETERS
from ringfence.phones.importing.compared import differences
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone
from ringfence.phones.importing.profile_comparison import comparison
from ringfence.phones.importing.profile_files import ProfileReader, read_parameters
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.rendering.patches import parse_name, patch_setting
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer

RENDERER = Renderer()
SPA = """\
<?xml version="1.0" encoding="utf-8"?>
<flat-profile xmlns="http://www.sipura.net/xsd/SPA50x-30x-SIP">
<!-- System Configuration -->
<Admin_Passwd ua="na">adm1n</Admin_Passwd>
<User_Password ua="rw"></User_Password>
<Enable_VLAN group="System/VLAN_Settings">No</Enable_VLAN>
<Primary_NTP_Server>192.0.2.1</Primary_NTP_Server>
<Resync_Periodic>0</Resync_Periodic>
<Profile_Rule>http://192.0.2.9/$MA.xml</Profile_Rule>
<Upgrade_Rule group="Provisioning/Firmware_Upgrade">http://192.0.2.9/fw/spa50x-30x-7-5-5.bin</Upgrade_Rule>
<Time_Zone>GMT-07:00</Time_Zone>
<Daylight_Saving_Time_Rule>start=3/8/7/2:0:0;end=11/1/7/2:0:0;save=1</Daylight_Saving_Time_Rule>
<Daylight_Saving_Time_Enable>yes</Daylight_Saving_Time_Enable>
<Station_Name>Reception</Station_Name>
<Extension_1_>1</Extension_1_>
<Short_Name_1_>$USER</Short_Name_1_>
<Extension_2_>Disabled</Extension_2_>
<Short_Name_2_>Door</Short_Name_2_>
<Extended_Function_2_>fnc=blf+sd+cp;sub=100@$PROXY;nme=Door</Extended_Function_2_>
<Extension_4_>1</Extension_4_>
<Proxy_1_ group="Ext_1/Proxy_and_Registration">pbx.example.com</Proxy_1_>
<Use_DNS_SRV_1_>Yes</Use_DNS_SRV_1_>
<User_ID_1_>201</User_ID_1_>
<Password_1_>s3cr&amp;t</Password_1_>
<Use_Auth_ID_1_>No</Use_Auth_ID_1_>
<Auth_ID_1_></Auth_ID_1_>
<SIP_Transport_1_>TCP</SIP_Transport_1_>
<DTMF_Tx_Method_1_>Auto</DTMF_Tx_Method_1_>
<Preferred_Codec_1_>G711a</Preferred_Codec_1_>
<User_ID_2_>202</User_ID_2_>
<Password_2_>other</Password_2_>
<Auth_ID_2_>auth202</Auth_ID_2_>
<Use_Auth_ID_2_>Yes</Use_Auth_ID_2_>
<Proxy_2_>pbx2.example.com:5080</Proxy_2_>
<Line_Enable_3_>No</Line_Enable_3_>
<Unit_1_Key_1>fnc=blf+sd;sub=300@$PROXY</Unit_1_Key_1>
<CW_Setting ua="rw">No</CW_Setting>
<GPP_A/>
<Station_Name>Desk</Station_Name>
</flat-profile>
"""
MPP = """\
<device><flat-profile>
  <Admin_Password ua="na">adm1n</Admin_Password>
  <Time_Zone ua="na">GMT+01:00</Time_Zone>
  <Daylight_Saving_Time_Rule ua="na">start=3/-1/7/2;end=10/-1/7/3;save=1</Daylight_Saving_Time_Rule>
  <Proxy_1_ ua="na">192.0.2.10</Proxy_1_>
  <User_ID_1_ ua="na">201</User_ID_1_><Auth_ID_1_ ua="na">a201</Auth_ID_1_><Password_1_ ua="na">x</Password_1_>
  <SIP_Transport_1_ ua="na">AUTO</SIP_Transport_1_>
  <Upgrade_Rule ua="na">http://192.0.2.9/sip78xx.11-3-1MSR3-3.loads</Upgrade_Rule>
  <Extension_4_ ua="na">1</Extension_4_>
</flat-profile></device>
"""
ADAPTER = """\
<flat-profile>
  <Proxy_1_>192.0.2.10:5060</Proxy_1_><User_ID_1_>201</User_ID_1_><Password_1_>x</Password_1_>
  <Proxy_2_>192.0.2.10:5060</Proxy_2_><User_ID_2_>202</User_ID_2_><Password_2_>y</Password_2_>
  <FXS_Port_Impedance>220+820||115nF</FXS_Port_Impedance>
  <router-configuration>
    <Time_Setup><Time_Zone>+00 2 2</Time_Zone><Time_Server>192.0.2.1</Time_Server></Time_Setup>
    <WAN_VLAN_Setting><WAN_VLAN_Enable>1</WAN_VLAN_Enable><WAN_VLAN_ID>7</WAN_VLAN_ID></WAN_VLAN_Setting>
    <Web_Login_Admin_Password>adm1n</Web_Login_Admin_Password>
  </router-configuration>
</flat-profile>
"""


def imported(name: str, text: str | bytes, named: str = "", **others: str) -> ImportedPhone:
    data = text if isinstance(text, bytes) else text.encode()
    files = {name: data} | {other.replace("__", "."): content.encode() for other, content in others.items()}
    return ProfileReader().read(name, SourceFolder.of(files), SaidModels({"001122334455": named} if named else {}))


def published(phone: ImportedPhone) -> bytes:
    patches: dict[str, dict[str, str]] = {}
    for name, text in phone.patches.items():
        patch = parse_name(name)
        patches.setdefault(patch.file.key, {})[patch.element] = text
    return RENDERER.render(PhoneToRender(phone.mac, phone.model, "", phone.settings, phone.lines, patches))[-1].data


def left_over(text: str, phone: ImportedPhone) -> list[str]:
    """Return in what the new file differs from the old one."""
    old = read_parameters(text.encode(), "old")
    new = read_parameters(published(phone), "new")
    return differences(old, new, comparison(model(phone.model)[1], old))


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [
        ("001122334455.xml", SPA, "SPA504G"),
        ("001122334455.xml", MPP, "7841-3PCC"),
        ("001122334455.cfg", ADAPTER, "SPA112"),
    ],
)
def test_the_new_profile_says_what_the_old_one_said(name: str, text: str, kind: str) -> None:
    phone = imported(name, text, kind)
    assert left_over(text, phone) == []
    assert phone.with_fate(Fate.LOST) == []


def test_a_profile_makes_a_phone_with_its_lines_and_settings() -> None:
    phone = imported("001122334455.xml", SPA)
    assert model(phone.model)[0].id == "cisco-spa"
    assert phone.guess.confidence is Confidence.LIKELY
    assert "spa50x-30x-7-5-5" in phone.guess.because
    assert [(line.name, line.auth_name, line.password.reveal()) for line in phone.lines] == [
        ("201", "201", "s3cr&t"),
        ("202", "auth202", "other"),
    ]
    assert phone.settings["sip_server"] == "pbx.example.com"
    assert phone.settings["sip_transport"] == "tcp"
    assert phone.settings["dtmf_mode"] == "avt"
    assert phone.settings["preferred_codec"] == "g711alaw"
    assert phone.settings["phone_label"] == "Desk"  # the last one counts
    assert phone.settings["call_waiting"] is False
    assert phone.settings["resync_s"] == 0
    assert phone.settings["admin_password"] == "adm1n"
    assert "firmware_load" not in phone.settings  # another server has it, and the rule says so as before
    assert phone.patches["patch:cisco-spa:Upgrade_Rule"] == "http://192.0.2.9/fw/spa50x-30x-7-5-5.bin"
    assert phone.patches["patch:cisco-spa:Proxy_1_"] == "pbx.example.com"  # a port would end the search by DNS
    assert phone.patches["patch:cisco-spa:Proxy_2_"] == "pbx2.example.com:5080"
    assert phone.patches["patch:cisco-spa:Unit_1_Key_1"] == "fnc=blf+sd;sub=300@$PROXY"
    assert "patch:cisco-spa:Password_2_" not in phone.patches


def test_an_account_that_is_switched_off_is_kept_as_it_is() -> None:
    text = SPA.replace("</flat-profile>", "<User_ID_3_>203</User_ID_3_><Password_3_>z</Password_3_></flat-profile>")
    phone = imported("001122334455.xml", text)
    assert [line.index for line in phone.lines] == [1, 2]
    assert phone.patches["patch:cisco-spa:User_ID_3_"] == "203"
    assert phone.patches["patch:cisco-spa:Password_3_"] == "z"
    assert patch_setting("patch:cisco-spa:Password_3_").secret
    assert left_over(text, phone) == []


def test_a_clock_becomes_a_zone_where_there_is_one_with_it() -> None:
    assert imported("001122334455.xml", SPA).settings["time_zone"] == "America/Denver"
    assert "patch:cisco-spa:Time_Zone" not in imported("001122334455.xml", SPA).patches
    text = MPP.replace(
        "</flat-profile>", "<Daylight_Saving_Time_Enable>Yes</Daylight_Saving_Time_Enable></flat-profile>"
    )
    assert imported("001122334455.xml", text).settings["time_zone"] == "Europe/Berlin"
    odd = imported("001122334455.xml", SPA.replace("11/1/7/2", "11/9/7/2"))
    assert "time_zone" not in odd.settings
    assert odd.patches["patch:cisco-spa:Time_Zone"] == "GMT-07:00"


def test_a_phone_that_is_imported_gains_nothing_but_what_it_needs_to_be_told() -> None:
    phone = imported("001122334455.xml", SPA)
    assert {remark.element for remark in phone.with_fate(Fate.ADDED)} == {
        "Provision_Enable", "Resync_On_Reset", "Resync_From_SIP",
    }  # fmt: skip
    (mended,) = phone.with_fate(Fate.MENDED)
    assert (mended.element, mended.line) == ("Profile_Rule", 9)
    assert b'<Profile_Rule ua="na">/$MA.cfg' in published(phone)


@pytest.mark.parametrize(
    ("text", "others", "kind"),
    [
        (SPA, {"spa514G__cfg": "<flat-profile/>"}, "SPA514G"),
        (SPA.replace("spa50x-30x", "spa525g"), {}, "SPA525G"),
        (MPP, {}, "7841-3PCC"),
        (MPP.replace("sip78xx", "sip88xx"), {}, "8851-3PCC"),
        (ADAPTER, {"ata192__cfg": "<flat-profile/>"}, "ATA192"),
    ],
)
def test_the_model_is_told_by_all_that_tells(text: str, others: dict[str, str], kind: str) -> None:
    text = text if "spa514" not in str(others) else text.replace("spa50x-30x", "spa51x")
    assert imported("001122334455.cfg", text, **others).model == kind


def test_what_further_rules_name_counts_where_the_folder_has_it() -> None:
    own = SPA.replace(
        "</flat-profile>", "<Profile_Rule_B>http://192.0.2.9/spa-phone.xml</Profile_Rule_B></flat-profile>"
    )
    common = "<flat-profile><Dial_Plan_1_>(x.)</Dial_Plan_1_><Debug_Level>2</Debug_Level></flat-profile>"
    first = "<flat-profile><Debug_Level>1</Debug_Level><Voice_Mail_Number>*97</Voice_Mail_Number></flat-profile>"
    files = {"001122334455.xml": own, "spa-phone.xml": common, "spa504G.cfg": first}
    folder = SourceFolder.of({name: text.encode() for name, text in files.items()})
    phone = ProfileReader().read("001122334455.xml", folder, SaidModels())
    assert phone.model == "SPA504G"
    assert phone.uses == ("spa504G.cfg", "spa-phone.xml")
    assert phone.settings["user_dial_plan"] == "(x.)"
    assert phone.settings["voicemail_number"] == "*97"
    assert phone.patches["patch:cisco-spa:Debug_Level"] == "2"
    assert "patch:cisco-spa:Profile_Rule_B" not in phone.patches
    assert [remark.element for remark in phone.with_fate(Fate.MENDED)] == ["Profile_Rule_B", "Profile_Rule"]


def test_a_rule_that_leads_to_the_own_profile_is_dropped_and_one_that_leads_away_is_told() -> None:
    rules = "<Profile_Rule_C>http://192.0.2.9/$MA.xml</Profile_Rule_C><Profile_Rule_D>/b.xml</Profile_Rule_D>"
    phone = imported("001122334455.xml", SPA.replace("</flat-profile>", f"{rules}</flat-profile>"))
    assert "patch:cisco-spa:Profile_Rule_C" not in phone.patches
    assert phone.patches["patch:cisco-spa:Profile_Rule_D"] == "/b.xml"
    assert [each.element for each in phone.with_fate(Fate.NOTE)] == ["Profile_Rule_D", "Upgrade_Rule"]


def test_what_no_device_takes_is_lost_with_its_line_and_the_rest_comes_in() -> None:
    phone = imported("001122334455.xml", SPA.replace(">TCP<", ">SCTP<"))
    (lost,) = phone.with_fate(Fate.LOST)
    assert (lost.element, lost.line) == ("SIP_Transport_1_", 27)
    assert "takes UDP, TCP or TLS" in lost.text
    assert published(phone)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"Salted__\x01\x02", "encrypted with a key"),
        (b"\x1f\x8b\x08", "compressed"),
        (b"<flat-profile><a></flat-profile>", "not XML that a phone could read.*line 1"),
        (b"<device/>", "it has no flat-profile element"),
        (b"<flat-profile/>", "no line with a user"),
        (b"<flat-profile><User_ID_1_>1</User_ID_1_></flat-profile>", "no line with a password"),
        (b"<flat-profile><User_ID_1_>1</User_ID_1_><Password_1_>x</Password_1_></flat-profile>", "no SIP server"),
    ],
)
def test_what_configures_no_phone_is_left_out_with_the_reason(data: bytes, says: str) -> None:
    with pytest.raises(NotImportable, match=says):
        imported("001122334455.cfg", data)
    with pytest.raises(NotImportable, match="the account of line 1 is still to be filled in"):
        imported("001122334455.cfg", SPA.replace(">201<", ">{$user_id_1}<"))
    with pytest.raises(NotImportable, match="which a 9971 does not read"):
        imported("001122334455.cfg", SPA, "9971")


def test_letters_of_an_undeclared_encoding_are_read() -> None:
    assert (
        imported("001122334455.cfg", SPA.replace(">Desk<", ">Büro<").encode("latin-1")).settings["phone_label"]
        == "Büro"
    )


def test_names_of_profiles_are_by_mac_address() -> None:
    reader = ProfileReader()
    for name in ("001122334455.cfg", "spa001122334455.xml", "SPA/001122334455.CFG", "ata001122334455.cfg"):
        assert str(reader.mac_of(name, SourceFolder.of({}))) == "00:11:22:33:44:55"
    for name in ("spa504G.cfg", "SEP001122334455.cnf.xml", "0011223344556.cfg"):
        assert reader.mac_of(name, SourceFolder.of({})) is None


TEXTS = st.text(string.ascii_letters + string.digits + " .:/_*&<>;=", max_size=10).map(str.strip)
KNOWN = sorted({f"{each.name}_1_" if each.of_line else each.name for each in PARAMETERS if "/" not in each.name})
VALUES = st.one_of(TEXTS, st.sampled_from(["Yes", "No", "yes", "no", "5060", "UDP", "G722", "Disabled", "1", ""]))


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(
        st.one_of(st.sampled_from(KNOWN), st.from_regex(r"[A-Z][A-Za-z_]{2,10}", fullmatch=True)),
        st.tuples(VALUES, st.sampled_from([None, "na", "ro", "rw"])),
        max_size=12,
    ),
    st.sampled_from(["SPA504G", "8851-3PCC", "SPA112", "ATA192"]),
)
def test_any_profile_is_said_again_or_the_report_names_what_is_not(
    parameters: dict[str, tuple[str, str | None]], kind: str
) -> None:
    root = etree.Element("flat-profile")
    needed = {"Proxy_1_": "192.0.2.10", "User_ID_1_": "201", "Password_1_": "x"}
    for name, (text, access) in {**parameters, **{name: (text, None) for name, text in needed.items()}}.items():
        node = etree.SubElement(root, name)
        node.text = text
        if access is not None:
            node.set("ua", access)
    data = etree.tostring(root)
    try:
        phone = imported("001122334455.cfg", data, kind)
    except NotImportable:
        return  # the reason is in the error
    lost = {remark.element for remark in phone.with_fate(Fate.LOST)}
    assert {name.removesuffix("/@ua") for name in left_over(data.decode(), phone)} <= lost


def test_values_that_contradict_each_other_are_kept_as_the_phone_has_them() -> None:
    ports = "<RTP_Port_Min>30000</RTP_Port_Min><RTP_Port_Max>20000</RTP_Port_Max></flat-profile>"
    text = SPA.replace("</flat-profile>", ports)
    phone = imported("001122334455.cfg", text)
    assert phone.patches["patch:cisco-spa:RTP_Port_Min"] == "30000"
    assert left_over(text, phone) == []


def test_what_is_said_of_all_other_phones_holds_for_those_that_it_can_mean() -> None:
    folder = SourceFolder.of({"001122334455.xml": SPA.encode()})
    for named, kind in (("9971", "SPA504G"), ("SPA509G", "SPA509G")):
        assert ProfileReader().read("001122334455.xml", folder, SaidModels(for_others=named)).model == kind


@settings(max_examples=100, deadline=None)
@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")))
)
def test_any_bytes_are_a_phone_or_refused(data: bytes) -> None:
    start = SPA.encode()[:-16] + b"<a>"
    for whole in (data, start + data + b"</a></flat-profile>"):
        try:
            phone = ProfileReader().read("001122334455.cfg", SourceFolder.of({"001122334455.cfg": whole}), SaidModels())
        except NotImportable:
            continue
        for name, text in phone.patches.items():
            patch_setting(name).check(text)


def test_a_text_on_several_lines_is_written_in_one() -> None:
    text = SPA.replace("<GPP_A/>", "<GPP_A>one\n\t two</GPP_A>")
    phone = imported("001122334455.xml", text)
    assert phone.patches["patch:cisco-spa:GPP_A"] == "one two"
    assert ("GPP_A", "GPP_A is written in one line") in [
        (each.element, each.text) for each in phone.with_fate(Fate.MENDED)
    ]
