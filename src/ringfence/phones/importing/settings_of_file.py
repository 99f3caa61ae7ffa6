"""What a file for Call Manager phones says about lines, keys and settings, if a setting can express it."""

from collections.abc import Sequence
from dataclasses import replace

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.cisco.key_settings import KEY_FEATURES
from ringfence.phones.errors import NotImportable
from ringfence.phones.family import LOAD_SETTING, Model
from ringfence.phones.importing.element_paths import text_of
from ringfence.phones.rendering.render_input import LineAccount
from ringfence.phones.settings.time_zones import zone_of_file
from ringfence.phones.settings.types import Setting, SettingType, Value
from ringfence.secret import Secret

_LINE_FEATURE = "9"
_FEATURE_KEYS = {number: name for name, number in KEY_FEATURES.items() if name != "blf-pickup"}
# Settings that are lists of elements, or that say no single one.
_LISTS = frozenset({"ntp_servers", "sip_server", "sip_server_2", "sip_server_3", "cisco_time_zone", "edge_url"})


def lines_and_keys(root: etree._Element, kind: Model, name: str) -> tuple[list[LineAccount], str, set[str]]:
    """Return the SIP lines, the other keys as the table ``keys``, and which buttons those are.

    Raises:
        NotImportable: No line has a password; ``name`` is the file's, for the sentence.
    """
    accounts: list[LineAccount] = []
    rows: list[str] = []
    used: set[str] = set()
    for node in root.iterfind("sipProfile/sipLines/line"):
        button = node.get("button", "")
        feature = text_of(node, "featureID")
        if not button.isdecimal():
            continue
        if feature == _LINE_FEATURE:
            if text_of(node, "name"):
                accounts.append(
                    LineAccount(
                        int(button), text_of(node, "featureLabel"), text_of(node, "name"), text_of(node, "displayName"),
                        text_of(node, "authName"), Secret(text_of(node, "authPassword")),
                    )
                )  # fmt: skip
            continue
        does = _FEATURE_KEYS.get(int(feature)) if feature.isdecimal() else None
        if does == "blf" and text_of(node, "featureOptionMask") == "1":
            does = "blf-pickup"
        number = text_of(node, "speedDialNumber") or text_of(node, "serviceURI")
        cells = (button, does or "", text_of(node, "featureLabel"), number)
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


def settings_of(root: etree._Element, kind: Model) -> dict[str, Value]:
    """Return the file's value of each setting that can express it."""
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
    """Return the text of the only element of that name (maybe with its parents'), None if there is not one."""
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
    """Return the value that the phone's own ``text`` stands for, None if the setting has none for it."""
    if setting.name == "time_zone":
        zone = zone_of_file(text)
        return zone if zone is not None and setting.on_wire(zone) == text else None
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


def servers_of(root: etree._Element) -> dict[str, Value]:
    """Return the SIP servers and the clocks that the file names, as settings."""
    members = root.findall("devicePool/callManagerGroup/members/member")
    members.sort(key=lambda member: str(member.get("priority", "0")))
    hosts = [text_of(member, "callManager/processNodeName") for member in members]
    names = ("sip_server", "sip_server_2", "sip_server_3")
    found: dict[str, Value] = dict(zip(names, filter(None, hosts), strict=False))
    clocks = [text_of(node, "name") for node in root.findall("devicePool/dateTimeSetting/ntps/ntp")]
    if 1 <= len(clocks) <= 3 and all(clocks):  # noqa: PLR2004 - as many as the setting takes
        found["ntp_servers"] = ",".join(clocks)
    return found


def line_settings_of(
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
