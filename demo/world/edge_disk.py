"""The disk of an edge: a file system in a file, so that what is deleted on it can be looked for as a thief does."""

import subprocess
from pathlib import Path
from typing import Self

_SIZE_BYTES = 16 << 20


class EdgeDisk:
    """An edge's disk. On a machine that mounts no files, such as some containers, it is a mere folder.

    Args:
        image: The file that it is.
        folder: Where it is mounted.
    """

    def __init__(self, image: Path, folder: Path) -> None:
        self.folder = folder
        self.is_whole = False
        """Whether what was deleted can be looked for, too."""
        self._image = image

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o755)
        with self._image.open("wb") as file:
            file.truncate(_SIZE_BYTES)
        self.is_whole = _works("mkfs.ext4", "-q", "-E", "nodiscard", str(self._image)) and _works(
            "mount", "-o", "loop", str(self._image), str(self.folder)
        )
        return self

    def __exit__(self, *_fault: object) -> None:
        if self.is_whole:
            _works("umount", "--lazy", str(self.folder))

    def taken(self) -> Path:
        """Return what a thief reads, the image or else the folder; what the kernel has not written yet is written."""
        _works("sync", "-f", str(self.folder))
        return self._image if self.is_whole else self.folder


def _works(*words: str) -> bool:
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
