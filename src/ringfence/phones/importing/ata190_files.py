"""The files of an ATA 190, one for each of its two ports, read back into one phone with two lines.

What a setting expresses exactly becomes that setting; the rest is kept as patches of its port's file, and what the new
files would state besides is left out of them, as for other phones with XML files.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lxml import etree

from ringfence.errors import BadInput, ContentRefused
from ringfence.phones.document import NotWellFormed, line_of, parse_leniently
from ringfence.phones.errors import BadMac, BadPatch, NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING, second_port
from ringfence.phones.formats.xml_file import check_path
from ringfence.phones.importing.element_paths import TextAt, places, text_of
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.placeholders import is_placeholder
from ringfence.phones.importing.reader import SaidModels
from ringfence.phones.importing.setting_values import value_of
from ringfence.phones.importing.side_files import DIAL_PLAN_FILE, TakenSideFile, take_side_file
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_NAME, LONGEST_TEXT, PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.time_zones import difference, zone_of_file
from ringfence.phones.settings.types import Value, is_printable
from ringfence.secret import Secret

_NAME = re.compile(r"(?P<before>(?:.*/)?ATA)(?P<bare>[0-9A-F]{12})\.cnf\.xml", re.IGNORECASE)
_RENDERER = Renderer()
_MODEL = "ATA190"
_PORTS = (1, 2)
_LINE = "sipProfile/sipLines/line"
_MEMBER = "devicePool/callManagerGroup/members/member"
_COUNTED = {_LINE: "button", _MEMBER: "priority"}
"""Where the first element's attribute is no part of its path: the new file has none."""
_DIAL_PLAN = "sipProfile/dialTemplate"
_ZONE = "devicePool/dateTimeSetting/timeZone"
_CLOCK = "devicePool/dateTimeSetting/ntps/ntp/name"
_AT = {
    "sip_server": f"{_MEMBER}/callManager/processNodeName",
    "sip_port": f"{_MEMBER}/callManager/ports/sipPort",
    "register_expires_s": "sipProfile/sipStack/timerRegisterExpires",
    "sip_listen_port": "sipProfile/voipControlPort",
    "ntp_servers": _CLOCK,
}
_FAULTS = (BadInput, ContentRefused)


@dataclass(slots=True)
class _Port:
    """One port's file: its path in the folder, what it says by element, and its line."""

    path: str
    found: dict[str, TextAt]
    line: LineAccount
    patches: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _DialPlan:
    """The file of the dial plan, and what becomes of it."""

    source: str
    taken: TakenSideFile


class PortFiles:
    """Reads ``ATA<MAC>.cnf.xml``, and the second port's file with it."""

    def mac_of(self, path: str, folder: SourceFolder) -> Mac | None:
        """Return whose file it is, by its name; None if it is no phone's of this format."""
        del folder
        found = _NAME.fullmatch(path)
        try:
            return Mac.parse(found["bare"]) if found else None
        except BadMac:
            return None

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the adapter that a file configures.

        Raises:
            NotImportable: It does not configure one; the error says why, with its line.
        """
        del said  # its files' names tell the model
        mac = self.mac_of(path, folder)
        if mac is None:
            raise NotImportable("its name is not that of an adapter", where=path)
        remarks: list[Remark] = []
        ports = {1: _read_port(path, folder, 1, remarks)}
        beside = folder.find_beside(path, f"ATA{second_port(mac)}.cnf.xml")
        if beside is not None:
            try:
                ports[2] = _read_port(beside, folder, 2, remarks)
            except NotImportable as fault:
                remarks.append(Remark(Fate.LOST, "", f"the second port is left out: {fault.what} ({fault.where})"))
        return _phone(mac, ports, _dial_plan(ports, folder, remarks), remarks)


def second_ports(paths: Iterable[str]) -> frozenset[str]:
    """Return which of these files are for the second port of an adapter whose first port's file is among them."""
    named = {path: found["bare"].upper() for path in paths if (found := _NAME.fullmatch(path)) is not None}
    shifted = {f"{bare[2:]}01" for bare in named.values() if not int(bare[:2], 16) & 1}
    return frozenset(path for path, bare in named.items() if bare in shifted)


def _read_port(path: str, folder: SourceFolder, port: int, remarks: list[Remark]) -> _Port:
    try:
        source = read_lenient_xml(folder.read(path))
    except NotWellFormed as fault:
        line = f", line {fault.line}" if fault.line else ""
        raise NotImportable(f"it is not XML that an adapter could read: {fault.reason}", where=path + line) from None
    root = source.root
    if root.tag != "device" or text_of(root, "deviceProtocol").upper() not in {"", "SIP"}:
        raise NotImportable("it is for no device that speaks SIP", where=path)
    name = text_of(root, f"{_LINE}/name")
    server = text_of(root, _AT["sip_server"])
    if not name:
        raise NotImportable("no line has a name: it has nothing to register", where=path)
    if is_placeholder(name, is_secret=False) or is_placeholder(server, is_secret=False):
        raise NotImportable("it is a template: name or server is still to be filled in", where=path)
    remarks += source.remarks
    attributes = _take_counted(root)
    found = {**places(root), **attributes}
    account = LineAccount(
        port, text_of(root, f"{_LINE}/featureLabel"), name, text_of(root, f"{_LINE}/displayName"),
        text_of(root, f"{_LINE}/authName"), Secret(text_of(root, f"{_LINE}/authPassword")),
    )  # fmt: skip
    return _Port(path, found, account)


def _take_counted(root: etree._Element) -> dict[str, TextAt]:
    """Take the attributes that would be a part of paths off their elements; return them as patches name them."""
    taken = {}
    for path, attribute in _COUNTED.items():
        node = root.find(path)
        text = node.get(attribute) if node is not None else None
        if node is not None and text is not None:
            del node.attrib[attribute]
            taken[f"{path}/@{attribute}"] = TextAt(text, line_of(node))
    return taken


def _dial_plan(ports: Mapping[int, _Port], folder: SourceFolder, remarks: list[Remark]) -> _DialPlan | None:
    """Return what the dial plan of the first port becomes; one that isn't there stays named."""
    plan = ports[1].found.get(_DIAL_PLAN, TextAt("", 0))
    source = folder.find_beside(ports[1].path, plan.text) if plan.text else None
    if source is None:
        return None
    taken = take_side_file(DIAL_PLAN_FILE, folder, source, model_of(_MODEL)[1], _DIAL_PLAN, plan.line)
    remarks += taken.remarks
    other = ports[2].found.get(_DIAL_PLAN, TextAt("", 0)) if 2 in ports else plan  # noqa: PLR2004 - the second port
    if other.text != plan.text:
        what = f"the second port's dial plan {other.text[:40]!r} is left out: both have the first one's"
        remarks.append(Remark(Fate.LOST, _DIAL_PLAN, what, other.line))
    return _DialPlan(source, taken) if taken.settings else None


def _phone(mac: Mac, ports: Mapping[int, _Port], plan: _DialPlan | None, remarks: list[Remark]) -> ImportedPhone:
    settings = _settings(ports[1].found, remarks) | (dict(plan.taken.settings) if plan else {})
    lines = tuple(port.line for port in ports.values())
    draft = PhoneToRender(mac, _MODEL, "", settings, lines)
    rendered = _rendered(draft, ports)
    left_out: set[str] = set()
    for number, port in ports.items():
        for path, at in port.found.items():
            if at.text and rendered[number].get(path, "") != at.text and not (plan and path == _DIAL_PLAN):
                _keep(number, port, path, at, remarks)
        for path in rendered[number]:
            if all(not other.found.get(path, TextAt("", 0)).text for other in ports.values()):
                left_out.add(path)
            elif not port.found.get(path, TextAt("", 0)).text:
                remarks.append(Remark(Fate.ADDED, path, f"{path} of port {number} is new in the file"))
    if left_out:
        settings = {**settings, "leave_out": ",".join(sorted(left_out))}
    patches = {f"port_{number}": port.patches for number, port in ports.items() if port.patches}
    _rendered(PhoneToRender(mac, _MODEL, "", settings, lines, patches), ports)
    family = model_of(_MODEL)[0].id
    return ImportedPhone(
        mac,
        ModelGuess(_MODEL, Confidence.CERTAIN, because="the names of its files"),
        lines,
        settings,
        {f"{PREFIX}{family}.{key}:{path}": text for key, of_port in patches.items() for path, text in of_port.items()},
        tuple(remarks),
        (*(port.path for number, port in ports.items() if number != 1), *([plan.source] if plan else [])),
        plan.taken.assets if plan else (),
    )


def _rendered(phone: PhoneToRender, ports: Mapping[int, _Port]) -> dict[int, dict[str, str]]:
    try:
        files = {file.name: file.data for file in _RENDERER.render(phone)}
    except _FAULTS as fault:
        raise NotImportable(f"no adapter could use it: {fault.what}", where=ports[1].path, to_do=fault.to_do) from None
    names = {1: f"ATA{phone.mac.bare}.cnf.xml", 2: f"ATA{second_port(phone.mac)}.cnf.xml"}
    return {
        number: {path: at.text for path, at in places(parse_leniently(files[names[number]])).items() if at.text}
        for number in _PORTS
        if number in ports
    }


def _settings(found: Mapping[str, TextAt], remarks: list[Remark]) -> dict[str, Value]:
    model = model_of(_MODEL)[1]
    settings: dict[str, Value] = {}
    for name, path in _AT.items():
        text = found[path].text if path in found else ""
        value = value_of(model.settings[name], text) if text else None
        if value is not None and not (path == _CLOCK and f"{_CLOCK.removesuffix('/name')}[2]/name" in found):
            settings[name] = value
    zone = zone_of_file(found[_ZONE].text) if _ZONE in found else None
    if zone is not None:
        settings["time_zone"] = zone
        text = found[_ZONE].text
        is_known = text in model.settings["cisco_time_zone"].choices
        if is_known and (difference(zone) or model.settings["time_zone"].on_wire(zone) != text):
            settings["cisco_time_zone"] = text
    load = found.get("loadInformation", TextAt("", 0))
    if load.text and model.runs(load.text):
        settings[LOAD_SETTING] = load.text
    elif load.text:
        what = f"loadInformation {load.text[:40]!r} is not for an ATA 190: left out, so it keeps what it runs"
        remarks.append(Remark(Fate.LOST, "loadInformation", what, load.line))
    return settings


def _keep(number: int, port: _Port, path: str, at: TextAt, remarks: list[Remark]) -> None:
    """Keep what an element says as a patch, or note that it can't be kept."""
    if path == "loadInformation":
        if number != 1:
            remarks.append(Remark(Fate.LOST, path, "both ports run the load that the first one names", at.line))
        return
    where = f"{path} of port {number}"
    try:
        check_path(path)
    except BadPatch:
        remarks.append(Remark(Fate.LOST, path, f"{where} can't be named as a patch: left out", at.line))
        return
    name = f"{PREFIX}{model_of(_MODEL)[0].id}.port_{number}:{path}"
    if len(name) > LONGEST_NAME or len(at.text) > LONGEST_TEXT or not is_printable(at.text):
        remarks.append(Remark(Fate.LOST, path, f"{where} is too long for a patch, or not printable: left out", at.line))
        return
    port.patches[path] = at.text
    remarks.append(Remark(Fate.PATCH, path, where, at.line))
