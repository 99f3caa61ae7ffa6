"""Ending by a signal: SIGTERM from a service manager, SIGINT from Ctrl-C."""

import signal
import threading
from collections.abc import Callable
from types import FrameType


def call_on_stop(stop: Callable[[], object]) -> None:
    """Have ``stop`` called when the process is told to end; for the main thread.

    It runs in a thread of its own. A handler interrupts the main thread anywhere, also where that holds the lock of the
    event that ``stop`` is about to set, and would then wait for itself.
    """

    def handle(_number: int, _frame: FrameType | None) -> None:
        threading.Thread(target=stop, name="stop", daemon=True).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
