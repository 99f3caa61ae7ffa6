"""What reads one kind of phones' files that somebody else wrote."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from ringfence.phones.importing.outcome import ImportedPhone
from ringfence.phones.importing.source_folder import SourceFolder
from ringfence.phones.mac import Mac


@dataclass(frozen=True, slots=True)
class SaidModels:
    """Which models a person has named: for one phone by its bare address, and for all that their file doesn't tell."""

    by_mac: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    for_others: str = ""

    def of(self, mac: Mac) -> str:
        """Return the model that a person has named for this phone; empty if none."""
        return self.by_mac.get(mac.bare, "")


class FileReader(Protocol):
    """Reads the phones of one format."""

    def mac_of(self, path: str) -> Mac | None:
        """Return whose configuration a file is, by its path in the folder; None if it is no phone's of this format."""
        ...

    def read(self, path: str, folder: SourceFolder, said: SaidModels) -> ImportedPhone:
        """Return the phone that a file configures.

        Raises:
            NotImportable: It does not configure a phone; the error says why, with its line.
        """
        ...
