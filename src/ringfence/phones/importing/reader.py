"""What reads one kind of phones' files that somebody else wrote."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from ringfence.phones.errors import BadMac
from ringfence.phones.importing.outcome import ImportedPhone
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac


@dataclass(frozen=True, slots=True)
class SaidModels:
    """Which models a person has named: for one phone by its bare address, and for all that their file doesn't tell.

    ``listed`` are those that the folder names firmware for, whichever phone it is.
    """

    by_mac: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    for_others: str = ""
    listed: frozenset[str] = frozenset()

    def of(self, mac: Mac) -> str:
        """Return the model that a person has named for this phone; empty if none."""
        return self.by_mac.get(mac.bare, "")

    def of_kind(self, mac: Mac, is_read: Callable[[str], bool]) -> str:
        """Return the model named for this phone, else the one for others if ``is_read`` holds for it; empty if none.

        What is said of all others may be about phones of another kind.
        """
        return self.of(mac) or (self.for_others if self.for_others and is_read(self.for_others) else "")


def mac_in(name: str, pattern: re.Pattern[str]) -> Mac | None:
    """Return the address that a file's name holds as the group ``mac``; None if the name is not of that form."""
    found = pattern.fullmatch(name)
    try:
        return Mac.parse(found["mac"]) if found else None
    except BadMac:
        return None


class FileReader(Protocol):
    """Reads the phones of one format."""

    def mac_of(self, path: str, folder: SourceFolder) -> Mac | None:
        """Return whose configuration a file is; None if it is no phone's of this format.

        Its name tells, and where several formats share their names, its first bytes; others are not read for that.
        """
        ...

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a file configures.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        ...
