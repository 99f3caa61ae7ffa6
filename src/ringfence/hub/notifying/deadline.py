"""An end for what another machine may draw out: no message of its own making holds the hub longer."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator

TIMEOUT_S = 10.0
"""How long the other side may be silent."""
LONGEST_S = 20.0
"""How long a whole exchange may take, however the other side spreads its answer."""


@contextlib.contextmanager
def deadline(transport: Callable[[], socket.socket | None]) -> Iterator[None]:
    """Shut a connection down if the block does not end in time; what waits on it then fails with an OSError."""
    timer = threading.Timer(LONGEST_S, _shut_down, (transport,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(transport: Callable[[], socket.socket | None]) -> None:
    if (there := transport()) is not None:
        with contextlib.suppress(OSError):  # it has ended by itself
            socket.socket.shutdown(there, socket.SHUT_RDWR)
