"""Configurations that were written for Call Manager phones, read back into models, lines, settings and patches.

What a setting expresses exactly becomes that setting; the rest is kept as patches, element by element, and what the
new file would state besides is left out of it. So an imported phone gets a file that says what its old one said, and
every exception is a remark.
"""

import re
from dataclasses import replace

from lxml import etree

from ringfence.errors import BadInput
from ringfence.phones.assets.kinds import Asset
from ringfence.phones.document import NotWellFormed, line_of
from ringfence.phones.errors import NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Model
from ringfence.phones.importing.comparison import limit_of, match
from ringfence.phones.importing.default_file import DEFAULT_FILE
from ringfence.phones.importing.device_lines import LINES, LineKeys, read_line_keys, with_own_settings
from ringfence.phones.importing.device_mending import mend
from ringfence.phones.importing.device_settings import settings_of
from ringfence.phones.importing.element_paths import TextAt, places, tag_of, text_of
from ringfence.phones.importing.lenient_xml import LenientXml, read_lenient_xml
from ringfence.phones.importing.model_guess import guess_model
from ringfence.phones.importing.outcome import Confidence, Fate, ImportedPhone, Remark
from ringfence.phones.importing.placeholders import is_placeholder
from ringfence.phones.importing.reader import SaidModels, mac_in
from ringfence.phones.importing.side_files import (
    DIAL_PLAN_FILE,
    FEATURE_POLICY_FILE,
    SOFT_KEY_FILE,
    not_there,
    take_side_file,
)
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import PREFIX
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret

_NAME = re.compile(r"(?:.*/)?SEP(?P<mac>[0-9A-F]{12})\.cnf\.xml", re.IGNORECASE)
_CREDENTIAL = frozenset({"authName", "authPassword"})
_LOAD_OF_TEXT_FILES = re.compile(r"P0[0S]3", re.IGNORECASE)
"""Firmware of the 7940 and 7960, whose settings are not in XML."""
_SIDE_FILES = (
    ("sipProfile/dialTemplate", DIAL_PLAN_FILE),
    ("sipProfile/softKeyFile", SOFT_KEY_FILE),
    ("featurePolicyFile", FEATURE_POLICY_FILE),
)
_LOAD_SERVER = "vendorConfig/loadServer"
_MOST_LINES = 250
_SETTLED = ("loadInformation", "timeZone")
"""What is mended or lost as a whole where it is read."""
_SHOWN = {"label": "featureLabel", "display_name": "displayName"}


class DeviceFiles:
    """Reads ``SEP<MAC>.cnf.xml``."""

    def mac_of(self, path: str, folder: SourceFolder) -> Mac | None:
        """Return whose file it is, by its name; None if it is no phone's of this format."""
        del folder
        return mac_in(path, _NAME)

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a file configures.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        mac = self.mac_of(path, folder)
        if mac is None:
            raise NotImportable("its name is not that of a phone", where=path)
        try:
            source = read_lenient_xml(folder.read(path))
        except NotWellFormed as fault:
            line = f", line {fault.line}" if fault.line else ""
            raise NotImportable(f"it is not XML that a phone could read: {fault.reason}", where=path + line) from None
        _check_root(source.root, path)
        _check_filled_in(source.root, path)
        try:
            return _Reading(mac, path, source, folder, said).phone()
        except BadInput as fault:
            if fault.where:
                raise
            raise NotImportable(fault.what, where=path, to_do=fault.to_do) from None


def _check_root(root: etree._Element, path: str) -> None:
    if root.tag != "device":
        raise NotImportable(f"its root is {root.tag!r}, not 'device'", where=path)
    protocol = text_of(root, "deviceProtocol")
    if protocol and protocol.upper() != "SIP":
        raise NotImportable(f"it is for a phone that speaks {protocol}, not SIP", where=path)
    load = text_of(root, "loadInformation")
    if root.find("sipProfile") is None and _LOAD_OF_TEXT_FILES.match(load):
        raise NotImportable(
            f"it only names firmware of a 7940 or 7960 ({load[:40]})",
            where=path,
            to_do="The phone's settings are in its SIP….cnf, which is imported if it is here.",
        )
    if root.find("sipProfile") is None:
        raise NotImportable("it has no sipProfile: it is for a phone that speaks SCCP, or for none", where=path)


def _check_filled_in(root: etree._Element, path: str) -> None:
    """Raise NotImportable for a template: what a phone needs is still to be filled in."""
    needed = [
        (node, False)
        for node in root.iterfind("devicePool/callManagerGroup/members/member/callManager/processNodeName")
    ]
    for line in root.iterfind(LINES):
        needed += [(node, False) for node in line.iterfind("name")]
        needed += [(node, True) for node in line.iterfind("authPassword")]
    for node, is_secret in needed:
        if is_placeholder((node.text or "").strip(), is_secret=is_secret):
            raise NotImportable(
                f"it is a template: {node.tag} is still to be filled in", where=f"{path}, line {line_of(node)}"
            )


class _Reading:
    """One file on its way to a phone."""

    def __init__(self, mac: Mac, path: str, source: LenientXml, folder: SourceFolder, said: SaidModels) -> None:
        self._mac, self._path, self._folder = mac, path, folder
        self._root = source.root
        self._remarks = list(source.remarks)
        mend(self._root, self._remarks)
        self._found = places(self._root)
        self._guess = guess_model(self._root, said.of(mac), said.for_others, folder.screens(), said.listed)
        self._model: Model = model_of(self._guess.model)[1]
        self._uses: list[str] = []
        self._assets: list[Asset] = []
        self._tables: set[str] = set()
        self._settled: set[str] = set()
        self._accounts: set[int] = set()
        self._dead: tuple[str, ...] = ()

    def phone(self) -> ImportedPhone:
        if self._guess.confidence is Confidence.LIKELY:
            others = ", ".join(self._guess.others)
            what = f"its model is likely {self._model.name} ({self._guess.because}), or else {others}"
            self._remarks.append(Remark(Fate.NOTE, "", what))
        elif self._guess.confidence is Confidence.UNKNOWN:
            what = "nothing in its file tells the model: it stays unknown until you name it"
            if self._guess.others:
                what += f"; {DEFAULT_FILE} has firmware for {', '.join(self._guess.others)}"
            self._remarks.append(Remark(Fate.NOTE, "", what))
        settings, remarks = settings_of(self._found, self._model)
        self._remarks += remarks
        self._settled = {remark.element for remark in remarks if remark.element.endswith(_SETTLED)}
        if server := settings.get("load_server"):
            what = f"it fetches firmware from {server}, not from the edge, until load_server is unset"
            self._remarks.append(Remark(Fate.NOTE, _LOAD_SERVER, what, self._found[_LOAD_SERVER].line))
        settings |= self._modules()
        keys = self._model.keys_with(row.split("|")[1].strip() for row in str(settings.get("modules", "")).splitlines())
        line_keys = read_line_keys(self._root, self._model, keys)
        lines, settings = self._lines(line_keys, settings)
        settings |= self._side_files(settings) | self._phone_services()
        draft = PhoneToRender(self._mac, self._model.name, "", settings, lines)
        matched = match(draft, self._found, self._is_dealt_with)
        family = model_of(self._model.name)[0].id
        return ImportedPhone(
            self._mac,
            self._guess,
            matched.phone.lines,
            matched.phone.settings,
            {f"{PREFIX}{family}:{path}": text for path, text in matched.patches.items()},
            (*self._remarks, *matched.remarks),
            tuple(self._uses),
            tuple(self._assets),
        )

    def _lines(self, keys: LineKeys, settings: dict[str, Value]) -> tuple[tuple[LineAccount, ...], dict[str, Value]]:
        if len(self._root.findall(LINES)) > _MOST_LINES:
            raise NotImportable(f"it has more than {_MOST_LINES} line keys, which is more than any phone has")
        if not keys.accounts and keys.remarks:
            raise NotImportable(f"it has no line that can be used: {keys.remarks[0].text.rpartition(':')[0]}")
        if not keys.accounts and self._root.find(LINES) is None and self._root.find(".//sipLines/line") is not None:
            raise NotImportable(
                "its lines are outside sipProfile, where no phone looks for them",
                to_do="Move sipLines into sipProfile.",
            )
        if not keys.accounts:
            raise NotImportable("no line has a name: it has nothing to register", to_do="Give it one, or leave it out.")
        self._remarks += keys.remarks
        self._dead = keys.dead
        self._accounts = {account.index for account in keys.accounts}
        if keys.rows:
            settings = {**settings, "keys": self._model.settings["keys"].check("\n".join(keys.rows))}
        if any("| blf" in row for row in keys.rows):
            what = (
                "its keys that show who is on the phone (blf) stay speed dials on a PBX that sends no presence unasked"
            )
            self._remarks.append(Remark(Fate.NOTE, LINES, what))
        missed = self._found.get("MissedCallLoggingOption", TextAt("", 0)).text
        shared, lines = with_own_settings(self._found, self._model, keys.accounts, missed)
        lines = self._with_credentials(lines)
        if not any(line.password for line in lines):
            settings = {**settings, "sip_needs_password": False}
            self._remarks.append(Remark(Fate.NOTE, LINES, "no line has a password: it registers without one"))
        return tuple(self._cut(line) for line in lines), {**settings, **shared}

    def _with_credentials(self, lines: list[LineAccount]) -> list[LineAccount]:
        """Return the lines with the credentials that the phone uses: on some phones the first ones serve all."""
        said = {line.index: (line.auth_name or line.name, line.password.reveal()) for line in lines if line.password}
        if len(set(said.values())) < 2:  # noqa: PLR2004 - they agree
            return lines
        if not model_of(self._model.name)[0].one_credential.value:
            what = "its lines have different credentials, which not every phone of its family can use"
            self._remarks.append(Remark(Fate.NOTE, LINES, what))
            return lines
        first = min(said)
        for index in sorted(said):
            if said[index] != said[first]:
                what = (
                    f"line {index} has its own credentials, but {self._model.with_article} uses line {first}'s for all"
                )
                self._remarks.append(Remark(Fate.LOST, f"{LINES}[@button='{index}']/authPassword", what))
        return [
            replace(line, auth_name="", password=Secret(""))
            if said.get(line.index, said[first]) != said[first]
            else line
            for line in lines
        ]

    def _cut(self, line: LineAccount) -> LineAccount:
        """Return a line whose label and name that people see are as long as phones show them."""
        for part, tag in _SHOWN.items():
            path = f"{LINES}[@button='{line.index}']/{tag}"
            limit, text = limit_of(path, self._model.limits), getattr(line, part)
            if limit is not None and len(text) > limit.we_write:
                what = f"{tag} has {len(text)} characters, of which {limit.we_write} are kept"
                self._remarks.append(Remark(Fate.MENDED, path, what, self._found[path].line))
                line = replace(line, **{part: text[: limit.we_write]})
                self._found[path] = TextAt(text[: limit.we_write], self._found[path].line)
        return line

    def _modules(self) -> dict[str, Value]:
        rows = []
        for node in self._root.iterfind("addOnModules/addOnModule"):
            kind = text_of(node, "deviceType")
            if kind not in self._model.modules:
                return {}
            rows.append(f"{node.get('idx', '1')} | {kind} | {text_of(node, 'loadInformation')}")
        try:
            return {"modules": self._model.settings["modules"].check("\n".join(rows))} if rows else {}
        except BadInput:
            return {}

    def _side_files(self, settings: dict[str, Value]) -> dict[str, Value]:
        """Return what the files named by this one become; files that aren't there stay named."""
        found: dict[str, Value] = {}
        for path, kind in _SIDE_FILES:
            at = self._found.get(path, TextAt("", 0))
            source = self._folder.find_beside(self._path, at.text) if at.text else None
            if source is None:
                if at.text:
                    self._remarks.append(not_there(path, at.text, at.line))
                continue
            self._uses.append(source)
            taken = take_side_file(kind, self._folder, source, self._model, path, at.line)
            self._remarks += taken.remarks
            self._assets += taken.assets
            if taken.settings:
                found |= taken.settings
                settings.pop(kind.by_name, None)
                self._tables.add(path)
        return found

    def _phone_services(self) -> dict[str, Value]:
        menus = {"0": "services", "1": "directories", "2": "messages"}
        rows = []
        for node in self._root.iterfind("phoneServices/phoneService"):
            menu = menus.get(node.get("type", ""), "")
            cells = (menu, text_of(node, "name"), text_of(node, "url"))
            if not all(cells) or any(set("|;\n") & set(cell) for cell in cells):
                return {}
            rows.append(" | ".join(cells))
        try:
            return {"phone_services": self._model.settings["phone_services"].check("\n".join(rows))} if rows else {}
        except BadInput:
            return {}

    def _is_dealt_with(self, path: str) -> bool:
        if path in self._tables or path in self._settled or any(path.startswith(dead + "/") for dead in self._dead):
            return True
        if path.startswith(LINES) and tag_of(path) in _CREDENTIAL:
            button = re.match(r"\[@button='(\d{1,3})'\]/", path[len(LINES) :])
            return button is not None and int(button[1]) in self._accounts
        return path == "MissedCallLoggingOption" and self._says_missed_calls()

    def _says_missed_calls(self) -> bool:
        said = self._found.get("MissedCallLoggingOption", TextAt("", 0)).text
        return len(said) == len(self._accounts) and set(said) <= {"0", "1"}
