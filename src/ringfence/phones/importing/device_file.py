"""Configurations that somebody wrote for Call Manager's phones, read back into models, lines, settings and patches.

What no setting says is kept as a patch of its element; what the renderer writes besides is listed. So an imported phone
gets a file that is equivalent to its old one, but for what the report names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.cisco.key_settings import DIAL_PLAN, KEY_FEATURES
from ringfence.phones.document import NotWellFormed, parse_leniently
from ringfence.phones.errors import BadMac, BadPatch, NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING, Model
from ringfence.phones.firmware.bundles import models_of
from ringfence.phones.formats.xml_file import check_path
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_NAME, PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Setting, SettingType, Value
from ringfence.secret import Secret

_NAME = re.compile(r"SEP([0-9A-Fa-f]{12})\.cnf\.xml")
_LINE_FEATURE = "9"
_FEATURE_KEYS = {number: name for name, number in KEY_FEATURES.items() if name != "blf-pickup"}
_STAMPS = frozenset({"versionStamp"})
# Elements that the renderer derives from lines and settings, whatever they were.
_DERIVED = frozenset({"MissedCallLoggingOption"})
_BY_ATTRIBUTE = {"line": "button", "member": "priority"}
# Settings that are lists of elements, or that say no single one.
_LISTS = frozenset({"ntp_servers", "sip_server", "sip_server_2", "sip_server_3", "cisco_time_zone", "edge_url"})
_BLOCK = frozenset({"authName", "authPassword", "lineIndex"})


@dataclass(frozen=True, slots=True)
class Imported:
    """One phone as it was read; ``patches`` are by element of its main file."""

    mac: Mac
    model: str
    model_is_certain: bool
    lines: tuple[LineAccount, ...]
    settings: Mapping[str, Value]
    patches: Mapping[str, str] = field(repr=False)
    not_kept: tuple[str, ...]
    """What of the old file has no place: attributes, and elements that can't be named."""
    added: tuple[str, ...]
    """Elements that the new file has and the old one had not."""

    @property
    def named_patches(self) -> dict[str, str]:
        """The patches by their names as settings."""
        family, _model = model_of(self.model)
        return {f"{PREFIX}{family.id}:{element}": text for element, text in self.patches.items()}


def is_importable(name: str) -> bool:
    """Return whether a file's name is a phone's configuration that can be read."""
    return _NAME.fullmatch(name) is not None


def read_phone(name: str, data: bytes, model: str | None = None) -> Imported:
    """Return the phone that a ``SEP….cnf.xml`` configures; NotImportable says why there is none.

    The model is guessed from the firmware that the file names, unless ``model`` says it.
    """
    found = _NAME.fullmatch(name)
    try:
        mac = Mac.parse(found[1] if found else "")
    except BadMac as fault:
        raise NotImportable(f"its name is no phone's: {fault.what}", where=name) from None
    try:
        root = parse_leniently(data)
    except NotWellFormed as fault:
        line = f", line {fault.line}" if fault.line else ""
        raise NotImportable(f"it is no XML that a phone could read: {fault.reason}", where=name + line) from None
    if root.tag != "device":
        raise NotImportable(f"its root is {root.tag!r} and not 'device'", where=name)
    protocol = _text(root, "deviceProtocol")
    if protocol and protocol != "SIP":
        raise NotImportable(f"it is for a phone that speaks {protocol}, not SIP", where=name)
    kind, is_certain = _model(root, model, name)
    accounts, keys, used_keys = _lines(root, kind, name)
    settings = _settings(root, kind)
    settings |= _servers(root)
    if keys:
        settings["keys"] = kind.settings["keys"].check(keys)
    settings, lines = _line_settings(root, kind, settings, accounts)
    phone = PhoneToRender(mac, kind.name, "", settings, tuple(lines))
    try:
        rendered = parse_leniently(Renderer().render(phone)[-1].data)
    except BadInput as fault:
        raise NotImportable(f"no phone could use it: {fault.what}", where=name, to_do=fault.to_do) from None
    return _compare(root, rendered, phone, kind, is_certain=is_certain, used_keys=used_keys)


def equivalent(old: bytes, new: bytes, imported: Imported) -> list[str]:
    """Return the elements in which two files differ, but for those that ``imported`` lists; empty where none do."""
    before, after = _flat(parse_leniently(old)), _flat(parse_leniently(new))
    expected = {*imported.added, *imported.not_kept}
    return sorted(
        path
        for path in before | after
        if before.get(path, "") != after.get(path, "")
        and path not in expected
        and _tag(path) not in _STAMPS | _DERIVED
        and not _is_credential(path)
    )


def common_settings(phones: Sequence[Imported]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return the settings and patches that all of ``phones`` have with one value: they can be the site's."""
    if len(phones) < 2:  # noqa: PLR2004 - one phone has nothing in common
        return {}, {}
    first = phones[0]
    settings = {
        name: value
        for name, value in first.settings.items()
        if all(phone.settings.get(name) == value for phone in phones)
    }
    patches = {
        name: text
        for name, text in first.named_patches.items()
        if all(phone.named_patches.get(name) == text for phone in phones)
    }
    return settings, patches


def read_dial_plan(data: bytes) -> str | None:
    """Return a dial plan's file as the table ``dial_plan`` has it, None where the table can't say all of it."""
    try:
        root = parse_leniently(data)
    except NotWellFormed:
        return None
    rows = []
    for node in root.iter("TEMPLATE", "template"):
        said = {str(name).lower(): str(value) for name, value in node.attrib.items()}
        if said.keys() - {"match", "timeout", "rewrite", "tone", "user"} or "|" in "".join(said.values()):
            return None
        if said.get("user", "").lower() not in {"", "phone"}:
            return None
        cells = (said.get("match", ""), said.get("timeout", "0"), said.get("rewrite", ""), said.get("tone", ""))
        rows.append(" | ".join(cells).rstrip(" |"))
    try:
        return str(DIAL_PLAN.check("\n".join(rows))) if rows else None
    except BadInput:
        return None


def _model(root: etree._Element, said: str | None, name: str) -> tuple[Model, bool]:
    if said:
        return model_of(said)[1], True
    load = _text(root, "loadInformation")
    fitting = [model_of(each)[1] for each in models_of(load)] if load else []
    fitting = [each for each in fitting if "device" in {file.key for file in model_of(each.name)[0].files}]
    if not fitting:
        raise NotImportable(
            f"it does not tell the phone's model: its loadInformation is {load!r}" if load else
            "it does not tell the phone's model: it names no firmware",
            where=name,
            to_do="Say it: --model 9971 for all such phones, or --model MAC=9971.",
        )  # fmt: skip
    buttons = [int(node.get("button", "0") or "0") for node in root.iterfind("sipProfile/sipLines/line")]
    wide_enough = [each for each in fitting if each.line_keys.value >= max(buttons, default=1)]
    return min(wide_enough or fitting, key=lambda each: each.line_keys.value), len(fitting) == 1


def _lines(root: etree._Element, kind: Model, name: str) -> tuple[list[LineAccount], str, set[str]]:
    """Return the SIP lines, the other keys as the table ``keys``, and which buttons those are."""
    accounts: list[LineAccount] = []
    rows: list[str] = []
    used: set[str] = set()
    for node in root.iterfind("sipProfile/sipLines/line"):
        button = node.get("button", "")
        feature = _text(node, "featureID")
        if not button.isdecimal():
            continue
        if feature == _LINE_FEATURE:
            if _text(node, "name"):
                accounts.append(
                    LineAccount(
                        int(button), _text(node, "featureLabel"), _text(node, "name"), _text(node, "displayName"),
                        _text(node, "authName"), Secret(_text(node, "authPassword")),
                    )
                )  # fmt: skip
            continue
        does = _FEATURE_KEYS.get(int(feature)) if feature.isdecimal() else None
        if does == "blf" and _text(node, "featureOptionMask") == "1":
            does = "blf-pickup"
        number = _text(node, "speedDialNumber") or _text(node, "serviceURI")
        cells = (button, does or "", _text(node, "featureLabel"), number)
        if (
            does is not None
            and int(button) <= kind.line_keys.value
            and not any(set(";|\n") & set(cell) for cell in cells)
        ):
            rows.append(" | ".join(cells))
            used.add(button)
    if not any(account.password for account in accounts):
        raise NotImportable("it has no line with a password", where=name, to_do="Phones register with one.")
    return accounts, "\n".join(rows), used


def _settings(root: etree._Element, kind: Model) -> dict[str, Value]:
    """Return what the file says of each setting, where the setting can say it."""
    found: dict[str, Value] = {}
    for name, setting in kind.settings.items():
        if name in _LISTS or setting.type is SettingType.TABLE:
            continue
        text = _of_element(root, setting.element)
        if text is None:
            continue
        value = _value(setting, text)
        if value is not None and value != setting.default:
            found[name] = value
    return found


def _of_element(root: etree._Element, element: str) -> str | None:
    """Return the text of the only element of that name (maybe with its parents'), None where there is not one."""
    *parents, tag = element.split("/")
    nodes = [
        node
        for node in root.iter(tag)
        if all(_has_parent(node, at, parent) for at, parent in enumerate(reversed(parents)))
        and not any(True for ancestor in node.iterancestors("line"))
    ]
    texts = {(node.text or "").strip() for node in nodes if not len(node)}
    return texts.pop() if len(texts) == 1 else None


def _has_parent(node: etree._Element, at: int, tag: str) -> bool:
    ancestors = list(node.iterancestors())
    return at < len(ancestors) and ancestors[at].tag == tag


def _value(setting: Setting, text: str) -> Value | None:
    """Return the value that the phone's own ``text`` stands for, None where the setting has none for it."""
    if setting.name == "time_zone":
        zones = [zone for zone, cisco in setting.wire.items() if cisco == text]
        return next(
            (zone for zone in ("Europe/Berlin", "America/New_York") if zone in zones), zones[0] if zones else None
        )
    if setting.name == LOAD_SETTING and not text:
        return None
    for value, written in setting.wire.items():
        if written == text:
            return value
    if setting.wire:
        return None
    try:
        value = setting.parse(text)
    except BadInput:
        return None
    return value if setting.on_wire(value) == text else None


def _servers(root: etree._Element) -> dict[str, Value]:
    members = root.findall("devicePool/callManagerGroup/members/member")
    members.sort(key=lambda member: str(member.get("priority", "0")))
    hosts = [_text(member, "callManager/processNodeName") for member in members]
    names = ("sip_server", "sip_server_2", "sip_server_3")
    found: dict[str, Value] = dict(zip(names, filter(None, hosts), strict=False))
    clocks = [_text(node, "name") for node in root.findall("devicePool/dateTimeSetting/ntps/ntp")]
    if 1 <= len(clocks) <= 3 and all(clocks):  # noqa: PLR2004 - as many as the setting takes
        found["ntp_servers"] = ",".join(clocks)
    return found


def _line_settings(
    root: etree._Element, kind: Model, settings: dict[str, Value], accounts: Sequence[LineAccount]
) -> tuple[dict[str, Value], list[LineAccount]]:
    """Return the settings with those that all lines share, and the lines with those of their own."""
    per_line = [setting for setting in kind.settings.values() if "line" in setting.scopes]
    said: dict[int, dict[str, Value]] = {account.index: {} for account in accounts}
    for node in root.iterfind("sipProfile/sipLines/line"):
        index = int(node.get("button", "0")) if node.get("button", "").isdecimal() else 0
        for setting in per_line:
            inner = node.find(f".//{setting.element}")
            value = None if inner is None else _value(setting, (inner.text or "").strip())
            if value is not None and index in said:
                said[index][setting.name] = value
    for setting in per_line:
        values = {index: held[setting.name] for index, held in said.items() if setting.name in held}
        if values and len(set(values.values())) == 1 and len(values) == len(said):
            shared = next(iter(values.values()))
            if shared != setting.default:
                settings[setting.name] = shared
            for held in said.values():
                held.pop(setting.name, None)
    lines = []
    for account in accounts:
        own = {name: value for name, value in said[account.index].items() if value != kind.settings[name].default}
        lines.append(replace(account, settings=own))
    return settings, lines


def _compare(
    old: etree._Element,
    new: etree._Element,
    phone: PhoneToRender,
    kind: Model,
    *,
    is_certain: bool,
    used_keys: set[str],
) -> Imported:
    before, after = _flat(old), _flat(new)
    patches: dict[str, str] = {}
    not_kept: list[str] = []
    for path, text in before.items():
        if after.get(path, "") == text or _tag(path) in _STAMPS | _DERIVED or _is_credential(path):
            continue
        if any(path.startswith(f"sipProfile/sipLines/line[@button='{button}']/") for button in used_keys):
            continue
        if not _fits(path, text, kind):
            not_kept.append(path)
        else:
            patches[path] = text
    added = [
        path for path, text in after.items() if path not in before and text and _tag(path) not in _STAMPS | _DERIVED
    ]
    return Imported(
        phone.mac, kind.name, is_certain, phone.lines, phone.settings, patches, tuple(not_kept), tuple(added)
    )


def _fits(path: str, text: str, kind: Model) -> bool:
    family, _model = model_of(kind.name)
    try:
        check_path(path)
    except BadPatch:
        return False
    return len(f"{PREFIX}{family.id}:{path}") <= LONGEST_NAME and "\n" not in text


def _flat(root: etree._Element) -> dict[str, str]:
    """Return the text of each element that holds no other, by its path as patches write it."""
    return dict(_leaves(root, ""))


def _leaves(node: etree._Element, path: str) -> Iterator[tuple[str, str]]:
    children = [child for child in node.iterchildren() if isinstance(child.tag, str)]
    counts: dict[str, int] = {}
    for child in children:
        counts[child.tag] = counts.get(child.tag, 0) + 1
        key = _BY_ATTRIBUTE.get(child.tag)
        value = child.get(key) if key else None
        step = child.tag
        if value is not None:
            step = f"{child.tag}[@{key}='{value}']"
        elif counts[child.tag] > 1:
            step = f"{child.tag}[{counts[child.tag]}]"
        yield from _leaves(child, f"{path}/{step}" if path else step)
    for name, value in ((str(raw), str(text)) for raw, text in node.attrib.items()):
        if path and _BY_ATTRIBUTE.get(node.tag) != name and name not in _BLOCK and not name.startswith("{"):
            yield f"{path}/@{name}", value
    if not children and path:
        yield path, (node.text or "").strip()


def _tag(path: str) -> str:
    return path.rpartition("/")[2].partition("[")[0]


def _is_credential(path: str) -> bool:
    return path.startswith("sipProfile/sipLines/line[") and _tag(path) in _BLOCK


def _text(node: etree._Element, path: str) -> str:
    return (node.findtext(path) or "").strip()
