"""Ending this process so that its program begins again: by its service manager, or in its own place."""

import os
import sys
from collections.abc import Callable

from ringfence.edge.errors import JobRefused
from ringfence.server.confinement import capabilities

_STARTED_BY_SYSTEMD = "SYSTEMD_EXEC_PID"
"""Names the process that systemd started, so that its children don't take it for themselves (systemd.exec(5))."""


class BeginningAgain:
    """Made when the process begins, and asked at its end.

    A service manager starts it again with all rights. Otherwise the program can take its own place, unless it has given
    up rights since its start without which it could not open its sockets again.
    """

    def __init__(self) -> None:
        self._rights = _rights()
        self._is_supervised = os.environ.get(_STARTED_BY_SYSTEMD) == str(os.getpid())
        self._is_wanted = False

    def want(self, stop: Callable[[], None]) -> None:
        """Have the process end with ``stop`` and begin again.

        Raises:
            JobRefused: Nothing would start it again.
        """
        if not self._is_supervised and self._rights != _rights():
            raise JobRefused(
                "the edge has given up root's rights, and nothing would start it again",
                to_do="Run it by a service manager, such as the unit ringfence-edge.service.",
            )
        self._is_wanted = True
        stop()

    def end(self) -> None:
        """Begin again in this process's place, if that is wanted and no service manager does it."""
        if self._is_wanted and not self._is_supervised:
            sys.stdout.flush()
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - this very program


def _rights() -> tuple[int, frozenset[int]]:
    return os.geteuid(), capabilities.held()
