"""Snom D3xx, D7xx and D8xx series: an XML file by model and MAC address.

Sources: WS is wazo-platform/wazo-provd-plugins, ``plugins/wazo_snom`` (common: names of settings and files,
User-Agents; ``plugin-info`` of 10.1.39.11 and 10.1.198.19: lines and keys; ``pkgs.db`` of 10.1.198.19: firmware); FS
is fusionpbx/fusionpbx, ``resources/templates/provision/snom/D785``; SW is Snom's service hub.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from lxml import etree

from ringfence.phones.cisco.call_settings import CALLS, LEAVE_OUT, RELOAD, SIP, TIME
from ringfence.phones.cisco.device_settings import ACCESS, FIRMWARE, URLS
from ringfence.phones.document import NotWellFormed, parse
from ringfence.phones.errors import ConfigurationRejected, IncompletePhone, LimitExceeded, ValueOutOfRange
from ringfence.phones.families.snom.local_time import summer_time, utc_offset
from ringfence.phones.family import (
    LOAD_SETTING,
    BookForm,
    BootRequest,
    Fact,
    Family,
    FileTemplate,
    Model,
    ReloadEvent,
    ToPrepare,
)
from ringfence.phones.formats.xml_file import XmlFile
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.builders import column, number_setting, table_setting
from ringfence.phones.settings.protection import srtp_setting, with_protection
from ringfence.phones.settings.types import (
    EVERYWHERE,
    EVERYWHERE_AND_LINE,
    Form,
    Mark,
    Setting,
    SettingType,
    Value,
)
from ringfence.secret import Secret

_SOURCE = "WS common/templates/base.tpl"
_TRANSPORTS = frozenset({"udp", "tcp", "tls"})
_ON_OFF: Mapping[Value, str] = MappingProxyType({True: "on", False: "off"})
_KEY_TYPES: Mapping[str, str] = MappingProxyType({"speed-dial": "speed", "blf": "blf"})

# Setting → what differs here: the element, and how it writes its values.
_SETTINGS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "time_zone": {"element": "utc_offset", "wire": MappingProxyType({})},
        "ntp_servers": {"element": "ntp_server"},
        "sip_server": {"element": "user_host"},
        "sip_port": {"element": "user_outbound"},
        "sip_transport": {"element": "user_outbound", "wire": MappingProxyType({}), "default": "udp"},
        "sip_listen_port": {
            "element": "network_id_port",
            "mark": Mark.LIKELY,
            "source": "SW Settings, network_id_port",
        },
        "outbound_proxy": {"element": "user_outbound"},
        "outbound_proxy_port": {"element": "user_outbound"},
        "register_expires_s": {"element": "user_expiry", "source": "FS"},
        "call_waiting": {"element": "call_waiting", "wire": _ON_OFF},
        "voicemail_number": {"element": "user_mailbox", "scopes": EVERYWHERE_AND_LINE},
        "admin_password": {"element": "admin_mode_password"},
        "edge_url": {"element": "firmware_status"},
        "directory_url": {"element": "dkey_directory"},
        "firmware_load": {"element": "firmware", "source": "SW Firmware Configuration File (firmware-settings)"},
    }
)
_SRTP = srtp_setting("user_savp", {"none": "off", "optional": "optional", "required": "mandatory"}, _SOURCE)
_KEYS = table_setting(
    "keys",
    "What the keys do that are not lines: key | what | label | number. For example: 3 | blf | Door | 100.",
    "functionKeys/fkey",
    48,
    (
        number_setting("key", "The key, counted from the first.", "fkey", 1, (1, 200)),
        Setting("does", SettingType.CHOICE, "speed-dial", "What it does.", choices=tuple(_KEY_TYPES)),
        column("label", "The text beside it; its number if there is none.", 30),
        column("number", "The number to dial or watch.", 64, Form.DIAL, needed=True),
    ),
    scopes=EVERYWHERE,
)


def _settings() -> Mapping[str, Setting]:
    known = {setting.name: setting for setting in (*TIME, *SIP, *CALLS, *URLS, *ACCESS, *FIRMWARE)}
    table: dict[str, Setting] = {}
    for name, change in _SETTINGS.items():
        whole = {"source": _SOURCE, "mark": Mark.CERTAIN, **change}
        # replace() can't be typed by name; the test that reads every family's table would find a wrong one.
        table[name] = replace(known[name], **whole)  # type: ignore[arg-type] # a mapping's fields
    table["keys"] = replace(_KEYS, source="WS common/common.py (_add_fkeys)", mark=Mark.LIKELY)
    table |= {setting.name: setting for setting in (*RELOAD, LEAVE_OUT)}
    return with_protection(table, _SRTP)


# Name as the phone says it → lines and function keys (WS plugin-info).
_MODELS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "D315": (4, 5), "D335": (12, 32), "D375": (12, 12), "D385": (12, 48), "D713": (6, 4), "715": (4, 5),
        "D717": (6, 3), "725": (12, 18), "D735": (12, 32), "D745": (12, 32), "D765": (12, 16), "D785": (12, 24),
        "D812": (12, 28), "D815": (12, 36), "D862": (8, 28), "D865": (12, 43),
    }
)  # fmt: skip
_ALL_SETTINGS = _settings()


def _model(name: str, lines: int) -> Model:
    return Model(
        name=name,
        title=f"Snom {name if name.startswith('D') else 'D' + name}",
        line_keys=Fact(lines, Mark.CERTAIN, "WS plugin-info (lines)"),
        settings=_ALL_SETTINGS,
        limits=MappingProxyType({}),
        transports=Fact(("udp", "tcp", "tls"), Mark.CERTAIN, "WS common/common.py (_SIP_TRANSPORT)"),
        tls_ceiling=Fact("1.2", Mark.UNKNOWN, "no document at hand says"),
        http_provisioning=Fact(False, Mark.CERTAIN, "the address of its setting server names the protocol"),
        load_pattern=Fact(rf"snom{name}-.+-SIP-r", Mark.CERTAIN, "WS pkgs.db"),
        load_suffix=".swu" if name.startswith("D8") else ".bin",
    )


def _prepare(phone: ToPrepare) -> Mapping[str, object]:
    settings = phone.settings
    zone = str(settings["time_zone"])
    if settings[LOAD_SETTING] and not settings["edge_url"]:
        raise IncompletePhone(
            "firmware_load is set without edge_url, and the phone fetches firmware by a whole URL",
            to_do="Set edge_url to where the site's phones reach the edge's HTTP.",
        )
    return {
        "firmware_end": phone.model.load_suffix,
        "utc_offset": utc_offset(zone),
        "summer_time": summer_time(zone),
        "ntp_server": str(settings["ntp_servers"]).partition(",")[0],
        "unused": [index for index in range(1, _MODELS[phone.model.name][0] + 1) if index not in phone.line_indexes],
        "function_keys": _function_keys(phone),
    }


def _function_keys(phone: ToPrepare) -> list[dict[str, object]]:
    """Return every key in order, those that do nothing too; none if nobody gave keys, which the phone then keeps."""
    if "keys" not in phone.given:
        return []
    last = _MODELS[phone.model.name][1]
    found = {
        key: _key(key, "line" if key in phone.line_indexes else "none", "", key in phone.line_indexes)
        for key in range(1, last + 1)
    }
    for row in phone.rows["keys"]:
        key, does = int(row["key"]), str(row["does"])
        if key > last:
            raise LimitExceeded(
                f"key {key} is set to {does}, but {phone.model.with_article} only has keys 1 to {last}",
                to_do="Set keys for this phone, or for a group of phones with as many keys.",
            )
        if found[key]["taken"]:
            raise ValueOutOfRange(f"key {key} is used twice, the second time for {does}", to_do="Move one of them.")
        found[key] = _key(key, f"{_KEY_TYPES[does]} {row['number']}", row["label"] or row["number"], taken=True)
    return list(found.values())


def _key(number: int, does: str, label: Value, taken: bool) -> dict[str, object]:
    return {"index": number - 1, "does": does, "label": label, "taken": taken}


def _read(files: tuple[bytes, ...], model: Model) -> HeldConfiguration:
    held: dict[tuple[str, int], str] = {}
    load = ""
    for data in files:
        try:
            root = parse(data).root
        except NotWellFormed as fault:
            raise ConfigurationRejected(
                f"a phone would discard this file: it is not well-formed: {fault.reason}",
                where=f"line {fault.line}" if fault.line else "",
                to_do="Mend the setting or the template that made it.",
            ) from None
        held |= {_place(node): node.text or "" for node in root.iterfind("phone-settings/*")}
        load = load or (root.findtext("firmware") or "").rpartition("/")[2].removesuffix(model.load_suffix)
    lines = tuple(
        HeldLine(
            button=index,
            label=held.get(("user_idle_text", index), ""),
            name=held[("user_name", index)],
            display_name=held.get(("user_realname", index), ""),
            auth_name=held.get(("user_pname", index), ""),
            password=Secret(held.get(("user_pass", index), "")),
        )
        for index in range(1, _MODELS[model.name][0] + 1)
        if held.get(("user_active", index)) == "on" and held.get(("user_name", index))
    )
    if not lines:
        raise ConfigurationRejected("no identity is active: the phone has nothing to register")
    first = lines[0].button
    way, _, transport = held.get(("user_outbound", first), "").partition(";transport=")
    port = way.rpartition(":")[2]
    user = held.get(("http_client_user", 0), "")
    return HeldConfiguration(
        phone_label="",
        lines=lines,
        sip_servers=((held.get(("user_host", first), ""), int(port) if port.isdecimal() else 5060),),
        sip_transport=transport if transport in _TRANSPORTS else "udp",
        sip_listen_port=int(held.get(("network_id_port", 0)) or "5060"),
        version_stamp="",
        load=load,
        credential=(user, Secret(held.get(("http_client_pass", 0), ""))) if user else None,
        register_expires_s=int(held.get(("user_expiry", first)) or "3600"),
    )


def _place(node: etree._Element) -> tuple[str, int]:
    index = node.get("idx", "0")
    return node.tag, int(index) if index.isdecimal() else 0


FAMILY = Family(
    id="snom",
    title="Snom D3xx, D7xx, D8xx series",
    models=MappingProxyType({name: _model(name, lines) for name, (lines, _keys) in _MODELS.items()}),
    files=(
        FileTemplate(
            "firmware",
            "snom{model}-{MAC}-firmware.xml",
            __name__,
            "firmware.xml.j2",
            XmlFile("firmware-settings"),
            when=(LOAD_SETTING,),
        ),
        FileTemplate("phone", "snom{model}-{MAC}.htm", __name__, "phone.htm.j2", XmlFile("settings"), reloads=True),
    ),
    boot=Fact(
        (BootRequest("snom{model}.htm"), BootRequest("snom{model}-{MAC}.htm", configures=True, needed=True)),
        Mark.LIKELY,
        "WS common/common.py (_common_templates, _dev_specific_filenames)",
    ),
    prepare=_prepare,
    read=_read,
    one_credential=Fact(False, Mark.CERTAIN, _SOURCE),
    reload_event=Fact(
        ReloadEvent.CHECK_SYNC_IN_USE,
        Mark.CERTAIN,
        "wazo-provd-plugins, pull request 146: check-sync alone restarts it, and this does only if a setting needs it",
    ),
    book_form=BookForm.SNOM,
    takes_credential=True,  # FS (http_client_user, http_client_pass)
    asks_also=(r"snom[\w-]+\.(?:htm|xml)", r"(?:gui|web)_lang\.xml"),
    user_agent=Fact("Mozilla/4.0 (compatible; snom{model}-SIP", Mark.CERTAIN, "WS common/common.py (_extract_from_ua)"),
)
