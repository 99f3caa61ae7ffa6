"""Archives and folders from phone manufacturers, opened without trust.

Reads zip, tar, gzip, and these behind a manufacturer's signed header (``.cop.sgn``, ``.cop.sha512``), nested up to
three deep. The content comes out as members with a plain path. A member that leads out of the archive, is not a file,
or is far larger than it claims, is refused by name. What a system put there for itself (``litter``) is passed over.
What says how much there is, is no more believed than the rest: a list of members has a bound of its own.
"""

import errno
import gzip
import io
import lzma
import posixpath
import re
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from ringfence.archives.errors import BadArchive, NoRoomToUnpack
from ringfence.archives.litter import is_litter
from ringfence.archives.signed_header import header_length
from ringfence.errors import RingfenceError

DEEPEST = 3
MOST_MEMBERS = 5_000
LARGEST_MEMBER_BYTES = 512 << 20
LARGEST_TOTAL_BYTES = 2 << 30
"""An 8800 bundle has some 150 MB, and a zip of locales some 300."""
_ENCRYPTED = 0x1  # of a zip member's flags (APPNOTE.TXT section 4.4.4)
_IN_MEMORY_BYTES = 8 << 20
_CHUNK_BYTES = 1 << 20
_LONGEST_READ_BYTES = 8 << 20
"""More than the list of as many members as are taken, and than the longest name; the libraries read each at once."""
_HEAD_BYTES = 64 << 10
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_LONGEST_PATH_BYTES = 1024
_TAR_MAGIC = slice(257, 262)
_NESTED = re.compile(r".*\.(?:zip|tar|tgz|tar\.gz|cop(?:\.sgn|\.sha512)?|gz)", re.IGNORECASE)

_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile, NotImplementedError,
           RuntimeError, ValueError)  # fmt: skip
"""What the standard library raises for archives that are cut, damaged, encrypted or of an unknown kind."""


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: its path with ``/``, its size in bytes, and what opens it."""

    path: str
    size_bytes: int
    open: Callable[[], BinaryIO]

    @property
    def name(self) -> str:
        """The last part of its path."""
        return PurePosixPath(self.path).name

    @property
    def folder(self) -> str:
        """The path before its name, empty at the top."""
        parent = str(PurePosixPath(self.path).parent)
        return "" if parent == "." else parent

    def read(self) -> bytes:
        """Return its bytes."""
        with self.open() as file:
            return file.read()


@dataclass(frozen=True, slots=True)
class Link:
    """A link in an archive: its path, and the path in the archive that it leads to; empty where it leads out."""

    path: str
    target: str


@dataclass(slots=True)
class _Budget:
    """What one opening may still unpack."""

    bytes_left: int = field(default_factory=lambda: LARGEST_TOTAL_BYTES)
    most_members: int = field(default_factory=lambda: MOST_MEMBERS)
    skipped: list[str] = field(default_factory=list)
    """The litter that was passed over."""
    links: list[Link] | None = None
    """Gets the links; None where there may be none."""
    opens_nested: bool = True
    beside: Path | None = None
    """Where large members find room; without it where the system has it."""
    seen: int = 0

    def member(self, where: str) -> None:
        """Count a file, or anything else that an archive lists."""
        self.seen += 1
        if self.seen > self.most_members:
            raise BadArchive(f"it contains more than {self.most_members} files", where=where)

    def link(self, path: str, target: str, where: str) -> None:
        """Note a link, or refuse it."""
        if self.links is None:
            raise BadArchive(f"{path} is a link, but only plain files are accepted", where=where)
        plain = posixpath.normpath(target.replace("\\", "/"))
        self.links.append(Link(path, "" if plain.startswith(("/", "../")) or plain in {"..", "."} else plain))

    def skips(self, path: str, where: str) -> bool:
        """Return whether a path is litter, and note it."""
        if not is_litter(path):
            return False
        self.member(where)
        self.skipped.append(path)
        return True

    def take(self, count: int, of_member: int, where: str) -> None:
        if of_member > LARGEST_MEMBER_BYTES:
            raise BadArchive(f"a file in it has more than {LARGEST_MEMBER_BYTES >> 20} MiB", where=where)
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise BadArchive(
                f"it unpacks to more than {LARGEST_TOTAL_BYTES >> 20} MiB",
                where=where,
                to_do="No phone's bundle is as large; is the file what its name says?",
            )


def members(path: Path, skipped: list[str] | None = None) -> Iterator[Member]:
    """Yield the files of a folder, of an archive, or a single file as itself; nested archives are opened.

    A member can be opened while the iteration goes on, and not after it.

    Args:
        path: The folder or file.
        skipped: Gets the paths that were passed over, because a system put them there for itself.

    Raises:
        BadArchive: Something is wrong; the error says what and where.
    """
    budget = _Budget(skipped=[] if skipped is None else skipped)
    if path.is_dir():
        yield from _of_folder(path, budget)
        return
    try:
        file = path.open("rb")
    except OSError as fault:
        raise BadArchive(f"it can't be read: {fault.strerror}", where=str(path)) from None
    with file:
        yield from _of_file(file, path.name, path.stat().st_size, budget, str(path), depth=0)


def members_of(
    file: BinaryIO, name: str, skipped: list[str], links: list[Link] | None = None,
    *, most_members: int | None = None, opens_nested: bool = True, beside: Path | None = None,
) -> Iterator[Member]:  # fmt: skip
    """Yield the members of an open file as ``members`` does.

    Args:
        file: The file; it can be read from anywhere.
        name: What it is called, which tells what kind of archive it may be.
        skipped: Gets the paths that were passed over, because a system put them there for itself.
        links: Gets the links; without it they are refused.
        most_members: How many members are taken, if not as many as of a bundle.
        opens_nested: Whether archives in it are opened too.
        beside: The folder in which large members find room; they have no name there.

    Raises:
        BadArchive: Something is wrong; the error says what and where.
    """
    budget = _Budget(
        skipped=skipped,
        links=links,
        most_members=most_members or MOST_MEMBERS,
        opens_nested=opens_nested,
        beside=beside,
    )
    yield from _of_file(file, name, _size(file), budget, name, depth=0)


def _of_folder(folder: Path, budget: _Budget) -> Iterator[Member]:
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        relative = path.relative_to(folder).as_posix()
        if budget.skips(relative, str(folder)):
            continue
        budget.member(str(folder))
        size = path.stat().st_size
        if _NESTED.fullmatch(path.name) is None:
            yield Member(relative, size, lambda path=path: path.open("rb"))  # type: ignore[misc] # bound now
        else:
            with path.open("rb") as file:
                yield from _of_file(file, relative, size, budget, str(path), depth=1)


def _of_file(
    file: BinaryIO, path: str, size_bytes: int, budget: _Budget, where: str, *, depth: int
) -> Iterator[Member]:
    """Yield what ``file`` holds, or the file itself where it is no archive."""
    if depth > DEEPEST:
        raise BadArchive(f"archives are nested more than {DEEPEST} deep", where=where)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if _NESTED.fullmatch(path) is not None and (signed := header_length(head)):
        with _spool(file, budget, where, skip=signed) as body:
            inner = re.sub(r"(?i)\.(?:sgn|sha512)$", "", path)
            yield from _of_file(body, inner, size_bytes - signed, budget, where, depth=depth + 1)
        return
    is_zip = head.startswith(b"PK") and zipfile.is_zipfile(file)
    file.seek(0)
    if is_zip:
        yield from _of_zip(file, budget, where, depth)
    elif head[_TAR_MAGIC] == b"ustar":
        yield from _of_tar(file, budget, where, depth)
    elif head.startswith(b"\x1f\x8b"):
        with _spool(_gunzip(file), budget, where) as body:
            stem = re.sub(r"(?i)\.(?:gz|tgz|cop)$", "", path)
            yield from _of_file(body, stem, _size(body), budget, where, depth=depth + 1)
    elif depth == 0 and _NESTED.fullmatch(path) is not None:
        raise BadArchive("it is neither zip, tar nor gzip", where=where, to_do="Was it downloaded completely?")
    else:
        yield Member(path, size_bytes, lambda: _unclosed(file))


def _of_zip(file: BinaryIO, budget: _Budget, where: str, depth: int) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(_ReadInParts(file, where)) as archive:
            for info in archive.infolist():
                if info.is_dir() or (info.filename.endswith("\\") and not info.file_size):
                    budget.member(where)
                    continue
                if budget.skips(_with_slashes(info.filename, where), where):
                    continue
                path = _plain_path(info.filename, where)
                budget.member(where)
                if info.flag_bits & _ENCRYPTED:
                    raise BadArchive(f"{path} is encrypted", where=where, to_do="Unpack it with its password first.")
                if stat.S_ISLNK(info.external_attr >> 16):
                    with archive.open(info) as packed:
                        target = packed.read(_LONGEST_PATH_BYTES).decode("utf-8", "replace")
                    budget.link(path, posixpath.join(posixpath.dirname(path), target), where)
                    continue
                with archive.open(info) as packed, _spool(packed, budget, f"{where}: {path}") as body:
                    yield from _member(body, path, budget, where, depth)
    except _BROKEN as fault:
        raise _broken(fault, where) from None


def _of_tar(file: BinaryIO, budget: _Budget, where: str, depth: int) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=_ReadInParts(file, where), mode="r:") as archive:
            for info in archive:
                if info.isdir():
                    budget.member(where)
                    continue
                if budget.skips(_with_slashes(info.name, where), where):
                    continue
                path = _plain_path(info.name, where)
                budget.member(where)
                if budget.links is not None and (info.issym() or info.islnk()):
                    beside = posixpath.dirname(path) if info.issym() else ""
                    budget.link(path, posixpath.join(beside, info.linkname), where)
                    continue
                if not info.isreg():
                    raise BadArchive(f"{path} is not a plain file, but only plain files are accepted", where=where)
                packed = archive.extractfile(info)
                if packed is None:
                    raise BadArchive(f"{path} can't be read", where=where)
                with packed, _spool(packed, budget, f"{where}: {path}") as body:
                    if _size(body) != info.size:
                        raise BadArchive(f"{path} is cut off", where=where, to_do="Download it again.")
                    yield from _member(body, path, budget, where, depth)
            file.seek(archive.offset)
            if not file.read(1):  # a whole one goes on with zeros
                raise BadArchive("it is cut off", where=where, to_do="Download it again.")
    except _BROKEN as fault:
        raise _broken(fault, where) from None


def _member(body: BinaryIO, path: str, budget: _Budget, where: str, depth: int) -> Iterator[Member]:
    size = _size(body)
    if budget.opens_nested and _NESTED.fullmatch(path) is not None:
        yield from _of_file(body, path, size, budget, f"{where}: {path}", depth=depth + 1)
    else:
        yield Member(path, size, lambda: _unclosed(body))


def _with_slashes(raw: str, where: str) -> str:
    """Return a member's path with ``/`` between its parts; BadArchive where it would leave the archive."""
    path = raw.replace("\\", "/").removeprefix("./")
    if path.startswith("/") or re.match(r"[A-Za-z]:", path) or ".." in path.split("/"):
        raise BadArchive(f"it contains the path {raw[:120]!r}, which leads out of the archive", where=where)
    return path


def _plain_path(raw: str, where: str) -> str:
    """Return a member's path in plain form; BadArchive where it would leave the archive or can't be a name.

    Letters with accents are one character each, as on other systems than a Mac.
    """
    path = unicodedata.normalize("NFC", _with_slashes(raw, where))
    if _CONTROL.search(path) or not path or len(path.encode("utf-8", "surrogateescape")) > _LONGEST_PATH_BYTES:
        raise BadArchive(f"it contains a file with an impossible name: {raw[:60]!r}", where=where)
    return "/".join(part for part in path.split("/") if part not in {"", "."})


class _ReadInParts(io.RawIOBase):
    """A view of a file of which nothing reads much at once: the libraries believe what an archive says of itself."""

    def __init__(self, file: BinaryIO, where: str) -> None:
        self._file, self._where = file, where

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1) -> bytes:
        if size > _LONGEST_READ_BYTES:
            raise BadArchive("its list of files is far too long", where=self._where, to_do="Pack fewer files.")
        return self._file.read(_LONGEST_READ_BYTES if size < 0 else size)


class _Unclosed(io.RawIOBase):
    """A view of a file from its start, whose end does not close the file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        file.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override] # the buffer protocol's stub is wider
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _unclosed(file: BinaryIO) -> BinaryIO:
    return io.BufferedReader(_Unclosed(file), _CHUNK_BYTES)


def _gunzip(file: BinaryIO) -> BinaryIO:
    return gzip.GzipFile(fileobj=file, mode="rb")  # type: ignore[return-value] # it reads like one


def _spool(packed: IO[bytes], budget: _Budget, where: str, skip: int = 0) -> BinaryIO:
    """Return a file with what ``packed`` holds from ``skip`` on, in memory where it is small."""
    folder = None if budget.beside is None else str(budget.beside)
    spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES, dir=folder)  # noqa: SIM115 - the caller closes it
    try:
        if skip:
            packed.seek(skip)
        while chunk := packed.read(_CHUNK_BYTES):
            spool.write(chunk)
            budget.take(len(chunk), spool.tell(), where)
        spool.seek(0)
    except BaseException as fault:
        spool.close()
        if isinstance(fault, _BROKEN):
            raise _broken(fault, where) from None
        raise
    return spool  # type: ignore[return-value] # it reads like one


def _size(file: BinaryIO) -> int:
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    return size


def _broken(fault: BaseException, where: str) -> RingfenceError:
    if isinstance(fault, RingfenceError):
        return fault
    if isinstance(fault, OSError) and fault.errno in {errno.ENOSPC, errno.EDQUOT, errno.EROFS}:
        return NoRoomToUnpack(
            f"there is no room to unpack it: {fault.strerror}", where=where, to_do="Make room on the disk."
        )
    return BadArchive(f"it is damaged or cut off: {fault}", where=where, to_do="Download it again.")
