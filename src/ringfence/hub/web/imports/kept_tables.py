"""Tables that were looked at and may be imported next: for a while and in memory alone, as they may hold passwords."""

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import TTLCache

from ringfence.hub.errors import BadSelection

KEPT_S = 15 * 60
_MOST_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class KeptTable:
    """A table, and whether sites and groups are made for it."""

    key: str
    name: str
    text: str
    make_sites: bool

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return len(self.text.encode())


class KeptTables:
    """One table for each caller in each organisation; where there is no room, the oldest goes."""

    def __init__(self) -> None:
        size: Callable[[KeptTable], float] = lambda table: table.size_bytes  # noqa: E731 - given as it is
        self._kept: TTLCache[tuple[str, str], KeptTable] = TTLCache(_MOST_BYTES, KEPT_S, getsizeof=size)
        self._lock = threading.Lock()

    def keep(self, caller: tuple[str, str], name: str, text: str, *, make_sites: bool) -> KeptTable:
        """Keep a table in place of the caller's one before."""
        table = KeptTable(secrets.token_urlsafe(16), name, text, make_sites)
        with self._lock:
            self._kept[caller] = table
        return table

    def take(self, caller: tuple[str, str], key: str) -> KeptTable:
        """Return a caller's table, and keep it no longer.

        Raises:
            BadSelection: It is not there any more.
        """
        with self._lock:
            table = self._kept.pop(caller, None)
        if table is None or not secrets.compare_digest(table.key.encode(), key.encode("utf-8", "replace")):
            raise BadSelection(
                "this table is not kept any more", to_do=f"It is kept for {KEPT_S // 60} minutes. Look at it once more."
            )
        return table
