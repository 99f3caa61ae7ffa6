"""A TFTP server's folder on this machine: its files, with sub-folders, and with links that stay inside it."""

import os
from pathlib import Path

from ringfence.cli.support.errors import BadArgument

MOST_FILES = 50_000
DEEPEST = 8
LARGEST_BYTES = (256 << 10) + 1
"""As much as is read of a file: one byte more than any phone's may have."""


class FilesOnDisk:
    """The files of a folder by their paths in it; ``passed_over`` are what leads out of it, or can't be read."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise BadArgument("there is no such folder", where=str(folder))
        self._root = folder.resolve()
        self.passed_over: list[tuple[str, str]] = []
        self.paths: list[str] = []
        for where, folders, names in os.walk(self._root, onerror=self._unreadable):
            here = Path(where).relative_to(self._root)
            folders.sort()
            for name in folders:
                self._look_at_folder(here / name)
            if len(here.parts) >= DEEPEST:
                folders.clear()
            for name in sorted(names):
                self._add(here / name)

    def read(self, path: str) -> bytes:
        """Return the bytes of a file.

        Raises:
            BadArgument: It can't be read.
        """
        try:
            with (self._root / path).open("rb") as file:
                return file.read(LARGEST_BYTES)
        except OSError as fault:
            raise BadArgument(f"the file can't be read: {fault.strerror}", where=path) from None

    def whole(self, path: str, most_bytes: int) -> bytes:
        """Return the bytes of a file that may be larger than phones' own, such as a picture; OSError."""
        with (self._root / path).open("rb") as file:
            return file.read(most_bytes)

    def _look_at_folder(self, path: Path) -> None:
        """Say which folders are not looked into; what a link inside leads to is found where it is."""
        name, real = path.as_posix(), (self._root / path).resolve()
        if not real.is_relative_to(self._root):
            self.passed_over.append((name, "it is a link that leads out of the folder"))
        elif len(path.parts) > DEEPEST:
            self.passed_over.append((name, f"it is more than {DEEPEST} folders deep"))

    def _add(self, path: Path) -> None:
        name = path.as_posix()
        real = (self._root / path).resolve()
        if not real.is_relative_to(self._root):
            self.passed_over.append((name, "it is a link that leads out of the folder"))
        elif real.is_file():
            if len(self.paths) >= MOST_FILES:
                raise BadArgument(f"it has more than {MOST_FILES} files", where=str(self._root))
            self.paths.append(name)
        elif not real.exists():
            self.passed_over.append((name, "it is a link to nothing"))

    def _unreadable(self, fault: OSError) -> None:
        self.passed_over.append((str(fault.filename), f"it can't be read: {fault.strerror}"))
