"""Files beside a phone's configuration, read into tables where a table can say all of what they say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.cisco.key_settings import (
    APPLICATION_DIAL_RULES,
    CALL_STATES,
    DIAL_PLAN,
    FEATURE_POLICY,
    SOFT_KEY_SETS,
    SOFT_KEYS,
)
from ringfence.phones.document import NotWellFormed
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.settings.types import Setting

_FORBIDDEN = frozenset("|;\n")


@dataclass(frozen=True, slots=True)
class SideFile:
    """One file that a phone's configuration names: the table that it becomes, or why it can't."""

    rows: str
    why: str = ""


def read_dial_plan(data: bytes) -> SideFile:
    """Return a dial plan's file as the table ``dial_plan``."""
    try:
        root = read_lenient_xml(data).root
    except NotWellFormed as fault:
        return SideFile("", f"it is not well-formed: {fault.reason}")
    rows = []
    for node in root.iter("TEMPLATE", "template", "Template"):
        said = {str(name).lower(): str(value).strip() for name, value in node.attrib.items()}
        unknown = said.keys() - {"match", "timeout", "rewrite", "tone", "user", "line", "route"}
        if unknown:
            return SideFile("", f"its {min(unknown)} has no column")
        user, route = said.get("user", "").lower(), said.get("route", "").lower()
        line = said.get("line", "")
        cells = (
            said.get("match", ""), said.get("timeout", "0") or "0", said.get("rewrite", ""), said.get("tone", ""), user,
            "" if line == "0" else line, route,
        )  # fmt: skip
        rows.append(cells)
    return _as_table(DIAL_PLAN, rows, "it has no TEMPLATE")


def read_soft_keys(data: bytes) -> SideFile:
    """Return a soft-key file as the table ``soft_keys``; keys that are defined otherwise than usual can't be said."""
    try:
        root = read_lenient_xml(data).root
    except NotWellFormed as fault:
        return SideFile("", f"it is not well-formed: {fault.reason}")
    if root.tag != "softKeyCfg":
        return SideFile("", f"its root is {root.tag}")
    for node in root.iter("softKeyDef"):
        name = node.get("keyID", "")
        own = tuple((node.findtext(tag) or "").strip() for tag in ("tag", "eventID", "helpID"))
        if name not in SOFT_KEYS or own != tuple(str(number) for number in SOFT_KEYS[name]):
            return SideFile("", f"it defines the soft key {name!r} in its own way")
    rows = []
    for node in root.iter("softKeySet"):
        state = node.get("id", "")
        names = [key.get("keyID", "") for key in node.iter("softKey")]
        if state not in CALL_STATES or not set(names) <= set(SOFT_KEYS):
            return SideFile("", f"the table has no state {state!r}, or not all of its keys")
        rows.append((state, ", ".join(names)))
    return _as_table(SOFT_KEY_SETS, rows, "it has no softKeySet")


def read_feature_policy(data: bytes) -> SideFile:
    """Return a feature policy as the table ``feature_policy``."""
    try:
        root = read_lenient_xml(data).root
    except NotWellFormed as fault:
        return SideFile("", f"it is not well-formed: {fault.reason}")
    rows = []
    for node in root.iter("featureDef"):
        enabled = _text(node, "enable").lower()
        if enabled not in {"true", "false"}:
            return SideFile("", f"enable is {enabled!r}")
        rows.append((_text(node, "id"), "yes" if enabled == "true" else "no"))
    return _as_table(FEATURE_POLICY, rows, "it has no featureDef")


def read_dial_rules(data: bytes) -> SideFile:
    """Return application dial rules as the table ``application_dial_rules``."""
    try:
        root = read_lenient_xml(data).root
    except NotWellFormed as fault:
        return SideFile("", f"it is not well-formed: {fault.reason}")
    rows = []
    for node in root.iter("DialRule"):
        said: Mapping[str, str] = {str(name): str(value).strip() for name, value in node.attrib.items()}
        unknown = said.keys() - {"BeginsWith", "NumDigits", "DigitsToRemove", "PrefixWith"}
        if unknown:
            return SideFile("", f"its {min(unknown)} has no column")
        digits, remove = said.get("NumDigits", "0") or "0", said.get("DigitsToRemove", "0") or "0"
        rows.append((said.get("BeginsWith", ""), digits, remove, said.get("PrefixWith", "")))
    return _as_table(APPLICATION_DIAL_RULES, rows, "it has no DialRule")


def _text(node: etree._Element, tag: str) -> str:
    return (node.findtext(tag) or "").strip()


def _as_table(setting: Setting, rows: Sequence[Sequence[str]], if_empty: str) -> SideFile:
    if not rows:
        return SideFile("", if_empty)
    if any(_FORBIDDEN & set(cell) for row in rows for cell in row):
        return SideFile("", "a value has a '|' or ';', which divides the table")
    try:
        return SideFile(str(setting.check("\n".join(" | ".join(row).rstrip(" |") for row in rows))))
    except BadInput as fault:
        return SideFile("", fault.what)
