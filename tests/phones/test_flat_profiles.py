"""Profiles of SPA and MPP phones and of adapters: only names that they know, and values that they take."""

import pytest
from lxml import etree

from ringfence.phones.errors import LimitExceeded, RenderFault, ValueOutOfRange
from ringfence.phones.families import family, model
from ringfence.phones.family import Model
from ringfence.phones.flat_profile.parameters import PARAMETERS, parameter
from ringfence.phones.flat_profile.profile_file import parameters_of, profile_of, read_profiles, split_proxy
from ringfence.phones.flat_profile.series import Series, series_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import SettingType, Value
from ringfence.secret import Secret

RENDERER = Renderer()
ANNA = Mac("001122334455")
ACCOUNT = LineAccount(1, "Anna", "anna", "Anna Berg", "anna-auth", Secret("s3cr3t"))
MODELS = [each for of in ("cisco-spa", "cisco-mpp", "cisco-ata") for each in family(of).models.values()]
EVERYTHING: dict[str, Value] = {
    "time_zone": "Europe/Berlin", "ntp_servers": "192.0.2.1,192.0.2.2", "sip_server_2": "192.0.2.11", "sip_port": 5080,
    "outbound_proxy": "192.0.2.12", "nat_address": "203.0.113.1", "voicemail_number": "*97", "phone_label": "Reception",
    "admin_password": "adm1n", "web_access": "on", "log_server": "192.0.2.7", "services_url": "http://192.0.2.1/s",
    "services_name": "Menu", "directory_url": "http://192.0.2.1/d", "directory_name": "Company",
    "language": "German", "language_code": "de-DE", "dictionaries": "serv=http://192.0.2.1/;d0=English;x0=en.xml",
    "user_dial_plan": "(x.)", "keys": "2 | blf | Door | 100",
}  # fmt: skip


def phone(kind: str, *lines: LineAccount, **settings: Value) -> PhoneToRender:
    known = model(kind)[1].settings
    values = {name: value for name, value in settings.items() if name in known}
    return PhoneToRender(ANNA, kind, "", {"sip_server": "192.0.2.10", **values}, lines or (ACCOUNT,))


def said(one: PhoneToRender) -> dict[str, str]:
    root = etree.fromstring(RENDERER.render(one)[-1].data)
    profile = profile_of(root)
    assert profile is not None
    return {name: node.text or "" for name, node in parameters_of(profile)}


def with_every_choice(kind: Model) -> list[PhoneToRender]:
    """Return a phone for every value of each setting that has few, with all others set once."""
    keys = {} if kind.line_keys.value > 1 else {"keys": ""}
    every = {name: value for name, value in {**EVERYTHING, **keys}.items() if name in kind.settings}
    found = [phone(kind.name, **every)]
    for setting in kind.settings.values():
        if setting.name == "protect_calls":
            continue  # it writes nothing by itself: tests/phones/test_protection.py
        values: list[Value] = []
        if setting.type is SettingType.YES_NO:
            values = [True, False]
        elif setting.type is SettingType.CHOICE and len(setting.choices) < 20:
            values = list(setting.choices)
        elif setting.type is SettingType.NUMBER and not setting.name.startswith("media_port"):
            values = [number for number in (setting.minimum, setting.maximum) if number is not None]
        found += [phone(kind.name, **{**every, setting.name: value}) for value in values]
    return found


@pytest.mark.parametrize("kind", ["SPA504G", "SPA301", "SPA112", "8851-3PCC", "ATA192"])
def test_a_profile_holds_only_what_its_device_knows_with_documented_values(kind: str) -> None:
    series = series_of(model(kind)[1])
    for one in with_every_choice(model(kind)[1]):
        for name, text in said(one).items():
            known = parameter(name, series)
            assert known is not None, name
            assert not text or known.values.documented(text), (name, text)


def test_every_parameter_has_its_source() -> None:
    assert all(each.source and each.series for each in PARAMETERS)


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [
        ("SPA504G", "SIP_Transport_1_", "SCTP"),
        ("SPA504G", "Register_1_", "maybe"),
        ("SPA504G", "Daylight_Saving_Time_Rule", "start=3/-1/7/24;end=10/-1/7/3;save=1"),
        ("8851-3PCC", "Preferred_Codec_1_", "MP3"),
        ("SPA112", "router-configuration/Time_Setup/Time_Zone", "GMT+01:00"),
        ("ATA192", "router-configuration/WAN_VLAN_Setting/WAN_VLAN_ID", "5000"),
    ],
)
def test_a_value_that_no_device_takes_is_refused_even_as_a_patch(kind: str, name: str, text: str) -> None:
    one = phone(kind)
    patched = PhoneToRender(one.mac, kind, "", one.settings, one.lines, {"profile": {name: text}})
    with pytest.raises(RenderFault, match=name):
        RENDERER.render(patched)


def test_nothing_is_written_that_nobody_set_where_the_device_s_own_default_will_do() -> None:
    assert set(said(phone("SPA504G", keys=""))) - {
        f"{name}_{key}_"
        for key in (2, 3, 4)
        for name in ("Line_Enable", "Extension", "Short_Name", "Extended_Function")
    } == {
        "Provision_Enable", "Profile_Rule", "Resync_On_Reset", "Resync_Periodic", "Resync_From_SIP", "Upgrade_Enable",
        "Enable_Web_Server", "Enable_Web_Admin_Access", "Time_Zone", "Daylight_Saving_Time_Enable", "Line_Enable_1_",
        "Extension_1_", "Short_Name_1_", "Display_Name_1_", "Proxy_1_", "Register_1_", "Auth_Resync-Reboot_1_",
        "User_ID_1_", "Password_1_", "Use_Auth_ID_1_", "Auth_ID_1_",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "text"), [("avt", "Auto"), ("avt_always", "AVT"), ("info", "INFO"), ("none", "InBand")]
)
def test_key_presses_are_sent_as_the_setting_says(mode: str, text: str) -> None:
    assert said(phone("SPA504G", dtmf_mode=mode))["DTMF_Tx_Method_1_"] == text


def test_a_multiplatform_phone_has_no_switch_for_a_proxy_or_a_name_to_authenticate_with() -> None:
    mpp, spa = (said(phone(kind, **EVERYTHING)) for kind in ("8851-3PCC", "SPA504G"))
    for name in ("Use_Outbound_Proxy_1_", "Use_Auth_ID_1_"):
        assert name in spa
        assert name not in mpp
    assert (mpp["Outbound_Proxy_1_"], mpp["Auth_ID_1_"]) == ("192.0.2.12", "anna-auth")
    assert (mpp["Admin_Password"], spa["Admin_Passwd"]) == ("adm1n", "adm1n")


def test_languages_directories_and_802_1x_are_set_by_their_names() -> None:
    held = said(phone("8851-3PCC", **EVERYTHING, dot1x=True))
    assert held["Enable_802.1X_Authentication"] == "Yes"
    assert held["Language_Selection"] == "German"
    assert held["Locale"] == "de-DE"
    assert held["Dictionary_Server_Script"].startswith("serv=http://")
    assert held["XML_Directory_Service_Name"] == "Company"


@pytest.mark.parametrize("kind", ["SPA112", "SPA122", "ATA191", "ATA192"])
def test_an_adapter_s_network_side_has_a_section_of_its_own(kind: str) -> None:
    held = said(phone(kind, **EVERYTHING, vlan=True, vlan_id=100, cdp=False))
    router = {
        name.removeprefix("router-configuration/"): text for name, text in held.items() if name.startswith("router")
    }
    assert router == {
        "Time_Setup/Time_Zone": "+01 2 2",
        "Time_Setup/Auto_Adjust_Clock": "1",
        "Time_Setup/Daylight_Saving_Time_Rule": "start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1",
        "Time_Setup/Time_Server_Mode": "manual",
        "Time_Setup/Time_Server": "192.0.2.1",
        "WAN_VLAN_Setting/WAN_VLAN_Enable": "1",
        "WAN_VLAN_Setting/WAN_VLAN_ID": "100",
        "CLDP_Setting/CDP_ENABLE": "0",
        "CLDP_Setting/LLDP_ENABLE": "1",
        "Web_Management/Web_Utility_Access_HTTP": "1",
        "Web_Management/Web_Utility_Access_HTTPS": "1",
        "Web_Login_Admin_Password": "adm1n",
    }
    assert "Time_Zone" not in held
    assert "Short_Name_1_" not in held
    with pytest.raises(ValueOutOfRange, match=r"no number for Asia/Kabul \(GMT\+04:30\)"):
        said(phone(kind, time_zone="Asia/Kabul"))


def test_keys_beyond_the_phone_s_own_are_on_its_expansion_modules() -> None:
    keys = "2 | blf | Door | 100; 5 | blf-pickup | Lab | 102; 37 | speed-dial | Taxi | 0800"
    held = said(phone("SPA504G", keys=keys, modules="1 | SPA500S; 2 | SPA500S"))
    assert held["Unit_1_Enable"] == held["Unit_2_Enable"] == "Yes"
    assert held["Unit_1_Key_1"] == "fnc=blf+sd+cp;sub=102@$PROXY;nme=Lab"
    assert held["Unit_2_Key_1"] == "fnc=sd;ext=0800@$PROXY;nme=Taxi"
    with pytest.raises(LimitExceeded, match="only has keys 1 to 36"):
        said(phone("SPA504G", keys=keys, modules="1 | SPA500S"))
    with pytest.raises(ValueOutOfRange, match="expansion modules are at 2"):
        said(phone("SPA504G", modules="2 | SPA500S"))
    with pytest.raises(LimitExceeded, match="lines on keys 1 to 4 only"):
        said(phone("SPA504G", LineAccount(5, "", "x", "", "", Secret("y")), modules="1 | SPA500S"))
    assert Series.SPA in {series_of(each) for each in MODELS}


def test_a_firmware_is_the_one_file_that_the_rule_names() -> None:
    assert said(phone("SPA504G", firmware_load="spa50x-30x-7-6-2e"))["Upgrade_Rule"] == "/spa50x-30x-7-6-2e.bin"
    assert said(phone("ATA192", firmware_load="ATA19x.11-1-0MPP-23"))["Upgrade_Rule"] == "/ATA19x.11-1-0MPP-23.img"
    data = RENDERER.render(phone("SPA504G", firmware_load="spa50x-30x-7-6-2e"))[-1].data
    assert read_profiles((data,), model("SPA504G")[1]).load == "spa50x-30x-7-6-2e"
    assert model("SPA514G")[1].runs("spa51x-7-6-2e")
    assert not model("SPA514G")[1].runs("spa50x-30x-7-6-2e")


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("pbx.example.com", ("pbx.example.com", 5060)),
        ("192.0.2.10:5080", ("192.0.2.10", 5080)),
        ("[2001:db8::1]:5080", ("[2001:db8::1]", 5080)),
        ("", ("", 5060)),
    ],
)
def test_a_proxy_may_name_its_port(text: str, proxy: tuple[str, int]) -> None:
    assert split_proxy(text) == proxy
