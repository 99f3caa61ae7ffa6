"""Files beside a phone's configuration: a table where it can say all that they say, else kept as they are."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.assets.kinds import Asset, named_asset
from ringfence.phones.assets.named_files import naming_setting
from ringfence.phones.cisco.key_settings import (
    APPLICATION_DIAL_RULES,
    CALL_STATES,
    DIAL_PLAN,
    FEATURE_POLICY,
    SOFT_KEY_SETS,
    SOFT_KEYS,
)
from ringfence.phones.document import NotWellFormed, line_of, parse_leniently
from ringfence.phones.family import Model
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.outcome import Fate, Remark, SiteFile
from ringfence.phones.importing.sample_phone import files_with
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.settings.types import Setting, Value

DIAL_RULES = "AppDialRules.xml"
_FORBIDDEN = frozenset("|;\n")
_STAMP: Mapping[str, frozenset[str]] = {"versionStamp": frozenset()}


@dataclass(frozen=True, slots=True)
class SideFile:
    """The table that a file becomes, or why it can't, with the file's line."""

    rows: str
    why: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class SideFileKind:
    """A kind of file that a phone's configuration names: its table, the setting that names it, and what reads it."""

    table: Setting
    by_name: str
    read: Callable[[etree._Element], SideFile]


@dataclass(frozen=True, slots=True)
class TakenSideFile:
    """What became of a file: a table or a name among the settings, and the file itself if it is kept."""

    settings: Mapping[str, Value]
    assets: tuple[Asset, ...] = ()
    remarks: tuple[Remark, ...] = ()


def take_side_file(
    kind: SideFileKind, folder: SourceFolder, source: str, model: Model, element: str, line: int
) -> TakenSideFile:
    """Return what becomes of the file at ``source`` for one phone; what can't be kept is lost, with a remark.

    Args:
        kind: What it should be.
        folder: The folder that it is in.
        source: Its path there.
        model: The model of the phone.
        element: What in the phone's own file names it.
        line: The line of that.
    """

    def lost(why: str, at: int = 0) -> TakenSideFile:
        place = f"{source}, line {at}" if at else source
        return TakenSideFile({}, (), (Remark(Fate.LOST, element, f"{place}: the file can't be kept: {why}", line),))

    if kind.by_name not in model.settings:
        return lost(f"{model.with_article} has no setting that names it")
    try:
        root = read_lenient_xml(folder.read(source)).root
        side = kind.read(root)
        if side.rows and _is_published(kind, side.rows, model):
            return TakenSideFile({kind.table.name: side.rows})
        asset = named_asset("", root)
        if asset is None or asset.files[0].variant != kind.by_name:
            return lost(f"its root is {root.tag}", line_of(root))
        digest = hashlib.sha256(asset.files[0].data).hexdigest()[:12]
        stem = _NOT_IN_NAMES.sub("-", source.rpartition("/")[2].rpartition(".")[0])[:_LONGEST_STEM]
        name = str(model.settings[kind.by_name].check(f"{stem}-{digest}.xml"))
        asset = named_asset(name, root)
    except NotWellFormed as fault:
        return lost(f"it is not well-formed: {fault.reason}", fault.line)
    except BadInput as fault:
        return lost(fault.what)
    why = side.why or "phones would not get it so"
    why = f"line {side.line}: {why}" if side.line else why
    what = f"{source} is kept as it is, as {name}: {kind.table.name} can't say it ({why})"
    return TakenSideFile({kind.by_name: name}, (asset,) if asset else (), (Remark(Fate.NOTE, element, what, line),))


def not_there(element: str, name: str, line: int) -> Remark:
    """Return what is said of a file that a phone's own file names and the folder does not hold."""
    what = f"{name[:80]} is not in the folder, so it is not kept; the phone still asks for it"
    return Remark(Fate.NOTE, element, what, line)


def _is_published(kind: SideFileKind, rows: str, model: Model) -> bool:
    """Return whether a publish makes a file of a table that says the same."""
    data = _published(kind.table.name, kind.by_name, rows, model.name)
    return bool(data) and kind.read(parse_leniently(data)).rows == rows


@lru_cache(maxsize=256)
def _published(table: str, by_name: str, rows: str, model: str) -> bytes:
    """Return the file that a table becomes, empty if it can't be one; many phones name the same."""
    files = (file.data for file in files_with(model, {table: rows}) if file.name.endswith(".xml"))
    return next((data for data in files if naming_setting(parse_leniently(data)) == by_name), b"")


_LONGEST_STEM = 40
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")


def read_dial_plan(root: etree._Element) -> SideFile:
    """Return a dial plan as the table ``dial_plan``; phones read no TEMPLATE in small letters."""
    columns = frozenset({"match", "timeout", "rewrite", "tone", "user", "line", "route"})
    if beyond := _beyond(root, {root.tag: frozenset(), "TEMPLATE": columns, **_STAMP}):
        return beyond
    rows = []
    for node in root.iter("TEMPLATE"):
        said = {str(name).lower(): str(value).strip() for name, value in node.attrib.items()}
        user, route = said.get("user", "").lower(), said.get("route", "").lower()
        line = said.get("line", "")
        cells = (
            said.get("match", ""), said.get("timeout", "0") or "0", said.get("rewrite", ""), said.get("tone", ""), user,
            "" if line == "0" else line, route,
        )  # fmt: skip
        rows.append(cells)
    return _as_table(DIAL_PLAN, rows, "it has no TEMPLATE")


def read_soft_keys(root: etree._Element) -> SideFile:
    """Return soft keys as the table ``soft_keys``; keys that are defined otherwise than usual can't be said."""
    none, by_id, by_key = frozenset[str](), frozenset({"id"}), frozenset({"keyid"})
    known = {
        root.tag: none, "typeSoftKey": none, "softKeySets": none, "softKeyDef": by_key, "softKeySet": by_id,
        "softKey": by_key, "tag": none, "eventID": none, "helpID": none, **_STAMP,
    }  # fmt: skip
    if beyond := _beyond(root, known):
        return beyond
    for node in root.iter("softKeyDef"):
        name = node.get("keyID", "")
        own = tuple((node.findtext(tag) or "").strip() for tag in ("tag", "eventID", "helpID"))
        if name not in SOFT_KEYS or own != tuple(str(number) for number in SOFT_KEYS[name]):
            return SideFile("", f"it defines the soft key {name!r} in its own way", line_of(node))
    rows = []
    for node in root.iter("softKeySet"):
        state = node.get("id", "")
        names = [key.get("keyID", "") for key in node.iter("softKey")]
        if state not in CALL_STATES or not set(names) <= set(SOFT_KEYS):
            return SideFile("", f"the table has no state {state!r}, or not all of its keys", line_of(node))
        rows.append((state, ", ".join(names)))
    return _as_table(SOFT_KEY_SETS, rows, "it has no softKeySet")


def read_feature_policy(root: etree._Element) -> SideFile:
    """Return a feature policy as the table ``feature_policy``; the names in it are for people alone."""
    named = frozenset({"name"})
    known = {root.tag: named, "featureDef": named, "id": frozenset[str](), "enable": frozenset[str](), **_STAMP}
    if beyond := _beyond(root, known):
        return beyond
    rows = []
    for node in root.iter("featureDef"):
        enabled = _text(node, "enable").lower()
        if enabled not in {"true", "false"}:
            return SideFile("", f"enable is {enabled!r}", line_of(node))
        rows.append((_text(node, "id"), "yes" if enabled == "true" else "no"))
    return _as_table(FEATURE_POLICY, rows, "it has no featureDef")


def read_dial_rules(root: etree._Element) -> SideFile:
    """Return application dial rules as the table ``application_dial_rules``."""
    columns = frozenset({"beginswith", "numdigits", "digitstoremove", "prefixwith"})
    if beyond := _beyond(root, {root.tag: frozenset(), "DialRule": columns, **_STAMP}):
        return beyond
    rows = []
    for node in root.iter("DialRule"):
        said: Mapping[str, str] = {str(name): str(value).strip() for name, value in node.attrib.items()}
        digits, remove = said.get("NumDigits", "0") or "0", said.get("DigitsToRemove", "0") or "0"
        rows.append((said.get("BeginsWith", ""), digits, remove, said.get("PrefixWith", "")))
    return _as_table(APPLICATION_DIAL_RULES, rows, "it has no DialRule")


DIAL_PLAN_FILE = SideFileKind(DIAL_PLAN, "dial_plan_file", read_dial_plan)
SOFT_KEY_FILE = SideFileKind(SOFT_KEY_SETS, "soft_key_file", read_soft_keys)
FEATURE_POLICY_FILE = SideFileKind(FEATURE_POLICY, "feature_policy_file", read_feature_policy)


def read_site_dial_rules(folder: SourceFolder) -> SiteFile | None:
    """Return the application dial rules of a folder as the site's setting; None if it has none.

    Phones ask for one file by one name, so what the table can't say is lost.
    """
    path = folder.find(DIAL_RULES)
    if path is None:
        return None
    try:
        side = read_dial_rules(read_lenient_xml(folder.read(path)).root)
    except NotWellFormed as fault:
        side = SideFile("", f"it is not well-formed: {fault.reason}", fault.line)
    except BadInput as fault:
        side = SideFile("", fault.what)
    if side.rows:
        return SiteFile(path, {APPLICATION_DIAL_RULES.name: side.rows})
    what = f"its rules can't be kept in {APPLICATION_DIAL_RULES.name}: {side.why}"
    return SiteFile(path, {}, (Remark(Fate.LOST, "", what, side.line),))


def _beyond(root: etree._Element, known: Mapping[str, frozenset[str]]) -> SideFile | None:
    """Return what a file has besides known elements, with their attributes in small letters; None if it has no more."""
    for node in root.iter(etree.Element):
        if node.tag not in known:
            return SideFile("", f"its {node.tag} has no column", line_of(node))
        if unknown := {str(name).lower() for name in node.attrib} - known[node.tag]:
            return SideFile("", f"its {min(unknown)} has no column", line_of(node))
    return None


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
