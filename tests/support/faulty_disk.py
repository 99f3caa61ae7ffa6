"""Disks that fail: the power is cut, or the room runs out, at a chosen operation."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path

from ringfence.edge.errors import DiskFull
from ringfence.edge.storage.disk import Disk


class PowerCut(BaseException):
    """The machine stops here; nothing in the program may catch it."""


class Loss(Enum):
    """What a cut takes with it."""

    NOTHING = "all that was done reached the disk"
    UNSYNCED = "nothing that was not synced reached the disk"
    TORN = "the last write reached the disk by half"


class CutDisk(Disk):
    """A disk whose power is cut at the ``cut_at``-th changing operation (from 0); ``None`` only counts them."""

    def __init__(self, cut_at: int | None, loss: Loss = Loss.NOTHING) -> None:
        self.operations = 0
        self._cut_at = cut_at
        self._loss = loss
        self._undo: list[tuple[str, Path, Callable[[], object]]] = []

    def write(self, path: Path, data: bytes) -> None:
        self._change(path, data, append=False)

    def append(self, path: Path, data: bytes) -> None:
        self._change(path, data, append=True)

    def sync(self, path: Path) -> None:
        self._step()
        super().sync(path)
        self._undo = [entry for entry in self._undo if entry[:2] != ("bytes", path)]

    def rename(self, old: Path, new: Path) -> None:
        self._step()
        before, moved = self.read(new), self.read(old) or b""
        super().rename(old, new)
        self._undo.append(("name", new.parent, partial(_put_back, {new: before, old: moved})))

    def sync_folder(self, path: Path) -> None:
        self._step()
        super().sync_folder(path)
        self._undo = [entry for entry in self._undo if entry[:2] != ("name", path)]

    def remove(self, path: Path) -> None:
        self._step()
        before = self.read(path)
        super().remove(path)
        if before is not None:
            self._undo.append(("name", path.parent, partial(_put, path, before)))

    def _change(self, path: Path, data: bytes, *, append: bool) -> None:
        before = self.read(path)
        if self.operations == self._cut_at and self._loss is Loss.TORN:
            _put(path, ((before or b"") if append else b"") + data[: len(data) // 2])
        self._step()
        (super().append if append else super().write)(path, data)
        self._undo.append(("bytes", path, partial(_put, path, before)))

    def _step(self) -> None:
        if self.operations == self._cut_at:
            if self._loss is Loss.UNSYNCED:
                for _kind, _path, undo in reversed(self._undo):
                    undo()
            raise PowerCut
        self.operations += 1


class FullDisk(Disk):
    """A disk with room for ``room`` writes more."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, path: Path, data: bytes) -> None:
        self._take(path)
        super().write(path, data)

    def append(self, path: Path, data: bytes) -> None:
        self._take(path)
        super().append(path, data)

    def _take(self, path: Path) -> None:
        if not self.room:
            raise DiskFull("the disk is full", where=str(path))
        self.room -= 1


def _put_back(files: dict[Path, bytes | None]) -> None:
    for path, data in files.items():
        _put(path, data)


def _put(path: Path, data: bytes | None) -> None:
    if data is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(data)
