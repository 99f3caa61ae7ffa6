"""What Cisco's enterprise families share: settings, files, boot order, and what is wrong only together."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ringfence.content.release import TargetKind
from ringfence.phones.cisco.call_settings import (
    CALLS,
    LEAVE_OUT,
    RELOAD,
    RELOAD_BY,
    SIP,
    SOUND,
    TIME,
)
from ringfence.phones.cisco.device_settings import (
    ACCESS,
    CAPF,
    DISPLAY,
    FIRMWARE,
    LINE_MODE,
    NETWORK,
    URLS,
    VIDEO,
    VPN,
    WALLPAPER,
)
from ringfence.phones.cisco.device_xml import DeviceXml
from ringfence.phones.cisco.key_settings import (
    DIAL_PLAN_BYTES,
    KEY_FEATURES,
    KEYS_AND_LISTS,
    MODULES,
    MOST_SOFT_KEYS,
    NEEDS_NUMBER,
    SOFT_KEYS,
)
from ringfence.phones.errors import IncompletePhone, LimitExceeded, ValueOutOfRange
from ringfence.phones.family import (
    BootRequest,
    Fact,
    FileTemplate,
    ReloadEvent,
    ToPrepare,
    check_order,
)
from ringfence.phones.formats.xml_file import XmlFile
from ringfence.phones.orders.web_interface import ORDER_CHECK
from ringfence.phones.settings.builders import ON_IS_1
from ringfence.phones.settings.protection import with_protection
from ringfence.phones.settings.time_zones import CISCO_ZONE, difference
from ringfence.phones.settings.trust import with_trust
from ringfence.phones.settings.types import (
    EVERYWHERE_AND_LINE,
    Mark,
    Setting,
    Value,
)

PACKAGE = "ringfence.phones.cisco"

_PER_LINE = frozenset(
    {
        "auto_answer",
        "busy_trigger",
        "call_waiting",
        "max_calls",
        "message_lamp",
        "missed_calls",
        "ring_busy",
        "ring_idle",
        "voicemail_number",
        "line_proxy",
        "line_proxy_port",
        "sip_contact",
    }
)

_ALL: tuple[Setting, ...] = (
    *TIME,
    *SIP,
    *SOUND,
    *CALLS,
    *DISPLAY,
    *KEYS_AND_LISTS,
    *URLS,
    *CAPF,
    *ACCESS,
    *NETWORK,
    *FIRMWARE,
    *RELOAD,
    RELOAD_BY,
    LEAVE_OUT,
)

SHA1_ONLY = Fact(("sha1",), Mark.CERTAIN, "TRUST.md, what the phone does: SHA-1 is what all take")
SHA512_KNOWN = Fact(
    ("sha1", "sha512"), Mark.LIKELY, "TRUST.md, what the phone does: 9971 9.4, 78xx and 88xx take SHA-512"
)

Changes = Mapping[str, Mapping[str, object]]
"""Setting → what is different about it."""

SEVEN_THOUSAND: Changes = MappingProxyType(
    # On 7900 series 0 and 1 are off and on as people may change them, 2 and 3 the same locked.
    {
        name: {"wire": ON_IS_1}
        for name in ("anonymous_call_block", "caller_id_blocking", "call_list_lamps", "call_waiting")
    }
)
EIGHT_EIGHT: Changes = SEVEN_THOUSAND
"""On 7800 and 8800 series 0 is off and 1 is on (PHONES.md section 4: value semantics differ)."""


def settings_of(
    more: Iterable[Setting] = (),
    changes: Changes = MappingProxyType({}),
    *,
    vpn: bool = False,
    wallpaper: bool = False,
    video: bool = False,
    line_mode: bool = False,
    modules: bool = False,
    calls: int = 50,
    hashes: Fact[tuple[str, ...]] = SHA1_ONLY,
    trust_by_https: Fact[bool] | None = None,
) -> Mapping[str, Setting]:
    """Return the enterprise settings and ``more``, with what ``changes`` says of some, for ``calls`` a line.

    ``hashes`` are those of signatures that the firmware checks, the one that it is given by default first.
    ``trust_by_https``: it takes lists of signer version 1.1.
    """
    some = (
        *(VPN if vpn else ()),
        *((WALLPAPER,) if wallpaper else ()),
        *((VIDEO,) if video else ()),
        *((LINE_MODE,) if line_mode else ()),
        *((MODULES,) if modules else ()),
    )
    table = {setting.name: setting for setting in (*_ALL, *some, *more)}
    table["max_calls"] = replace(table["max_calls"], maximum=calls)
    table["busy_trigger"] = replace(table["busy_trigger"], maximum=calls)
    for name in _PER_LINE:
        table[name] = replace(table[name], scopes=EVERYWHERE_AND_LINE)
    for name, change in changes.items():
        # replace() can't be typed by name; a wrong name or value fails the test that reads every family's table.
        table[name] = replace(table[name], **change)
    https = (trust_by_https.mark, trust_by_https.source) if trust_by_https is not None else None
    return with_protection(with_trust(table, hashes.value, hashes.mark, https))


def files_of(*, feature_policy: bool = False) -> tuple[FileTemplate, ...]:
    """Return the files of an enterprise phone: those that others name come first."""
    shared = TargetKind.SHARED
    more = (
        FileTemplate(
            "feature_policy", "featurepolicy-{digest}.xml", PACKAGE, "featurepolicy.xml.j2", XmlFile("featurePolicy"),
            shared, when=("feature_policy",), stamped=True,
        ),
    )  # fmt: skip
    return (
        FileTemplate(
            "dial_plan", "dialplan-{digest}.xml", PACKAGE, "dialplan.xml.j2",
            XmlFile("dialTemplate", most_bytes=DIAL_PLAN_BYTES), shared, when=("dial_plan", "hotline"), stamped=True,
        ),
        FileTemplate(
            "soft_keys", "softkeys-{digest}.xml", PACKAGE, "softkeys.xml.j2", XmlFile("softKeyCfg"), shared,
            when=("soft_keys",), stamped=True,
        ),
        *(more if feature_policy else ()),
        FileTemplate(
            "application_dial_rules", "AppDialRules.xml", PACKAGE, "appdialrules.xml.j2", XmlFile("DialRules"), shared,
            when=("application_dial_rules",),
        ),
        FileTemplate(
            "services", "services.xml", PACKAGE, "services.xml.j2", XmlFile("CiscoIPPhoneMenu"), shared,
            when=("services",),
        ),
        FileTemplate(
            "directory", "directory.xml", PACKAGE, "directory.xml.j2", XmlFile("CiscoIPPhoneDirectory"), shared,
            when=("directory",),
        ),
        FileTemplate(
            "device", "SEP{MAC}.cnf.xml", PACKAGE, "device.cnf.xml.j2", DeviceXml(), stamped=True, reloads=True
        ),
    )  # fmt: skip


BOOT = Fact(
    (
        BootRequest("CTLSEP{MAC}.tlv"),
        BootRequest("ITLSEP{MAC}.tlv"),
        BootRequest("ITLFile.tlv"),
        BootRequest("SEP{MAC}.cnf.xml", configures=True, needed=True),
    ),
    Mark.CERTAIN,
    "PHONES.md sections 1 and 1b (captures of 7962, 7941, 7841 and 8851)",
)

EXPECTED_BOOT = replace(BOOT, mark=Mark.LIKELY, source="PHONES.md section 11: expected as of 79xx, never captured")

ASKS_ALSO = (
    r"XMLDefault\.cnf\.xml",
    r"(?:.*/)?[a-z-]+\.jar",
    r"(?:.*/)?g[34]-tones\.xml",
    r"AppDialRules\.xml",
    r"(?:Distinctive)?Ringlist(?:-wb)?\.xml",
    r"Desktops/.*",
    r"defaultheadsetconfig\.json",
    r"authorized_keys",
)

RETRY: Fact[float | None] = Fact(45.0, Mark.LIKELY, "PHONES.md section 1 (8851; another report says 15 s)")
RELOAD_EVENT = Fact(ReloadEvent.SERVICE_CONTROL, Mark.CERTAIN, "PHONES.md section 6")
ONE_CREDENTIAL = Fact(True, Mark.CERTAIN, "PHONES.md sections 4d and 13 (8851)")
OWN_CREDENTIALS = Fact(False, Mark.LIKELY, "PHONES.md section 13 (files in use; an 8945 with two)")
"""Of the older families: files in use have lines with different credentials, and some are known to register."""


def prepare(phone: ToPrepare) -> Mapping[str, object]:
    """Return the extra values that templates need besides the settings; reject settings that contradict each other."""
    settings = phone.settings
    check_order(settings, "media_port_first", "media_port_last")
    for line, given in zip(phone.line_settings, phone.line_given, strict=True):
        if {"busy_trigger", "max_calls"} <= given:
            check_order(line, "busy_trigger", "max_calls")
    if settings["ssh_access"] and not (settings["ssh_user"] and settings["ssh_password"]):
        raise IncompletePhone(
            "ssh_access is on without a user and a password",
            to_do="Set ssh_user and ssh_password, or turn ssh_access off.",
        )
    if settings["device_security"] != "none" and settings["sip_transport"] != "tls":
        raise IncompletePhone(
            f"device_security is {settings['device_security']}, but sip_transport is {settings['sip_transport']}",
            to_do="Set sip_transport to tls, or device_security to none.",
        )
    check_zone(settings)
    _check_reload(settings)
    return {
        "line_mode": _line_mode(phone),
        "phone_label": _phone_label(phone),
        "says_missed_calls": any("missed_calls" in given for given in phone.line_given),
        "modules": _modules(phone),
        "keys": _keys(phone),
        "soft_keys": _soft_keys(phone.rows["soft_keys"]),
        "urls": {name: _list_url(phone, name) for name in ("services", "directory")}
        | {"authentication": _authentication_url(settings)},
        "ntp_servers": [host for host in str(settings["ntp_servers"]).split(",") if host],
        "sip_servers": [
            str(settings[name]) for name in ("sip_server", "sip_server_2", "sip_server_3") if settings[name]
        ],
    }


def check_zone(settings: Mapping[str, Value]) -> None:
    """Raise ValueOutOfRange if the phone has no zone that keeps the time of the one that is set."""
    zone = str(settings["time_zone"])
    if not settings["cisco_time_zone"] and (wrong := difference(zone)):
        nearest = CISCO_ZONE[zone]
        raise ValueOutOfRange(
            f"these phones know no zone that keeps the time of {zone}; by the nearest, {nearest}, the clock is {wrong}",
            to_do=f"Set cisco_time_zone to '{nearest}' to take it, or to another of Cisco's zones.",
        )


def _keys(phone: ToPrepare) -> list[dict[str, object]]:
    taken = {index: f"line {index}" for index in phone.line_indexes}
    found: list[dict[str, object]] = []
    for row in phone.rows["keys"]:
        key, does, number = int(row["key"]), str(row["does"]), str(row["number"])
        if key in taken:
            raise ValueOutOfRange(
                f"key {key} is used twice: for {taken[key]} and for {does}", to_do="Move one of them."
            )
        if key > phone.keys:
            raise LimitExceeded(
                f"key {key} is set to {does}, but {phone.model.with_article} only has keys 1 to {phone.keys}",
                to_do="Set keys for this phone, or for a group of phones with as many keys"
                + (", or its expansion modules (modules)." if phone.model.modules else "."),
            )
        if does in NEEDS_NUMBER and not number:
            raise IncompletePhone(f"key {key} is a {does} without a number", to_do="Give its number.")
        taken[key] = does
        intercom = 1 + sum(other["does"] == "intercom" for other in found)
        found.append({**row, "label": row["label"] or number, "feature_id": KEY_FEATURES[does], "intercom": intercom})
    return found


def _line_mode(phone: ToPrepare) -> str:
    """Return what the file says of session keys: they are line keys where a line or a key is on one of them."""
    if not phone.model.session_keys:
        return ""
    own = phone.model.line_keys.value
    first_session_key = own - phone.model.session_keys + 1
    used = {*phone.line_indexes, *(int(row["key"]) for row in phone.rows["keys"])}
    on_session_keys = sorted(key for key in used if first_session_key <= key <= own)
    if "line_mode" in phone.given:
        if on_session_keys and not phone.settings["line_mode"]:
            raise ValueOutOfRange(
                f"key {on_session_keys[0]} is used, "
                f"but {phone.model.with_article} needs keys {first_session_key} to {own} "
                "for calls while line_mode is no",
                to_do="Set line_mode to yes, or move it to a lower key.",
            )
        return "1" if phone.settings["line_mode"] else "0"
    return "1" if on_session_keys else ""


def _phone_label(phone: ToPrepare) -> str:
    """Return the phone's label; 7900 series take no space in it (PHONES.md section 13)."""
    label = str(phone.settings["phone_label"])
    return label.replace(" ", "_") if phone.model.name.startswith("79") else label


def _modules(phone: ToPrepare) -> list[dict[str, object]]:
    """Return the expansion modules, in their order."""
    rows = phone.rows.get("modules", [])
    for row in rows:
        if row["model"] not in phone.model.modules:
            raise ValueOutOfRange(
                f"{phone.model.with_article} does not take the expansion module {row['model']}",
                to_do=f"It takes: {', '.join(phone.model.modules)}.",
            )
    positions = [int(row["position"]) for row in rows]
    if len(set(positions)) != len(positions):
        raise ValueOutOfRange(
            "two expansion modules have the same position", to_do="Count them from the phone: 1, 2, 3."
        )
    return [{**row, "keys": phone.model.modules[str(row["model"])]} for row in rows]


def _soft_keys(rows: list[dict[str, Value]]) -> dict[str, object]:
    known = {name.lower(): name for name in SOFT_KEYS}
    sets: list[dict[str, object]] = []
    used: dict[str, None] = {}
    for row in rows:
        words = [word.strip() for word in str(row["keys"]).split(",")]
        unknown = [word for word in words if word.lower() not in known]
        if unknown:
            raise ValueOutOfRange(f"there is no soft key {unknown[0]!r}", to_do=f"Known: {', '.join(SOFT_KEYS)}.")
        if len(words) > MOST_SOFT_KEYS:
            raise LimitExceeded(
                f"{row['state']} has {len(words)} soft keys, but at most {MOST_SOFT_KEYS} are allowed",
                to_do="Leave some out.",
            )
        names = [known[word.lower()] for word in words]
        used.update(dict.fromkeys(names))
        sets.append({"state": row["state"], "keys": names})
    definitions = [
        {"name": name, "tag": SOFT_KEYS[name][0], "event": SOFT_KEYS[name][1], "help": SOFT_KEYS[name][2]}
        for name in used
    ]
    return {"sets": sets, "used": definitions}


def _check_reload(settings: Mapping[str, Value]) -> None:
    """Refuse an order to reload that could never reach the phone."""
    if settings["reload_by"] != "web":
        if settings["reload"] == "idle":
            raise IncompletePhone(
                "reload is idle, but no SIP order waits until nobody uses the phone",
                to_do="Set reload_by to web: by its web interface the phone waits; or set reload to night.",
            )
        return
    if settings["web_access"] != "on":
        raise IncompletePhone(
            f"reload_by is web, but web_access is {settings['web_access']}",
            to_do="Set web_access to on, or reload_by to notify.",
        )
    if settings["authentication_url"]:
        raise IncompletePhone(
            "reload_by is web, and authentication_url asks another than the edge whether its orders are allowed",
            to_do="Unset authentication_url, or set reload_by to notify.",
        )
    if not settings["edge_url"]:
        raise IncompletePhone(
            "reload_by is web without edge_url, where the phone asks whether an order is allowed",
            to_do="Set edge_url to the edge's HTTP address, such as http://192.0.2.1:6970.",
        )


def _authentication_url(settings: Mapping[str, Value]) -> str:
    if settings["reload_by"] != "web":
        return str(settings["authentication_url"])
    return f"{str(settings['edge_url']).rstrip('/')}/{ORDER_CHECK}"


def _list_url(phone: ToPrepare, name: str) -> str:
    given = str(phone.settings[f"{name}_url"])
    edge = str(phone.settings["edge_url"]).rstrip("/")
    return given or (f"{edge}/{name}.xml" if edge and phone.rows[name] else "")


def line_keys(count: int, mark: Mark = Mark.LIKELY, source: str = "the manufacturer's data sheet") -> Fact[int]:
    """Return the fact how many line keys there are."""
    return Fact(count, mark, source)
