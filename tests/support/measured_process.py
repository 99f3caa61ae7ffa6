"""Measures a Python process from its start, for ``make coverage``: a .pth file runs it in every interpreter of .venv.

What was found goes over a socket that is open from the start, and what is needed is loaded at once: a confined process
opens no file later, writes to none, and ends by ``os._exit``. A forked process speaks over its parent's socket.
Processes that are killed tell nothing.
"""

import atexit
import contextlib
import fcntl
import os
import select
import socket
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import coverage

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".measured"
_SOCKET = FOLDER / "socket"
_OUT_OF_THE_WAY = 500
"""Programs are given their descriptors from 3 on."""
_MOST_BYTES = 8 << 20


def measure() -> None:
    """Measure this process and those that it forks, until each ends."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)
        made.connect(str(_SOCKET))
        _measure(fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, _OUT_OF_THE_WAY))


def _measure(channel: int) -> None:
    settings = str(ROOT / "pyproject.toml")
    found = coverage.Coverage(
        data_file=None, source=[str(ROOT / "src" / "ringfence")], config_file=settings, messages=False
    )
    found._warn_no_data = False
    found.start()
    found.get_data().dumps()  # loads what it takes
    old_exit, old_execv = os._exit, os.execv

    def tell() -> None:
        with contextlib.suppress(OSError, zlib.error):
            os.write(channel, found.get_data().dumps())

    def ends(status: int) -> NoReturn:
        tell()
        old_exit(status)

    def becomes(path: str, arguments: Sequence[str]) -> NoReturn:
        tell()
        old_execv(path, list(arguments))

    os._exit = ends
    os.execv = becomes  # type: ignore[assignment]
    atexit.register(tell)


def collect() -> None:
    """Put together what all processes tell, until standard input ends."""
    whole = coverage.CoverageData(str(ROOT / ".coverage"))
    whole.erase()
    heard = 0
    poll = select.poll()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(str(_SOCKET))
        _SOCKET.chmod(0o666)
        listener.listen(500)
        channels = {listener.fileno(): listener}
        for waited in (listener, sys.stdin):
            poll.register(waited, select.POLLIN)
        is_over = False
        while (ready := poll.poll(1000 if is_over else None)) or not is_over:
            for number, _event in ready:
                if number == sys.stdin.fileno():
                    is_over = True
                    poll.unregister(number)
                elif number == listener.fileno():
                    channel, _ = listener.accept()
                    channels[channel.fileno()] = channel
                    poll.register(channel, select.POLLIN)
                elif part := channels[number].recv(_MOST_BYTES):
                    one = coverage.CoverageData(no_disk=True)
                    one.loads(part)
                    whole.update(one)
                    heard += 1
                else:
                    poll.unregister(number)
                    channels.pop(number).close()
    whole.write()
    sys.stderr.write(f"{heard} processes told what ran in them.\n")


if __name__ == "__main__":
    collect()
