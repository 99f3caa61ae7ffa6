"""Snom's files that somebody else wrote, read back into phones.

What no setting expresses is kept as a patch, with whether a person at the phone may change it (the attribute ``perm``).
Forms: Snom's service hub, Desk Phone Configuration Files; what ``perm`` means: Snom D7 user manual, XML provisioning.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.document import NotWellFormed, line_of
from ringfence.phones.errors import BadPatch, NotImportable
from ringfence.phones.families import family as family_of
from ringfence.phones.families import model as model_of
from ringfence.phones.families.snom.local_time import summer_time, utc_offset
from ringfence.phones.formats.xml_file import check_path
from ringfence.phones.importing.clock_guess import zone_where
from ringfence.phones.importing.compared import Comparison, Said, in_one_line
from ringfence.phones.importing.draft_phone import DraftPhone, imported, require_accounts
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.reader import SaidModels, mac_in
from ringfence.phones.importing.setting_values import value_of
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import LONGEST_NAME, LONGEST_TEXT, PREFIX
from ringfence.phones.rendering.render_input import LineAccount
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import SettingType, Value
from ringfence.secret import Secret

_FAMILY = "snom"
_NAME = re.compile(
    r"(?:snom[-_]?(?P<model>[A-Z]{0,2}\d{3}[A-Z]*)[-_])?(?P<mac>[0-9A-F]{12})\.(?:htm|html|xml)", re.IGNORECASE
)
_BEGINS = re.compile(rb"<(?:phone-)?settings\b")
_LOOKED_AT_BYTES = 4096
_PHONE = "phone-settings"
_OF_LINE = re.compile(rf"{_PHONE}/(?P<what>user_\w+)\[@idx='(?P<line>\d{{1,2}})'\]")
_ACCOUNT = frozenset({"user_name", "user_pname", "user_pass"})
_SERVER = re.compile(rf"{_PHONE}/(?:setting_server|http_client_(?:user|pass))(?:\[.*\])?(?:/@perm)?")
"""Where the phone fetches its files, and as whom: the product's business."""
_PERM = "/@perm"
_MEANS: Mapping[str, str] = {"": "RW", "$": "RW", "&": "R", " ": "R"}
"""What else stands for a person's right to change a value, and for none."""
_CHANGEABLE = "RW"
_OUTBOUND = re.compile(r"(?:sips?:)?(?P<host>[^;:]*|\[[^\]]*\])(?::(?P<port>\d{1,5}))?(?:;transport=(?P<way>\w+))?")
_BY_HAND = frozenset({
    "time_zone", "sip_server", "sip_port", "sip_transport", "outbound_proxy", "outbound_proxy_port", "edge_url",
    "firmware_load",
})  # fmt: skip
_ESSENTIAL = frozenset({"sip_server", "sip_port"})
_RENDERER = Renderer()


class SnomFiles:
    """Reads ``snom<model>-<MAC>.htm`` and ``.xml``, and ``<MAC>.xml`` of that form."""

    def mac_of(self, path: str, folder: SourceFolder) -> Mac | None:
        """Return whose file it is, by its name and how it begins; None if it is no phone's of this format."""
        name = path.rpartition("/")[2]
        mac = mac_in(name, _NAME)
        if mac is None or name.lower().startswith("snom"):
            return mac
        try:
            return mac if _BEGINS.search(folder.read(path)[:_LOOKED_AT_BYTES]) else None
        except BadInput:
            return None

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a file configures.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        mac = self.mac_of(path, folder)
        if mac is None:
            raise NotImportable("its name is not that of a Snom phone's file", where=path)
        remarks: list[Remark] = []
        held = _read(folder.read(path), path, remarks)
        lines = _accounts(held)
        guess = _guess(path, lines, said.of_kind(mac, _is_ours))
        of, kind = model_of(guess.model)
        if of.id != _FAMILY:
            raise NotImportable(
                f"it is a Snom phone's file, which {kind.with_article} does not read",
                where=path,
                to_do="Name another model for it.",
            )
        served_here = _mended(_served_here(held, remarks), remarks)
        if not lines:
            raise NotImportable("no identity has a user and is active", where=path, to_do="Phones register with one.")
        require_accounts(lines, path)
        settings = _settings(served_here, guess.model, lines[0].index)
        if not settings.get("sip_server"):
            raise NotImportable("it names no SIP server", where=path)
        draft = DraftPhone(
            mac,
            guess,
            path,
            served_here,
            lines,
            settings,
            _ESSENTIAL,
            comparison(lines),
            lambda phone: what_is_told(_RENDERER.render(phone)[-1].data, served_here),
        )
        return imported(draft, remarks, ())


def _read(data: bytes, path: str, remarks: list[Remark]) -> dict[str, Said]:
    """Return what a file says by element, as patches name them, and by attribute."""
    try:
        source = read_lenient_xml(data)
    except NotWellFormed as fault:
        line = f", line {fault.line}" if fault.line else ""
        raise NotImportable(f"it is not XML that a phone could read: {fault.reason}", where=path + line) from None
    root = source.root
    if root.tag not in {"settings", _PHONE}:
        raise NotImportable(f"its root is {root.tag!r}, not 'settings'", where=path)
    remarks += source.remarks
    return _said(root)


def _said(root: etree._Element) -> dict[str, Said]:
    return dict(_leaves(root, _PHONE if root.tag == _PHONE else ""))


def _leaves(node: etree._Element, path: str) -> Iterator[tuple[str, Said]]:
    children = [child for child in node.iterchildren() if isinstance(child.tag, str)]
    counts: dict[str, int] = {}
    for child in children:
        index = child.get("idx")
        # What a phone has once has the index 0, said or not.
        step = child.tag if index is None or (index == "0" and child.tag != "fkey") else f"{child.tag}[@idx='{index}']"
        counts[step] = counts.get(step, 0) + 1
        if counts[step] > 1:
            step = f"{step}[{counts[step]}]"
        yield from _leaves(child, f"{path}/{step}" if path else step)
    for name, text in ((str(raw), str(value)) for raw, value in node.attrib.items()):
        if path and name != "idx":
            yield f"{path}/@{name}", Said(_MEANS.get(text, text) if name == "perm" else text, line_of(node))
    if path and not children:
        yield path, Said((node.text or "").strip(), line_of(node))


def _is_ours(named: str) -> bool:
    return model_of(named)[0].id == _FAMILY


def _guess(path: str, lines: Sequence[LineAccount], named: str) -> ModelGuess:
    """Return which model a phone is: the one named, the one in its file's name, or one with room for its lines."""
    if named:
        return ModelGuess(model_of(named)[1].name, Confidence.CERTAIN, because="it was named")
    models = list(family_of(_FAMILY).models.values())
    parts = _NAME.fullmatch(path.rpartition("/")[2])
    word = (parts["model"] or "").upper() if parts else ""
    for kind in models:
        if word and kind.name.removeprefix("D") == word.removeprefix("D"):
            return ModelGuess(kind.name, Confidence.CERTAIN, because="its file's name")
    if word:
        raise NotImportable(
            f"it is for a Snom {word[:20]}, which is not known here",
            where=path,
            to_do="Name a model that takes the same file, with --model.",
        )
    last = max((line.index for line in lines), default=1)
    fitting = [kind for kind in models if kind.line_keys.value >= last] or models
    best = min(fitting, key=lambda kind: kind.line_keys.value)
    others = tuple(kind.name for kind in fitting if kind is not best)
    return ModelGuess(best.name, Confidence.LIKELY, others, "the form of its file")


def _served_here(held: Mapping[str, Said], remarks: list[Remark]) -> dict[str, Said]:
    """Return what is said without where the phone fetches its files, and as whom."""
    server = held.get(f"{_PHONE}/setting_server")
    if server is not None and server.text:
        what = "setting_server is left out: the phone must be told of the edge, by DHCP or by hand"
        remarks.append(Remark(Fate.MENDED, "setting_server", what, server.line))
    return {name: said for name, said in held.items() if not _SERVER.fullmatch(name)}


def _mended(held: Mapping[str, Said], remarks: list[Remark]) -> dict[str, Said]:
    found = {}
    for name, said in held.items():
        parts = _OF_LINE.fullmatch(name)
        text = said.text if parts and parts["what"] in _ACCOUNT else in_one_line(said.text)
        if text != said.text:
            remarks.append(Remark(Fate.MENDED, name, f"{name} is written in one line", said.line))
        found[name] = replace(said, text=text)
    return found


def _text(held: Mapping[str, Said], name: str, line: int | None = None) -> str:
    path = f"{_PHONE}/{name}" + (f"[@idx='{line}']" if line is not None else "")
    return held[path].text if path in held else ""


def _accounts(held: Mapping[str, Said]) -> tuple[LineAccount, ...]:
    """Return the identities that have a user and are not switched off."""
    found = []
    numbers = {int(parts["line"]) for name in held if (parts := _OF_LINE.fullmatch(name)) is not None}
    for index in sorted(numbers - {0}):
        name = _text(held, "user_name", index)
        if not name or _text(held, "user_active", index).lower() == "off":
            continue
        found.append(
            LineAccount(
                index, _text(held, "user_idle_text", index), name, _text(held, "user_realname", index),
                _text(held, "user_pname", index) or name, Secret(_text(held, "user_pass", index)),
            )
        )  # fmt: skip
    return tuple(found)


def _settings(held: Mapping[str, Said], model: str, first: int) -> dict[str, Value]:
    """Return the value of each setting that the file expresses; ``first`` is the identity that speaks for all."""
    known = model_of(model)[1].settings
    host = _text(held, "user_host", first)
    way = _OUTBOUND.fullmatch(_text(held, "user_outbound", first))
    texts = {"sip_server": host.partition(";")[0], "time_zone": _zone(held)}
    if way is not None:
        texts["sip_transport"] = (way["way"] or "").lower()
        if way["host"] and way["host"] != host:
            texts |= {"outbound_proxy": way["host"], "outbound_proxy_port": way["port"] or ""}
        else:
            texts["sip_port"] = way["port"] or ""
    for name, setting in known.items():
        if name not in _BY_HAND and setting.type is not SettingType.TABLE and setting.element:
            texts[name] = _text(held, setting.element, first if setting.element.startswith("user_") else None)
    values = {name: value_of(known[name], text) for name, text in texts.items() if text}
    return {name: value for name, value in values.items() if value is not None}


def _zone(held: Mapping[str, Said]) -> str:
    """Return a zone whose clock is the one that a file describes; empty if there is none."""
    offset, summer = _text(held, "utc_offset"), _text(held, "dst")
    if not offset:
        return ""
    return zone_where(lambda zone: utc_offset(zone) == offset and summer_time(zone) == summer)


def comparison(lines: Sequence[LineAccount]) -> Comparison:
    """Return how an old file is compared with the new one of a phone with these lines."""
    own = {str(line.index) for line in lines}

    def is_derived(name: str) -> bool:
        parts = _OF_LINE.fullmatch(name)
        return parts is not None and parts["line"] in own and parts["what"] in _ACCOUNT

    def refuses(name: str, text: str) -> str:
        return f"{name} has {len(text)} characters" if len(text) > LONGEST_TEXT else ""

    def can_patch(name: str) -> bool:
        try:
            check_path(name)
        except BadPatch:
            return False
        return len(name) + len(PREFIX) + len(_FAMILY) + 1 <= LONGEST_NAME

    needed = frozenset(f"{_PHONE}/user_active[@idx='{index}']" for index in own)
    return Comparison(
        derived=is_derived,
        needed=needed,
        is_same=lambda _name, old, new: old == new,
        refuses=refuses,
        can_patch=can_patch,
        unsaid=lambda name: _CHANGEABLE if name.endswith(_PERM) else None,
    )


def what_is_told(data: bytes, held: Mapping[str, Said]) -> dict[str, Said]:
    """Return what a new file says; who may change what ``held``, the old one, does not name, is nobody's concern."""
    said = _said(read_lenient_xml(data).root)
    return {name: each for name, each in said.items() if not name.endswith(_PERM) or name.removesuffix(_PERM) in held}
