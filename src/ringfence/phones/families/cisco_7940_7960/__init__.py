"""Cisco 7940 and 7960 with SIP firmware (P0S3): text files."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ringfence.content.release import TargetKind
from ringfence.phones.cisco.call_settings import (
    CALLS,
    LEAVE_OUT,
    RELOAD,
    SIP,
    SOUND,
    TIME,
)
from ringfence.phones.cisco.device_settings import (
    ACCESS,
    DISPLAY,
    FIRMWARE,
    URLS,
)
from ringfence.phones.cisco.enterprise import line_keys
from ringfence.phones.cisco.key_settings import DIAL_PLAN, DIAL_PLAN_BYTES
from ringfence.phones.cisco.text_parameters import refusal
from ringfence.phones.document import NotWellFormed
from ringfence.phones.errors import ConfigurationRejected, ValueOutOfRange
from ringfence.phones.families.cisco_7940_7960.summer_time import values_of
from ringfence.phones.family import (
    BootRequest,
    Fact,
    Family,
    FileTemplate,
    Limit,
    Model,
    ToPrepare,
    check_order,
)
from ringfence.phones.formats.text_file import AnyText, NamedValues, named_values
from ringfence.phones.formats.xml_file import XmlFile
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.builders import ON_IS_1, text_setting
from ringfence.phones.settings.protection import with_protection
from ringfence.phones.settings.time_zones import CISCO_ZONE, gmt_name, offset_minutes
from ringfence.phones.settings.types import WHOLE_SITES, Form, Mark, Setting
from ringfence.secret import Secret

_GUIDE = "PHONES.md section 1b; the maker's administration guide of SIP 7940/7960 [likely]"

# What the phone calls the zones, by hours east of UTC; none of the known names stands for a half hour [likely].
_ZONE_NAMES = {
    -12: "IDLW", -11: "NT", -10: "AHST", -9: "YST", -8: "PST", -7: "MST", -6: "CST", -5: "EST", -4: "AST", -3: "BST",
    -1: "WAT", 0: "GMT", 1: "CET", 2: "EET", 3: "BT", 4: "ZP4", 5: "ZP5", 6: "ZP6", 7: "WAST", 8: "CCT", 9: "JST",
    10: "EAST", 11: "EADT", 12: "NZST",
}  # fmt: skip


def _zone_name(zone: str) -> str:
    """Return the phone's name of a zone, empty if it has none."""
    hours, minutes = divmod(offset_minutes(zone), 60)
    return "" if minutes else _ZONE_NAMES.get(hours, "")


_NAMES = (
    "ntp_servers", "sip_server", "sip_server_2", "sip_port", "sip_listen_port", "outbound_proxy",
    "outbound_proxy_port", "register_expires_s", "nat_enabled", "nat_address", "media_port_first", "media_port_last",
    "silence_suppression", "dtmf_mode", "dtmf_payload", "anonymous_call_block", "caller_id_blocking", "call_waiting",
    "voicemail_number", "phone_label", "phone_password", "services_url", "directory_url", "dial_plan_file",
    "firmware_load",
)  # fmt: skip


_LOADER = replace(
    text_setting(
        "universal_loader",
        "What turns phones with SCCP firmware into SIP phones: the name of the loader that came with firmware_load, "
        "such as P003-08-12-00. It is what OS79XX.TXT says.",
        "OS79XX.TXT",
        30,
        Form.WORD,
    ),
    scopes=WHOLE_SITES,
    source="PHONES.md sections 7 and 13; the manufacturer's document 5455",
)


def _settings() -> Mapping[str, Setting]:
    known = {each.name: each for each in (*TIME, *SIP, *SOUND, *CALLS, *DISPLAY, *URLS, *ACCESS, *FIRMWARE, DIAL_PLAN)}
    table = {name: known[name] for name in (*_NAMES, "time_zone", "preferred_codec", "dial_plan")}
    changes: dict[str, dict[str, object]] = {
        "time_zone": {"wire": MappingProxyType({zone: _zone_name(zone) for zone in CISCO_ZONE})},
        "preferred_codec": {"choices": ("none", "g711ulaw", "g711alaw", "g729a"), "wire": MappingProxyType({})},
        "phone_label": {"maximum": 11},
        "silence_suppression": {"wire": ON_IS_1},
        "nat_enabled": {"wire": ON_IS_1},
        "anonymous_call_block": {"wire": ON_IS_1},
        "caller_id_blocking": {"wire": ON_IS_1},
        "call_waiting": {"wire": ON_IS_1},
        "phone_password": {"form": Form.PASSWORD},
    }
    for name, change in changes.items():
        # As in the other families: the test that reads every table would find a wrong name.
        table[name] = replace(table[name], **change)  # type: ignore[arg-type] # a mapping's fields
    own_name = text_setting(
        "zone_name", "The phone's own name of the zone, such as CET; empty: from time_zone.", "time_zone", 10, Form.WORD
    )
    return with_protection(
        {name: replace(setting, source=_GUIDE, mark=Mark.LIKELY) for name, setting in table.items()}
        | {setting.name: setting for setting in (*RELOAD, LEAVE_OUT)}
        | {_LOADER.name: _LOADER}
        | {own_name.name: replace(own_name, source=_GUIDE, mark=Mark.LIKELY)}
    )


_LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        "phone_label": Limit(11, 11, "PHONES.md section 1b"),
        "line_name": Limit(31, 31, _GUIDE),
        "line_authname": Limit(31, 31, _GUIDE),
        "line_password": Limit(31, 31, _GUIDE),
        "line_displayname": Limit(31, 31, _GUIDE),
        "line_shortname": Limit(31, 31, _GUIDE),
    }
)


def _model(name: str, number: int, keys: int) -> Model:
    return Model(
        name=name,
        title=f"Cisco IP Phone {name}",
        line_keys=line_keys(keys),
        settings=_settings(),
        limits=_LIMITS,
        transports=Fact(("udp",), Mark.LIKELY, _GUIDE),
        tls_ceiling=Fact("", Mark.LIKELY, _GUIDE),
        http_provisioning=Fact(False, Mark.LIKELY, "PHONES.md section 1b"),
        load_pattern=Fact(r"P0S3-.+|P0030.+", Mark.CERTAIN, "PHONES.md section 7"),
        load_companions=("P003-{version}.bin", "P003-{version}.sbn"),
        call_manager_number=number,
        most_calls=2,
    )


def _prepare(phone: ToPrepare) -> Mapping[str, object]:
    settings = phone.settings
    check_order(settings, "media_port_first", "media_port_last")
    for name, value in settings.items():
        if '"' in str(value) and not phone.model.settings[name].columns:
            raise ValueOutOfRange(f"{name} holds a \", which the phone's file can't contain", to_do="Write it without.")
    zone = str(settings["time_zone"])
    if not settings["zone_name"] and not _zone_name(zone):
        raise ValueOutOfRange(
            f"{phone.model.with_article} has no known name for {zone} ({gmt_name(zone)})",
            to_do="Set zone_name for this phone to the phone's own name of its zone.",
        )
    hosts = [host for host in str(settings["ntp_servers"]).split(",") if host]
    return {"ntp_server": hosts[0] if hosts else "", "summer_time": values_of(zone)}


def _read(files: tuple[bytes, ...], model: Model) -> HeldConfiguration:
    """Return what the phone holds: the site's file, then its own, which wins."""
    held: dict[str, str] = {}
    for data in files:
        try:
            held |= named_values(data)
        except NotWellFormed as fault:
            raise ConfigurationRejected(
                f"a phone would stop reading here: {fault.reason}",
                where=f"line {fault.line}",
                to_do="Mend its template.",
            ) from None
    lines = tuple(
        HeldLine(
            button=index,
            label=held.get(f"line{index}_shortname", ""),
            name=held[f"line{index}_name"],
            display_name=held.get(f"line{index}_displayname", ""),
            auth_name=held.get(f"line{index}_authname", ""),
            password=Secret(held.get(f"line{index}_password", "")),
        )
        for index in range(1, model.line_keys.value + 1)
        if held.get(f"line{index}_name")
    )
    if not lines:
        raise ConfigurationRejected("no line has a name: the phone has nothing to register")
    load = held.get("image_version", "")
    files_next = (f"{load}.loads" if load else "", "RINGLIST.DAT", f"{held.get('dial_template', '')}.xml")
    return HeldConfiguration(
        phone_label=held.get("phone_label", ""),
        lines=lines,
        sip_servers=((held.get("proxy1_address", ""), int(held.get("proxy1_port") or "5060")),),
        sip_transport="udp",
        sip_listen_port=int(held.get("voip_control_port") or "5060"),
        version_stamp="",
        load=load,
        files=tuple(name for name in files_next if name and name != ".xml"),
        register_expires_s=int(held.get("timer_register_expires") or "3600"),
    )


FAMILY = Family(
    id="cisco-7940-7960",
    title="Cisco 7940, 7960 (SIP text files)",
    models=MappingProxyType({"7960": _model("7960", 7, 6), "7940": _model("7940", 8, 2)}),
    files=(
        FileTemplate(
            "dial_plan", "dialplan-{digest}.xml", __name__, "dialplan.xml.j2",
            XmlFile("DIALTEMPLATE", most_bytes=DIAL_PLAN_BYTES), TargetKind.SHARED, when=("dial_plan",),
        ),
        FileTemplate(
            "loader", "OS79XX.TXT", __name__, "OS79XX.TXT.j2", AnyText(), TargetKind.SHARED, when=("universal_loader",)
        ),
        FileTemplate("site", "SIPDefault.cnf", __name__, "SIPDefault.cnf.j2", NamedValues(refusal), TargetKind.SHARED),
        FileTemplate("phone", "SIP{MAC}.cnf", __name__, "SIP.cnf.j2", NamedValues(refusal), reloads=True),
    ),
    boot=Fact(
        (
            BootRequest("OS79XX.TXT"),
            BootRequest("SIPDefault.cnf", configures=True),
            BootRequest("SIP{MAC}.cnf", configures=True, needed=True),
        ),
        Mark.CERTAIN,
        "PHONES.md sections 1 and 1b",
    ),
    prepare=_prepare,
    read=_read,
    one_credential=Fact(False, Mark.LIKELY, _GUIDE),
    asks_also=(r"CTLSEP[0-9A-F]{12}\.tlv", r"SEP[0-9A-F]{12}\.cnf\.xml", r"RINGLIST\.DAT", r"dialplan\.xml"),
)  # fmt: skip
