"""``XMLDefault.cnf.xml``: what a phone takes that has no file of its own.

A phone asks for it only where its own file is missing (PHONES.md section 1b), so no phone of a folder goes by it. What
it says can be the site's, for phones that are added later, as far as it changes none of those that are imported. It
may tell which models there are besides, by their firmware.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from lxml import etree

from ringfence.counted import counted
from ringfence.errors import BadInput
from ringfence.phones.document import NotWellFormed, line_of, parse_leniently
from ringfence.phones.families import families
from ringfence.phones.families import model as model_of
from ringfence.phones.family import LOAD_SETTING, Model
from ringfence.phones.importing.device_settings import is_sip_load, settings_of
from ringfence.phones.importing.element_paths import TextAt, places, texts_by_path
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.model_guess import UNKNOWN_MODEL, model_named_in
from ringfence.phones.importing.outcome import Fate, ImportedPhone, Remark, SiteFile
from ringfence.phones.importing.placeholders import is_placeholder
from ringfence.phones.importing.sample_phone import files_with
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.settings.types import Value

DEFAULT_FILE = "XMLDefault.cnf.xml"
_NAME = re.compile(r"(?:.*/)?XMLDefault\.cnf\.xml", re.IGNORECASE)
_LOADS = re.compile(r"loadInformation(?P<number>\d{0,6})")
_POOL, _GROUP = "devicePool/", "callManagerGroup/"
_FOR_OTHERS: Mapping[str, str] = MappingProxyType(
    {
        "mgcpPorts": "it is for gateways that speak MGCP",
        "ethernetPhonePort": "it is for phones that speak SCCP",
        "analogAccessPort": "it is for gateways",
        "digitalAccessPort": "it is for gateways",
        "TVS": "it is where a Communications Manager verifies certificates",
        "autoRegistration": "it is how a Communications Manager adds phones by itself",
        "autoRegistrationName": "it is how a Communications Manager adds phones by itself",
    }
)
"""Why some elements have no counterpart here."""


@dataclass(frozen=True, slots=True)
class DefaultFile:
    """What the file says: settings, and the firmware of each model it names; and what of it can't be kept."""

    path: str
    settings: Mapping[str, Value]
    where: Mapping[str, TextAt]
    """Where it says each setting."""
    loads: Mapping[str, TextAt]
    """Model's name → its firmware's load; under the empty name the one that is for no model in particular."""
    remarks: tuple[Remark, ...]


def default_file_of(folder: SourceFolder) -> str | None:
    """Return the path of the folder's file, the nearest to the top; None if there is none."""
    return next((path for path in folder.paths if _NAME.fullmatch(path)), None)


def read_default_file(folder: SourceFolder, path: str) -> DefaultFile:
    """Return what the file at a path says; one that no phone could take says nothing, and a remark why."""

    def useless(why: str, line: int = 0) -> DefaultFile:
        return DefaultFile(path, {}, {}, {}, (Remark(Fate.LOST, "", f"no phone could take it: {why}", line),))

    try:
        source = read_lenient_xml(folder.read(path))
    except NotWellFormed as fault:
        return useless(fault.reason, fault.line)
    except BadInput as fault:
        return useless(fault.what)
    root = source.root
    if root.tag.lower() != "default":
        return useless(f"its root is {root.tag!r}, not 'Default'", line_of(root))
    remarks = list(source.remarks)
    loads = _loads(root, remarks)
    # The rest is laid out as in a phone's own file, one level higher.
    found = {
        f"{_POOL}{name}" if name.startswith(_GROUP) else name: at
        for name, at in places(root).items()
        if at.text and not _LOADS.match(name)
    }
    settings, where = _settings(found, remarks)
    return DefaultFile(path, settings, where, loads, tuple(remarks))


def site_defaults(default: DefaultFile, phones: Sequence[ImportedPhone], common: Mapping[str, Value]) -> SiteFile:
    """Return what of the file can be the site's: what changes none of ``phones``, and is not ``common`` to them else.

    Args:
        default: The file.
        phones: The phones that are imported with it.
        common: What the site takes of these phones.
    """
    kept: dict[str, Value] = {}
    remarks = list(default.remarks)
    for name, value in default.settings.items():
        at = default.where[name]
        if name in common:
            if common[name] != value:
                what = f"{name} is another in the files of all phones, and the site's is theirs"
                remarks.append(Remark(Fate.LOST, name, what, at.line))
        elif without := [phone for phone in phones if name not in phone.settings and _has(phone, name)]:
            reached = counted(len(without), "phone")
            what = f"{name} is not made the site's, as it would reach {reached} whose own file does not set it"
            remarks.append(Remark(Fate.LOST, name, what, at.line))
        else:
            kept[name] = value
    loads = _site_loads(default, phones, remarks)
    if loads and LOAD_SETTING not in common:
        kept[LOAD_SETTING] = ",".join(loads)
    where = {name: at.line for name, at in default.where.items()}
    return SiteFile(default.path, kept, tuple(sorted(remarks, key=lambda each: each.line)), where)


def _has(phone: ImportedPhone, setting: str) -> bool:
    return setting in model_of(phone.model)[1].settings


def _loads(root: etree._Element, remarks: list[Remark]) -> dict[str, TextAt]:
    """Return the firmware that is named for each model; note what is for none, and what speaks SCCP."""
    by_number = {
        model.call_manager_number: model.name for of in families().values() for model in of.models.values()
    }  # a model without a number is under None
    found: dict[str, TextAt] = {}
    for node in root.iterchildren(etree.Element):
        tag, text = _LOADS.fullmatch(node.tag), (node.text or "").strip()
        if tag is None or not text:
            continue
        said = node.get("model", "")
        number = int(tag["number"]) if tag["number"] else None
        name = (by_number.get(number) if number is not None else None) or model_named_in(said)
        where = f"{node.tag}{f' ({said})' if said else ''}"
        if name is None and (number is not None or said):
            why = f"{where} is for a model that is not known here"
        elif not is_sip_load(text):
            why = f"{where} is {text[:64]!r}, which is no firmware that speaks SIP"
        elif name is not None and not model_of(name)[1].load_of(text):
            why = f"{where} is {text[:64]!r}, which is not for a {name}"
        elif (name or "") in found:
            why = f"{where} is given twice; the first is kept"
        else:
            found[name or ""] = TextAt(text, line_of(node))
            continue
        remarks.append(Remark(Fate.LOST, node.tag, why, line_of(node)))
    return found


def _settings(found: Mapping[str, TextAt], remarks: list[Remark]) -> tuple[dict[str, Value], dict[str, TextAt]]:
    """Return the settings that say what the file says, and where it says each; what none says is lost."""
    filled = {path: at for path, at in found.items() if not is_placeholder(at.text)}
    remarks += [
        Remark(Fate.LOST, path, f"{_as_written(path)} is still to be filled in", at.line)
        for path, at in found.items()
        if path not in filled
    ]
    table = model_of(UNKNOWN_MODEL)[1].settings
    settings: dict[str, Value] = {}
    rendered: Mapping[str, str] = {}
    for name, value in settings_of(filled, model_of(UNKNOWN_MODEL)[1])[0].items():
        files = files_with(UNKNOWN_MODEL, {**settings, name: value})
        if files:
            settings[name], rendered = value, texts_by_path(parse_leniently(files[-1].data))
    said = {path: at for path, at in filled.items() if rendered.get(path) == at.text}
    where = {
        name: next((at for path, at in said.items() if f"/{path}".endswith(f"/{table[name].element}")), TextAt("", 0))
        for name in settings
    }
    for path, at in filled.items():
        if path not in said:
            why = next((text for tag, text in _FOR_OTHERS.items() if tag in path.split("/")), "no setting says it")
            remarks.append(Remark(Fate.LOST, path, f"{_as_written(path)} is not kept: {why}", at.line))
    return settings, where


def _as_written(path: str) -> str:
    return path.removeprefix(_POOL)


def _site_loads(default: DefaultFile, phones: Sequence[ImportedPhone], remarks: list[Remark]) -> list[str]:
    """Return the loads that the site can name: each for its model alone, and for no phone that names none."""
    keep = [phone for phone in phones if not phone.settings.get(LOAD_SETTING)]
    named: dict[str, TextAt] = {}
    for model, at in default.loads.items():
        whom = _model(model).with_article if model else "phones"
        together = {**named, model: at}
        list_of_all = ",".join(dict.fromkeys(each.text for each in together.values()))
        if reached := [phone for phone in keep if model_of(phone.model)[1].load_of(at.text)]:
            what = (
                f"the firmware {at.text} for {whom} without a file of its own is not kept, as it would reach "
                f"{counted(len(reached), 'phone')} whose own file names none"
            )
        elif any(name and _model(name).load_of(list_of_all) != each.text for name, each in together.items()):
            what = f"the firmware {at.text} for {whom} is not kept, as a site can't tell it from that of a like model"
        else:
            named = together
            continue
        remarks.append(Remark(Fate.LOST, LOAD_SETTING, what, at.line))
    return list(dict.fromkeys(at.text for at in named.values()))


def _model(name: str) -> Model:
    return model_of(name)[1]
