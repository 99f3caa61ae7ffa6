"""How an edge that is tried out of a new slot says that it is well: a line on the pipe that its launcher gave it."""

import contextlib
import os

_TRIAL_FD = "RINGFENCE_TRIAL_FD"
_HEALTHY = b"healthy\n"
"""Both as ``launcher.py`` has them, which is not to be imported: it needs what an edge does without."""


class SoftwareTrial:
    """The pipe of a trial, for this process alone; nothing where the edge is not tried."""

    def __init__(self) -> None:
        told = os.environ.pop(_TRIAL_FD, "")
        self._descriptor = int(told) if told.isdecimal() else -1
        if self.is_on:
            try:
                os.set_inheritable(self._descriptor, False)
            except OSError:
                self._descriptor = -1  # somebody's variable, not a launcher's

    @property
    def is_on(self) -> bool:
        """Whether a launcher waits for the word."""
        return self._descriptor >= 0

    def tell(self) -> None:
        """Say once that this edge is well."""
        if not self.is_on:
            return
        with contextlib.suppress(OSError):  # the launcher has given up
            os.write(self._descriptor, _HEALTHY)
        os.close(self._descriptor)
        self._descriptor = -1
