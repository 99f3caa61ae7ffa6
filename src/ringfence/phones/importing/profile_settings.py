"""What a profile says where a setting can express it: lines, servers, clock and the rest."""

import re
from collections.abc import Mapping
from functools import cache

from ringfence.errors import BadInput
from ringfence.phones.family import LOAD_SETTING, Model
from ringfence.phones.flat_profile.daylight_rule import daylight_rule
from ringfence.phones.flat_profile.https import FIRMWARE_URL, HTTPS_OLD_URL, HTTPS_URL, KEEPS_RULE
from ringfence.phones.flat_profile.parameters import ROUTER
from ringfence.phones.flat_profile.profile_file import load_of, split_proxy
from ringfence.phones.flat_profile.series import Series, series_of
from ringfence.phones.importing.clock_guess import zone_where
from ringfence.phones.importing.compared import Said
from ringfence.phones.importing.setting_values import parsed_exactly
from ringfence.phones.rendering.render_input import LineAccount
from ringfence.phones.settings.time_zones import gmt_name
from ringfence.phones.settings.types import Setting, SettingType, Value
from ringfence.secret import Secret

OF_LINE = re.compile(r"(?P<name>.+)_(?P<line>\d{1,2})_")
_HOST = re.compile(r"(?:.*SRV=)?(?P<host>[A-Za-z0-9_](?:[\w.-]*\w)?|\[[0-9A-Fa-f:.]+\])")
CLOCK = frozenset({"Time_Zone", "Daylight_Saving_Time_Enable", "Daylight_Saving_Time_Rule"})
# The setting's element is one of several that it writes, or stands for more than its text.
_BY_HAND = frozenset({
    "sip_server", "sip_port", "ntp_servers", "time_zone", "web_access", "profile_url", HTTPS_URL, HTTPS_OLD_URL,
    FIRMWARE_URL, KEEPS_RULE, LOAD_SETTING,
})  # fmt: skip


def accounts_of(said: Mapping[str, Said], kind: Model) -> tuple[LineAccount, ...]:
    """Return the lines that have a user and are not switched off."""
    found = []
    for index in range(1, kind.line_keys.value + 1):
        text = {
            name: said[f"{name}_{index}_"].text if f"{name}_{index}_" in said else ""
            for name in ("User_ID", "Password", "Use_Auth_ID", "Auth_ID", "Display_Name", "Short_Name", "Line_Enable")
        }
        if not text["User_ID"] or text["Line_Enable"].lower() == "no":
            continue
        uses_auth = text["Use_Auth_ID"].lower() == "yes" or series_of(kind) is Series.MPP
        auth = text["Auth_ID"] if uses_auth and text["Auth_ID"] else text["User_ID"]
        found.append(
            LineAccount(
                index, text["Short_Name"], text["User_ID"], text["Display_Name"], auth, Secret(text["Password"])
            )
        )
    return tuple(found)


def settings_of_profile(said: Mapping[str, Said], kind: Model, line: int) -> dict[str, Value]:
    """Return the value of each setting that a profile expresses; ``line`` is the line that speaks for all."""
    found: dict[str, Value] = {}
    proxy = said.get(f"Proxy_{line}_", Said("")).text
    host, port = split_proxy(proxy)
    plain = _HOST.match(host)
    for name, value in (("sip_server", plain["host"] if plain else ""), ("sip_port", port)):
        _put(found, kind, name, value)
    clocks = [said[name].text for name in ("Primary_NTP_Server", "Secondary_NTP_Server") if name in said]
    router = said.get(f"{ROUTER}/Time_Setup/Time_Server", Said("")).text
    if series_of(kind) is Series.ADAPTER:
        clocks = [router]
    if any(clocks):
        _put(found, kind, "ntp_servers", ",".join(filter(None, clocks)))
    _put(found, kind, "time_zone", _zone(said, kind))
    load = load_of(said.get("Upgrade_Rule", Said("")).text)
    if load and said["Upgrade_Rule"].text == f"/{load}{kind.load_suffix}" and kind.runs(load):
        _put(found, kind, LOAD_SETTING, load)
    for name, setting in kind.settings.items():
        if name in _BY_HAND or setting.type is SettingType.TABLE:
            continue
        text = _text_of(said, setting, line)
        if text is not None and (value := _value(setting, text)) is not None:
            found[name] = value
    return found


def plain_rule(text: str) -> str:
    """Return a rule for summer time without what may be left out of it."""
    rule = text.replace(" ", "").lower().strip(";")
    return re.sub(r"(?<=[/=]\d)(?::0{1,2}){1,2}(?=;|$)|(?<=/\d\d)(?::0{1,2}){1,2}(?=;|$)", "", rule)


def _zone(said: Mapping[str, Said], kind: Model) -> str:
    """Return a zone whose clock is the one that a profile describes; empty if there is none."""
    if series_of(kind) is Series.ADAPTER:
        return ""
    text = {name: said[name].text if name in said else "" for name in CLOCK}
    rule = plain_rule(text["Daylight_Saving_Time_Rule"]) if text["Daylight_Saving_Time_Enable"].lower() == "yes" else ""
    return _zone_with(text["Time_Zone"], rule)


@cache
def _zone_with(offset: str, rule: str) -> str:
    return zone_where(lambda zone: gmt_name(zone) == offset and plain_rule(daylight_rule(zone)) == rule)


def _text_of(said: Mapping[str, Said], setting: Setting, line: int) -> str | None:
    for name in (setting.element, f"{setting.element}_{line}_"):
        if name in said:
            return said[name].text
    return next((each.text for name, each in said.items() if name.endswith(f"/{setting.element}")), None)


def _value(setting: Setting, text: str) -> Value | None:
    """Return the value that a profile's text stands for, None if the setting has none for it."""
    for value, written in setting.wire.items():
        if written and written.lower() == text.lower():
            return value
    return None if setting.wire or not text else parsed_exactly(setting, text)


def _put(found: dict[str, Value], kind: Model, name: str, value: Value) -> None:
    """Add a setting's value if the model's setting takes it."""
    setting = kind.settings.get(name)
    if setting is None or not value:
        return
    try:
        found[name] = setting.check(value)
    except BadInput:
        return
