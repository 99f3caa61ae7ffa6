"""What the worker may give out: open descriptors by name, always swapped as a whole.

Invariants:

- A catalogue never changes once it is created; a swap replaces it with another between two datagrams.
- A descriptor stays open as long as its catalogue is in use or a transfer reads from it, and no longer.
- Names are matched exactly. Only a manufacturer's firmware file is also found in another case, because phones ask for
  firmware in the case of the load's own list; a phone's own file never is.
"""

import os
import weakref
from collections.abc import Iterable
from dataclasses import dataclass

from ringfence.content.release import TargetKind
from ringfence.guard.decision import HeldFile
from ringfence.phones.assets.book_names import FOLDER, opened_by
from ringfence.tftp.errors import ReadFailed
from ringfence.tftp.frames import Frames


@dataclass(frozen=True, slots=True)
class Offer:
    """One file to be served: an open, readable descriptor of ``length`` bytes, and who may have it.

    ``name`` is normalised (``ringfence.content.names``). ``owner`` is a bare upper-case MAC address, or None for the
    site's shared files.
    """

    name: str
    fd: int
    length: int
    kind: TargetKind
    owner: str | None = None
    secret: bool = True
    """Whether it contains a secret, if it is one phone's own file."""
    sealed: bool = False
    """Whether only its owner can read it."""


class OfferedFile:
    """A file of a catalogue, with as many holders as there are transfers of it, plus the catalogue itself."""

    __slots__ = ("_fd", "_frames", "_holders", "held", "kind", "length", "name", "owner", "release")

    def __init__(self, offer: Offer, release: int) -> None:
        self.name = offer.name
        self.length = offer.length
        self.kind = offer.kind
        self.owner = offer.owner
        self.release = release
        self.held = HeldFile(offer.kind, offer.owner, offer.secret, offer.sealed)
        """What the guard must know of it."""
        self._fd = offer.fd
        self._frames: weakref.ref[Frames] | None = None
        self._holders = 1

    @property
    def fd(self) -> int:
        """The open descriptor, for as long as somebody holds the file."""
        return self._fd

    @property
    def is_held(self) -> bool:
        """Whether somebody may still read it."""
        return self._holders > 0

    def hold(self) -> None:
        """Keep the bytes readable until ``let_go``."""
        self._holders += 1

    def let_go(self) -> None:
        """Undo one ``hold``; the last one closes the descriptor."""
        self._holders -= 1
        if self._holders == 0:
            os.close(self._fd)

    def read(self, offset: int, size: int) -> bytes:
        """Return at most ``size`` bytes from ``offset``. ReadFailed where the machine can't."""
        try:
            return os.pread(self._fd, size, offset)
        except OSError as fault:
            raise ReadFailed("a file in the catalogue can't be read", where=fault.strerror or "") from fault

    def frames(self, block_size: int, rollover: int) -> Frames:
        """Return the file's packets: shared between all transfers of the file, for as long as one of them has them."""
        frames = self._frames() if self._frames is not None else None
        if frames is None or frames.block_size != block_size or frames.rollover != rollover:
            frames = Frames(self.read, self.length, block_size, rollover)
            self._frames = weakref.ref(frames)
        return frames


class Catalogue:
    """The files of one release. Takes the descriptors of ``offers`` over, and closes them in the end."""

    __slots__ = ("_by_folded_name", "_files", "_in_books", "known_owners", "release")

    def __init__(self, release: int, offers: Iterable[Offer]) -> None:
        self.release = release
        self._files: dict[str, OfferedFile] = {}
        self._by_folded_name: dict[str, OfferedFile] = {}
        for offer in offers:
            offered = OfferedFile(offer, release)
            if (doubled := self._files.get(offer.name)) is not None:
                doubled.let_go()
            self._files[offer.name] = offered
        for offered in self._files.values():
            if offered.kind is TargetKind.FIRMWARE and offered.owner is None:
                self._by_folded_name.setdefault(offered.name.casefold(), offered)
        self._in_books = sorted(name for name in self._files if name.startswith(f"{FOLDER}/"))
        self.known_owners = frozenset(f.owner for f in self._files.values() if f.owner is not None)
        """The bare MAC addresses of the phones that own a file here."""

    def __len__(self) -> int:
        return len(self._files)

    def find(self, name: str) -> OfferedFile | None:
        """Return the file that a phone means by ``name`` (normalised), or None."""
        return self._files.get(name) or self._by_folded_name.get(name.casefold())

    def opened_by(self, name: str, query: bytes) -> str:
        """Return the name of the file that a request with a query opens: ``name`` (normalised), or a page of a book."""
        return opened_by(name, query, self._in_books)

    def retire(self) -> None:
        """Let go of every file: what no transfer reads is closed now, the rest with its last transfer. Once."""
        for offered in self._files.values():
            offered.let_go()
        self._files = {}
        self._by_folded_name = {}
        self._in_books = []


NOTHING_OFFERED = Catalogue(0, ())
