"""What a virtual phone keeps over its boots: trust lists, configuration, LSC; in a folder or in an object.

Configuration and key are kept in clear, as a phone's flash has them: the folder is its owner's alone.
"""

from pathlib import Path

from ringfence.phones.trust.trust_list import CTL_NAME, ITL_NAME
from ringfence.sim.errors import MemoryUnusable

CONFIGURATION = "configuration-{number}"
MOST_FILES = 8
LSC = "lsc.pem"
MOVED = "moved.json"
_LARGEST_BYTES = 512 * 1024
_NAMES = (CTL_NAME, ITL_NAME, LSC, MOVED, *(CONFIGURATION.format(number=number) for number in range(MOST_FILES)))


class PhoneMemory:
    """A phone's flash. Without a folder it lasts as long as the object.

    Raises:
        MemoryUnusable: The folder can't be read or made.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._kept: dict[str, bytes] = {}
        if folder is None:
            return
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in _NAMES:
                if (folder / name).exists():
                    self._kept[name] = _read(folder / name)
        except OSError as fault:
            raise MemoryUnusable(f"a phone's memory can't be read: {fault.strerror}", where=str(folder)) from None

    def trust_list(self, name: str) -> bytes | None:
        """Return a list by the name in its header."""
        return self._kept.get(name)

    def keep_trust_list(self, name: str, data: bytes) -> None:
        """Keep a list instead of the one of this name; MemoryUnusable if it can't."""
        self._keep(name, data)

    @property
    def lsc(self) -> bytes | None:
        """The certificate that a CAPF gave it, with its key, in PEM."""
        return self._kept.get(LSC)

    def keep_lsc(self, data: bytes | None) -> None:
        """Keep an LSC instead of the last one, or none; MemoryUnusable if it can't."""
        self._keep(LSC, data)

    @property
    def moved(self) -> bytes | None:
        """What has moved for good, by HTTPS."""
        return self._kept.get(MOVED)

    def keep_moved(self, data: bytes) -> None:
        """Keep what has moved for good; MemoryUnusable if it can't."""
        self._keep(MOVED, data)

    @property
    def configuration(self) -> tuple[bytes, ...]:
        """The files that configured the phone last, in the order of its boot, in clear."""
        names = (CONFIGURATION.format(number=number) for number in range(MOST_FILES))
        return tuple(self._kept[name] for name in names if name in self._kept)

    def keep_configuration(self, files: tuple[bytes, ...]) -> None:
        """Keep these files instead of the last ones; MemoryUnusable if it can't."""
        for number in range(MOST_FILES):
            self._keep(CONFIGURATION.format(number=number), files[number] if number < len(files) else None)

    def _keep(self, name: str, data: bytes | None) -> None:
        if self._kept.get(name) == data:
            return
        if data is None:
            self._kept.pop(name, None)
        else:
            self._kept[name] = data
        if self._folder is None:
            return
        try:
            if data is None:
                (self._folder / name).unlink(missing_ok=True)
                return
            unfinished = self._folder / f".{name}.new"
            unfinished.unlink(missing_ok=True)
            unfinished.touch(mode=0o600)
            unfinished.write_bytes(data)
            unfinished.replace(self._folder / name)
        except OSError as fault:
            raise MemoryUnusable(
                f"a phone's memory can't be written: {fault.strerror}", where=str(self._folder / name)
            ) from None


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(_LARGEST_BYTES + 1)
    if len(data) > _LARGEST_BYTES:
        raise MemoryUnusable("a file is larger than a phone keeps", where=str(path), to_do="Empty the folder.")
    return data
