"""The order to seal what an edge keeps, and the key for it: a part of the site's state that never reaches the disk."""

import base64
import binascii
import resource
from collections.abc import Callable
from pathlib import Path

from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.errors import OtherContentKey, StorageLocked
from ringfence.edge.reporting.log import Log
from ringfence.edge.storage.cache import Cache
from ringfence.edge.storage.folder import EdgeFolder
from ringfence.edge.storage.vault import KEY_BYTES, sealed_path
from ringfence.errors import EnvironmentFault
from ringfence.wire import codec
from ringfence.wire.errors import BadMessage
from ringfence.wire.messages import StatePart, StorageOrder

_SWAPS = Path("/proc/swaps")
_IN_MEMORY = "/dev/zram"


class SealedStorage:
    """Keeps one edge's folder as its hub orders: in the clear, or sealed. Used by one thread at a time."""

    name = StatePart.STORAGE

    def __init__(self, folder: EdgeFolder, cache: Cache, log: Log, show_again: Callable[[], None]) -> None:
        """Begin; ``show_again`` has the worker take the files that it serves from their new place."""
        self._show_again = show_again
        self._folder = folder
        self._vault = folder.vault
        self._cache = cache
        self._log = log

    def unlock(self, client: HubClient) -> None:
        """Ask the hub for the key, and open what is kept, for the memory alone.

        What was sealed with a key that the hub has no more is given up: it is fetched again.

        Raises:
            HubUnreachable, HubRefused: The hub did not answer.
            BadMessage: Its answer can't be used.
            StorageLocked: It gives this edge no key now.
            DiskFull, DiskFault: The folder can't be read or written.
        """
        state = client.state()
        told = state.parts.get(self.name) if state is not None else None
        if told is None:
            self._log("warning", "The hub knows nothing of a key: what was sealed is given up, and fetched again.")
            self._give_up()
            self._vault.end()
            return
        key = _key_of(codec.from_json(StorageOrder, bytes(told)))
        if key is None:
            raise StorageLocked(
                "this edge is sealed, and the hub gives it no key as long as it is held back",
                to_do="See at the hub why: ringfence guard alerts.",
            )
        self._open_with(key)
        self.erase_left()
        self._log("info", "The hub gave the key to what this edge keeps sealed.")

    def erase_left(self) -> None:
        """Overwrite what still stands in the clear, unless a transfer reads it; safe to call from any thread."""
        try:
            self._vault.erase_left()
        except EnvironmentFault as fault:
            self._log("warning", f"What is sealed stands in the clear as well: {fault}")

    def keep(self, told: bytes) -> None:
        """Do nothing: the order is not kept, as it holds the key."""

    def take(self, told: bytes) -> bool:
        """Seal what is kept, or put it into the clear, if the hub's order is another than before.

        Raises:
            BadMessage: It is no such order.
            DiskFull, DiskFault: The disk does not take it; the rest is done at the next request.
        """
        order = codec.from_json(StorageOrder, told)
        key = _key_of(order)
        if order.sealed and key is not None:
            return self._seal(key)
        if not order.sealed and self._vault.is_sealed and not self._vault.is_locked:
            self._unseal()
            return True
        return False

    def apply(self) -> None:
        """Do nothing: the folder is as it is."""

    def on_time(self) -> None:
        """Do nothing: it does not depend on the time."""

    def _seal(self, key: bytes) -> bool:
        if self._vault.is_sealed:
            self._open_with(key)
            return False
        self._vault.begin(key)
        self._seal_rest()
        self._show_again()
        self.erase_left()
        self._log("info", "What this edge keeps for its phones is sealed: after a restart it needs the hub's key.")
        if _swaps():
            self._log(
                "warning", "This machine swaps to a disk, where opened files may come to stand: turn the swap off."
            )
        return True

    def _open_with(self, key: bytes) -> None:
        try:
            self._vault.unlock(key)
        except OtherContentKey as other:
            self._log("warning", str(other))
            self._give_up()
            self._vault.begin(key)
        self._seal_rest()

    def _seal_rest(self) -> None:
        """Seal what still stands in the clear; nothing, but after a switch that was cut short."""
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the key is in memory from here on
        self._cache.seal_rest()
        self._vault.seal_file(self._folder.state_file)
        self._vault.seal_file(self._folder.tls_keys_file)
        self._folder.disk.erase(self._folder.first_rules_file)

    def _unseal(self) -> None:
        self._cache.open_rest()
        self._vault.open_file(self._folder.state_file)
        self._vault.open_file(self._folder.tls_keys_file)
        self._vault.end()
        self._give_up()
        self._log("info", "What this edge keeps for its phones is in the clear again.")

    def _give_up(self) -> None:
        self._cache.forget_sealed()
        self._folder.disk.remove(sealed_path(self._folder.state_file))
        self._folder.disk.remove(sealed_path(self._folder.tls_keys_file))


def _key_of(order: StorageOrder) -> bytes | None:
    if not order.key:
        return None
    try:
        key = base64.b64decode(order.key.reveal(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise BadMessage(f"a StorageOrder's key should have {KEY_BYTES} bytes, in base64")
    return key


def _swaps() -> bool:
    try:
        rows = _SWAPS.read_text().splitlines()[1:]
    except OSError:
        return False
    return any(not row.startswith(_IN_MEMORY) for row in rows)
