"""The phone's side: reads a configuration as a phone does, completely or not at all.

A phone validates the whole file and discards it silently at the first bad node (PHONES.md section 1). So does this: it
returns what the phone would hold, or raises with the node that it stumbled over. The rules are those of sections 4 to
4f; an element that is not in the tables is ignored, as phones ignore what they do not know.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType

from lxml import etree

from ringfence.phones.cisco.elements import ELEMENTS, Element
from ringfence.phones.cisco.legal_values import LegalValues, Whole
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
from ringfence.secret import Secret

LINE_FEATURE = "9"
"""The featureID of a SIP line (PHONES.md section 4)."""

_TRANSPORTS: Mapping[str, str] = MappingProxyType({"1": "tcp", "2": "udp", "3": "tls", "4": "tcp"})

_CALL_COUNTS = frozenset({"maxNumCalls", "busyTrigger"})
_REQUIRED = frozenset({"deviceProtocol", "featureID", "processNodeName", "versionStamp"})
_BY_TAG: Mapping[str, tuple[Element, ...]] = MappingProxyType(
    {tag: tuple(each for each in ELEMENTS if each.tag == tag) for tag in {each.tag for each in ELEMENTS}}
)


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
        sip_transport=_TRANSPORTS.get(text_of(root, "transportLayerProtocol"), "tcp"),
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
    for tag, text, node in document.nodes:
        if text:
            values = legal_values(tag, node, model)
            if values is not None and not values.taken(text):
                raise _rejected(f"{tag} is {text[:40]!r}, but phones take {values.says}", line_of(node))
        elif tag in _REQUIRED and not len(node):
            raise _rejected(f"{tag} is empty", line_of(node))
    _needed(root, "versionStamp")
    _servers(root)
    _line_nodes(root)


def legal_values(tag: str, node: etree._Element, model: Model) -> LegalValues | None:
    """Return what a model takes in an element, None if nothing is known of it."""
    candidates = _BY_TAG.get(tag, ())
    if not candidates or len(node):
        return None
    if tag in _CALL_COUNTS:
        return Whole(1, model.most_calls)
    if len(candidates) == 1:
        return candidates[0].values
    parents = [str(ancestor.tag) for ancestor in node.iterancestors()][:-1]
    section = "/".join(reversed(parents))
    return next((each.values for each in candidates if each.section == section), None)


def _needed(root: etree._Element, path: str) -> str:
    text = text_of(root, path)
    if not text:
        raise _rejected(f"{path} is missing", 0)
    return text


def _servers(root: etree._Element) -> tuple[tuple[str, int], ...]:
    members = root.findall("devicePool/callManagerGroup/members/member")
    members.sort(key=lambda member: str(member.get("priority", "0")))
    by_tls = _TRANSPORTS.get(text_of(root, "transportLayerProtocol")) == "tls"
    name, usual = ("securedSipPort", "5061") if by_tls else ("sipPort", "5060")
    servers = tuple(
        (text_of(member, "callManager/processNodeName"), int(text_of(member, f"callManager/ports/{name}") or usual))
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
