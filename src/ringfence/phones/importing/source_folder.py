"""A folder as somebody's TFTP server serves it: names, as phones ask for them, and bytes when they are needed."""

import re
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType


class SourceFolder:
    """Files by their paths below the folder, with ``/`` between parts.

    Args:
        paths: The paths.
        read: Returns a file's bytes; may raise a BadInput.
    """

    def __init__(self, paths: Iterable[str], read: Callable[[str], bytes]) -> None:
        self._read = read
        self._by_folded: dict[str, str] = {}
        found: dict[str, str] = {}
        for path in sorted(paths, key=lambda each: (each.count("/"), each)):
            found[path] = path
            self._by_folded.setdefault(path.lower(), path)
        self.paths: Mapping[str, str] = MappingProxyType(found)

    @classmethod
    def of(cls, files: Mapping[str, bytes]) -> "SourceFolder":
        """Return a folder that is in memory."""
        return cls(files, lambda path: files[path])

    def find(self, name: str) -> str | None:
        r"""Return the path of the file that a phone gets for ``name``, exactly so or in another case; None if none.

        Phones write a ``/`` before some names, and ``\`` between parts (PHONES.md section 1b).
        """
        plain = name.strip().replace("\\", "/").lstrip("/")
        if plain in self.paths:
            return plain
        return self._by_folded.get(plain.lower())

    def find_beside(self, path: str, name: str) -> str | None:
        """Return the path of the file ``name`` in the folder of the file at ``path``, else at the top; None if none."""
        parent = path.rpartition("/")[0]
        beside = self.find(f"{parent}/{name}") if parent else None
        return self.find(name) if beside is None else beside

    def read(self, path: str) -> bytes:
        """Return the bytes of a file by its path in the folder."""
        return self._read(path)

    def screens(self) -> frozenset[str]:
        """Return the wallpaper folders that there are, such as ``Desktops/320x212x16``."""
        found = (re.match(r"(?:.*/)?(Desktops/\d{2,4}x\d{2,4}x\d{1,2})/", path, re.IGNORECASE) for path in self.paths)
        return frozenset(match[1] for match in found if match is not None)
