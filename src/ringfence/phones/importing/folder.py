"""All of a TFTP folder: each phone's file by itself, whatever the others are like."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ringfence.errors import BadInput
from ringfence.phones.assets.kinds import Asset
from ringfence.phones.importing.assigned_files import AssignedFiles
from ringfence.phones.importing.ata190_files import PortFiles, second_ports
from ringfence.phones.importing.default_file import DefaultFile, default_file_of, read_default_file
from ringfence.phones.importing.device_file import DeviceFiles
from ringfence.phones.importing.outcome import Entry, SiteFile
from ringfence.phones.importing.profile_files import ProfileReader
from ringfence.phones.importing.reader import FileReader, SaidModels
from ringfence.phones.importing.side_files import read_site_dial_rules
from ringfence.phones.importing.snom_files import SnomFiles
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.importing.text_files import TextFileReader
from ringfence.phones.mac import Mac

READERS: Sequence[FileReader] = (
    DeviceFiles(),
    TextFileReader(),
    AssignedFiles(),
    SnomFiles(),
    ProfileReader(),
    PortFiles(),
)
_LIKE_A_PHONES = re.compile(r"(?:.*/)?(?:SEP|SIP|ATA)[^/]*\.cnf(?:\.xml)?(?:\.sgn|\.enc|\.enc\.sgn)?", re.IGNORECASE)
_NO_PHONES = re.compile(r"(?:.*/)?(?:SIPDefault\.cnf|XMLDefault\.cnf\.xml)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FolderReport:
    """What a folder holds: phones' entries in the order of their paths, and files that are none's."""

    entries: tuple[Entry, ...]
    used: frozenset[str]
    """The files that were read for a phone."""
    left_alone: tuple[str, ...]
    default: DefaultFile | None = None
    """What it has for phones without a file of their own."""
    dial_rules: SiteFile | None = None
    """What it has for numbers from directories."""

    @property
    def kept_files(self) -> list[Asset]:
        """The files that phones name and that are kept as they are, each once."""
        assets = (asset for entry in self.entries if entry.phone is not None for asset in entry.phone.assets)
        return list({asset.name: asset for asset in assets}.values())

    @property
    def imported(self) -> list[Entry]:
        """The entries with a phone."""
        return [entry for entry in self.entries if entry.phone is not None]


def read_folder(
    folder: SourceFolder, said: SaidModels, on_entry: Callable[[Entry], None] = lambda _entry: None
) -> FolderReport:
    """Return what the phones of a folder are.

    Args:
        folder: The folder.
        said: The models that a person has named.
        on_entry: Called with each entry when it has been read.
    """
    at = default_file_of(folder)
    default = None if at is None else read_default_file(folder, at)
    if default is not None:
        said = replace(said, listed=frozenset(default.loads) - {""})
    entries: list[Entry] = []
    with_others = second_ports(folder.paths)
    first: dict[Mac, str] = {}
    for path in folder.paths:
        if path in with_others:
            continue
        found = next(((reader, mac) for reader in READERS if (mac := reader.mac_of(path, folder)) is not None), None)
        if found is not None:
            entry = _entry(*found, path, folder, said, first)
        elif _LIKE_A_PHONES.fullmatch(path) and not _NO_PHONES.fullmatch(path):
            entry = _unclaimed(path)
        else:
            continue
        entries.append(entry)
        on_entry(entry)
    used = frozenset(name for entry in entries if entry.phone is not None for name in entry.phone.uses)
    dial_rules = read_site_dial_rules(folder)
    seen = {entry.path for entry in entries} | used | {at} | ({dial_rules.path} if dial_rules else set())
    left_alone = tuple(path for path in folder.paths if path not in seen)
    return FolderReport(tuple(entries), used, left_alone, default, dial_rules)


def _entry(
    reader: FileReader, mac: Mac, path: str, folder: SourceFolder, said: SaidModels, first: dict[Mac, str]
) -> Entry:
    if mac in first:
        return Entry(path, why=f"{first[mac]} is the same phone's, and is nearer to what phones ask for")
    try:
        phone = reader.read(path, folder, said)
    except BadInput as fault:
        where = f" ({fault.where.removeprefix(path).removeprefix(', ')})" if fault.where.removeprefix(path) else ""
        return Entry(path, why=f"{fault.what}{where}", to_do=fault.to_do)
    first[mac] = path
    return Entry(path, phone)


def _unclaimed(path: str) -> Entry:
    if path.lower().endswith((".sgn", ".enc")):
        return Entry(path, why="it is signed or encrypted for a phone", to_do="Import the file that it was made from.")
    return Entry(path, why="its name has no phone's address: it is a template, or a copy")
