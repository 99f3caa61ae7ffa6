"""Configurations that were written for Call Manager phones, read back into models, lines, settings and patches.

An element that no setting covers is kept as a patch; elements that the renderer writes itself are listed. So an
imported phone gets a file that is equivalent to its old one, except for what the report names.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.cisco.key_settings import DIAL_PLAN
from ringfence.phones.document import NotWellFormed, parse_leniently
from ringfence.phones.errors import BadMac, BadPatch, NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Model
from ringfence.phones.firmware.bundles import models_of
from ringfence.phones.formats.xml_file import check_path
from ringfence.phones.importing.element_paths import is_credential, is_derived, text_of, texts_by_path
from ringfence.phones.importing.settings_of_file import line_settings_of, lines_and_keys, servers_of, settings_of
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_NAME, PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value

_NAME = re.compile(r"SEP([0-9A-Fa-f]{12})\.cnf\.xml")


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
    """Return the phone that a ``SEP….cnf.xml`` configures.

    Args:
        name: The file's name.
        data: Its bytes.
        model: The phone's model; None: guessed from the firmware that the file names.

    Raises:
        NotImportable: It does not configure a phone; the error says why.
    """
    found = _NAME.fullmatch(name)
    try:
        mac = Mac.parse(found[1] if found else "")
    except BadMac as fault:
        raise NotImportable(f"its name is not that of a phone: {fault.what}", where=name) from None
    try:
        root = parse_leniently(data)
    except NotWellFormed as fault:
        line = f", line {fault.line}" if fault.line else ""
        raise NotImportable(f"it is not XML that a phone could read: {fault.reason}", where=name + line) from None
    if root.tag != "device":
        raise NotImportable(f"its root is {root.tag!r}, not 'device'", where=name)
    protocol = text_of(root, "deviceProtocol")
    if protocol and protocol != "SIP":
        raise NotImportable(f"it is for a phone that speaks {protocol}, not SIP", where=name)
    kind, is_certain = _model(root, model, name)
    accounts, keys, used_keys = lines_and_keys(root, kind, name)
    settings = settings_of(root, kind)
    settings |= servers_of(root)
    if keys:
        settings["keys"] = kind.settings["keys"].check(keys)
    settings, lines = line_settings_of(root, kind, settings, accounts)
    phone = PhoneToRender(mac, kind.name, "", settings, tuple(lines))
    try:
        rendered = parse_leniently(Renderer().render(phone)[-1].data)
    except BadInput as fault:
        raise NotImportable(f"no phone could use it: {fault.what}", where=name, to_do=fault.to_do) from None
    return _compare(root, rendered, phone, kind, is_certain=is_certain, used_keys=used_keys)


def equivalent(old: bytes, new: bytes, imported: Imported) -> list[str]:
    """Return the elements in which two files differ, except those that ``imported`` lists; empty if none do."""
    before, after = texts_by_path(parse_leniently(old)), texts_by_path(parse_leniently(new))
    expected = {*imported.added, *imported.not_kept}
    return sorted(
        path
        for path in before | after
        if before.get(path, "") != after.get(path, "")
        and path not in expected
        and not is_derived(path)
        and not is_credential(path)
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
    """Return a dial plan's file as the table ``dial_plan`` has it, None if the table can't say all of it."""
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
    load = text_of(root, "loadInformation")
    fitting = [model_of(each)[1] for each in models_of(load)] if load else []
    fitting = [each for each in fitting if "device" in {file.key for file in model_of(each.name)[0].files}]
    if not fitting:
        raise NotImportable(
            f"it does not show the phone's model: its loadInformation is {load!r}" if load else
            "it does not show the phone's model: it does not name firmware",
            where=name,
            to_do="Give it: --model 9971 for all such phones, or --model MAC=9971.",
        )  # fmt: skip
    buttons = [int(node.get("button", "0") or "0") for node in root.iterfind("sipProfile/sipLines/line")]
    wide_enough = [each for each in fitting if each.line_keys.value >= max(buttons, default=1)]
    return min(wide_enough or fitting, key=lambda each: each.line_keys.value), len(fitting) == 1


def _compare(
    old: etree._Element,
    new: etree._Element,
    phone: PhoneToRender,
    kind: Model,
    *,
    is_certain: bool,
    used_keys: set[str],
) -> Imported:
    before, after = texts_by_path(old), texts_by_path(new)
    patches: dict[str, str] = {}
    not_kept: list[str] = []
    for path, text in before.items():
        if after.get(path, "") == text or is_derived(path) or is_credential(path):
            continue
        if any(path.startswith(f"sipProfile/sipLines/line[@button='{button}']/") for button in used_keys):
            continue
        if not _fits(path, text, kind):
            not_kept.append(path)
        else:
            patches[path] = text
    added = [path for path, text in after.items() if path not in before and text and not is_derived(path)]
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
