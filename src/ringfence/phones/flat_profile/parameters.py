"""The parameters of flat profiles: which series knows each, what it may hold, how well that is known, and from where.

The template, the check before publishing and the importer go by this one table. A parameter that is not here is
somebody's own: devices ignore what they do not know, and it may hold anything.

Sources: FPBX are the provisioning templates of FusionPBX (cisco/spa504g 0172d10, 8851 13d6268, spa112 01093b8, spa191
4e51faa); WP is wazo-provd-plugins (wazo_cisco_spa, 2321a3f); SPA is the manufacturer's administration guide of the
SPA300 and SPA500 series, ADAPTER that of ATA 191 and ATA 192.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ringfence.phones.cisco.legal_values import FreeText, LegalValues, OneOf, Shaped, Whole
from ringfence.phones.flat_profile.series import Series
from ringfence.phones.settings.types import Mark

ROUTER = "router-configuration"
"""The section of an adapter's profile that configures its network side."""

FPBX = "FusionPBX's provisioning templates"
_RULES = "PHONES.md sections 8 and 8b; FusionPBX's provisioning templates"
WP = "wazo-provd-plugins (wazo_cisco_spa)"
SPA_GUIDE = "the manufacturer's administration guide of the SPA300 and SPA500 series"
MPP_GUIDE = "the manufacturer's parameter reference of multiplatform phones"
ADAPTER_GUIDE = "the manufacturer's administration guide of ATA 191 and ATA 192"

_YES_NO = OneOf(("Yes", "No"), also=("1", "0"), folds=True)
_SWITCH = OneOf(("1", "0"))
_TEXT = FreeText()
_PORT = Whole(1, 65535, also=("0",))  # 0: as the phone chooses, in profiles that multiplatform phones export
_SECONDS = Whole(0, 1 << 20)
_TIME = r"(?:/(?:[01]?\d|2[0-3])(?::[0-5]?\d(?::[0-5]?\d)?)?)?"
_DATE = rf"(?:1[0-2]|0?[1-9])/-?(?:[12]\d|3[01]|0?[1-9])/[0-7]{_TIME}"
_DAYLIGHT = Shaped(
    re.compile(rf"start={_DATE};end={_DATE};save=-?\d{{1,2}}(?::\d{{1,2}}(?::\d{{1,2}})?)?"),
    "a rule such as start=3/-1/7/2:0:0;end=10/-1/7/3:0:0;save=1",
    also=re.compile(rf"\s*start={_DATE};\s*end={_DATE};\s*save=[-+\d:]*\s*;?\s*"),
)
_ZONE = Shaped(
    re.compile(r"GMT(?:[+-](?:0\d|1[0-4]):(?:00|15|30|45))?"),
    "GMT, or such as GMT+01:00",
    also=re.compile(r"GMT\s*[+-]\d{1,2}(?::?\d{2})?"),
)
_ADAPTER_ZONE = Shaped(
    re.compile(r"[+-](?:0\d|1[0-3])(?:\.5)? \d{1,2} \d{1,2}"),
    "the adapter's number of a zone, such as +01 2 2",
    also=re.compile(r"[+-]?\d{1,2}(?:\.\d{1,2})? \d{1,2} \d{1,2}"),
)
_DTMF = OneOf(("Auto", "AVT", "InBand", "INFO"), also=("InBand+INFO", "AVT+INFO"), folds=True)
_SPA_CODECS = ("G711u", "G711a", "G729a", "G722", "G726-16", "G726-24", "G726-32", "G726-40")
_MPP_CODECS = ("G711u", "G711a", "G729a", "G722", "G722.2", "iLBC", "iSAC", "OPUS")
_ADAPTER_CODECS = ("G711u", "G711a", "G729a", "G726-32")
_OLDER_CODECS = ("G723", "L16", "AMR-WB", "G729ab", "G726-16", "G726-24", "G726-40")
"""What profiles in use name, on some models or firmware."""
_TRANSPORTS = ("UDP", "TCP", "TLS")
_EXTENSION = OneOf((*(str(number) for number in range(1, 17)), "Disabled"), folds=True)

_PHONES = frozenset({Series.SPA, Series.MPP})
_ALL = frozenset(Series)
_SPA, _MPP, _ADAPTER = (frozenset({series}) for series in (Series.SPA, Series.MPP, Series.ADAPTER))


def _codecs(names: tuple[str, ...]) -> OneOf:
    return OneOf(names, also=_OLDER_CODECS, folds=True)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; a line's has its number behind the name, as in ``Proxy_1_``.

    One in the router's section is named with its path.
    """

    name: str
    values: LegalValues
    series: frozenset[Series]
    source: str
    of_line: bool = False
    mark: Mark = Mark.CERTAIN


def _rows(
    names: str, values: LegalValues, series: frozenset[Series], source: str, *, of_line: bool = False,
    mark: Mark = Mark.CERTAIN,
) -> Iterable[Parameter]:  # fmt: skip
    return (Parameter(name, values, series, source, of_line, mark) for name in names.split())


def _router(path: str, values: LegalValues, mark: Mark = Mark.CERTAIN) -> Parameter:
    return Parameter(f"{ROUTER}/{path}", values, _ADAPTER, f"{ADAPTER_GUIDE}; for SPA112 and SPA122: {WP}", mark=mark)


PARAMETERS: tuple[Parameter, ...] = (
    *_rows("Provision_Enable Resync_On_Reset Resync_From_SIP Upgrade_Enable", _YES_NO, _ALL, FPBX),
    *_rows("Profile_Rule Profile_Rule_B Profile_Rule_C Profile_Rule_D Upgrade_Rule", _TEXT, _ALL, _RULES),
    *_rows("IKM_HTTP_Encrypt_Content", _TEXT, _MPP, "the manufacturer's guides of multiplatform phones (RFC 8188 key)"),
    *_rows("Resync_Periodic Resync_Error_Retry_Delay Forced_Resync_Delay", _SECONDS, _ALL, _RULES),
    *_rows("Enable_Web_Server", _YES_NO, _PHONES, FPBX),
    *_rows("Enable_Web_Admin_Access", _YES_NO, _PHONES, FPBX),
    *_rows("Admin_Passwd", _TEXT, _SPA, f"{FPBX}; {WP}"),
    *_rows("Admin_Password", _TEXT, _MPP, FPBX),
    *_rows("User_Password", _TEXT, _PHONES, f"{FPBX}; {WP}"),
    *_rows("Enable_VLAN Enable_CDP", _YES_NO, _PHONES, FPBX),
    *_rows("Enable_LLDP-MED", _YES_NO, _PHONES, FPBX, mark=Mark.LIKELY),
    *_rows("VLAN_ID PC_Port_VLAN_ID", Whole(0, 4095), _PHONES, FPBX),
    *_rows("PC_PORT_Enable", _YES_NO, _MPP, FPBX),
    *_rows("Enable_802.1X_Authentication", _YES_NO, _MPP, f"{FPBX}; the manufacturer's guides of multiplatform phones"),
    *_rows("Syslog_Server Primary_NTP_Server Secondary_NTP_Server", _TEXT, _PHONES, f"{FPBX}; {WP}"),
    *_rows("Time_Zone", _ZONE, _PHONES, f"{SPA_GUIDE}; {WP}"),
    *_rows("Daylight_Saving_Time_Enable", _YES_NO, _PHONES, f"{FPBX}; {WP}"),
    *_rows("Daylight_Saving_Time_Rule", _DAYLIGHT, _PHONES, f"{SPA_GUIDE}; {FPBX}"),
    *_rows("Dictionary_Server_Script Language_Selection Locale", _TEXT, _PHONES, f"{WP}; {FPBX}"),
    *_rows("Station_Name Voice_Mail_Number", _TEXT, _PHONES, f"{FPBX}; {WP}"),
    *_rows("CW_Setting Block_CID_Setting Block_ANC_Setting", _YES_NO, _PHONES, FPBX),
    *_rows("CW_Setting Block_CID_Setting Block_ANC_Setting", _YES_NO, _ADAPTER, FPBX, of_line=True, mark=Mark.LIKELY),
    *_rows("RTP_Port_Min RTP_Port_Max", _PORT, _ALL, FPBX),
    *_rows("AVT_Dynamic_Payload", Whole(96, 127), _ALL, FPBX),
    *_rows("EXT_IP STUN_Server", _TEXT, _ALL, FPBX),
    *_rows("STUN_Enable Handle_VIA_rport Insert_VIA_rport", _YES_NO, _ALL, FPBX),
    *_rows("XML_Directory_Service_Name XML_Directory_Service_URL", _TEXT, _PHONES, f"{WP}; {FPBX}"),
    *_rows("XML_Application_Service_URL", _TEXT, _PHONES, FPBX),
    *_rows("XML_Application_Service_Name", _TEXT, _PHONES, FPBX, mark=Mark.LIKELY),
    *_rows("Server_Type", _TEXT, _SPA, FPBX),
    *_rows("Unit_1_Enable Unit_2_Enable", _YES_NO, _SPA, FPBX),
    *_rows("Line_Enable Register NAT_Mapping_Enable NAT_Keep_Alive_Enable", _YES_NO, _ALL, FPBX, of_line=True),
    *_rows("Auth_Resync-Reboot Silence_Supp_Enable", _YES_NO, _ALL, FPBX, of_line=True),
    *_rows("Use_Auth_ID Use_Outbound_Proxy", _YES_NO, _SPA | _ADAPTER, FPBX, of_line=True),
    *_rows("Use_DNS_SRV DNS_SRV_Auto_Prefix", _YES_NO, _ALL, FPBX, of_line=True),
    *_rows("Proxy Outbound_Proxy Dial_Plan Mailbox_ID", _TEXT, _ALL, FPBX, of_line=True),
    *_rows("Display_Name User_ID Password Auth_ID", _TEXT, _ALL, FPBX, of_line=True),
    *_rows("Alternate_Proxy", _TEXT, _PHONES, FPBX, of_line=True),
    *_rows("Register_Expires", _SECONDS, _ALL, FPBX, of_line=True),
    *_rows("SIP_Port", _PORT, _ALL, FPBX, of_line=True),
    *_rows("SIP_Transport", OneOf(_TRANSPORTS, also=("AUTO",), folds=True), _MPP, FPBX, of_line=True),
    *_rows("SIP_Transport", OneOf(_TRANSPORTS, folds=True), _SPA | _ADAPTER, FPBX, of_line=True),
    *_rows("Secure_Call_Serv", _YES_NO, _PHONES, FPBX),
    *_rows("Secure_Call_Setting", _YES_NO, _SPA, FPBX),
    *_rows("SRTP_Method", OneOf(("x-sipura", "s-descriptor")), _SPA, SPA_GUIDE, mark=Mark.LIKELY),
    *_rows("Secure_Call_Option", OneOf(("Optional", "Required", "Strict"), folds=True), _MPP, MPP_GUIDE, of_line=True),
    *_rows("Custom_CA_Rule", _TEXT, _MPP, MPP_GUIDE),
    *_rows("DTMF_Tx_Method", _DTMF, _ALL, f"{FPBX}; {WP}", of_line=True),
    *_rows("Preferred_Codec", _codecs(_SPA_CODECS), _SPA, FPBX, of_line=True),
    *_rows("Preferred_Codec", _codecs(_MPP_CODECS), _MPP, FPBX, of_line=True),
    *_rows("Preferred_Codec", _codecs(_ADAPTER_CODECS), _ADAPTER, FPBX, of_line=True),
    *_rows("Extension", _EXTENSION, _PHONES, FPBX, of_line=True),
    *_rows("Share_Call_Appearance Share_Ext", OneOf(("private", "shared"), folds=True), _PHONES, FPBX, of_line=True),
    *_rows("Short_Name Extended_Function", _TEXT, _PHONES, f"{FPBX}; {WP}", of_line=True),
    _router("Time_Setup/Time_Zone", _ADAPTER_ZONE),
    _router("Time_Setup/Auto_Adjust_Clock", _SWITCH),
    _router("Time_Setup/Daylight_Saving_Time_Rule", _DAYLIGHT, Mark.LIKELY),
    _router("Time_Setup/Time_Server_Mode", OneOf(("auto", "manual"))),
    _router("Time_Setup/Time_Server", _TEXT),
    _router("WAN_VLAN_Setting/WAN_VLAN_Enable", _SWITCH),
    _router("WAN_VLAN_Setting/WAN_VLAN_ID", Whole(1, 4094)),
    _router("CLDP_Setting/CDP_ENABLE", _SWITCH),
    _router("CLDP_Setting/LLDP_ENABLE", _SWITCH),
    _router("Web_Management/Web_Utility_Access_HTTP", _SWITCH),
    _router("Web_Management/Web_Utility_Access_HTTPS", _SWITCH),
    _router("Web_Login_Admin_Password", _TEXT),
)  # fmt: skip

_UNIT_KEY = re.compile(r"Unit_[12]_Key_(?:3[0-2]|[12]\d|[1-9])")
_OF_LINE = re.compile(r"(?P<name>.+)_(?P<line>\d{1,2})_")
_BY_NAME: Mapping[tuple[str, bool, Series], Parameter] = MappingProxyType(
    {(each.name, each.of_line, series): each for each in PARAMETERS for series in each.series}
)
_UNIT = Parameter("Unit_n_Key_m", _TEXT, _SPA, f"{FPBX}; {WP}")


def parameter(name: str, series: Series) -> Parameter | None:
    """Return what is known of a parameter of a series, by its name in the profile; None if nothing is."""
    if _UNIT_KEY.fullmatch(name):
        return _UNIT if series in _UNIT.series else None
    found = _BY_NAME.get((name, False, series))
    if found is None and (parts := _OF_LINE.fullmatch(name)):
        found = _BY_NAME.get((parts["name"], True, series))
    return found
