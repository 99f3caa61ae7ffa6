"""A TFTP server's folder in an archive: its files beside each other in one nameless file, which ends with its last use.

What phones' files are read from is copied whole; of firmware, which an import only names, no more than its beginning.
"""

import os
import posixpath
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from ringfence.archives import Link, Member, members_of
from ringfence.archives.errors import BadArchive
from ringfence.errors import EnvironmentFault

MOST_FILES = 50_000
DEEPEST = 8
LARGEST_READ_BYTES = (256 << 10) + 1
"""As much as is read of a phone's file: one byte more than any may have."""
LARGEST_FILE_BYTES = 64 << 20
_MOST_OUTER = 8
"""How many folders may be around the whole."""
_LONGEST_CHAIN = 8
_CHUNK_BYTES = 1 << 20


class FilesInArchive:
    """The files of an archive by their paths, without the folders that all of them are in.

    Args:
        file: The archive.
        name: What it is called.
        beside: The folder in which room is taken for what it holds; nothing of it has a name there.
        on_file: Called with each path; what it raises ends the reading.

    Raises:
        BadArchive: It is damaged, far too large, or no archive.
        EnvironmentFault: There is no room.
    """

    def __init__(
        self, file: BinaryIO, name: str, beside: Path | None = None,
        on_file: Callable[[str], None] = lambda _path: None,
    ) -> None:  # fmt: skip
        self.passed_over: list[tuple[str, str]] = []
        self._places: dict[str, tuple[int, int]] = {}
        try:
            self._copy = tempfile.TemporaryFile(dir=beside)  # noqa: SIM115 - closed by close()
        except OSError as fault:
            raise _no_room(fault) from None
        try:
            self._fill(file, name, beside, on_file)
        except OSError as fault:
            self._copy.close()
            raise _no_room(fault) from None
        except BaseException:
            self._copy.close()
            raise
        self.paths: Sequence[str] = sorted(self._places)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.close()

    def close(self) -> None:
        """Give its room back."""
        self._copy.close()

    def read(self, path: str) -> bytes:
        """Return as much of a file as any phone's may have, and one byte more."""
        return self.whole(path, LARGEST_READ_BYTES)

    def whole(self, path: str, most_bytes: int) -> bytes:
        """Return at most so many bytes of a file."""
        start, length = self._places[path]
        return os.pread(self._copy.fileno(), min(length, most_bytes), start)

    def _fill(self, file: BinaryIO, name: str, beside: Path | None, on_file: Callable[[str], None]) -> None:
        skipped: list[str] = []
        links: list[Link] = []
        found = members_of(file, name, skipped, links, most_members=MOST_FILES, opens_nested=False, beside=beside)
        for member in found:
            on_file(member.path)
            if member.path == name:
                raise BadArchive("this is no archive", where=name, to_do="Pack the folder as .zip, .tar or .tar.gz.")
            if member.path.count("/") > DEEPEST + _MOST_OUTER:
                self.passed_over.append((member.path, f"it is more than {DEEPEST} folders deep"))
                continue
            if member.path in self._places:
                self.passed_over.append((member.path, "it is there twice; the last one counts, as when it is unpacked"))
            self._places[member.path] = self._kept(member)
        self._follow(links)
        self._places = _without_outer(self._places)

    def _kept(self, member: Member) -> tuple[int, int]:
        """Copy as much of a file as is read of it; return where it begins, and how long the copy is."""
        start = self._copy.tell()
        left = member.size_bytes if member.size_bytes <= LARGEST_FILE_BYTES else LARGEST_READ_BYTES
        with member.open() as opened:
            while left > 0 and (part := opened.read(min(_CHUNK_BYTES, left))):
                self._copy.write(part)
                left -= len(part)
        self._copy.flush()
        return start, self._copy.tell() - start

    def _follow(self, links: Sequence[Link]) -> None:
        """Give links the files that they lead to, and say which lead to none."""
        leads = {link.path: link.target for link in links}
        for path in leads:
            target = path
            for _step in range(_LONGEST_CHAIN):
                target = leads.get(target, target)
            if target in self._places:
                self._places[path] = self._places[target]
            else:
                why = (
                    "it is a link to nothing in the archive" if target else "it is a link that leads out of the archive"
                )
                self.passed_over.append((path, why))


def _without_outer(places: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the paths without the folders that all of them are in: people pack ``tftpboot`` or ``srv/tftp`` whole."""
    if not places:
        return {}
    parents = [path.rpartition("/")[0] for path in places]
    outer = posixpath.commonpath(parents) if all(parents) else ""
    cut = len(outer) + 1 if outer else 0
    return {path[cut:]: place for path, place in places.items()}


def _no_room(fault: OSError) -> EnvironmentFault:
    return EnvironmentFault(
        f"what the archive holds can't be written: {fault.strerror or fault}",
        to_do="Check how much room the hub's disk has, and try again.",
    )
