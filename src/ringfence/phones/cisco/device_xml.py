"""The phone's side: reads a configuration as a phone does, completely or not at all.

A phone validates the whole file and discards it silently at the first bad node (PHONES.md section 1). So does this: it
returns what the phone would hold, or raises with the node that it stumbled over. The rules are those of sections 4 to
4f; an element that is not in the tables is ignored, as phones ignore what they do not know.
"""

import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType

from lxml import etree

from ringfence.phones.document import (
    Document,
    NotWellFormed,
    TooLong,
    line_of,
    over_limits,
    parse,
    text_of,
)
from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.family import Model
from ringfence.phones.formats.xml_file import check_path, patched, without
from ringfence.phones.parsed_configuration import HeldConfiguration, HeldLine
from ringfence.phones.settings.time_zones import CISCO_ZONES
from ringfence.secret import Secret

LINE_FEATURE = "9"
"""The featureID of a SIP line (PHONES.md section 4)."""

_HIGHEST_PORT = 65535
_DATE_TEMPLATE = re.compile(r"(?:D([./-])M|M([./-])D)[./-]YY?A?|YY?([./-])M[./-]DA?")
_TRANSPORTS: Mapping[str, str] = MappingProxyType({"1": "tcp", "2": "udp", "3": "tls", "4": "tcp"})


_Check = Callable[[str], bool]


def _one_of(*words: str) -> _Check:
    allowed = frozenset(words)
    return lambda text: text in allowed


def _number(least: int, most: int) -> _Check:
    return lambda text: (
        text.isascii() and text.isdigit() and len(text) < len("1234567890") and least <= int(text) <= most
    )


_TRUE_FALSE = _one_of("true", "false")
_SWITCH = _one_of("0", "1")
_FOUR_WAY = _one_of("0", "1", "2", "3")
_PORT = _number(1, _HIGHEST_PORT)
_SECONDS = _number(0, 1 << 20)

# Element → what it may hold. Empty is "not set" and passes, except where _REQUIRED says otherwise.
_NODES: Mapping[str, _Check] = MappingProxyType(
    {
        "fullConfig": _TRUE_FALSE,
        "deviceProtocol": _one_of("SIP"),
        "ipAddressMode": _one_of("0", "1", "2"),
        "dateTemplate": lambda text: _DATE_TEMPLATE.fullmatch(text) is not None,
        "timeZone": lambda text: text in CISCO_ZONES,
        "ntpMode": _one_of("unicast", "Unicast", "directedbroadcast"),
        "transportLayerProtocol": lambda text: text in _TRANSPORTS,
        "deviceSecurityMode": _one_of("1", "2", "3"),
        "capfAuthMode": _number(0, 4),
        "preferredCodec": _one_of("none", "g711ulaw", "g711alaw", "g729a", "L16", "g722", "iLBC", "iSAC"),
        "dtmfOutofBand": _one_of("none", "avt", "avt_always"),
        "dtmfAvtPayload": _number(96, 127),
        "userInfo": lambda text: text.lower() in {"none", "phone", "ip"},
        "kpml": _FOUR_WAY,
        "webAccess": _one_of("0", "1", "2"),
        "settingsAccess": _one_of("0", "1", "2"),
        "advertiseG722Codec": _one_of("0", "1", "2"),
        "g722CodecSupport": _one_of("0", "1", "2"),
        "eapAuthentication": _one_of("0", "1", "2"),
        "dndCallAlert": _one_of("0", "1", "5"),
        "messageWaitingLampPolicy": _number(0, 6),
        "ringSettingIdle": _number(0, 5),
        "ringSettingActive": _number(0, 5),
        "featureID": _number(1, 255),
        "MissedCallLoggingOption": lambda text: set(text) <= {"0", "1"},
        "winCharSet": _one_of("utf-8", "iso-8859-1"),
        "versionStamp": lambda text: len(text) <= 64,  # noqa: PLR2004 - any text of a stamp's size
    }
    | dict.fromkeys(("ethernetPhonePort", "sipPort", "securedSipPort", "voipControlPort"), _PORT)
    | dict.fromkeys(("startMediaPort", "stopMediaPort", "outboundProxyPort", "port"), _PORT)
    | dict.fromkeys(("dscpForAudio", "dscpVideo"), _number(0, 255))
    | dict.fromkeys(("callWaiting", "anonymousCallBlock", "callerIdBlocking", "callLogBlfEnabled"), _FOUR_WAY)
    | dict.fromkeys(("sshAccess", "pcPort", "spanToPCPort", "videoCapability", "bluetooth", "wifi"), _SWITCH)
    | dict.fromkeys(("usb1", "usb2", "peerFirmwareSharing", "enableCdpSwPort", "enableLldpSwPort"), _SWITCH)
    | dict.fromkeys(("timerRegisterExpires", "timerKeepAliveExpires", "timerInviteExpires", "idleTimeout"), _SECONDS)
    | dict.fromkeys(("registerWithProxy", "natEnabled", "natReceivedProcessing", "rfc2543Hold"), _TRUE_FALSE)
    | dict.fromkeys(("enableVad", "transferOnhookEnabled", "backgroundImageAccess", "sharedLine"), _TRUE_FALSE)
    | dict.fromkeys(("encrConfig", "callStats", "remotePartyID", "autoAnswerOverride"), _TRUE_FALSE)
)

_CALL_COUNTS = frozenset({"maxNumCalls", "busyTrigger"})
_REQUIRED = frozenset({"deviceProtocol", "transportLayerProtocol", "featureID", "processNodeName", "versionStamp"})


class DeviceXml:
    """The format of ``SEP<MAC>.cnf.xml``."""

    @property
    def is_xml(self) -> bool:
        """Whether templates write values as XML has them."""
        return True

    def check(self, data: bytes, model: Model) -> None:
        """Check that a phone of ``model`` would take a file.

        Raises:
            NotWellFormed, TooLong, ConfigurationRejected: It would not.
        """
        document = parse(data)
        for over in over_limits(document, model.limits, lambda limit: limit.we_write):
            raise TooLong(over)
        check_document(document, model)  # a phone takes at least the lengths that we write

    def check_patch(self, element: str) -> None:
        """Raise BadPatch where ``element`` can't be one here."""
        check_path(element)

    def patch(self, data: bytes, patches: Mapping[str, str]) -> bytes:
        """Return ``data`` with named elements set.

        Raises:
            BadPatch: A name can't be an element's.
        """
        return patched(data, patches)

    def leave_out(self, data: bytes, elements: Collection[str]) -> bytes:
        """Return ``data`` without the named elements."""
        return without(data, elements)


def read_device(files: tuple[bytes, ...], model: Model) -> HeldConfiguration:
    """Return what a phone of ``model`` holds after it took its file.

    Raises:
        ConfigurationRejected: The phone would discard the file; the first bad node is named.
    """
    (data,) = files
    try:
        document = parse(data)
    except NotWellFormed as fault:
        raise _rejected(f"it is not well-formed: {fault.reason}", fault.line) from None
    root = document.root
    check_document(document, model)
    for over in over_limits(document, model.limits, lambda limit: limit.phone_takes):
        raise _rejected(f"{over.element} has {over.length} characters, but at most {over.limit} are allowed", over.line)
    return HeldConfiguration(
        phone_label=text_of(root, "sipProfile/phoneLabel"),
        lines=_lines(root),
        sip_servers=_servers(root),
        sip_transport=_TRANSPORTS[_needed(root, "transportLayerProtocol")],
        sip_listen_port=int(text_of(root, "sipProfile/voipControlPort") or "5060"),
        version_stamp=_needed(root, "versionStamp"),
        load=text_of(root, "loadInformation"),
        files=_files(root, model),
        register_expires_s=int(text_of(root, "sipProfile/sipStack/timerRegisterExpires") or "3600"),
        takes_web_orders=text_of(root, "vendorConfig/webAccess") == "0",
        authentication_url=text_of(root, "authenticationURL"),
    )


def check_document(document: Document, model: Model) -> None:
    """Raise ConfigurationRejected at the first node that makes a phone discard the file, its length limits apart."""
    root = document.root
    if root.tag != "device":
        raise _rejected(f"its root is {root.tag!r}, not 'device'", line_of(root))
    calls = _number(1, model.most_calls)
    for tag, text, node in document.nodes:
        if text:
            check = calls if tag in _CALL_COUNTS else _NODES.get(tag)
            if check is not None and not check(text):
                raise _rejected(f"{tag} is {text[:40]!r}, which the phone does not know", line_of(node))
        elif tag in _REQUIRED:
            raise _rejected(f"{tag} is empty", line_of(node))
    for path in ("transportLayerProtocol", "versionStamp"):
        _needed(root, path)
    _servers(root)
    _line_nodes(root)


def _needed(root: etree._Element, path: str) -> str:
    text = text_of(root, path)
    if not text:
        raise _rejected(f"{path} is missing", 0)
    return text


def _servers(root: etree._Element) -> tuple[tuple[str, int], ...]:
    members = root.findall("devicePool/callManagerGroup/members/member")
    members.sort(key=lambda member: str(member.get("priority", "0")))
    servers = tuple(
        (text_of(member, "callManager/processNodeName"), int(text_of(member, "callManager/ports/sipPort") or "5060"))
        for member in members
    )
    if not servers or not all(host for host, _port in servers):
        raise _rejected("processNodeName is missing: the phone has no SIP server", 0)
    return servers


def _lines(root: etree._Element) -> tuple[HeldLine, ...]:
    lines = [
        HeldLine(
            button=int(str(node.get("button"))),
            label=text_of(node, "featureLabel"),
            name=text_of(node, "name"),
            display_name=text_of(node, "displayName"),
            auth_name=text_of(node, "authName"),
            password=Secret(text_of(node, "authPassword")),
        )
        for node in _line_nodes(root)
    ]
    return tuple(sorted(lines, key=lambda line: line.button))


def _line_nodes(root: etree._Element) -> list[etree._Element]:
    """Return the SIP lines' nodes, each with a button and a name."""
    nodes = []
    for node in root.findall("sipProfile/sipLines/line"):
        button = str(node.get("button", ""))
        if not (button.isascii() and button.isdecimal()):
            raise _rejected("a line has no button number", line_of(node))
        if text_of(node, "featureID") != LINE_FEATURE:
            continue
        if not text_of(node, "name"):
            raise _rejected(f"name of line {button} is empty", line_of(node))
        nodes.append(node)
    if not nodes:
        raise _rejected("no line has featureID 9: the phone has nothing to register", 0)
    return nodes


def _files(root: etree._Element, model: Model) -> tuple[str, ...]:
    """Return what the phone asks for next; with no locale named, its files are asked for with a leading ``/``."""
    load = text_of(root, "loadInformation")
    user = text_of(root, "userLocale/name")
    network = text_of(root, "networkLocaleInfo/name") or text_of(root, "networkLocale")
    wanted = [
        f"{load}.loads" if load else "",
        f"{user}/{model.locale_file}" if model.locale_file else "",
        f"{network}/{model.tones_file}" if model.tones_file else "",
        text_of(root, "sipProfile/dialTemplate"),
        text_of(root, "sipProfile/softKeyFile"),
        text_of(root, "featurePolicyFile"),
        "AppDialRules.xml",
        *model.asks_last,
    ]
    return tuple(name for name in wanted if name)


def _rejected(what: str, line: int) -> ConfigurationRejected:
    return ConfigurationRejected(
        f"a phone would discard this configuration: {what}",
        where=f"line {line}" if line else "",
        to_do="Correct the setting or the template that it comes from.",
    )
