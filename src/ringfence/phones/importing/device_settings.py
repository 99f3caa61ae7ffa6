"""What a file for Call Manager phones says beside its lines, where a setting can express it exactly."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from ringfence.phones.cisco.elements import BY_PATH, element_at
from ringfence.phones.family import LOAD_SETTING, Model
from ringfence.phones.importing.element_paths import TextAt
from ringfence.phones.importing.outcome import Fate, Remark
from ringfence.phones.importing.setting_values import number_of, value_of
from ringfence.phones.settings.time_zones import difference, zone_of_file
from ringfence.phones.settings.types import Setting, SettingType, Value

# A load's name, if it is not one of firmware that speaks SCCP (PHONES.md section 7).
_LOAD = re.compile(r"(?!(?i:SCCP|P0030))[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
_CLOCKS = "devicePool/dateTimeSetting/ntps/ntp"
_MEMBERS = "devicePool/callManagerGroup/members/member"
_MOST_CLOCKS = 3
_PORTS = {"sip_port": "sipPort", "sip_tls_port": "securedSipPort"}
_SERVERS = ("sip_server", "sip_server_2", "sip_server_3")

# Settings that write several elements: each of them must say the same, or they stay patches.
_TOGETHER: Mapping[str, Mapping[str, Mapping[Value, str]]] = MappingProxyType(
    {
        "g722": {
            "advertiseG722Codec": {True: "1", False: "0"},
            "vendorConfig/g722CodecSupport": {True: "2", False: "1"},
        },
        "usb": {"vendorConfig/usb1": {True: "1", False: "0"}, "vendorConfig/usb2": {True: "1", False: "0"}},
    }
)
# Settings that another function reads, or that a file can't say.
_READ_ELSEWHERE = frozenset(
    {
        *_SERVERS, "ntp_servers", "time_zone", "cisco_time_zone", "edge_url", "reload", "reload_hour", "reload_by",
        "leave_out", "sip_needs_password", "line_mode", "missed_calls", "ssh_access", "ssh_user", "ssh_password",
        "device_security", *_TOGETHER,
    }
)  # fmt: skip
# Where a setting's element is not the only one of its tag.
_AT = {"loadInformation": "loadInformation", "proxy": "", "port": "", "contact": ""}


def path_of(setting: Setting) -> str:
    """Return where a setting writes its value, as a path below the root; empty if it is no single element."""
    if setting.element in _AT:
        return _AT[setting.element]
    if setting.element in BY_PATH:
        return setting.element
    ends = [path for path in BY_PATH if path.endswith("/" + setting.element)]
    if not ends and "/" in setting.element:
        return setting.element
    return ends[0] if len(ends) == 1 and "/line/" not in ends[0] else ""


def settings_of(found: Mapping[str, TextAt], model: Model) -> tuple[dict[str, Value], list[Remark]]:
    """Return the file's value of each setting that can express it exactly, and what was mended for that."""
    settings: dict[str, Value] = {}
    remarks: list[Remark] = []
    for name, setting in model.settings.items():
        path = "" if name in _READ_ELSEWHERE or setting.type is SettingType.TABLE else path_of(setting)
        text = found[path].text if path in found else ""
        if not text:
            continue
        if name == LOAD_SETTING:
            settings |= _load(text, found[path].line, model, remarks)
        elif (value := value_of(setting, text)) is not None:
            settings[name] = value
    settings |= (
        _together(found, model) | _zone(found, model, remarks) | _clocks(found, model) | _servers(found, model, remarks)
    )
    settings |= _access(found, model)
    return settings, remarks


def is_sip_load(text: str) -> bool:
    """Return whether a text can be the name of firmware that speaks SIP."""
    return _LOAD.fullmatch(text) is not None


def _load(text: str, line: int, model: Model, remarks: list[Remark]) -> dict[str, Value]:
    if is_sip_load(text) and (model.runs(text) or model.load_of(text) == text):
        return {LOAD_SETTING: text}
    what = f"loadInformation {text!r} is not for {model.with_article}: left out, so the phone keeps what it runs"
    remarks.append(Remark(Fate.LOST, "loadInformation", what, line))
    return {}


def _together(found: Mapping[str, TextAt], model: Model) -> dict[str, Value]:
    """Return the settings that write several elements, where all of those say the same."""
    settings: dict[str, Value] = {}
    for name, elements in _TOGETHER.items():
        for value in (True, False):
            if name in model.settings and all(
                path in found and found[path].text == wire[value] for path, wire in elements.items()
            ):
                settings[name] = value
    return settings


def _zone(found: Mapping[str, TextAt], model: Model, remarks: list[Remark]) -> dict[str, Value]:
    """Return the time zone, by its IANA name and, where the phone's own name says more, by that."""
    path = "devicePool/dateTimeSetting/timeZone"
    text = found[path].text if path in found else ""
    by_name = model.settings["cisco_time_zone"].choices
    zone = zone_of_file(text) if text else None
    if zone is None:
        return {"cisco_time_zone": text} if text and text in by_name else {}
    written = model.settings["time_zone"].on_wire(zone)
    if text in by_name:
        is_exact = written == text and not difference(zone)
        return {"time_zone": zone} if is_exact else {"time_zone": zone, "cisco_time_zone": text}
    what = f"timeZone {text!r} is not a name that phones know: time_zone is {zone}, written as {written!r}"
    remarks.append(Remark(Fate.MENDED, path, what, found[path].line))
    return {"time_zone": zone, "cisco_time_zone": written} if difference(zone) else {"time_zone": zone}


def _clocks(found: Mapping[str, TextAt], model: Model) -> dict[str, Value]:
    """Return the time servers, if the setting can hold all of them."""
    hosts = []
    for at in range(1, _MOST_CLOCKS + 2):
        step = _CLOCKS if at == 1 else f"{_CLOCKS}[{at}]"
        if f"{step}/name" in found:
            hosts.append(found[f"{step}/name"].text)
    if 1 <= len(hosts) <= _MOST_CLOCKS and all(hosts):
        value = value_of(model.settings["ntp_servers"], ",".join(hosts))
        return {} if value is None else {"ntp_servers": value}
    return {}


def _servers(found: Mapping[str, TextAt], model: Model, remarks: list[Remark]) -> dict[str, Value]:
    """Return the SIP servers, as far as their priorities are 0, 1, 2; without one, the first line's own server."""
    settings: dict[str, Value] = {}
    for order, name in enumerate(_SERVERS):
        path = f"{_MEMBERS}[@priority='{order}']/callManager/processNodeName"
        bare = f"{_MEMBERS}/callManager/processNodeName"
        host = found.get(path) or (found.get(bare) if order == 0 else None)
        if host is None or not host.text:
            break
        settings[name] = host.text
    for name, tag in _PORTS.items():
        said = {
            text.text for path, text in found.items() if path.startswith(_MEMBERS) and path.endswith(f"/ports/{tag}")
        } - {""}
        port = value_of(model.settings[name], said.pop()) if len(said) == 1 else None
        if port is not None:
            settings[name] = port
    if "sip_server" in settings:
        return settings
    own = [
        (path, at)
        for path, at in found.items()
        if ((path.startswith(_MEMBERS) and path.endswith("/processNodeName")) or path.endswith("]/proxy"))
        and at.text.upper() not in {"", "USECALLMANAGER"}
    ]
    if own:
        path, at = own[0]
        settings["sip_server"] = at.text
        what = f"no SIP server has priority 0: sip_server is {at.text}, as the file has it elsewhere"
        remarks.append(Remark(Fate.MENDED, path, what, at.line))
    return settings


def _access(found: Mapping[str, TextAt], model: Model) -> dict[str, Value]:
    """Return the settings of SSH and of signed SIP, where they are whole; halves stay patches."""
    settings: dict[str, Value] = {}

    def said(path: str) -> str:
        return found[path].text if path in found else ""

    ssh = {"ssh_user": said("sshUserId"), "ssh_password": said("sshPassword")}
    if said("vendorConfig/sshAccess") == "1":
        settings["ssh_access"] = False
    elif said("vendorConfig/sshAccess") == "0" and all(
        value_of(model.settings[name], text) is not None and text for name, text in ssh.items()
    ):
        settings |= {"ssh_access": True, **ssh}
    security = value_of(model.settings["device_security"], said("deviceSecurityMode"))
    if security is not None and (security == "none" or said("transportLayerProtocol") == "3"):
        settings["device_security"] = security
    if "line_mode" in model.settings and said("vendorConfig/lineMode") == "1":
        settings["line_mode"] = True
    return settings


def legal_text(path: str, text: str, model: Model) -> str | None:
    """Return what phones take in an element, in words, if they do not take ``text`` there; None if they do."""
    element = element_at(path)
    if element is None:
        return None
    if element.tag in {"maxNumCalls", "busyTrigger"}:
        return None if 1 <= number_of(text) <= model.most_calls else f"a whole number from 1 to {model.most_calls}"
    return None if element.values.taken(text) else element.values.says
