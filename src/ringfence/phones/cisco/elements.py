"""The elements of ``SEP<MAC>.cnf.xml``: where each belongs, what it may hold, how well that is known, and from where.

The renderer, the check before publishing, the virtual phone and the importer go by this one table. What a setting
writes is among an element's documented values; what somebody's file holds may be among those that phones are known to
take besides. An element that is not here is ignored, as phones ignore what they do not know.

Sources: UCM is usecallmanager.nz as PHONES.md has it, its sections 4 and 13 first; ANN is the annotated file of
chan-sccp; WP is wazo-provd-plugins; SIPCC is Cisco's own SIP stack (PHONES.md section 4f).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ringfence.phones.cisco.legal_values import FreeText, LegalValues, OneOf, Shaped, Whole
from ringfence.phones.settings.time_zones import CISCO_ZONES
from ringfence.phones.settings.types import Mark

LINE = "sipProfile/sipLines/line"
"""The section of what each line key holds."""

UCM = "PHONES.md section 4 (UCM)"
_CORRECTED = "PHONES.md section 13 (UCM)"
_SIPCC = "PHONES.md section 4f (SIPCC)"
_TRANSPORT = "PHONES.md section 4 (UCM) and 4b (a report: 4 is TCP)"
_DISAGREE = "PHONES.md section 13 (ANN and UCM disagree)"
_FILES = "PHONES.md section 13 (files in use)"


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its section (the path of what it is in), its tag, its legal values, and what is known of them.

    ``recommended`` is what the file of a new phone states though no setting says it; empty: nothing. ``in_family`` are
    the values that a family gives a meaning of its own, by the family's id: no setting writes another there, though
    files in use hold what is right elsewhere, and phones take it.
    """

    section: str
    tag: str
    values: LegalValues
    recommended: str = ""
    mark: Mark = Mark.CERTAIN
    source: str = UCM
    in_family: Mapping[str, LegalValues] = field(default_factory=lambda: MappingProxyType({}), hash=False)

    def values_of(self, family: str) -> LegalValues:
        """Return what settings may write for phones of a family."""
        return self.in_family.get(family, self.values)

    @property
    def path(self) -> str:
        """Where it is below the root."""
        return f"{self.section}/{self.tag}" if self.section else self.tag


_HIGHEST_PORT = 65535
_TRUE_FALSE = OneOf(("true", "false"), also=("0", "1"), folds=True)
_SWITCH = OneOf(("0", "1"))
_FOUR_WAY = OneOf(("0", "1", "2", "3"))
_OFF_IS_0 = MappingProxyType({"cisco-78xx-88xx": OneOf(("0", "1"))})
"""Where 0 to 3 are off and on, and whether people may change it, the later series know only 0 and 1 (section 4)."""
_PORT = Whole(1, _HIGHEST_PORT)
_SECONDS = Whole(0, 1 << 20)
_TEXT = FreeText()
_CHARSETS = ("utf8", "windows-1251", "iso-8859-2", "iso-8859-5", "shift_jis")
_DAYS = Shaped(re.compile(r"[1-7](?:,[1-7])*"), "days from 1 (Sunday) to 7 with commas between them")
_HOURS = Shaped(re.compile(r"\d?\d:\d\d"), "hours and minutes, such as 08:00")
_DATE = Shaped(
    re.compile(r"(?:D([./-])M|M([./-])D)[./-]YY?A?|YY?([./-])M[./-]DA?"),
    "D, M and Y or YY with '/', '-' or '.' between them, and A for a 12-hour clock",
    also=re.compile(r"(?:[DMY]{1,2}[./-]){2}[DMY]{1,2}[Aa]?"),
)
_ZONE = Shaped(
    re.compile("|".join(re.escape(zone) for zone in sorted(CISCO_ZONES))),
    "one of the time zones that phones know",
    also=re.compile(r"[A-Z][A-Za-z. ]{1,40} Standard(?:/Daylight)? Time"),
)


def _all(
    section: str, tags: Iterable[str], values: LegalValues, mark: Mark = Mark.CERTAIN, source: str = UCM
) -> list[Element]:
    return [Element(section, tag, values, "", mark, source) for tag in tags]


_DEVICE_HEAD = (
    Element("", "fullConfig", _TRUE_FALSE, "true"),
    Element("", "deviceProtocol", OneOf(("SIP",), folds=True)),
    Element("", "sshUserId", _TEXT),
    Element("", "sshPassword", _TEXT),
    Element("", "ipAddressMode", OneOf(("0", "1", "2"))),
    *_all("", ("allowAutoConfig", "dadEnable", "redirectEnable", "echoMultiEnable"), _TRUE_FALSE, Mark.LIKELY),
    *_all("", ("ipPreferenceModeControl", "ipMediaAddressFamilyPreference"), Whole(0, 2), Mark.LIKELY),
)
_CLOCK = (
    Element("devicePool/dateTimeSetting", "dateTemplate", _DATE, source=f"{UCM}; {_FILES}: a small a"),
    Element("devicePool/dateTimeSetting", "timeZone", _ZONE),
    Element("devicePool/dateTimeSetting/ntps/ntp", "name", _TEXT),
    Element(
        "devicePool/dateTimeSetting/ntps/ntp",
        "ntpMode",
        OneOf(("unicast", "directedbroadcast"), also=("multicast", "anycast"), folds=True),
    ),
)
_SERVERS = (
    *_all(
        "devicePool/callManagerGroup/members/member/callManager/ports",
        ("ethernetPhonePort", "sipPort", "securedSipPort"),
        _PORT,
    ),
    Element("devicePool/callManagerGroup/members/member/callManager", "processNodeName", _TEXT),
)
_PROXIES = (
    Element("sipProfile/sipProxies", "outboundProxy", _TEXT),
    Element("sipProfile/sipProxies", "outboundProxyPort", _PORT),
    *_all("sipProfile/sipProxies", ("backupProxyPort", "emergencyProxyPort"), _PORT),
    Element("sipProfile/sipProxies", "registerWithProxy", _TRUE_FALSE, "true"),
)
_FEATURES = "sipProfile/sipCallFeatures"
_CALL_FEATURES = (
    Element(_FEATURES, "cnfJoinEnabled", _TRUE_FALSE, "true"),
    Element(_FEATURES, "callForwardURI", _TEXT, "x-cisco-serviceuri-cfwdall"),
    Element(_FEATURES, "callPickupURI", _TEXT, "x-cisco-serviceuri-pickup"),
    Element(_FEATURES, "callPickupListURI", _TEXT, "x-cisco-serviceuri-opickup"),
    Element(_FEATURES, "callPickupGroupURI", _TEXT, "x-cisco-serviceuri-gpickup"),
    Element(_FEATURES, "meetMeServiceURI", _TEXT, "x-cisco-serviceuri-meetme"),
    Element(_FEATURES, "abbreviatedDialURI", _TEXT, "x-cisco-serviceuri-abbrdial"),
    Element(_FEATURES, "rfc2543Hold", _TRUE_FALSE, "false"),
    Element(_FEATURES, "callHoldRingback", OneOf(("0", "1"), also=("2",)), "1", source=f"{UCM}; {_FILES}: 2"),
    Element(_FEATURES, "localCfwdEnable", _TRUE_FALSE, "true"),
    Element(_FEATURES, "semiAttendedTransfer", _TRUE_FALSE, "true"),
    Element(_FEATURES, "anonymousCallBlock", _FOUR_WAY, in_family=_OFF_IS_0),
    Element(_FEATURES, "callerIdBlocking", _FOUR_WAY, in_family=_OFF_IS_0),
    Element(_FEATURES, "dndControl", Whole(0, 2)),
    Element(_FEATURES, "remoteCcEnable", _TRUE_FALSE, "true"),
    Element(_FEATURES, "retainForwardInformation", _TRUE_FALSE, "false"),
    Element(_FEATURES, "uriDialingDisplayPreference", _SWITCH, "1"),
)
_STACK_SECTION = "sipProfile/sipStack"
_STACK = (
    Element(_STACK_SECTION, "sipInviteRetx", _SECONDS, "6"),
    Element(_STACK_SECTION, "sipRetx", _SECONDS, "10"),
    Element(_STACK_SECTION, "timerInviteExpires", _SECONDS, "180"),
    Element(_STACK_SECTION, "timerRegisterExpires", _SECONDS),
    Element(_STACK_SECTION, "timerRegisterDelta", _SECONDS, "5"),
    Element(_STACK_SECTION, "timerKeepAliveExpires", _SECONDS),
    Element(_STACK_SECTION, "timerSubscribeExpires", _SECONDS, "120"),
    Element(_STACK_SECTION, "timerSubscribeDelta", _SECONDS, "5"),
    Element(_STACK_SECTION, "timerT1", _SECONDS, "500"),
    Element(_STACK_SECTION, "timerT2", _SECONDS, "4000"),
    Element(_STACK_SECTION, "maxRedirects", _SECONDS, "70"),
    Element(_STACK_SECTION, "remotePartyID", _TRUE_FALSE, "true"),
    Element(_STACK_SECTION, "userInfo", OneOf(("none", "phone", "ip"), folds=True), "Phone", source=_SIPCC),
)
_PROFILE_HEAD = (
    Element("sipProfile", "autoAnswerTimer", _SECONDS),
    Element("sipProfile", "autoAnswerAltBehavior", _TRUE_FALSE, "false"),
    Element("sipProfile", "autoAnswerOverride", _TRUE_FALSE, "true"),
    Element("sipProfile", "transferOnhookEnabled", _TRUE_FALSE),
    Element("sipProfile", "enableVad", _TRUE_FALSE),
    Element(
        "sipProfile",
        "preferredCodec",
        OneOf(
            ("none", "g711ulaw", "g711alaw", "g729a", "L16", "g722", "iLBC", "iSAC"), also=("g729", "g711"), folds=True
        ),
        source=_SIPCC,
    ),
    Element("sipProfile", "dtmfAvtPayload", Whole(96, 127)),
    Element("sipProfile", "dtmfDbLevel", Whole(0, 6), "3", Mark.LIKELY),
    Element(
        "sipProfile", "dtmfOutofBand", OneOf(("none", "avt", "avt_always"), also=("always",), folds=True), source=_SIPCC
    ),
    Element("sipProfile", "alwaysUsePrimeLine", _TRUE_FALSE, "false"),
    Element("sipProfile", "alwaysUsePrimeLineVoiceMail", _TRUE_FALSE, "false"),
    Element("sipProfile", "kpml", _FOUR_WAY),
    Element("sipProfile", "phoneLabel", _TEXT),
    Element("sipProfile", "stutterMsgWaiting", Whole(0, 2), "0", Mark.LIKELY),
    Element("sipProfile", "callStats", _TRUE_FALSE, "true"),
    Element("sipProfile", "offhookToFirstDigitTimer", _SECONDS, "15000"),
    Element("sipProfile", "silentPeriodBetweenCallWaitingBursts", _SECONDS, "10"),
    Element("sipProfile", "disableLocalSpeedDialConfig", _TRUE_FALSE, "false"),
    Element("sipProfile", "startMediaPort", _PORT),
    Element("sipProfile", "stopMediaPort", _PORT),
    Element("sipProfile", "natEnabled", _TRUE_FALSE),
    Element("sipProfile", "natReceivedProcessing", _TRUE_FALSE),
    Element("sipProfile", "natAddress", _TEXT),
)
_LINE_HEAD = (
    Element(LINE, "featureID", Whole(1, 255)),
    Element(LINE, "featureLabel", _TEXT),
    Element(LINE, "proxy", _TEXT),
    Element(LINE, "port", _PORT),
    Element(LINE, "name", _TEXT),
    Element(LINE, "displayName", _TEXT),
)
_LINE = (
    Element(
        f"{LINE}/autoAnswer", "autoAnswerEnabled", OneOf(("0", "1"), also=("2", "3")), source=f"{UCM}; {_FILES}: 2"
    ),
    Element(f"{LINE}/autoAnswer", "autoAnswerMode", _TEXT),
    Element(LINE, "callWaiting", _FOUR_WAY, in_family=_OFF_IS_0),
    Element(LINE, "sharedLine", _TRUE_FALSE, "false"),
    Element(LINE, "messageWaitingLampPolicy", Whole(0, 6)),
    Element(LINE, "messageWaitingAMWI", _SWITCH, "0"),
    Element(LINE, "messagesNumber", _TEXT),
    Element(
        LINE, "ringSettingIdle", OneOf(("0", "1", "2", "3", "4"), also=("5",)), mark=Mark.CERTAIN, source=_CORRECTED
    ),
    Element(LINE, "ringSettingActive", Whole(0, 5)),
    *(
        Element(f"{LINE}/forwardCallInfoDisplay", tag, _TRUE_FALSE, "true")
        for tag in ("callerName", "callerNumber", "redirectedNumber", "dialedNumber")
    ),
    Element(LINE, "maxNumCalls", Whole(1, 200)),
    Element(LINE, "busyTrigger", Whole(1, 200)),
)
_KEY = (
    Element(LINE, "speedDialNumber", _TEXT),
    Element(LINE, "speedDialIndex", Whole(1, 199), mark=Mark.LIKELY),
    Element(LINE, "serviceURI", _TEXT),
    Element(LINE, "secureServiceURI", _TEXT),
    Element(LINE, "featureOptionMask", Whole(0, 255)),
    Element(LINE, "contact", _TEXT),
    Element(LINE, "retrievalPrefix", _TEXT),
    Element(LINE, "authName", _TEXT),
    Element(LINE, "authPassword", _TEXT),
    Element(LINE, "recordingOption", OneOf(("enable", "disable"), folds=True), mark=Mark.LIKELY),
)
_PROFILE_TAIL = (
    Element("sipProfile", "externalNumberMask", _TEXT),
    Element("sipProfile", "voipControlPort", _PORT),
    Element("sipProfile", "dscpForAudio", Whole(0, 255)),
    Element("sipProfile", "dscpVideo", Whole(0, 255)),
    Element("sipProfile", "ringSettingBusyStationPolicy", Whole(0, 5), "0", Mark.LIKELY),
    Element("sipProfile", "dialTemplate", _TEXT),
    Element("sipProfile", "softKeyFile", _TEXT),
)
_MIDDLE = (
    Element("", "MissedCallLoggingOption", Shaped(re.compile(r"[01]*"), "a 0 or 1 for each line"), source=_CORRECTED),
    Element("", "featurePolicyFile", _TEXT),
    Element("commonProfile", "phonePassword", _TEXT),
    Element("commonProfile", "backgroundImageAccess", _TRUE_FALSE, source=_CORRECTED),
    Element("commonProfile", "callLogBlfEnabled", _FOUR_WAY, in_family=_OFF_IS_0),
)
_VENDOR_SWITCHES_LIKELY = (
    "garp", "rtcp", "videoRtcp", "ciscoCamera", "separateMute", "hideVideoByDefault", "webProtocol", "webAdmin",
    "displayRefreshRate", "displayOnWhenIncomingCall", "backlightOnWhenIncomingCall", "recordingTone",
    "autoSelectLineEnable", "simplifiedNewCall", "actionableAlert", "softKeyControl", "detectCMConnectionFailure",
    "btpbap", "bthfu", "sdio", "ehookEnable", "kemOneColumn", "showCallHistoryForSelectedLine",
    "dialToneFromReleaseKey", "dfBit", "cdpEnable", "powerNegotiation", "holdResumeKey", "recentsSoftKey",
    "accessVoicemail", "accessApps", "homeScreen", "sendKeyAction", "powerOffWhenCharging",
)  # fmt: skip
_TIMES = (
    "displayOnTime", "displayOnDuration", "displayIdleTimeout", "backlightOnTime", "backlightOnDuration",
    "backlightIdleTimeout",
)  # fmt: skip
_VENDOR = "vendorConfig"
_VENDOR_CONFIG = (
    Element(_VENDOR, "disableSpeaker", _TRUE_FALSE),
    Element(_VENDOR, "disableSpeakerAndHeadset", _TRUE_FALSE),
    *_all(_VENDOR, ("enableMuteFeature", "enableGroupListen"), _TRUE_FALSE),
    Element(_VENDOR, "pcPort", _SWITCH),
    Element(_VENDOR, "settingsAccess", OneOf(("0", "1", "2"))),
    Element(_VENDOR, "voiceVlanAccess", _SWITCH, mark=Mark.UNKNOWN, source=_DISAGREE),
    Element(_VENDOR, "videoCapability", _SWITCH, source=_CORRECTED),
    Element(_VENDOR, "webAccess", OneOf(("0", "1", "2"))),
    Element(_VENDOR, "adminPassword", _TEXT),
    Element(_VENDOR, "sshAccess", _SWITCH),
    Element(_VENDOR, "sshPort", _PORT, mark=Mark.LIKELY),
    Element(_VENDOR, "spanToPCPort", _SWITCH),
    Element(_VENDOR, "g722CodecSupport", OneOf(("0", "1", "2")), source="PHONES.md section 13 (UCM, ANN)"),
    Element(_VENDOR, "lineMode", _SWITCH, mark=Mark.LIKELY, source=_CORRECTED),
    Element(_VENDOR, "bluetooth", _SWITCH),
    Element(_VENDOR, "wifi", _SWITCH),
    Element(_VENDOR, "usb1", _SWITCH),
    Element(_VENDOR, "usb2", _SWITCH),
    Element(_VENDOR, "defaultWallpaperFile", _TEXT, source=_CORRECTED),
    Element(_VENDOR, "peerFirmwareSharing", _SWITCH),
    Element(_VENDOR, "loadServer", _TEXT),
    Element(_VENDOR, "logServer", _TEXT),
    Element(_VENDOR, "problemReportUploadURL", _TEXT),
    Element(_VENDOR, "eapAuthentication", OneOf(("0", "1", "2")), source=_CORRECTED),
    *_all(_VENDOR, ("enableCdpSwPort", "enableCdpPcPort", "enableLldpSwPort", "enableLldpPcPort"), _SWITCH),
    *_all(_VENDOR, _VENDOR_SWITCHES_LIKELY, OneOf(("0", "1"), also=("2", "true", "false"), folds=True), Mark.LIKELY),
    *_all(_VENDOR, ("recordingToneLocalVolume", "recordingToneRemoteVolume"), Whole(0, 100)),
    *_all(_VENDOR, ("daysDisplayNotActive", "daysBacklightNotActive"), _DAYS),
    *_all(_VENDOR, _TIMES, _HOURS),
    Element(_VENDOR, "moreKeyReversionTimer", Whole(0, 30)),
    Element(_VENDOR, "minimumRingVolume", Whole(0, 15)),
)  # fmt: skip
_MODULES = (
    Element("addOnModules/addOnModule", "deviceType", _TEXT, source=_CORRECTED),
    Element("addOnModules/addOnModule", "deviceLine", Whole(1, 72), source=_CORRECTED),
    Element("addOnModules/addOnModule", "loadInformation", _TEXT, source=_CORRECTED),
)
_URLS = (
    "authenticationURL", "secureAuthenticationURL", "messagesURL", "secureMessagesURL", "servicesURL",
    "secureServicesURL", "directoryURL", "secureDirectoryURL", "informationURL", "secureInformationURL", "idleURL",
    "secureIdleURL", "proxyServerURL",
)  # fmt: skip
_TAIL = (
    Element("", "versionStamp", Shaped(re.compile(r".{1,64}"), "a stamp of at most 64 characters")),
    Element("", "loadInformation", _TEXT),
    Element("", "inactiveLoadInformation", _TEXT),
    Element("userLocale", "name", _TEXT),
    Element("userLocale", "uid", _TEXT),
    Element("userLocale", "langCode", _TEXT),
    Element("userLocale", "version", _TEXT),
    Element("userLocale", "winCharSet", OneOf(("utf-8", "iso-8859-1"), folds=True, also=_CHARSETS)),
    Element("", "networkLocale", _TEXT),
    Element("networkLocaleInfo", "name", _TEXT),
    Element("networkLocaleInfo", "version", _TEXT),
    Element("", "deviceSecurityMode", OneOf(("1", "2", "3"), also=("0",)), "1"),
    *_all("", _URLS, _TEXT),
    Element("", "idleTimeout", _SECONDS),
    Element("phoneServices", "provisioning", OneOf(("0", "1", "2"))),
    Element("", "transportLayerProtocol", OneOf(("1", "2", "3"), also=("4",)), source=_TRANSPORT),
    Element("", "dndCallAlert", OneOf(("0", "1", "5")), mark=Mark.LIKELY, source=_CORRECTED),
    Element("", "dndReminderTimer", _SECONDS),
    Element("", "advertiseG722Codec", OneOf(("0", "1", "2")), source=_CORRECTED),
    Element("", "phonePersonalization", _SWITCH, "1"),
    Element("", "autoCallPickupEnable", _TRUE_FALSE, "true"),
    Element("", "rollover", Whole(0, 2), "0", Mark.LIKELY),
    Element("", "joinAcrossLines", OneOf(("0", "1"), also=("2",)), "0", Mark.LIKELY),
    Element("", "capfAuthMode", Whole(0, 4), "0"),
    Element("capfList/capf", "phonePort", Whole(1, 65_535)),
    Element("capfList/capf", "processNodeName", _TEXT),
    Element("", "certHash", _TEXT),
    Element("", "encrConfig", _TRUE_FALSE, "false"),
)  # fmt: skip

ELEMENTS: tuple[Element, ...] = (
    *_DEVICE_HEAD, *_CLOCK, *_SERVERS, *_PROXIES, *_CALL_FEATURES, *_STACK, *_PROFILE_HEAD, *_LINE_HEAD, *_LINE, *_KEY,
    *_PROFILE_TAIL, *_MIDDLE, *_VENDOR_CONFIG, *_MODULES, *_TAIL,
)  # fmt: skip
"""All of them, in the order in which the renderer writes those of one section."""

BY_PATH: Mapping[str, Element] = MappingProxyType({element.path: element for element in ELEMENTS})


def element_at(path: str) -> Element | None:
    """Return the element of a path below the root, whatever keys and counts its steps have; None if it is unknown."""
    return BY_PATH.get(_KEYS.sub("", path))


_KEYS = re.compile(r"\[[^]]*\]")
