"""Archives of the edge's software: a folder of Python packages as one ZIP file, the same bytes from the same files.

Made from ``pip install --target``; unpacked by edges, once its digest is the one that was signed. Even so nothing that
an archive says of itself is believed: names stay inside the folder, and sizes are counted while they are written.
"""

import os
import stat
import zipfile
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from ringfence.content.software import LARGEST_UNPACKED_BYTES, MOST_FILES
from ringfence.edge.software.errors import SoftwareRefused

_OLDEST = (1980, 1, 1, 0, 0, 0)
_CHUNK_BYTES = 1 << 20
_LONGEST_NAME = 512
_LEFT_OUT = frozenset({"__pycache__", "bin"})
_TO_DO = "Nothing was installed. Make the archive again: ringfence software pack FOLDER FILE."


def pack(folder: Path, out: Path) -> int:
    """Write the archive of a folder; return how many files it has.

    Raises:
        SoftwareRefused: The folder has no edge in it, a link, or too much.
    """
    if not (folder / "ringfence" / "edge" / "__main__.py").is_file():
        raise SoftwareRefused(
            "there is no edge's software in this folder",
            where=str(folder),
            to_do="Fill it first: pip install --target FOLDER 'ringfence[edge]'.",
        )
    files = []
    for path, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _LEFT_OUT)
        files += [Path(path, name) for name in sorted(names)]
    _check_bounds(len(files), sum(file.lstat().st_size for file in files))
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            if not stat.S_ISREG(file.lstat().st_mode):
                raise SoftwareRefused("this is not a plain file", where=str(file), to_do=_TO_DO)
            entry = zipfile.ZipInfo(file.relative_to(folder).as_posix(), _OLDEST)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, file.read_bytes())
    return len(files)


def unpack(file: BinaryIO, folder: Path) -> None:
    """Write an archive's files below a new folder, for everybody to read.

    Raises:
        SoftwareRefused: It is no such archive, names a place outside, or holds too much.
        OSError: The disk.
    """
    folder.mkdir(mode=0o755, parents=True)
    left = LARGEST_UNPACKED_BYTES
    try:
        with zipfile.ZipFile(file) as archive:
            _check_bounds(len(archive.infolist()), 0)
            for entry in archive.infolist():
                left = _write(archive, entry, folder / _inside(entry), left)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError) as fault:
        raise SoftwareRefused(f"this is not an archive of software: {fault}", to_do=_TO_DO) from None
    except zipfile.zlib.error as fault:  # type: ignore[attr-defined] # what it decompresses with, where there is one
        raise SoftwareRefused(f"this archive is damaged: {fault}", to_do=_TO_DO) from None


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path, left: int) -> int:
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    if path.exists():
        raise SoftwareRefused(f"the archive has an entry {entry.filename[:80]!r} twice", to_do=_TO_DO)
    made = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    with archive.open(entry) as source, os.fdopen(made, "wb") as written:
        while chunk := source.read(_CHUNK_BYTES):
            left -= len(chunk)
            _check_bounds(0, LARGEST_UNPACKED_BYTES - left)
            written.write(chunk)
    return left


def _inside(entry: zipfile.ZipInfo) -> PurePosixPath:
    name, kind = entry.filename, stat.S_IFMT(entry.external_attr >> 16)
    path = PurePosixPath(name)
    is_plain = name.isprintable() and "\\" not in name and 0 < len(name) <= _LONGEST_NAME and str(path) == name
    if not is_plain or path.is_absolute() or ".." in path.parts or kind not in {0, stat.S_IFREG}:
        raise SoftwareRefused(f"the archive has an entry {name[:80]!r} that is not a plain file in it", to_do=_TO_DO)
    return path


def _check_bounds(files: int, size_bytes: int) -> None:
    if files > MOST_FILES or size_bytes > LARGEST_UNPACKED_BYTES:
        raise SoftwareRefused(
            f"more than {MOST_FILES} files or {LARGEST_UNPACKED_BYTES} bytes are not software of an edge", to_do=_TO_DO
        )
