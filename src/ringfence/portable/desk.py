"""Who gets which file of a bundle: a table, with no I/O.

::

    asked for             by                                           answer
    --------------------  -------------------------------------------  -----------------------------------------
    anything              an address outside this network              nothing (told)
    a phone's own file    a device whose hardware address is another   "not found" (told)
                          its own hardware address                     the file
                          nobody knows its hardware address; it is     the file, and from now on to nobody else
                          the first that asks
                          nobody knows; another one was first          "not found" (told)
    a file for all        a phone of the bundle, or whoever may yet    the file
                          be one
                          others                                       "not found" (told)
    a name not here                                                    "not found" (told where it names a phone)

A hardware address is what this computer's own table of neighbours says of an address, and not what a request says.
"""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.content.release import TargetKind
from ringfence.phones.filenames import owner_of
from ringfence.portable.manifest import BundledFile, BundledPhone, BundleManifest


@dataclass(frozen=True, slots=True)
class FileGiven:
    """A file goes out, to a phone if it is known to be one."""

    file: BundledFile
    to: BundledPhone | None


@dataclass(frozen=True, slots=True)
class FileWithheld:
    """Nothing goes out. ``told`` names the sentence for the person, if there is one; ``is_silent``: no answer."""

    told: str = ""
    phone: BundledPhone | None = None
    is_silent: bool = False


class Desk:
    """Decides for one bundle. ``trusted`` are addresses that a person says are phones of it."""

    def __init__(self, manifest: BundleManifest, trusted: Iterable[str] = ()) -> None:
        self._first: dict[str, str] = {}
        self._trusted = frozenset(trusted)
        self._manifest = manifest
        self._files: dict[str, BundledFile] = {}
        self._folded: dict[str, BundledFile] = {}
        self.take(manifest)

    def take(self, manifest: BundleManifest) -> None:
        """Go by a newer bundle; who was first stays."""
        self._manifest = manifest
        self._files = {file.name: file for file in manifest.files}
        self._folded = {
            file.name.casefold(): file for file in manifest.files if file.kind == TargetKind.FIRMWARE
        }  # phones ask for firmware in the case of the load's own list; for nothing else

    def asks_for_own(self, raw_name: str) -> bool:
        """Return whether a name is one phone's own file here, for which it matters who asks."""
        file = self._find(raw_name)
        return file is not None and file.owner is not None

    def judge(self, raw_name: str, source: str, hardware: str | None) -> FileGiven | FileWithheld:
        """Decide about a request.

        Args:
            raw_name: What is asked for.
            source: The address that asks.
            hardware: Its bare hardware address, where this computer knows it.
        """
        if not is_of_home(source):
            return FileWithheld("not-local", is_silent=True)
        file = self._find(raw_name)
        if file is None:
            return FileWithheld("not-in-bundle" if owner_of(raw_name) is not None else "")
        if file.owner is None:
            phone = self._phone_at(source, hardware)
            if phone is not None or self._may_be_one(source, hardware):
                return FileGiven(file, phone)
            return FileWithheld("not-in-bundle")
        return self._own(file, file.owner, source, hardware)

    def _own(self, file: BundledFile, owner: str, source: str, hardware: str | None) -> FileGiven | FileWithheld:
        phone = self._manifest.phone(owner)
        if hardware is not None and source not in self._trusted:
            return FileGiven(file, phone) if hardware == owner else FileWithheld("other-device", phone)
        if self._first.setdefault(owner, source) != source:
            return FileWithheld("second-device", phone)
        return FileGiven(file, phone)

    def _phone_at(self, source: str, hardware: str | None) -> BundledPhone | None:
        if hardware is not None and source not in self._trusted:
            return self._manifest.phone(hardware)
        return next((self._manifest.phone(mac) for mac, first in self._first.items() if first == source), None)

    def _may_be_one(self, source: str, hardware: str | None) -> bool:
        """Return whether an address may yet turn out to be a phone's: some phone has not asked for its own file."""
        if source in self._trusted:
            return True
        return hardware is None and len(self._first) < len(self._manifest.phones)

    def _find(self, raw_name: str) -> BundledFile | None:
        try:
            name = normalise(raw_name)
        except BadName:
            return None
        return self._files.get(name) or self._folded.get(name.casefold())


def is_of_home(source: str) -> bool:
    """Return whether an address is one that homes and offices use inside: private, of the link, or this computer."""
    try:
        address = ipaddress.ip_address(source)
    except ValueError:
        return False
    return address.is_private or address.is_link_local or address.is_loopback
