"""Yealink T2, T3, T4 and T5 series: a text file by MAC address.

Sources: WY is wazo-platform/wazo-provd-plugins, ``plugins/wazo_yealink`` (v83 and v86: parameters, numbers of accounts
and keys, User-Agents); FY is fusionpbx/fusionpbx, ``resources/templates/provision/yealink`` (t31g, t46u).

A phone asks for files of all phones and of its model (``y000000000108.cfg``) before its own, and goes on without them.
They are not served: its own file says everything.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from ringfence.phones.cisco.call_settings import CALLS, LEAVE_OUT, RELOAD, SIP, SOUND, TIME
from ringfence.phones.cisco.device_settings import ACCESS, FIRMWARE, URLS
from ringfence.phones.document import NotWellFormed
from ringfence.phones.errors import ConfigurationRejected, IncompletePhone, LimitExceeded, ValueOutOfRange
from ringfence.phones.families.yealink.local_time import values_of
from ringfence.phones.family import (
    BookForm,
    BootRequest,
    Fact,
    Family,
    FileTemplate,
    Limit,
    Model,
    ReloadEvent,
    ToPrepare,
)
from ringfence.phones.formats.assigned_values import AssignedValues, assigned_values
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.builders import ON_IS_1, column, number_setting, table_setting
from ringfence.phones.settings.protection import ca_setting, srtp_setting, with_protection
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

_PARAMETERS = "WY v86 templates/base.tpl; FY t31g"
_FIRST_FILES = "Yealink SIP-T4X IP Phones Auto Provisioning Guide, Downloading Configuration Files"
_TRANSPORTS: Mapping[Value, str] = MappingProxyType({"udp": "0", "tcp": "1", "tls": "2"})
_SUFFIX = ".rom"
_NO_KEY, _LINE_KEY = "0", "15"
_KEY_TYPES: Mapping[str, str] = MappingProxyType({"speed-dial": "13", "blf": "16"})

# Setting → what differs here: the parameter, how it writes its values, and how well that is known.
_SETTINGS: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        "time_zone": {"element": "local_time.time_zone", "wire": MappingProxyType({})},
        "ntp_servers": {"element": "local_time.ntp_server1"},
        "sip_server": {"element": "account.1.sip_server.1.address"},
        "sip_server_2": {"element": "account.1.sip_server.2.address"},
        "sip_port": {"element": "account.1.sip_server.1.port"},
        "sip_transport": {"element": "account.1.sip_server.1.transport_type", "wire": _TRANSPORTS, "default": "udp"},
        "sip_listen_port": {"element": "account.1.sip_listen_port", "mark": Mark.LIKELY, "source": "FY t31g"},
        "outbound_proxy": {"element": "account.1.outbound_proxy.1.address", "source": "FY t46u"},
        "outbound_proxy_port": {"element": "account.1.outbound_proxy.1.port", "source": "FY t46u"},
        "register_expires_s": {"element": "account.1.sip_server.1.expires", "source": "FY t46u"},
        "dtmf_mode": {
            "element": "account.1.dtmf.type",
            "wire": MappingProxyType({"avt": "1", "none": "0"}),
            "choices": ("avt", "none"),
        },
        "call_waiting": {"element": "call_waiting.enable", "wire": ON_IS_1},
        "voicemail_number": {"element": "voice_mail.number.1", "scopes": EVERYWHERE_AND_LINE},
        "admin_password": {"element": "static.security.user_password"},
        "edge_url": {"element": "static.firmware.url"},
        "directory_url": {"element": "remote_phonebook.data.1.url", "source": "WY v86 templates/base.tpl"},
        "firmware_load": {"element": "static.firmware.url", "source": "FY t46u (static.firmware.url)"},
    }
)

_SRTP = srtp_setting(
    "account.1.srtp_encryption", {"none": "0", "optional": "1", "required": "2"}, "WY v86 templates/base.tpl"
)
_CA = ca_setting("static.trusted_certificates.url", "WY v86 templates/base.tpl")
_KEYS = table_setting(
    "keys",
    "What the keys do that are not lines: key | what | label | number. For example: 3 | blf | Door | 100.",
    "linekey.1.type",
    29,
    (
        number_setting("key", "The key, counted from the top.", "linekey.1.type", 1, (1, 200)),
        Setting("does", SettingType.CHOICE, "speed-dial", "What it does.", choices=tuple(_KEY_TYPES)),
        column("label", "The text beside it; its number if there is none.", 30),
        column("number", "The number to dial or watch.", 64, Form.DIAL, needed=True),
    ),
    scopes=EVERYWHERE,
)


def _settings() -> Mapping[str, Setting]:
    known = {setting.name: setting for setting in (*TIME, *SIP, *SOUND, *CALLS, *URLS, *ACCESS, *FIRMWARE)}
    table: dict[str, Setting] = {}
    for name, change in _SETTINGS.items():
        whole = {"source": _PARAMETERS, "mark": Mark.CERTAIN, **change}
        # replace() can't be typed by name; the test that reads every family's table would find a wrong one.
        table[name] = replace(known[name], **whole)  # type: ignore[arg-type] # a mapping's fields
    table["keys"] = replace(_KEYS, source="WY v86 common.py (_format_funckey)", mark=Mark.CERTAIN)
    table |= {setting.name: setting for setting in (*RELOAD, LEAVE_OUT)}
    return with_protection(table, _SRTP, _CA)


_LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        f"account.{name}": Limit(99, 99, "a cautious limit, as no document at hand gives one [unknown]")
        for name in ("label", "display_name", "auth_name", "user_name", "password")
    }
)
# Name → accounts, line keys (WY common.py of v83 and v86), the common file's number (WY v85 entry.py names those of 69,
# 65 to 68, 95 to 97, 123, 124 and 127; the others begin the firmware's version), and the firmware's first number.
_MODELS: Mapping[str, tuple[int, int, str]] = MappingProxyType(
    {
        "T21P_E2": (2, 2, "52"), "T23P": (3, 3, "44"), "T23G": (3, 3, "44"), "T27P": (6, 21, "45"),
        "T27G": (6, 21, "69"), "T29G": (16, 27, "46"), "T40P": (3, 3, "54"), "T41P": (6, 15, "36"),
        "T42G": (12, 15, "29"), "T46G": (16, 27, "28"), "T48G": (16, 29, "35"), "T31": (2, 2, "124"),
        "T31P": (2, 2, "124"), "T31G": (2, 2, "124"), "T33P": (4, 12, "124"), "T33G": (4, 12, "124"),
        "T34W": (4, 12, "124"), "T41S": (6, 15, "66"), "T42S": (12, 15, "66"), "T46S": (16, 27, "66"),
        "T48S": (16, 29, "66"), "T41U": (6, 15, "108"), "T42U": (12, 15, "108"), "T43U": (12, 15, "108"),
        "T46U": (16, 27, "108"), "T48U": (16, 29, "108"), "T52S": (12, 21, "70"), "T54S": (16, 27, "70"),
        "T53": (12, 21, "96"), "T53W": (12, 21, "96"), "T54W": (16, 27, "96"), "T57W": (16, 29, "96"),
        "T58": (16, 27, "58"), "T58W": (16, 27, "150"),
    }
)  # fmt: skip
_ALL_SETTINGS = _settings()


def _model(name: str, keys: int, firmware: str) -> Model:
    return Model(
        name=name,
        title=f"Yealink {name}",
        line_keys=Fact(keys, Mark.CERTAIN, "WY v83, v86 common.py (_NB_LINEKEY)"),
        settings=_ALL_SETTINGS,
        limits=_LIMITS,
        transports=Fact(("udp", "tcp", "tls"), Mark.CERTAIN, "WY v86 common.py (_SIP_TRANSPORT)"),
        tls_ceiling=Fact("1.2", Mark.UNKNOWN, "no document at hand says"),
        http_provisioning=Fact(False, Mark.CERTAIN, "the address of its provisioning server names the protocol"),
        load_pattern=Fact(rf"[\w.-]+-{firmware}\.\d+\.\d+\.\d+", Mark.CERTAIN, "WY v83, v86 entry.py"),
        load_suffix=_SUFFIX,
    )


def common_file(model: str) -> str:
    """Return the name of the file for all phones of a model, which such a phone asks for before its own."""
    return f"y{int(_MODELS[model][2]):012}.cfg"


def _prepare(phone: ToPrepare) -> Mapping[str, object]:
    settings = phone.settings
    accounts = _MODELS[phone.model.name][0]
    if phone.line_indexes and max(phone.line_indexes) > accounts:
        raise LimitExceeded(
            f"line {max(phone.line_indexes)} is set, but {phone.model.with_article} only has lines 1 to {accounts}",
            to_do="Remove the line, or move it to a phone with more.",
        )
    if settings["firmware_load"] and not settings["edge_url"]:
        raise IncompletePhone(
            "firmware_load is set without edge_url, and the phone fetches firmware by a whole URL",
            to_do="Set edge_url to where the site's phones reach the edge's HTTP.",
        )
    return {
        "firmware_end": _SUFFIX,
        "local_time": values_of(str(settings["time_zone"])),
        "ntp_servers": [*filter(None, str(settings["ntp_servers"]).split(",")), "", ""][:2],
        "unused_accounts": [index for index in range(1, accounts + 1) if index not in phone.line_indexes],
        "line_keys": _line_keys(phone),
    }


def _line_keys(phone: ToPrepare) -> list[dict[str, object]]:
    """Return every key in order, those that do nothing too; none if nobody gave keys, which the phone then keeps."""
    if "keys" not in phone.given:
        return []
    last = phone.model.line_keys.value
    found = {key: _key(key, _NO_KEY) for key in range(1, last + 1)}
    found |= {index: _key(index, _LINE_KEY, line=index) for index in phone.line_indexes}
    first = min(phone.line_indexes, default=1)
    for row in phone.rows["keys"]:
        key, does = int(row["key"]), str(row["does"])
        if key > last:
            raise LimitExceeded(
                f"key {key} is set to {does}, but {phone.model.with_article} only has keys 1 to {last}",
                to_do="Set keys for this phone, or for a group of phones with as many keys.",
            )
        if found[key]["type"] != _NO_KEY:
            raise ValueOutOfRange(f"key {key} is used twice, the second time for {does}", to_do="Move one of them.")
        found[key] = _key(key, _KEY_TYPES[does], line=first, value=row["number"], label=row["label"] or row["number"])
    return list(found.values())


def _key(number: int, kind: str, *, line: int = 0, value: Value = "", label: Value = "") -> dict[str, object]:
    return {"key": number, "type": kind, "line": line, "value": value, "label": label}


def _read(files: tuple[bytes, ...], model: Model) -> HeldConfiguration:
    held: dict[str, str] = {}
    for data in files:
        try:
            held |= assigned_values(data)
        except NotWellFormed as fault:
            raise ConfigurationRejected(
                f"a phone would not take this file: {fault.reason}",
                where=f"line {fault.line}",
                to_do="Mend its template.",
            ) from None
    lines = tuple(
        _held_line(held, index)
        for index in range(1, _MODELS[model.name][0] + 1)
        if held.get(f"account.{index}.enable") == "1" and held.get(f"account.{index}.user_name")
    )
    if not lines:
        raise ConfigurationRejected("no account is enabled: the phone has nothing to register")
    first = f"account.{lines[0].button}"
    by_number = {number: str(name) for name, number in _TRANSPORTS.items()}
    return HeldConfiguration(
        phone_label="",
        lines=lines,
        sip_servers=tuple(
            (address, int(held.get(f"{first}.sip_server.{order}.port") or "5060"))
            for order in (1, 2)
            if (address := held.get(f"{first}.sip_server.{order}.address", "%NULL%")) not in {"", "%NULL%"}
        ),
        sip_transport=by_number.get(held.get(f"{first}.sip_server.1.transport_type", "0"), "udp"),
        sip_listen_port=int(held.get(f"{first}.sip_listen_port") or "5060"),
        version_stamp="",
        load=held.get("static.firmware.url", "").rpartition("/")[2].removesuffix(_SUFFIX),
        credential=_credential(held),
        register_expires_s=int(held.get(f"{first}.sip_server.1.expires") or "3600"),
    )


def _credential(held: Mapping[str, str]) -> tuple[str, Secret] | None:
    user, password = (held.get(f"static.auto_provision.server.{name}") for name in ("username", "password"))
    return (user, Secret(password)) if user and password else None


def _held_line(held: Mapping[str, str], index: int) -> HeldLine:
    def value(name: str) -> str:
        return held.get(f"account.{index}.{name}", "")

    return HeldLine(
        button=index,
        label=value("label"),
        name=value("user_name"),
        display_name=value("display_name"),
        auth_name=value("auth_name"),
        password=Secret(value("password")),
    )


FAMILY = Family(
    id="yealink",
    title="Yealink T2, T3, T4, T5 series",
    models=MappingProxyType({name: _model(name, keys, firmware) for name, (_, keys, firmware) in _MODELS.items()}),
    files=(FileTemplate("phone", "{mac}.cfg", __name__, "phone.cfg.j2", AssignedValues(), reloads=True),),
    boot=Fact(
        (
            BootRequest("{mac}.boot"),
            BootRequest("y000000000000.boot"),
            BootRequest("{mac}.cfg", configures=True, needed=True),
        ),
        Mark.LIKELY,
        f"FY t46u (y000000000000.boot); {_FIRST_FILES}: then the model's file, then its own",
    ),
    prepare=_prepare,
    read=_read,
    one_credential=Fact(False, Mark.CERTAIN, _PARAMETERS),
    reload_event=Fact(
        ReloadEvent.CHECK_SYNC_IN_USE,
        Mark.CERTAIN,
        "fusionpbx event_notify.lua; wazo-provd-plugins, pull request 146: as for Snom",
    ),
    book_form=BookForm.YEALINK,
    takes_credential=True,  # FY t46u (static.auto_provision.server.username, .password)
    asks_also=(r"y\d{12}\.(?:cfg|boot)", r"[0-9a-f]{12}(?:-[a-z]+)?\.(?:cfg|boot|xml)"),
    user_agent=Fact("Yealink SIP-{model}", Mark.CERTAIN, "WY v86 common.py (_extract_from_ua)"),
)
