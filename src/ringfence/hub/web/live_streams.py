"""The open live streams of this process, so that nobody has too many."""

import contextlib
from collections import Counter
from collections.abc import Iterator

from ringfence.hub.errors import TooManyStreams

MOST_OF_CALLER = 6


class LiveStreams:
    """The streams of this process, counted by caller; it belongs to the event loop's thread."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextlib.contextmanager
    def counted(self, caller_id: str) -> Iterator[None]:
        """Count a stream for the length of the block."""
        self._open[caller_id] += 1
        try:
            yield
        finally:
            self._open[caller_id] -= 1
            if not self._open[caller_id]:
                del self._open[caller_id]

    def check_room(self, caller_id: str) -> None:
        """Raise TooManyStreams where a caller has as many as one may have."""
        if self._open[caller_id] >= MOST_OF_CALLER:
            raise TooManyStreams(f"there are {MOST_OF_CALLER} live pages open already", to_do="Close one of them.")
