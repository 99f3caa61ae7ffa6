"""Ending by a signal, also where it comes at the worst moment."""

import signal
import subprocess
import sys

import pytest

_PROGRAM = """
import os
import signal
import threading

from ringfence.stop_signals import call_on_stop

stopping, lock = threading.Event(), threading.Lock()


def stop():
    with lock:
        stopping.set()


call_on_stop(stop)
with lock:
    os.kill(os.getpid(), signal.{name})  # its handler runs here, in the thread that has the lock
print(stopping.wait(120))
"""


@pytest.mark.parametrize("name", [signal.SIGTERM.name, signal.SIGINT.name])
def test_a_signal_within_the_lock_that_stopping_needs_ends_the_process_all_the_same(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(name=name)], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "True\n"
