"""The operator's program that sets and removes a record in the DNS (DNS-01, RFC 8555 section 8.4).

It is called as ``PROGRAM set NAME VALUE`` and ``PROGRAM remove NAME VALUE``, for a TXT record. It ends once every name
server of the zone answers with it, by status 0; what it writes to standard error is told where it fails.
"""

import contextlib
import os
import signal
import subprocess
import threading
from collections import deque
from typing import IO, Literal

from ringfence.hub.certificate_errors import ChallengeFailed
from ringfence.printable import printable

LONGEST_S = 300.0
"""How long it may take, until the record is known everywhere."""
_LONGEST_WORDS = 400
_READ_AT_ONCE = 4096
_TO_DO = "Correct the program that `phones_acme_program` in hub.toml names."


def call(program: str, does: Literal["set", "remove"], name: str, value: str, longest_s: float = LONGEST_S) -> None:
    """Call the program, and wait until it has done it.

    Args:
        program: Its whole path.
        does: What is to be done.
        name: The record's, such as _acme-challenge.phones.example.org.
        value: The record's text.
        longest_s: How long it may take, in seconds; then it is ended, with all that it started.

    Raises:
        ChallengeFailed: It can't be started, fails, or takes too long; it says what the program wrote.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"}  # the hub's own may hold secrets
    try:
        child = subprocess.Popen(  # noqa: S603 - the operator names it, and its arguments are fixed
            [program, does, name, value], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment, start_new_session=True,
        )  # fmt: skip
    except (OSError, ValueError) as fault:
        why = getattr(fault, "strerror", None) or str(fault)
        raise ChallengeFailed(
            f"the program for DNS records can't be started: {why}", where=program, to_do=_TO_DO
        ) from None
    assert child.stderr is not None  # noqa: S101 - a pipe was asked for
    words: deque[bytes] = deque(maxlen=2)
    reader = threading.Thread(target=_drain, args=(child.stderr, words), daemon=True)
    reader.start()
    try:
        status = child.wait(longest_s)
    except subprocess.TimeoutExpired:
        raise ChallengeFailed(
            f"the program for DNS records did not {does} {name} within {longest_s:.0f} seconds",
            where=program,
            to_do=_TO_DO,
        ) from None
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)  # what it has left behind, too
        child.wait()
        reader.join(1.0)
    if status:
        said = printable(b"".join(words).decode("utf-8", "replace").strip()[-_LONGEST_WORDS:], _LONGEST_WORDS)
        raise ChallengeFailed(
            f"the program for DNS records could not {does} {name}: {said or f'it ended with status {status}'}",
            where=program, to_do=_TO_DO,
        )  # fmt: skip


def _drain(pipe: IO[bytes], words: "deque[bytes]") -> None:
    """Read to the end, and keep the last of it."""
    with contextlib.suppress(OSError, ValueError), pipe:
        while part := os.read(pipe.fileno(), _READ_AT_ONCE):
            words.append(part)
