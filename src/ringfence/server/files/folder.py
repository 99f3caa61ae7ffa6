"""A plain folder to serve: each request opens the file that exists at that moment.

Invariants:

- A changed file is served from the next request on; a transfer in progress keeps the descriptor that it began with. So
  if a file is replaced by a rename, clients get either the whole old file or the whole new file.
- Simultaneous transfers of one file share one descriptor, unless the file changed in between. It is closed with the
  last of them.
- Names are matched exactly. Only a manufacturer's firmware file is also found in another case; a phone's own never is.
- Only regular files below the folder are opened (``safe_open``), and opening never blocks.
"""

import errno
import os
import stat
from collections.abc import Callable, Collection, Iterator

from ringfence.content.errors import BadName
from ringfence.content.names import normalise
from ringfence.content.release import TargetKind
from ringfence.phones.filenames import is_firmware, owner_of
from ringfence.server.errors import NotNow
from ringfence.server.files.case_folding import OtherCases
from ringfence.server.files.catalogue import Offer, OfferedFile
from ringfence.server.files.safe_open import Beneath

MOST_OPEN = 4096
"""Different files that are read at a time."""

_TEMPORARY = {
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open on this machine",
    errno.ENOMEM: "the machine is short of memory",
    errno.EIO: "the disk has a fault",
    errno.ESTALE: "the file changed on the file server at this moment",
    errno.EAGAIN: "folders are being moved at this moment",
}
_WHY_NOT = {
    errno.ENOENT: "there is no such file",
    errno.ENOTDIR: "there is no such file",
    errno.ENAMETOOLONG: "there is no such file",
    errno.EACCES: "it exists, but this process may not read it",
    errno.EPERM: "it exists, but this process may not read it",
    errno.ELOOP: "a symbolic link is in the way",
    errno.EXDEV: "a symbolic link leads out of the folder",
    errno.EINVAL: "it is not a regular file",
}
_Key = tuple[str, int, int, int, int, int]

# The forms in which a folder holds a phone's own file (phones.filenames, and the sources there).
_OWN_FILES = (
    "SEP{}.cnf.xml",
    "SEP{}.cnf.xml.sgn",
    "SEP{}.cnf.xml.enc.sgn",
    "ATA{}.cnf.xml",
    "SIP{}.cnf",
    "{}.cfg",
    "{}.xml",
)
_OWN_FILES_LOWER_CASE = ("spa{}.cfg", "{}.cfg", "{}.xml")


class FolderFile(OfferedFile):
    """A file of the folder, with a callback for when nobody holds it any more."""

    __slots__ = ("_on_closed", "key")

    def __init__(self, offer: Offer, key: _Key, on_closed: Callable[["FolderFile"], None]) -> None:
        super().__init__(offer, release=0)
        self.key = key
        self._on_closed = on_closed

    def let_go(self) -> None:
        """Undo one ``hold``; the last one closes the descriptor."""
        super().let_go()
        if not self.is_held:
            self._on_closed(self)


class Folder:
    """The folder behind the descriptor ``fd``, which it takes over; ``openat2`` as in ``Beneath``.

    To read what ``find`` returns, hold it before the folder is asked for anything else.
    """

    release = 0

    def __init__(self, fd: int, *, most_open: int = MOST_OPEN, openat2: bool | None = None) -> None:
        self._beneath = Beneath(fd, openat2=openat2)
        self._other_cases = OtherCases(self._beneath)
        self._most_open = most_open
        self._open: dict[_Key, FolderFile] = {}
        self._latest: FolderFile | None = None
        self.known_owners: Collection[str] = _Owners(self._beneath)
        """The bare MAC addresses of the phones that have a file here; looked up in the folder, never listed."""

    def __len__(self) -> int:
        """How many files are open."""
        return len(self._open)

    @property
    def follows_links(self) -> bool:
        """Whether symbolic links that stay inside the folder are followed."""
        return self._beneath.follows_links

    def find(self, name: str) -> FolderFile | None:
        """Return the file that a phone means by ``name`` (normalised), or None. NotNow: it may be there in a moment."""
        self.tidy()
        try:
            return self._find(name) or self._find_in_other_case(name)
        except OSError as fault:
            raise NotNow(_TEMPORARY.get(fault.errno or 0, fault.strerror or "the machine reports an error")) from fault

    def opened_by(self, name: str, _query: bytes) -> str:
        """Return ``name``: a plain folder has no phone books."""
        return name

    def why_not(self, name: str) -> str | None:
        """Return why ``name`` is not served, for people; None if it is served."""
        try:
            name = normalise(name)
            facts = self._beneath.look(name)
            if stat.S_ISDIR(facts.st_mode):
                return "it is a folder"
            os.close(self._beneath.open_file(name)[0])
        except BadName as fault:
            return fault.what
        except OSError as fault:
            return _WHY_NOT.get(fault.errno or 0, fault.strerror or "it can't be opened")
        return None

    def tidy(self) -> None:
        """Close what was asked for last and is not read; to be called now and then."""
        latest, self._latest = self._latest, None
        if latest is not None:
            latest.let_go()

    def retire(self) -> None:
        """Release the folder, once; transfers in progress keep their descriptors."""
        self.tidy()
        self._beneath.close()

    def _find_in_other_case(self, name: str) -> FolderFile | None:
        if not is_firmware(name):
            return None
        found = self._other_cases.find(name)
        return None if found is None or found == name else self._find(found)

    def _find(self, name: str) -> FolderFile | None:
        """Open ``name`` as it is written. OSError if that may succeed another time."""
        try:
            key = _key(name, self._beneath.look(name))
            if (shared := self._open.get(key)) is not None:
                return shared
            fd, facts = self._open_one_more(name)
        except OSError as fault:
            if fault.errno in _TEMPORARY:
                raise
            return None
        key = _key(name, facts)
        if (shared := self._open.get(key)) is not None:  # changed between the look and the opening, and back
            os.close(fd)
            return shared
        owner = owner_of(name)
        bare = None if owner is None else owner.bare
        offer = Offer(name, fd, facts.st_size, _kind_of(name, is_owned=owner is not None), bare)
        self._latest = self._open[key] = FolderFile(offer, key, self._on_closed)
        return self._latest

    def _open_one_more(self, name: str) -> tuple[int, os.stat_result]:
        if len(self._open) >= self._most_open:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return self._beneath.open_file(name)

    def _on_closed(self, file: FolderFile) -> None:
        self._open.pop(file.key, None)


def _key(name: str, facts: os.stat_result) -> _Key:
    """Return what changes whenever the bytes, the length or the permissions of the file may have changed."""
    return name, facts.st_dev, facts.st_ino, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size


def _kind_of(name: str, *, is_owned: bool) -> TargetKind:
    if is_owned:
        return TargetKind.CONFIGURATION
    return TargetKind.FIRMWARE if is_firmware(name) else TargetKind.SHARED


class _Owners(Collection[str]):
    """Whether a phone has a file of its own here."""

    def __init__(self, beneath: Beneath) -> None:
        self._beneath = beneath

    def __contains__(self, mac: object) -> bool:
        bare = str(mac)
        names = [form.format(bare) for form in _OWN_FILES]
        names += [form.format(bare.lower()) for form in _OWN_FILES_LOWER_CASE]
        return any(self._is_there(name) for name in names)

    def __iter__(self) -> Iterator[str]:
        return iter(())  # never listed: the folder may be of any size

    def __len__(self) -> int:
        return 0

    def _is_there(self, name: str) -> bool:
        try:
            self._beneath.look(name)
        except OSError:
            return False
        return True
