"""Cisco's small-business (SPA) and multiplatform (MPP) phones: their XML profiles, settings and lines.

Both read a flat list of parameters; a parameter of a line ends in ``_n_``. They ignore names that they do not know,
keep what a profile does not name, and fetch by rules with macros (PHONES.md sections 8 and 8b).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ringfence.content.release import TargetKind
from ringfence.phones.cisco.call_settings import (
    CALLS,
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
from ringfence.phones.document import (
    NotWellFormed,
    TooLong,
    line_of,
    over_limits,
    parse,
    text_of,
)
from ringfence.phones.errors import (
    BadPatch,
    ConfigurationRejected,
    LimitExceeded,
    ValueOutOfRange,
)
from ringfence.phones.family import (
    BootRequest,
    Fact,
    FileTemplate,
    Limit,
    Model,
    ToPrepare,
    check_order,
)
from ringfence.phones.flat_profile.daylight_rule import daylight_rule
from ringfence.phones.formats.xml_file import patched
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.builders import (
    column,
    number_setting,
    table_setting,
    text_setting,
    url_setting,
    yes_no_setting,
)
from ringfence.phones.settings.time_zones import gmt_name
from ringfence.phones.settings.types import (
    EVERYWHERE_AND_LINE,
    HOST_CHARACTERS,
    Form,
    Mark,
    Scope,
    Setting,
    SettingType,
    Value,
)
from ringfence.secret import Secret

PACKAGE = __name__
SOURCE = "PHONES.md sections 8 and 8b"
_GUIDE = "the manufacturer's provisioning guide"

_YES_NO: Mapping[Value, str] = MappingProxyType({True: "Yes", False: "No"})
_STEP = re.compile(r"[A-Za-z_][\w.-]*")

LIMITS: Mapping[str, Limit] = MappingProxyType(
    {
        name: Limit(most, most, f"{_GUIDE} [likely]")
        for name, most in (("User_ID", 127), ("Password", 127), ("Display_Name", 64), ("Short_Name", 32))
    }
)

_COMMON = (
    "time_zone", "ntp_servers", "sip_server", "sip_server_2", "sip_port", "sip_transport", "sip_listen_port",
    "outbound_proxy", "register_expires_s", "nat_enabled", "nat_address", "media_port_first", "media_port_last",
    "preferred_codec", "silence_suppression", "dtmf_mode", "dtmf_payload", "call_waiting", "anonymous_call_block",
    "caller_id_blocking", "voicemail_number", "phone_label", "admin_password",
    "web_access", "cdp", "lldp", "firmware_load",
)  # fmt: skip
_PER_LINE = frozenset({"voicemail_number"})

_SWITCHES = (
    "nat_enabled", "silence_suppression", "call_waiting", "anonymous_call_block", "caller_id_blocking", "cdp", "lldp",
)  # fmt: skip
_CHANGES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        **{name: {"wire": _YES_NO} for name in _SWITCHES},
        "web_access": {"wire": MappingProxyType({"off": "No", "on": "Yes", "read-only": "Yes"})},
        "sip_transport": {"wire": MappingProxyType({"udp": "UDP", "tcp": "TCP", "tls": "TLS"}), "default": "udp"},
        "preferred_codec": {
            "wire": MappingProxyType(
                {"none": "G711u", "g711ulaw": "G711u", "g711alaw": "G711a", "g722": "G722", "g729a": "G729a"}
            ),
            "choices": ("none", "g711ulaw", "g711alaw", "g722", "g729a"),
        },
        "dtmf_mode": {"wire": MappingProxyType({"avt": "AVT", "avt_always": "AVT", "none": "InBand"})},
        "phone_label": {"maximum": 32},
    }
)  # fmt: skip

_MORE = (
    text_setting("user_dial_plan", "The phone's dial plan in its own notation; empty: any number.", "Dial_Plan", 512),
    text_setting("log_server", "Where the phone sends its log (syslog).", "Syslog_Server", HOST_CHARACTERS, Form.HOST),
    yes_no_setting("vlan", "Whether the phone tags its packets with vlan_id.", "Enable_VLAN", _YES_NO, on=False),
    number_setting("vlan_id", "The VLAN of voice.", "VLAN_ID", 1, (1, 4094)),
    number_setting(
        "resync_s", "How often the phone checks for a newer profile; 0: only when told to.", "Resync_Periodic", 3600,
        (0, 1_000_000), "seconds",
    ),
    yes_no_setting(
        "resync_needs_password", "Whether a SIP order to fetch the profile again must prove that it knows the line's "
                                 "password.",
        "Auth_Resync-Reboot", _YES_NO, on=False,
    ),
    url_setting("profile_url", "Where the phone fetches its own profile; empty: from the edge.", "Profile_Rule"),
    url_setting("services_url", "What the services entry of the menu shows.", "XML_Application_Service_URL"),
    url_setting("directory_url", "What the directory entry of the menu shows.", "XML_Directory_Service_URL"),
)  # fmt: skip


_FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {
        "speed-dial": "fnc=sd;ext={number}@$PROXY;nme={label}",
        "blf": "fnc=blf;sub={number}@$PROXY;nme={label}",
        "blf-pickup": "fnc=blf+sd+cp;sub={number}@$PROXY;nme={label}",
    }
)
"""What a key does → its Extended_Function."""

PC_PORT = yes_no_setting("pc_port", "The phone's socket for a computer.", "PC_PORT_Enable", _YES_NO, on=True)
"""For multiplatform phones; the SPA series has no such parameter (PHONES.md section 13)."""

KEYS = table_setting(
    "keys",
    "What the keys do that are not lines: key | what | label | number. For example: 3 | blf | Door | 100.",
    "Extended_Function",
    32,
    (
        number_setting("key", "The key, counted from the top.", "Extended_Function", 1, (1, 200)),
        Setting("does", SettingType.CHOICE, "speed-dial", "What it does.", choices=tuple(_FUNCTIONS)),
        column("label", "The text beside it; its number if there is none.", 30),
        column("number", "The number to dial or watch.", 64, Form.DIAL, needed=True),
    ),
    scopes=(Scope.ORGANISATION, Scope.SITE, Scope.GROUP, Scope.PHONE),
    mark=Mark.LIKELY,
)
"""For phones with keys beside their screen, of which an analogue adapter has none."""


def settings_of(more: Iterable[Setting] = ()) -> Mapping[str, Setting]:
    """Return the settings of SPA and MPP phones."""
    known = {setting.name: setting for setting in (*TIME, *SIP, *SOUND, *CALLS, *DISPLAY, *URLS, *ACCESS, *FIRMWARE)}
    table = {name: replace(known[name], source=f"{SOURCE}; {_GUIDE}") for name in _COMMON}
    table |= {setting.name: replace(setting, source=f"{SOURCE}; {_GUIDE}") for setting in (*_MORE, *RELOAD, *more)}
    for name, change in _CHANGES.items():
        # replace() can't be typed by name; the test that reads every family's table would find a wrong one.
        table[name] = replace(table[name], **change)  # type: ignore[arg-type]
    for name in _PER_LINE:
        table[name] = replace(table[name], scopes=EVERYWHERE_AND_LINE)
    return MappingProxyType(table)


@dataclass(frozen=True, slots=True)
class FlatProfile:
    """The format of a profile: ``<flat-profile>``, maybe inside ``<device>``, and parameters in it."""

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        return True

    def check(self, data: bytes, model: Model) -> None:
        """Check that the phone would take a file.

        Raises:
            NotWellFormed, TooLong: It would not.
        """
        document = parse(data)
        if document.root.tag != "flat-profile" and document.root.find("flat-profile") is None:
            raise NotWellFormed("it has no flat-profile element", line_of(document.root))
        numbered = {
            f"{name}_{line}_": limit for name, limit in LIMITS.items() for line in range(1, model.line_keys.value + 1)
        }
        for over in over_limits(document, numbered, lambda limit: limit.we_write):
            raise TooLong(over)

    def check_patch(self, element: str) -> None:
        """Raise BadPatch if ``element`` is not the name of a parameter."""
        if _STEP.fullmatch(element) is None:
            raise BadPatch(f"{element[:80]!r} does not name a parameter", to_do="Write it like Dial_Plan_1_.")

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data`` with named parameters set."""
        for name in patches:
            self.check_patch(name)
        inside = parse(data).root.tag != "flat-profile"
        return patched(data, {("flat-profile/" if inside else "") + name: text for name, text in patches.items()})


def files_of(first: str, own: str, template: str) -> tuple[FileTemplate, ...]:
    """Return a family's two files: the model's, which leads to the phone's own."""
    return (
        FileTemplate("model", first, PACKAGE, "model.xml.j2", FlatProfile(), TargetKind.SHARED),
        FileTemplate("profile", own, PACKAGE, template, FlatProfile(), reloads=True),
    )


def boot_of(first: str, own: str) -> Fact[tuple[BootRequest, ...]]:
    """Return the order in which a phone asks, once its profile rule leads to its own profile.

    The names have a slash before them, as the rules have that phones come with (PHONES.md sections 6b and 8b).
    """
    asks = tuple(BootRequest(f"/{name}", configures=True, needed=True) for name in (first, own))
    return Fact(asks, Mark.LIKELY, SOURCE)


def prepare(phone: ToPrepare) -> Mapping[str, object]:
    """Return what the templates need besides the settings."""
    settings = phone.settings
    check_order(settings, "media_port_first", "media_port_last")
    zone = str(settings["time_zone"])
    return {
        "gmt": gmt_name(zone),
        "summer": daylight_rule(zone),
        "ntp_servers": [host for host in str(settings["ntp_servers"]).split(",") if host],
        "proxy": f"{settings['sip_server']}:{settings['sip_port']}",
        "other_keys": _keys(phone),
    }


def _keys(phone: ToPrepare) -> list[dict[str, object]]:
    """Return the keys that are no lines, each with its number, label and function, both empty if it has none."""
    last = phone.model.line_keys.value
    found: dict[int, dict[str, object]] = {
        key: {"key": key, "label": "", "function": ""} for key in range(1, last + 1) if key not in phone.line_indexes
    }
    for row in phone.rows.get("keys", []):
        key, does, label = int(row["key"]), str(row["does"]), str(row["label"] or row["number"])
        if key > last:
            raise LimitExceeded(
                f"key {key} is set to {does}, but a {phone.model.name} only has keys 1 to {last}",
                to_do="Set keys for this phone, or for a group of phones with as many keys.",
            )
        if key not in found or found[key]["function"]:
            raise ValueOutOfRange(f"key {key} is used twice, the second time for {does}", to_do="Move one of them.")
        if ";" in label:
            raise ValueOutOfRange(
                f"the label of key {key} contains a ';', which would end it", to_do="Write it without."
            )
        function = _FUNCTIONS[does].format(number=row["number"], label=label)
        found[key] = {"key": key, "label": label, "function": function}
    return list(found.values())


def read_profiles(files: tuple[bytes, ...], model: Model) -> HeldConfiguration:
    """Return what a phone holds after it took these profiles in turn; a later one wins, parameter by parameter."""
    held: dict[str, str] = {}
    for data in files:
        try:
            document = parse(data)
        except NotWellFormed as fault:
            raise ConfigurationRejected(
                f"a phone would discard this profile: it is not well-formed: {fault.reason}",
                where=f"line {fault.line}" if fault.line else "",
                to_do="Mend the setting or the template that made it.",
            ) from None
        root = document.root
        profile = root if root.tag == "flat-profile" else root.find("flat-profile")
        if profile is None:
            raise ConfigurationRejected("a phone would discard this profile: it has no flat-profile element")
        held.update({child.tag: text_of(profile, child.tag) for child in profile.iterchildren("*")})
    host, _colon, port = held.get("Proxy_1_", "").rpartition(":")
    return HeldConfiguration(
        phone_label=held.get("Station_Name", ""),
        lines=tuple(
            _line(held, index) for index in range(1, model.line_keys.value + 1) if held.get(f"User_ID_{index}_")
        ),
        sip_servers=((host, int(port)),) if port.isdecimal() else (),
        sip_transport=held.get("SIP_Transport_1_", "UDP").lower(),
        sip_listen_port=int(held.get("SIP_Port_1_") or "5060"),
        version_stamp="",
        load=_load(held.get("Upgrade_Rule", "")),
        register_expires_s=int(held.get("Register_Expires_1_") or "3600"),
    )


def _line(held: Mapping[str, str], index: int) -> HeldLine:
    user = held[f"User_ID_{index}_"]
    uses_auth = held.get(f"Use_Auth_ID_{index}_", "No") == "Yes"
    return HeldLine(
        button=index,
        label=held.get(f"Short_Name_{index}_", user),
        name=user,
        display_name=held.get(f"Display_Name_{index}_", ""),
        auth_name=held.get(f"Auth_ID_{index}_", user) if uses_auth else user,
        password=Secret(held.get(f"Password_{index}_", "")),
    )


def _load(rule: str) -> str:
    """Return the load that an upgrade rule names: the last part of its path, without its end."""
    return rule.rpartition("/")[2].removesuffix(".loads").removesuffix(".bin")
