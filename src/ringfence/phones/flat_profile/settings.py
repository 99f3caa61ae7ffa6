"""The settings of SPA and MPP phones and of analogue adapters, in operators' words.

A device keeps what a profile does not name, so a setting that nobody has set leaves what it has: its own default, if
nobody has changed it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

from ringfence.phones.cisco.call_settings import CALLS, LEAVE_OUT, RELOAD, SIP, SOUND, TIME
from ringfence.phones.cisco.device_settings import ACCESS, DISPLAY, FIRMWARE, URLS
from ringfence.phones.flat_profile.keys import KEYS, MODULES
from ringfence.phones.flat_profile.parameters import ADAPTER_GUIDE, FPBX, MPP_GUIDE, SPA_GUIDE, WP
from ringfence.phones.flat_profile.series import Series
from ringfence.phones.settings.builders import number_setting, text_setting, url_setting, yes_no_setting
from ringfence.phones.settings.protection import ca_setting, srtp_setting, with_protection
from ringfence.phones.settings.types import EVERYWHERE_AND_LINE, HOST_CHARACTERS, Form, Mark, Setting, Value

SOURCE = "PHONES.md sections 8, 8b and 13"

YES_NO: Mapping[Value, str] = MappingProxyType({True: "Yes", False: "No"})
_SWITCH: Mapping[Value, str] = MappingProxyType({True: "1", False: "0"})

_OF_ALL = (
    "time_zone", "ntp_servers", "sip_server", "sip_port", "sip_transport", "sip_listen_port",
    "outbound_proxy", "register_expires_s", "nat_enabled", "nat_address", "media_port_first", "media_port_last",
    "preferred_codec", "silence_suppression", "dtmf_mode", "dtmf_payload", "call_waiting", "anonymous_call_block",
    "caller_id_blocking", "voicemail_number", "admin_password", "web_access", "cdp", "lldp", "firmware_load",
)  # fmt: skip
_OF_PHONES = ("sip_server_2", "phone_label")
_PER_LINE = ("voicemail_number",)

_ELEMENTS: Mapping[str, str] = MappingProxyType(
    {
        "time_zone": "Time_Zone", "ntp_servers": "Primary_NTP_Server", "sip_server": "Proxy", "sip_port": "Proxy",
        "sip_server_2": "Alternate_Proxy", "sip_transport": "SIP_Transport", "sip_listen_port": "SIP_Port",
        "outbound_proxy": "Outbound_Proxy", "register_expires_s": "Register_Expires",
        "nat_enabled": "NAT_Mapping_Enable", "nat_address": "EXT_IP", "media_port_first": "RTP_Port_Min",
        "media_port_last": "RTP_Port_Max", "preferred_codec": "Preferred_Codec",
        "silence_suppression": "Silence_Supp_Enable", "dtmf_mode": "DTMF_Tx_Method",
        "dtmf_payload": "AVT_Dynamic_Payload", "call_waiting": "CW_Setting",
        "anonymous_call_block": "Block_ANC_Setting", "caller_id_blocking": "Block_CID_Setting",
        "voicemail_number": "Voice_Mail_Number", "phone_label": "Station_Name", "admin_password": "Admin_Passwd",
        "web_access": "Enable_Web_Server", "cdp": "Enable_CDP", "lldp": "Enable_LLDP-MED",
        "firmware_load": "Upgrade_Rule",
    }
)  # fmt: skip
_SWITCHES = ("nat_enabled", "silence_suppression", "call_waiting", "anonymous_call_block", "caller_id_blocking")
_CODECS: Mapping[Value, str] = MappingProxyType(
    {
        "none": "",
        "g711ulaw": "G711u",
        "g711alaw": "G711a",
        "g729a": "G729a",
        "g722": "G722",
        "iLBC": "iLBC",
        "iSAC": "iSAC",
    }
)  # fmt: skip
"""``none`` is the device's own choice, for which nothing is written."""
_CODECS_OF: Mapping[Series, tuple[str, ...]] = MappingProxyType(
    {
        Series.SPA: ("none", "g711ulaw", "g711alaw", "g722", "g729a"),
        Series.MPP: ("none", "g711ulaw", "g711alaw", "g722", "g729a", "iLBC", "iSAC"),
        Series.ADAPTER: ("none", "g711ulaw", "g711alaw", "g729a"),
    }
)
_LAST_MEDIA_PORT = 16482
"""The phones' own default."""

_CHANGES: Mapping[str, Mapping[str, object]] = MappingProxyType(
    {
        **{name: {"wire": YES_NO} for name in (*_SWITCHES, "cdp", "lldp")},
        "web_access": {"wire": MappingProxyType({"off": "No", "on": "Yes", "read-only": "Yes"})},
        "sip_transport": {"wire": MappingProxyType({"udp": "UDP", "tcp": "TCP", "tls": "TLS"}), "default": "udp"},
        "dtmf_mode": {
            # Auto takes RFC 4733 where the other side offers it, which is what avt says; AVT takes it in any case.
            "wire": MappingProxyType({"avt": "Auto", "avt_always": "AVT", "info": "INFO", "none": "InBand"}),
            "choices": ("avt", "avt_always", "info", "none"),
            "help": "How key presses are sent in a call: avt is RFC 4733 where the other side offers it, avt_always in "
                    "any case, info by SIP, none as tones.",
        },
        "media_port_last": {"default": _LAST_MEDIA_PORT},
        "phone_label": {"maximum": 32},
    }
)  # fmt: skip
_ROUTER_SWITCHES: Mapping[str, str] = MappingProxyType({"cdp": "CDP_ENABLE", "lldp": "LLDP_ENABLE"})

_MORE = (
    text_setting("user_dial_plan", "The phone's dial plan in its own notation; empty: as it is.", "Dial_Plan", 2047),
    yes_no_setting("vlan", "Whether the phone tags its packets with vlan_id.", "Enable_VLAN", YES_NO, on=False),
    number_setting("vlan_id", "The VLAN of voice.", "VLAN_ID", 1, (1, 4094)),
    number_setting(
        "resync_s", "How often the phone checks for a newer profile; 0: only when told to.", "Resync_Periodic", 3600,
        (0, 1_000_000), "seconds",
    ),
    yes_no_setting(
        "resync_needs_password", "Whether a SIP order to fetch the profile again must prove that it knows the line's "
                                 "password.",
        "Auth_Resync-Reboot", YES_NO, on=False,
    ),
    url_setting("profile_url", "Where the phone fetches its own profile; empty: from the edge.", "Profile_Rule"),
)  # fmt: skip
_MORE_OF_PHONES = (
    text_setting("log_server", "Where the phone sends its log (syslog).", "Syslog_Server", HOST_CHARACTERS, Form.HOST),
    url_setting("services_url", "What the services entry of the menu shows.", "XML_Application_Service_URL"),
    text_setting("services_name", "How the menu calls the services.", "XML_Application_Service_Name", 32),
    url_setting(
        "directory_url", "What the directory entry of the menu shows; empty: the phone books, if edge_url is set.",
        "XML_Directory_Service_URL",
    ),
    text_setting("directory_name", "How the menu calls the directory.", "XML_Directory_Service_Name", 32),
    text_setting(
        "language", "The language, by its name in dictionaries, such as German; empty: as it is.", "Language_Selection",
        32, Form.FILE_NAME,
    ),
    text_setting(
        "language_code", "The language's code, such as de-DE, for its letters on the keypad.", "Locale", 10, Form.WORD
    ),
    text_setting(
        "dictionaries", "The languages that there are and where their files lie, in the phone's own notation, such as "
        "serv=http://192.0.2.1/;d0=English;x0=en.xml;d1=German;x1=de.xml.",
        "Dictionary_Server_Script", 512,
    ),
)  # fmt: skip

PC_PORT = yes_no_setting("pc_port", "The phone's socket for a computer.", "PC_PORT_Enable", YES_NO, on=True)
"""For multiplatform phones; the SPA series has no such parameter (PHONES.md section 13)."""
DOT1X = yes_no_setting(
    "dot1x", "Whether the phone answers 802.1X on its network socket.", "Enable_802.1X_Authentication", YES_NO, on=False
)
"""For multiplatform phones; of the SPA series nothing is known."""

_SRTP_OF_SPA = replace(
    srtp_setting("Secure_Call_Setting", MappingProxyType({"none": "No", "outgoing": "Yes"}), SPA_GUIDE, Mark.LIKELY),
    help="Whether the phone asks for SRTP in calls that it makes. Its keys are in SIP, so it needs TLS or a tunnel. "
         "In calls that it takes, the caller decides.",
)  # fmt: skip
_SRTP_OF_MPP = srtp_setting(
    "Secure_Call_Option", MappingProxyType({"optional": "Optional", "required": "Strict"}), MPP_GUIDE
)


def settings_of(series: Series, more: Iterable[Setting] = ()) -> Mapping[str, Setting]:
    """Return the settings of a series' devices."""
    of_phones = series is not Series.ADAPTER
    known = {setting.name: setting for setting in (*TIME, *SIP, *SOUND, *CALLS, *DISPLAY, *URLS, *ACCESS, *FIRMWARE)}
    names = (*_OF_ALL, *(_OF_PHONES if of_phones else ()))
    table = {name: replace(known[name], element=_ELEMENTS[name], source=f"{SOURCE}; {FPBX}") for name in names}
    of_series = {
        Series.SPA: (KEYS, MODULES),
        Series.MPP: (KEYS, PC_PORT, DOT1X),
        Series.ADAPTER: (),
    }[series]
    own = (*_MORE, *(_MORE_OF_PHONES if of_phones else ()), *RELOAD, LEAVE_OUT, *of_series, *more)
    table |= {setting.name: replace(setting, source=f"{SOURCE}; {FPBX}; {WP}") for setting in own}
    changes = {**_CHANGES, "preferred_codec": {"wire": _CODECS, "choices": _CODECS_OF[series]}}
    for name, change in changes.items():
        if name in table:
            # replace() can't be typed by name; the test that reads every family's table would find a wrong one.
            table[name] = replace(table[name], **change)  # type: ignore[arg-type] # a mapping's fields
    for name in _PER_LINE:
        table[name] = replace(table[name], scopes=EVERYWHERE_AND_LINE)
    if series is Series.ADAPTER:
        for name, element in (*_ROUTER_SWITCHES.items(), ("vlan", "WAN_VLAN_Enable")):
            table[name] = replace(table[name], wire=_SWITCH, element=element, source=ADAPTER_GUIDE)
        table["voicemail_number"] = replace(table["voicemail_number"], element="Mailbox_ID")
    if series is Series.MPP:
        table["admin_password"] = replace(table["admin_password"], element="Admin_Password")
    protecting = {
        Series.SPA: (_SRTP_OF_SPA,),
        Series.MPP: (_SRTP_OF_MPP, ca_setting("Custom_CA_Rule", MPP_GUIDE)),
        Series.ADAPTER: (),
    }[series]
    return with_protection(table, *protecting)
