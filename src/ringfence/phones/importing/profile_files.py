"""Profiles that somebody else wrote for SPA and MPP phones and for adapters, read back into phones.

A profile is ``<mac>.cfg`` or ``<mac>.xml``; the model's own, such as ``spa504G.cfg``, and those that further rules name
count too, where the folder has them. What no setting expresses is kept as a patch, so the new file says what the old
ones said.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ringfence.phones.document import NotWellFormed, line_of
from ringfence.phones.errors import NotImportable
from ringfence.phones.families import model as model_of
from ringfence.phones.family import Model
from ringfence.phones.flat_profile.profile_file import LIMITS, parameters_of, profile_of
from ringfence.phones.importing.compared import Said, in_one_line
from ringfence.phones.importing.draft_phone import DraftPhone, imported, require_accounts
from ringfence.phones.importing.lenient_xml import read_lenient_xml
from ringfence.phones.importing.outcome import Fate, ImportedPhone, ModelGuess, Remark
from ringfence.phones.importing.profile_comparison import CREDENTIALS, comparison
from ringfence.phones.importing.profile_model import first_file, guess_profile_model, is_of_profiles, reads_profiles
from ringfence.phones.importing.profile_settings import OF_LINE, accounts_of, settings_of_profile
from ringfence.phones.importing.reader import SaidModels, mac_in
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.patches import PREFIX
from ringfence.phones.rendering.render_input import PhoneToRender
from ringfence.phones.rendering.renderer import Renderer

_NAME = re.compile(r"(?:spa|ata|cisco|linksys)?[-_]?(?P<mac>[0-9a-f]{12})\.(?:cfg|xml)", re.IGNORECASE)
_ENCRYPTED = b"Salted__"
_COMPRESSED = b"\x1f\x8b"
_RULES = ("Profile_Rule_B", "Profile_Rule_C", "Profile_Rule_D")
_ESSENTIAL = frozenset({"sip_server", "sip_port"})
_SHOWN = ("Short_Name", "Display_Name")
_RENDERER = Renderer()


@dataclass(frozen=True, slots=True)
class _Sources:
    """What the files say, and which files those are."""

    said: Mapping[str, Said] = field(repr=False)
    uses: tuple[str, ...]
    remarks: tuple[Remark, ...]


class ProfileReader:
    """Reads profiles."""

    def mac_of(self, path: str, folder: SourceFolder) -> Mac | None:
        """Return whose file it is, by its name; None if it is no phone's of this format."""
        del folder
        return mac_in(path.rpartition("/")[2], _NAME)

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a profile configures.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        mac = self.mac_of(path, folder)
        if mac is None:
            raise NotImportable("its name is not that of a phone's profile", where=path)
        own = read_parameters(folder.read(path), path)
        guess = guess_profile_model(own, folder, said.of_kind(mac, is_of_profiles), path)
        of, kind = model_of(guess.model)
        if not reads_profiles(of):
            raise NotImportable(
                f"it is a profile of an SPA or MPP phone or an adapter, which {kind.with_article} does not read",
                where=path,
                to_do="Name another model for it.",
            )
        sources = _all_of(own, mac, kind, folder, path)
        return _imported(mac, guess, kind, sources, path)


def read_parameters(data: bytes, path: str) -> dict[str, Said]:
    """Return the parameters of a profile by name; of two of one name the last counts, as on the phone.

    Raises:
        NotImportable: It is not a profile that can be read; the error says why, with its line.
    """
    if data.startswith(_ENCRYPTED):
        raise NotImportable(
            "it is encrypted with a key",
            where=path,
            to_do="Decrypt it with its key, or import the file that it was made from.",
        )
    if data.startswith(_COMPRESSED):
        raise NotImportable("it is compressed", where=path, to_do="Unpack it with gunzip first.")
    if b"<" not in data:
        raise NotImportable(
            "it is encrypted, or no profile of a phone",
            where=path,
            to_do="Import the file that it was made from.",
        )
    try:
        root = read_lenient_xml(data).root
    except NotWellFormed as fault:
        line = f", line {fault.line}" if fault.line else ""
        raise NotImportable(f"it is not XML that a phone could read: {fault.reason}", where=path + line) from None
    profile = profile_of(root)
    if profile is None:
        raise NotImportable(f"it has no flat-profile element; its root is {root.tag!r}", where=path)
    return {
        name: Said((node.text or "").strip(), line_of(node), node.get("ua")) for name, node in parameters_of(profile)
    }


def _all_of(own: Mapping[str, Said], mac: Mac, kind: Model, folder: SourceFolder, path: str) -> _Sources:
    """Return what the model's profile, the phone's own, and those that its further rules name say together."""
    said: dict[str, Said] = {}
    uses: list[str] = []
    remarks: list[Remark] = []
    first = first_file(kind, folder, path)
    if first is not None and first != path:
        said |= _of_another(folder, first)
        uses.append(first)
    said |= own
    for rule in _RULES:
        text = said[rule].text if rule in said else ""
        name = text.rpartition("/")[2].replace("$MAU", mac.bare).replace("$MA", mac.bare.lower())
        further = folder.find_beside(path, name.replace("$PSN", kind.psn)) if name else None
        if further is None:
            if text:
                remarks.append(Remark(Fate.NOTE, rule, f"the phone goes on to fetch by {rule}", said[rule].line))
            continue
        line = said.pop(rule).line
        if further == path:
            remarks.append(Remark(Fate.MENDED, rule, f"{rule} leads to the phone's own profile and is dropped", line))
            continue
        said |= _of_another(folder, further)
        uses.append(further)
        remarks.append(Remark(Fate.MENDED, rule, f"what {further} says is in the phone's own file now", line))
    return _Sources(said, tuple(uses), tuple(remarks))


def _of_another(folder: SourceFolder, path: str) -> dict[str, Said]:
    """Return what another file says, without its lines: remarks are about the phone's own."""
    return {name: replace(said, line=0) for name, said in read_parameters(folder.read(path), path).items()}


def _imported(mac: Mac, guess: ModelGuess, kind: Model, sources: _Sources, path: str) -> ImportedPhone:
    remarks = list(sources.remarks)
    said = _mended(sources.said, remarks)
    lines = accounts_of(said, kind)
    if not lines:
        raise NotImportable("it has no line with a user", where=path, to_do="Phones register with one.")
    require_accounts(lines, path)
    settings = settings_of_profile(said, kind, lines[0].index)
    if not settings.get("sip_server"):
        raise NotImportable("it names no SIP server", where=path)
    how = comparison(kind, said)
    draft = DraftPhone(mac, guess, path, said, lines, settings, _ESSENTIAL, how, _rendered)
    phone = imported(draft, remarks, sources.uses)
    told = []
    if "Profile_Rule" in said:
        told.append(
            Remark(
                Fate.MENDED, "Profile_Rule", "the phone fetches its profile from the edge", said["Profile_Rule"].line
            )
        )
    if phone.patches.get(f"{PREFIX}{model_of(kind.name)[0].id}:Upgrade_Rule"):
        what = "the phone goes on to fetch firmware by Upgrade_Rule, which the edge may not serve"
        told.append(Remark(Fate.NOTE, "Upgrade_Rule", what, said["Upgrade_Rule"].line))
    return replace(phone, remarks=(*phone.remarks, *told))


def _rendered(phone: PhoneToRender) -> dict[str, Said]:
    return read_parameters(_RENDERER.render(phone)[-1].data, "the new file")


def _mended(said: Mapping[str, Said], remarks: list[Remark]) -> dict[str, Said]:
    """Return what is said in one line each, with names to show as long as is known to be safe."""
    found: dict[str, Said] = {}
    for name, each in said.items():
        text = each.text if CREDENTIALS.fullmatch(name) else in_one_line(each.text)
        if text != each.text:
            remarks.append(Remark(Fate.MENDED, name, f"{name} is written in one line", each.line))
        parts = OF_LINE.fullmatch(name)
        if parts and parts["name"] in _SHOWN and len(text) > (most := LIMITS[parts["name"]].we_write):
            text = text[:most].rstrip()
            remarks.append(Remark(Fate.MENDED, name, f"{name} is cut to {most} characters", each.line))
        found[name] = replace(each, text=text)
    return found
