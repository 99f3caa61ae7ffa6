"""A serving process's memory: little work for the collector, and back to the machine after a rush."""

import contextlib
import ctypes
import gc

_ALLOCATIONS_PER_COLLECTION = 50_000
QUIET_LOOKS = 3
"""A transfer's last timer holds on to it for a second or so after its end."""


def quieten_collector() -> None:
    """Let the cycle collector walk neither what is here already nor each rush of transfers, which make no cycles.

    With its default thresholds it takes two fifths of the engine's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_PER_COLLECTION, 10, 10)


class AfterRush:
    """Gives memory back, once after each rush; to be asked to ``look`` every second."""

    def __init__(self) -> None:
        self._requests = 0
        self._quiet_looks = QUIET_LOOKS

    def look(self, requests: int, under_way: int) -> None:
        """Take how many requests there were in all, and how much is under way."""
        if under_way or requests != self._requests:
            self._requests, self._quiet_looks = requests, 0
            return
        self._quiet_looks += 1
        if self._quiet_looks == QUIET_LOOKS:
            give_memory_back()


def give_memory_back() -> None:
    """Return what the allocator keeps after a rush to the machine, where the C library can (glibc)."""
    gc.collect()
    libc = ctypes.CDLL(None)
    with contextlib.suppress(AttributeError):
        libc.malloc_trim(ctypes.c_size_t(0))
