"""Cisco ATA 190, an analogue adapter whose two ports fetch a file each.

Source: WA is wazo-platform/wazo-provd-plugins, ``plugins/wazo_cisco_spa`` (``common/common.py`` and
``ata190_v1_2_2/templates/ATA190.tpl``). The first port's file is named by the MAC address; the second's by the address
without its first two digits and with 01 after it. That is a name and no address: its first octet is often multicast.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from lxml import etree

from ringfence.content.release import TargetKind
from ringfence.phones.cisco.call_settings import LEAVE_OUT, RELOAD, SIP, TIME
from ringfence.phones.cisco.device_settings import DISPLAY, FIRMWARE
from ringfence.phones.cisco.enterprise import check_zone
from ringfence.phones.cisco.key_settings import DIAL_PLAN, DIAL_PLAN_BYTES
from ringfence.phones.document import NotWellFormed, parse, text_of
from ringfence.phones.errors import ConfigurationRejected, IncompletePhone
from ringfence.phones.family import BootRequest, Fact, Family, FileTemplate, Model, ReloadEvent, ToPrepare
from ringfence.phones.formats.xml_file import XmlFile
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.protection import with_protection
from ringfence.phones.settings.types import Mark, Setting
from ringfence.secret import Secret

_SOURCE = "WA ATA190.tpl"
_NAMES = frozenset(
    {
        "time_zone", "cisco_time_zone", "ntp_servers", "sip_server", "sip_port", "sip_listen_port",
        "register_expires_s", "dial_plan_file", "firmware_load", "reload", "reload_hour",
    }
)  # fmt: skip
_UNKNOWN = {"sip_listen_port": "as of Cisco's other phones with files of this form"}


def _settings() -> Mapping[str, Setting]:
    known = (setting for setting in (*TIME, *SIP, *DISPLAY, *FIRMWARE, *RELOAD) if setting.name in _NAMES)
    return with_protection(
        {LEAVE_OUT.name: LEAVE_OUT}
        | {
            setting.name: replace(
                setting,
                source=_UNKNOWN.get(setting.name, _SOURCE),
                mark=Mark.LIKELY if setting.name in _UNKNOWN else Mark.CERTAIN,
            )
            for setting in (*known, DIAL_PLAN)
        }
    )


_PORTS = 2
_MODEL = Model(
    name="ATA190",
    title="Cisco ATA 190",
    line_keys=Fact(_PORTS, Mark.CERTAIN, "WA common.py (_dev_shifted_specific_filename)"),
    settings=_settings(),
    limits=MappingProxyType({}),
    transports=Fact(("udp",), Mark.LIKELY, "WA ATA190.tpl names no transport"),
    tls_ceiling=Fact("", Mark.UNKNOWN, "no document at hand says"),
    http_provisioning=Fact(None, Mark.UNKNOWN, "no document at hand says"),
    load_pattern=Fact(r"(?i:ata190)\..+", Mark.CERTAIN, "WA ATA190.tpl (loadInformation)"),
)


def _file(port: int, name: str) -> FileTemplate:
    return FileTemplate(f"port_{port}", name, __name__, "port.cnf.xml.j2", XmlFile("device"), reloads=True, line=port)


def _prepare(phone: ToPrepare) -> Mapping[str, object]:
    if 1 not in phone.line_indexes:
        raise IncompletePhone(
            "port 1 has no line, but the adapter asks for the file of port 1 first", to_do="Move the line to port 1."
        )
    check_zone(phone.settings)
    return {"ntp_servers": [host for host in str(phone.settings["ntp_servers"]).split(",") if host]}


def _read(files: tuple[bytes, ...], _model: Model) -> HeldConfiguration:
    roots = []
    for data in files:
        try:
            roots.append(parse(data).root)
        except NotWellFormed as fault:
            raise ConfigurationRejected(
                f"a phone would discard this file: it is not well-formed: {fault.reason}",
                where=f"line {fault.line}" if fault.line else "",
                to_do="Mend the setting or the template that made it.",
            ) from None
    lines = tuple(line for port, root in enumerate(roots, 1) for line in _lines(root, port))
    if not lines:
        raise ConfigurationRejected("no port has a line: the adapter has nothing to register")
    first = roots[0]
    server = "devicePool/callManagerGroup/members/member/callManager"
    return HeldConfiguration(
        phone_label="",
        lines=lines,
        sip_servers=((text_of(first, f"{server}/processNodeName"), int(text_of(first, f"{server}/ports/sipPort"))),),
        sip_transport="udp",
        sip_listen_port=int(text_of(first, "sipProfile/voipControlPort") or "5060"),
        version_stamp="",
        load=text_of(first, "loadInformation"),
        register_expires_s=int(text_of(first, "sipProfile/sipStack/timerRegisterExpires") or "3600"),
    )


def _lines(root: etree._Element, port: int) -> list[HeldLine]:
    return [
        HeldLine(
            button=port,
            label=text_of(node, "featureLabel"),
            name=text_of(node, "name"),
            display_name=text_of(node, "displayName"),
            auth_name=text_of(node, "authName"),
            password=Secret(text_of(node, "authPassword")),
        )
        for node in root.findall("sipProfile/sipLines/line")
        if text_of(node, "name")
    ]


FAMILY = Family(
    id="cisco-ata190",
    title="Cisco ATA 190 (analogue adapter)",
    models=MappingProxyType({"ATA190": _MODEL}),
    files=(
        FileTemplate(
            "dial_plan",
            "dialplan-{digest}.xml",
            "ringfence.phones.families.cisco_7940_7960",
            "dialplan.xml.j2",
            XmlFile("DIALTEMPLATE", most_bytes=DIAL_PLAN_BYTES),
            TargetKind.SHARED,
            when=("dial_plan",),
        ),
        _file(2, "ATA{PORT2}.cnf.xml"),
        _file(1, "ATA{MAC}.cnf.xml"),
    ),
    boot=Fact(
        (
            BootRequest("ATA{MAC}.cnf.xml", configures=True, needed=True),
            BootRequest("ATA{PORT2}.cnf.xml", configures=True),
        ),
        Mark.LIKELY,
        "WA common.py",
    ),
    prepare=_prepare,
    read=_read,
    one_credential=Fact(False, Mark.CERTAIN, _SOURCE),
    reload_event=Fact(ReloadEvent.SERVICE_CONTROL, Mark.LIKELY, "PHONES.md section 6c: a report; not check-sync"),
    user_agent=Fact("Cisco ATA190", Mark.UNKNOWN, "nobody has documented it"),
)
