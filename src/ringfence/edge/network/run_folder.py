"""The folder of root's where the port's files are: one process at a time has it."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ringfence.edge.errors import HelperUnfit

_LOOK_S = 0.05
_OTHERS_WRITE = 0o022


@contextlib.contextmanager
def held(path: Path, *, wait_s: float) -> Iterator[None]:
    """Make the folder if there is none, and have it to oneself.

    Args:
        path: The folder.
        wait_s: How long another process that has it is waited for.

    Raises:
        HelperUnfit: The folder is not root's alone, or another process keeps it.
    """
    try:
        path.mkdir(mode=0o755, parents=True, exist_ok=True)
        state = path.lstat()
        descriptor = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as fault:
        raise HelperUnfit("this folder can't be used", where=f"{path}: {fault.strerror}") from fault
    try:
        if path.is_symlink() or state.st_uid != os.geteuid() or state.st_mode & _OTHERS_WRITE:
            raise HelperUnfit("this folder is not root's alone", where=str(path), to_do="Remove it.")
        until = time.monotonic() + wait_s
        while not _is_locked(descriptor):
            if time.monotonic() >= until:
                what = "another edge on this machine keeps the phone's port"
                raise HelperUnfit(what, where=str(path), to_do="Stop that one first.")
            time.sleep(_LOOK_S)
        yield
    finally:
        os.close(descriptor)


def _is_locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
