"""Folders that were looked at and may be imported next: in nameless files, as they hold passwords, and for a while."""

import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import BinaryIO

from cachetools import TTLCache

from ringfence.hub.errors import BadSelection
from ringfence.imports.folder_report import ImportReport
from ringfence.imports.hub_requests import Json

KEPT_S = 30 * 60
MOST_BYTES = 1 << 30


@dataclass(slots=True)
class KeptFolder:
    """A folder in its archive, and what was told of it last. The archive is gone with this."""

    key: str
    name: str
    descriptor: int
    """Of the archive; it is this one's alone."""
    size_bytes: int
    site: str
    models: list[str]
    """What somebody has answered about models, as ``--model`` takes it."""
    done: Json = field(default_factory=dict)
    report: ImportReport | None = None
    is_imported: bool = False
    lock: Lock = field(default_factory=Lock)
    """Held by whoever reads it."""

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """Give the archive to the block, from its start."""
        with os.fdopen(os.dup(self.descriptor), "rb") as file:
            file.seek(0)
            yield file

    def __del__(self) -> None:
        os.close(self.descriptor)


class KeptFolders:
    """One folder for each caller in each organisation; where there is no room, the oldest goes."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        size: Callable[[KeptFolder], float] = lambda folder: folder.size_bytes  # noqa: E731 - given as it is
        self._kept: TTLCache[tuple[str, str], KeptFolder] = TTLCache(most_bytes, KEPT_S, getsizeof=size)
        self._lock = threading.Lock()

    def keep(self, caller: tuple[str, str], folder: KeptFolder) -> None:
        """Keep a folder in place of the caller's one before."""
        with self._lock:
            self._kept[caller] = folder

    def get(self, caller: tuple[str, str], key: str) -> KeptFolder:
        """Return a caller's folder.

        Raises:
            BadSelection: It is not there any more.
        """
        with self._lock:
            folder = self._kept.get(caller)
        if folder is None or not secrets.compare_digest(folder.key.encode(), key.encode("utf-8", "replace")):
            raise BadSelection(
                "this folder is not kept any more",
                to_do=f"It is kept for {KEPT_S // 60} minutes, and until you send another one. Send it once more.",
            )
        return folder
