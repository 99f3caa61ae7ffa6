"""Settings: names, values, limits, and which scope wins."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ringfence.phones.errors import UnknownFamily, UnknownSetting, ValueOutOfRange
from ringfence.phones.families import families, family, model
from ringfence.phones.rendering.resolve_settings import (
    BUILT_IN,
    Resolved,
    Value,
    parse_value,
    resolve,
)
from ringfence.phones.settings.time_zones import CISCO_ZONE, CISCO_ZONES
from ringfence.phones.settings.types import Setting, SettingType

BOTH = ("8941", "9971")
ALL_SETTINGS = list(
    {
        id(setting): setting
        for of in families().values()
        for kind in of.models.values()
        for setting in kind.settings.values()
    }.values()
)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("sip_listen_port", " 5070 ", 5070),
        ("video", "Yes", True),
        ("video", "off", False),
        ("web_access", "Read-Only", "read-only"),
        ("time_zone", "europe/berlin", "Europe/Berlin"),
        ("sip_server", " pbx.example.com ", "pbx.example.com"),
        ("sip_server", "2001:db8::10", "2001:db8::10"),
        ("ntp_servers", "192.0.2.1 , ntp.example.com", "192.0.2.1,ntp.example.com"),
        ("phone_label", "Zoë & Söhne", "Zoë & Söhne"),
        ("services_url", "http://192.0.2.1/menu.php?a=1&b=2", "http://192.0.2.1/menu.php?a=1&b=2"),
        ("phone_password", "**#", "**#"),
        ("sip_server_2", "", ""),
    ],
)
def test_a_text_becomes_the_value_that_it_writes(name: str, text: str, value: Value) -> None:
    assert parse_value(BOTH, name, text) == value


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("sip_listen_port", "80", "a whole number from 1024 to 65535"),
        ("sip_listen_port", "70000", "a whole number from 1024 to 65535"),
        ("sip_listen_port", "5060.5", "a whole number"),
        ("sip_listen_port", "\u0665\u0660\u0666\u0660", "a whole number"),
        ("register_expires_s", "1", "from 60 to 65535 seconds"),
        ("video", "maybe", "yes or no"),
        ("sip_transport", "sctp", "one of: udp, tcp, tls"),
        ("time_zone", "Europe/Berlim", "such as Europe/Berlin"),
        ("sip_server", "not a host", "a host name or an address"),
        ("sip_server", "h" * 51, "at most 50 characters"),
        ("ntp_servers", "a,b,c,d", "up to three"),
        ("phone_label", "thirteen char", "at most 12 characters"),
        ("phone_label", "a\nb", "control character"),
        ("services_url", "ftp://x", "http://"),
        ("services_url", "http://x/" + "y" * 250, "at most 255 characters"),
        ("firmware_load", "../evil", "words of letters"),
        ("phone_password", "letters", "digits"),
    ],
)
def test_a_value_out_of_range_is_refused_with_limits_and_unit(name: str, text: str, says: str) -> None:
    with pytest.raises(ValueOutOfRange) as caught:
        parse_value(BOTH, name, text)
    assert name in str(caught.value)
    assert says in str(caught.value)


def test_a_secret_value_is_not_in_its_own_error() -> None:
    with pytest.raises(ValueOutOfRange) as caught:
        parse_value(BOTH, "admin_password", "hunter2 with spaces")
    assert "hunter2" not in str(caught.value)


def test_an_unknown_setting_names_the_nearest_ones() -> None:
    with pytest.raises(UnknownSetting) as caught:
        parse_value(BOTH, "sip-listen-prot", "5060")
    assert "sip_listen_port" in str(caught.value)


def test_a_setting_of_another_family_says_which_one_has_it() -> None:
    assert parse_value(("9971",), "wifi", "on") is True
    with pytest.raises(UnknownSetting, match="cisco-99xx, cisco-78xx-88xx, cisco-any has it"):
        parse_value(("8941",), "wifi", "on")


def test_a_value_for_several_families_must_suit_each_that_has_it() -> None:
    assert parse_value(("9971",), "max_calls", "200") == 200
    with pytest.raises(ValueOutOfRange, match="from 1 to 24"):
        parse_value(BOTH, "max_calls", "200")


def test_no_family_named_means_any_of_them() -> None:
    assert parse_value((), "wifi", "on") is True


def test_an_unknown_family_names_the_nearest() -> None:
    with pytest.raises(UnknownFamily, match="cisco-99xx"):
        family("cisco-97xx")


def test_the_nearest_scope_wins_and_defaults_come_first() -> None:
    resolved = resolve(
        [
            ("organisation", {"sip_server": "pbx", "kpml": 1, "wifi": True}),
            ("site", {"sip_server": "pbx.site"}),
            ("phone", {"kpml": 2}),
        ],
        "8941",
    )
    assert resolved["sip_server"] == Resolved("pbx.site", "site")
    assert resolved["kpml"] == Resolved(2, "phone")
    assert resolved["sip_transport"] == Resolved("udp", BUILT_IN)
    assert "wifi" not in resolved  # another family's business
    assert set(resolved) == set(model("8941")[1].settings)


@pytest.mark.parametrize("setting", ALL_SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_is_complete(setting: Setting) -> None:
    assert setting.check(setting.default) == setting.default
    assert setting.help.endswith(".")
    assert setting.element
    assert setting.scopes
    assert setting.source
    if setting.type is SettingType.NUMBER:
        assert setting.minimum is not None
        assert setting.maximum is not None
    if setting.wire:
        values = [True, False] if setting.type is SettingType.YES_NO else list(setting.choices)
        assert set(setting.wire) >= set(values)


@settings(max_examples=500)
@given(st.sampled_from(ALL_SETTINGS), st.text(max_size=300) | st.from_regex(r"\s?[+-]?[0-9]{1,12}\s?"))
def test_any_text_is_a_value_that_reads_back_or_refused(setting: Setting, text: str) -> None:
    try:
        value = setting.parse(text)
    except ValueOutOfRange:
        return
    assert setting.check(value) == value


def test_families_differ_where_the_phones_do() -> None:
    older, newer = model("8941")[1].settings, model("9971")[1].settings
    assert (older["sip_transport"].default, newer["sip_transport"].default) == ("udp", "tcp")
    assert (older["max_calls"].maximum, newer["max_calls"].maximum) == (24, 200)
    assert {"bluetooth", "wifi", "usb", "feature_policy_file", "feature_policy", "modules"} == set(newer) - set(older)


def test_every_time_zone_has_a_name_that_the_phones_know() -> None:
    assert len(CISCO_ZONE) > 590
    assert set(CISCO_ZONE.values()) <= CISCO_ZONES
    assert CISCO_ZONE["Europe/Berlin"] == "W. Europe Standard/Daylight Time"
