"""Rendering: a phone's settings and lines become the file that the phone takes, byte for byte the same each time.

``UPDATE_GOLDENS=1`` writes the goldens anew; read their diff before you keep it.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.content.release import Reload, TargetKind
from ringfence.phones.errors import (
    CredentialsDisagree,
    IncompletePhone,
    LimitExceeded,
    UnknownModel,
    UnknownSetting,
    ValueOutOfRange,
)
from ringfence.phones.families import families, model
from ringfence.phones.families import model as phone_model
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import RenderedFile, Renderer
from ringfence.phones.settings.time_zones import CISCO_ZONE, difference
from ringfence.phones.settings.types import Setting, SettingType, Value
from ringfence.secret import Secret
from support.phone_reading import read_configuration

GOLDENS = Path(__file__).parent / "goldens"
RENDERER = Renderer()
PASSWORD = Secret("s3cr3tOfAnna")


def line(
    index: int = 1,
    *,
    label: str = "Anna",
    name: str = "anna",
    display_name: str = "Anna Berg",
    auth_name: str = "anna-auth",
    password: Secret = PASSWORD,
) -> LineAccount:
    return LineAccount(index, label, name, display_name, auth_name, password)


def a_phone(
    kind: str = "9971",
    *lines: LineAccount,
    settings: Mapping[str, Value] | None = None,
    description: str = "Desk",
) -> PhoneToRender:
    return PhoneToRender(
        mac=Mac("001122334455"),
        model=kind,
        description=description,
        settings={"sip_server": "192.0.2.10"} | dict(settings or {}),
        lines=lines or (line(),),
    )


def render(phone: PhoneToRender) -> RenderedFile:
    return RENDERER.render(phone)[-1]


ENTERPRISE = sorted(
    name
    for family in families().values()
    for name in family.models
    if any(file.key == "device" for file in family.files)
)

PLAIN: Mapping[str, Value] = {"time_zone": "Europe/Berlin", "ntp_servers": "192.0.2.1,ntp.example.com"}
EVERYTHING: Mapping[str, Value] = {
    "time_zone": "Pacific/Auckland",
    "date_template": "M/D/YA",
    "sip_server_2": "pbx2.example.com",
    "sip_server_3": "2001:db8::10",
    "sip_port": 5080,
    "sip_listen_port": 5070,
    "outbound_proxy": "sbc.example.com",
    "nat_enabled": True,
    "nat_address": "203.0.113.7",
    "preferred_codec": "g722",
    "dtmf_mode": "avt_always",
    "kpml": 1,
    "call_waiting": False,
    "max_calls": 200,
    "busy_trigger": 100,
    "anonymous_call_block": True,
    "do_not_disturb_alert": "flash",
    "missed_calls": False,
    "voicemail_number": "*97",
    "phone_label": "Büro <1>",
    "user_locale": "German_Germany",
    "user_locale_code": "de_DE",
    "network_locale": "Germany",
    "idle_timeout_s": 60,
    "idle_url": "http://192.0.2.9/idle?a=1&b=2",
    "web_access": "read-only",
    "settings_access": "restricted",
    "ssh_access": True,
    "ssh_user": "support",
    "ssh_password": "Br0wn-Fox",
    "admin_password": "Gr33n-Fox",
    "phone_password": "4711*#",
    "pc_port": False,
    "span_to_pc_port": True,
    "bluetooth": False,
    "wifi": True,
    "usb": False,
    "feature_policy_file": "FeaturePolicy.xml",
    "soft_key_file": "SoftKeys.xml",
    "firmware_load": "sip9971.9-4-2SR4-1",
}


LISTS: Mapping[str, Value] = {
    "keys": "2 | blf | Door | 100",
    "dial_plan": "0,........ | 3 | | Bellcore-Outside\n* | 5",
    "soft_keys": "On Hook | Redial, NewCall",
    "application_dial_rules": "+49 | 12 | 3 | 0",
    "services": "News | http://192.0.2.1/news",
    "directory": "Ben | 202",
    "edge_url": "http://192.0.2.2:6970",
    "phone_services": "services | Menu | http://192.0.2.1/menu",
}
OTHER_MAKER: Mapping[str, Value] = {**PLAIN, "keys": "2 | blf | Door | 100", "voicemail_number": "*97"}
VPN: Mapping[str, Value] = {
    "vpn_url": "https://vpn.example.com/svc",
    "vpn_certificates": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "dot1x": True,
    "log_server": "192.0.2.7",
    "sip_transport": "tls",
    "device_security": "encrypted",
}


@pytest.mark.parametrize(
    ("golden", "phone"),
    [
        ("8941", a_phone("8941", settings=PLAIN)),
        ("9971", a_phone("9971", settings=PLAIN)),
        ("9971-everything", a_phone("9971", line(), line(3, label="Lager & Co", name="stock"), settings=EVERYTHING)),
        ("7975-lists", a_phone("7975", settings={**PLAIN, **LISTS})),
        ("8851-vpn", a_phone("8851", settings={**PLAIN, **VPN})),
        ("7960", a_phone("7960", line(), line(2, name="stock", password=Secret("0ther")), settings=PLAIN)),
        ("SPA504G", a_phone("SPA504G", line(), line(2, name="stock", password=Secret("0ther")), settings=PLAIN)),
        ("T46S", a_phone("T46S", line(), line(3, name="stock", password=Secret("0ther")), settings=OTHER_MAKER)),
        ("D785", a_phone("D785", line(), line(3, name="stock", password=Secret("0ther")), settings=OTHER_MAKER)),
        ("8851-3PCC", a_phone("8851-3PCC", settings={**PLAIN, "firmware_load": "sip88xx.11-3-4MPP0001-374"})),
    ],
)
def test_a_phone_renders_as_the_golden_says(golden: str, phone: PhoneToRender) -> None:
    folder = GOLDENS / golden
    files = {file.name: file.data for file in RENDERER.render(phone)}
    if os.environ.get("UPDATE_GOLDENS"):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
    assert {name: data.decode() for name, data in files.items()} == {
        path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()
    }
    assert not any(b"<!--" in data for data in files.values())


@pytest.mark.parametrize(
    ("settings", "element", "text"),
    [
        ({"g722": True}, "g722CodecSupport", "2"),  # 1 would switch it off
        ({"g722": False}, "g722CodecSupport", "1"),
        ({"g722": True}, "advertiseG722Codec", "1"),
        ({"dot1x": True}, "eapAuthentication", "2"),  # 1 would switch it off
        ({"dot1x": False}, "eapAuthentication", "0"),
        ({"do_not_disturb_alert": "nothing"}, "dndCallAlert", "0"),
        ({"do_not_disturb_alert": "flash"}, "dndCallAlert", "1"),
        ({"do_not_disturb_alert": "beep"}, "dndCallAlert", "5"),
        ({}, "backgroundImageAccess", "true"),
        ({"wallpaper": "sea.png"}, "backgroundImageAccess", "false"),  # else the phone doesn't show it
    ],
)
def test_values_mean_what_they_do_to_a_phone(settings: dict[str, Value], element: str, text: str) -> None:
    assert f"<{element}>{text}</{element}>" in render(a_phone("8851", settings=settings)).data.decode()


@pytest.mark.parametrize(("model", "shows"), [("8865", True), ("9971", True), ("8851", False), ("7975", False)])
def test_a_phone_without_video_is_told_nothing_of_it(model: str, shows: bool) -> None:
    assert ("video" in phone_model(model)[1].settings) is shows
    assert b"<videoCapability>" not in render(a_phone(model)).data
    if shows:
        assert b"<videoCapability>0</videoCapability>" in render(a_phone(model, settings={"video": False})).data


def test_an_spa_has_no_parameter_for_a_pc_port_and_a_multiplatform_phone_has() -> None:
    spa, mpp = (
        render(
            a_phone(kind, settings={"call_waiting": True} | ({"pc_port": False} if "PCC" in kind else {}))
        ).data.decode()
        for kind in ("SPA504G", "8851-3PCC")
    )
    assert "PC_Port" not in spa
    assert "PC_PORT" not in spa
    assert '<PC_PORT_Enable ua="na">No</PC_PORT_Enable>' in mpp
    assert '<CW_Setting ua="rw">Yes</CW_Setting>' in spa


def test_the_file_is_named_for_its_phone_and_knows_how_to_reload_it() -> None:
    file = render(a_phone(settings={"sip_listen_port": 5071}))
    assert file.name == "SEP001122334455.cnf.xml"
    assert file.owner == Mac("001122334455")
    assert file.kind is TargetKind.CONFIGURATION
    assert file.reload == Reload("sip-notify", 5071)


def test_when_and_how_a_phone_is_told_is_as_its_settings_and_family_say() -> None:
    night: dict[str, Value] = {"reload": "night", "reload_hour": 2, "time_zone": "Europe/Berlin"}
    assert render(a_phone(settings=night)).reload == Reload("sip-notify", 5060, 60)
    assert render(a_phone(settings={**night, "time_zone": "America/New_York"})).reload == Reload(
        "sip-notify", 5060, 420
    )
    assert render(a_phone(settings={"reload": "never"})).reload is None
    for kind in ("7960", "SPA504G", "8851-3PCC"):
        assert render(a_phone(kind)).reload == Reload("check-sync", 5060)
        assert render(a_phone(kind, settings={"reload": "idle"})).reload == Reload("check-sync", 5060)


def test_an_order_by_web_goes_to_the_phone_s_web_interface_which_asks_the_edge() -> None:
    by_web: dict[str, Value] = {"reload_by": "web", "web_access": "on", "edge_url": "http://192.0.2.1:6970/"}
    file = render(a_phone(settings=by_web))
    assert file.reload == Reload("web", 80)
    assert b"<authenticationURL>http://192.0.2.1:6970/authenticate</authenticationURL>" in file.data
    assert render(a_phone(settings={**by_web, "reload": "idle"})).reload == Reload("web-when-idle", 80)
    for wrong, says in (
        ({**by_web, "edge_url": ""}, "reload_by is web without edge_url"),
        ({**by_web, "web_access": "read-only"}, "reload_by is web, but web_access is read-only"),
        ({**by_web, "authentication_url": "http://192.0.2.9/"}, "authentication_url asks another than the edge"),
        ({"reload": "idle"}, "no SIP order waits until nobody uses the phone"),
    ):
        with pytest.raises(IncompletePhone, match=says):
            render(a_phone(settings=wrong))


def test_a_rendered_file_does_not_show_its_secrets_when_it_is_printed() -> None:
    phone = a_phone()
    assert PASSWORD.reveal() not in repr(phone) + repr(render(phone))


def test_the_same_input_gives_the_same_bytes_and_any_change_another_stamp() -> None:
    first = render(a_phone())
    assert Renderer().render(a_phone())[0].data == first.data
    stamps = {
        read_configuration(render(phone).data, phone.model).version_stamp
        for phone in (a_phone(), a_phone("9971", line(label="Anne")), a_phone(settings={"kpml": 1}))
    }
    assert len(stamps) == 3


def test_the_phone_holds_what_the_operator_set() -> None:
    held = read_configuration(
        render(a_phone("8941", line(label="Zoë <&>\"'"), settings={"sip_port": 5080})).data, "8941"
    )
    assert held.label == "Zoë <&>\"'"
    assert held.sip_servers == (("192.0.2.10", 5080),)
    assert held.sip_transport == "udp"
    assert held.lines[0].password == PASSWORD


def test_the_first_line_carries_the_devices_one_credential() -> None:
    held = read_configuration(render(a_phone("9971", line(2, name="stock"), line(1))).data, "9971")
    first, second = held.lines
    assert (first.button, first.auth_name, first.password) == (1, "anna-auth", PASSWORD)
    assert (second.button, second.auth_name, bool(second.password)) == (2, "", False)


def test_a_line_that_says_nothing_of_credentials_shares_the_first_ones() -> None:
    held = read_configuration(
        render(a_phone("9971", line(1), line(2, name="stock", auth_name="", password=Secret("")))).data,
        "9971",
    )
    assert len(held.lines) == 2


def test_lines_with_different_credentials_are_refused_by_their_numbers() -> None:
    with pytest.raises(CredentialsDisagree, match="lines 1 and 2 have different credentials") as caught:
        render(a_phone("8851", line(1), line(2, password=Secret("another"))))
    assert "00:11:22:33:44:55" in str(caught.value)
    assert "another" not in str(caught.value)


@pytest.mark.parametrize(
    ("account", "element", "limit"),
    [
        (line(label="x" * 31), "featureLabel of line 1", 30),
        (line(name="x" * 31), "name of line 1", 30),
        (line(display_name="x" * 31), "displayName of line 1", 30),
        (line(auth_name="x" * 31), "authName of line 1", 30),
        (line(password=Secret("p" * 32)), "authPassword of line 1", 31),
    ],
)
def test_what_is_too_long_for_the_phone_is_refused_by_element_and_limit(
    account: LineAccount, element: str, limit: int
) -> None:
    with pytest.raises(LimitExceeded) as caught:
        render(a_phone("9971", account))
    assert f"{element} has {limit + 1} characters, but a 9971 takes at most {limit}" in str(caught.value)
    assert "00:11:22:33:44:55 (Desk)" in str(caught.value)
    assert "pppp" not in str(caught.value)


def test_what_is_just_short_enough_is_taken() -> None:
    account = LineAccount(1, "l" * 30, "n" * 30, "d" * 30, "a" * 30, Secret("p" * 31))
    assert read_configuration(render(a_phone("8941", account)).data, "8941").label == "l" * 30


def test_a_key_that_the_phone_lacks_is_refused() -> None:
    with pytest.raises(LimitExceeded, match="an 8941 only has keys 1 to 4"):
        render(a_phone("8941", line(5)))
    with pytest.raises(LimitExceeded, match="key 0"):
        render(a_phone("8941", line(0)))


def test_what_a_phone_can_not_do_without_is_named() -> None:
    with pytest.raises(IncompletePhone, match="no SIP server is set"):
        render(a_phone(settings={"sip_server": ""}))
    with pytest.raises(IncompletePhone, match="no line has a password"):
        render(a_phone("9971", line(password=Secret(""))))
    with pytest.raises(IncompletePhone, match="line 1 has no SIP name"):
        render(a_phone("9971", line(name="")))
    with pytest.raises(IncompletePhone, match="has no line"):
        render(PhoneToRender(Mac("001122334455"), "9971", "", {"sip_server": "192.0.2.10"}, ()))
    with pytest.raises(IncompletePhone, match="ssh_user and ssh_password"):
        render(a_phone(settings={"ssh_access": True}))


def test_values_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValueOutOfRange, match="busy_trigger 5 is above max_calls 4"):
        render(a_phone(settings={"busy_trigger": 5, "max_calls": 4}))
    with pytest.raises(ValueOutOfRange, match="media_port_first 40000 is above media_port_last 32766"):
        render(a_phone(settings={"media_port_first": 40000}))
    with pytest.raises(ValueOutOfRange, match="two lines have the same key"):
        render(a_phone("9971", line(1), line(1)))


def test_a_value_that_was_never_checked_is_checked_before_it_is_rendered() -> None:
    with pytest.raises(ValueOutOfRange, match="sip_listen_port"):
        render(a_phone(settings={"sip_listen_port": 80}))
    with pytest.raises(UnknownSetting, match="sip_server"):
        render(a_phone(settings={"sip_serer": "x"}))
    with pytest.raises(UnknownModel, match="8941"):
        render(a_phone("cisco-8940"))
    for text in ("a\x00b", "a\nb", "\ud800", "\ufffe"):
        with pytest.raises(ValueOutOfRange, match="the label of line 1 contains a control character"):
            render(a_phone("9971", line(label=text)))
        with pytest.raises(ValueOutOfRange, match="the description contains"):
            render(a_phone(description=text))


def test_ssh_credentials_stay_out_of_the_file_while_ssh_is_off() -> None:
    data = render(a_phone(settings={"ssh_user": "support", "ssh_password": "Br0wn-Fox"})).data
    assert b"Br0wn-Fox" not in data


def values_of(setting: Setting) -> st.SearchStrategy[Value]:
    match setting.type:
        case SettingType.YES_NO:
            return st.booleans()
        case SettingType.NUMBER:
            return st.integers(setting.minimum, setting.maximum)
        case SettingType.CHOICE:
            return st.sampled_from(setting.choices)
        case SettingType.TEXT:
            texts = st.just(setting.default) if setting.form != "any" else printable(setting.maximum or 0)
            return texts | st.sampled_from(["", "pbx.example.com", "4711", "a", "http://x.example/?a=<&\"'"]).filter(
                lambda text: takes(setting, text)
            )
        case SettingType.TABLE:
            return st.just("")  # their own tests: test_tables.py


def takes(setting: Setting, text: str) -> bool:
    try:
        return setting.check(text) == text
    except ValueOutOfRange:
        return False


def printable(most: int, least: int = 0) -> st.SearchStrategy[str]:
    characters = st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"), exclude_characters="\ufffe\uffff"
    ) | st.sampled_from("<>&\"'{}%#Żяあ漢🙂")
    return st.text(characters, min_size=least, max_size=most)


@st.composite
def phones(draw: st.DrawFn) -> PhoneToRender:
    kind = model(draw(st.sampled_from(ENTERPRISE)))[1]
    chosen = draw(st.lists(st.sampled_from(sorted(kind.settings)), unique=True))
    values = {name: draw(values_of(kind.settings[name])) for name in chosen}
    values["sip_server"] = draw(st.sampled_from(["192.0.2.10", "pbx.example.com", "2001:db8::10"]))
    for name in ("ssh_access", "device_security", "protect_calls", "reload", "reload_by", "line_mode"):
        values.pop(name, None)
    values["busy_trigger"] = 1
    zone = str(values.get("time_zone", "Etc/UTC"))
    if difference(zone) and not values.get("cisco_time_zone"):
        values["cisco_time_zone"] = CISCO_ZONE[zone]  # it is for people to take the nearest one
    if int(values.get("media_port_first", 1024)) > int(values.get("media_port_last", 32766)):
        values.pop("media_port_first")
    keys = draw(st.lists(st.integers(1, kind.line_keys.value), unique=True, min_size=1))
    names = st.text("abcXYZ019._-", min_size=1, max_size=30)
    auth_name, password = (
        draw(names),
        Secret(
            draw(printable(kind.limits["authPassword"].we_write, 1).filter(lambda text: text == text.strip() != ""))
        ),
    )
    lines = tuple(
        LineAccount(key, draw(printable(30)), draw(names), draw(printable(30)), auth_name, password) for key in keys
    )
    return PhoneToRender(Mac("001122334455"), kind.name, draw(printable(40)), values, lines)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(phones())
def test_any_settings_within_their_ranges_make_a_file_that_the_phone_takes_and_holds(phone: PhoneToRender) -> None:
    if int(phone.settings.get("media_port_last", 32766)) < int(phone.settings.get("media_port_first", 16384)):
        return
    held = read_configuration(render(phone).data, phone.model)
    wanted = sorted(phone.lines, key=lambda line: line.index)
    assert [(line.button, line.label, line.name, line.display_name) for line in held.lines] == [
        (line.index, line.label.strip(), line.name, line.display_name.strip()) for line in wanted
    ]
    assert held.lines[0].password == wanted[0].password
    assert held.sip_servers[0][0] == phone.settings["sip_server"]
    assert held.sip_listen_port == phone.settings.get("sip_listen_port", 5060)
    label = str(phone.settings.get("phone_label", ""))
    assert held.phone_label == (label.replace(" ", "_") if phone.model.startswith("79") else label).strip()


@st.composite
def other_phones(draw: st.DrawFn) -> PhoneToRender:
    """Phones with text files and flat profiles: each with one line, and any settings that its family takes."""
    kind = model(draw(st.sampled_from(["7960", "SPA504G", "8851-3PCC"])))[1]
    chosen = draw(st.lists(st.sampled_from(sorted(kind.settings)), unique=True))
    values = {name: draw(values_of(kind.settings[name])) for name in chosen if name not in {"reload", "protect_calls"}}
    # Text files carry no quotation mark; it is refused by name (test_tables.py).
    values = {name: value for name, value in values.items() if kind.name != "7960" or '"' not in str(value)}
    if kind.name == "7960":
        values["zone_name"] = values.get("zone_name") or "CET"  # it has no name of its own for some zones
    values["sip_server"] = "pbx.example.com"
    for name in ("modules", "leave_out"):
        values.pop(name, None)
    last = int(kind.settings["media_port_last"].default)
    if int(values.get("media_port_first", 16384)) > int(values.get("media_port_last", last)):
        values.pop("media_port_first", None)
        values.pop("media_port_last", None)
    label = draw(st.text("abcXYZ <>&'Żя", min_size=1, max_size=20).filter(lambda text: text.strip() == text))
    account = LineAccount(1, label, "anna", label, "anna-auth", Secret("s3cr3t<&>'"))
    return PhoneToRender(Mac("001122334455"), kind.name, "", values, (account,))


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(other_phones())
def test_any_settings_of_text_files_and_flat_profiles_come_back_too(phone: PhoneToRender) -> None:
    of, kind = model(phone.model)
    rendered = {file.name: file.data for file in RENDERER.render(phone)}
    asked = [ask.name_for(phone.mac, kind).removeprefix("/") for ask in of.boot.value if ask.configures]
    held = of.read(tuple(rendered[name] for name in asked), kind)
    (line,) = held.lines
    assert (line.label, line.name, line.auth_name) == (phone.lines[0].label, "anna", "anna-auth")
    assert line.password == phone.lines[0].password
    assert held.sip_servers == (("pbx.example.com", int(phone.settings.get("sip_port", 5060))),)
    assert held.phone_label == str(phone.settings.get("phone_label", "")).strip()
