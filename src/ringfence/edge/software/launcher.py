"""Starts the edge out of one of two slots, tries a new one, and goes back by itself where the new one is not well.

It is copied beside the slots when they are made, and stays as it is whatever is installed: it needs the standard
library alone, so no slot's fault is its own. What it knows is one file, ``state/state.json``, replaced in one step:

    current   the slot that is started
    trial     none, or the slot to try: {"slot", "version", "begun", "within_s"}
    failed    versions that were tried in vain, each with its reason; they are not tried again by themselves
    said      what happened last, in a sentence

A trial is written down as begun before it begins. So whoever reads ``begun`` knows that a trial was cut short, by a cut
of the power or a kill, and that the version counts as failed: no version is tried twice without a person. A trial ends
well when the new edge says so on a pipe (``trial.py``) and answers a phone's question by TFTP itself.

Invariant: whatever happens between any two writes, ``current`` is a slot that has run, or the first one
(``tests/edge/software/test_launcher.py``).
"""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SLOTS = ("a", "b")
WITHIN_S = 600
"""How long a new version has for being well, unless it is said otherwise."""
TRIAL_FD = "RINGFENCE_TRIAL_FD"
HEALTHY = b"healthy\n"
_LARGEST_STATE_BYTES = 65_536
_MOST_FAILED = 20
_LONGEST_TRIAL_S = 86_400
_STOP_WITHIN_S = 20.0
_LOOK_EVERY_S = 1.0
_LOCK_WITHIN_S = 10.0
_PROBE_WITHIN_S = 1.0
_SIGNALS = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_STARTED_BY_SYSTEMD = "SYSTEMD_EXEC_PID"
_PR_SET_PDEATHSIG = 1
_PROBE = b"\x00\x01ringfence-health\x00octet\x00"
_ANSWERS = {3, 5, 6}  # DATA, ERROR, OACK: RFC 1350 section 5, RFC 2347
State = dict[str, Any]
"""Any: JSON, whose fields ``read_state`` has checked."""


def first_state() -> State:
    """Return the state of slots whose first one is installed."""
    return {"current": "a", "trial": None, "failed": {}, "said": "Installed."}


def read_state(folder: Path) -> State:
    """Return what is known; what can't be read is as if nothing had happened since the first slot was installed."""
    try:
        descriptor = os.open(folder / "state.json", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            state = json.loads(file.read(_LARGEST_STATE_BYTES))
        trial = state["trial"]
        is_well = (
            state["current"] in SLOTS
            and isinstance(state["failed"], dict)
            and isinstance(state["said"], str)
            and (trial is None or (trial["slot"] in SLOTS and isinstance(trial["version"], str)
                                   and isinstance(trial["begun"], bool) and 0 < trial["within_s"] <= _LONGEST_TRIAL_S))
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        is_well = False
    return state if is_well else first_state()


def write_state(folder: Path, state: State) -> None:
    """Replace what is known, durably and in one step, as the folder's owner's. OSError."""
    state["failed"] = dict(list(state["failed"].items())[-_MOST_FAILED:])
    temporary = folder / "state.json.new"
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        owner = folder.stat()
        if os.geteuid() == 0:
            os.fchown(descriptor, owner.st_uid, owner.st_gid)
        file.write(json.dumps(state, indent=1).encode())
        file.flush()
        os.fsync(descriptor)
    temporary.replace(folder / "state.json")
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(held)
    finally:
        os.close(held)


@contextlib.contextmanager
def changing(folder: Path) -> Iterator[State]:
    """Give the state to change, and write it at the end, one process at a time. OSError, TimeoutError."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + _LOCK_WITHIN_S
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError("another process holds the state of the slots") from None
                time.sleep(0.05)
        state = read_state(folder)
        yield state
        write_state(folder, state)
    finally:
        os.close(held)


class SlotLauncher:
    """Runs the edge of one of the slots below ``slots``, with these arguments, until it is told to stop."""

    def __init__(self, slots: Path, arguments: list[str]) -> None:
        self._slots, self._arguments = slots, arguments
        self._state = slots / "state"
        self._is_stopping = False
        self._gone = 0

    def run(self) -> int:
        """Return the status that the edge ended with."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        while True:
            state = read_state(self._state)
            trial = state["trial"]
            if trial is None:
                status = self._serve(self._start(state["current"]))
            elif trial["begun"]:
                if self._give_up(trial, "the machine or its launcher was stopped before it was well"):
                    continue
                status = self._serve_untried()
            else:
                status = self._try(trial)
            if status is not None:
                return status

    def _serve(self, child: int) -> int | None:
        """Return the status that the edge ended with, or None where a version waits for its trial."""
        while True:
            if (status := self._ended(child, _LOOK_EVERY_S)) is not None:
                return status
            trial = read_state(self._state)["trial"]
            if trial is not None and not trial["begun"] and not self._is_stopping:
                self._stop(child)
                return None

    def _try(self, trial: State) -> int | None:
        """Run the new version; return the status of its end once it was well, None where the old one is to go on."""
        try:
            with changing(self._state) as state:
                state["trial"] = {**trial, "begun": True}
        except OSError as fault:  # it can't be written down, so it is not begun
            self._say(f"the trial of {trial['version']} waits: {fault}")
            return self._serve_untried()
        self._say(f"trying version {trial['version']} out of slot {trial['slot']}")
        reading, writing = os.pipe()
        os.set_blocking(reading, False)
        try:
            child = self._start(trial["slot"], writing)
            os.close(writing)
            why = self._why_unwell(child, reading, time.monotonic() + trial["within_s"])
        finally:
            os.close(reading)
        if why is None:
            try:
                with changing(self._state) as state:
                    state["current"], state["trial"] = trial["slot"], None
                    state["said"] = f"Version {trial['version']} was tried and is well."
            except OSError as fault:
                why = f"it could not be written down that it is well: {fault}"
            else:
                self._say(f"version {trial['version']} is well")
                return self._serve(child)
        status = self._stop(child)
        if self._is_stopping:
            return status
        self._give_up(trial, why)
        return None

    def _serve_untried(self) -> int:
        """Run the slot in use and try nothing, as nothing can be written down."""
        child = self._start(read_state(self._state)["current"])
        while (status := self._ended(child, _LOOK_EVERY_S)) is None:
            pass
        return status

    def _why_unwell(self, child: int, reading: int, end: float) -> str | None:
        """Return None once the new edge is well, otherwise why it is not."""
        told, answers = b"", False
        while time.monotonic() < end:
            if (status := self._ended(child, 0.2)) is not None:
                return f"it ended with status {status}"
            if self._is_stopping:
                return "it was stopped"
            with contextlib.suppress(BlockingIOError):
                told = (told + os.read(reading, 64))[-64:]
            is_said = HEALTHY in told
            if is_said:
                answers = any(map(_answers, self._tftp_addresses()))
            if is_said and answers:
                return None
        if HEALTHY in told:
            return "it does not answer by TFTP"
        return "it was not connected to its hub with the hub's release served in time"

    def _give_up(self, trial: State, why: str) -> bool:
        """Write down that a version failed; return whether that could be written: the old one goes on all the same."""
        self._say(f"version {trial['version']} was given up: {why}")
        try:
            with changing(self._state) as state:
                state["trial"] = None
                state["failed"][trial["version"]] = why
                state["said"] = f"Version {trial['version']} was given up: {why}. The one before goes on."
        except OSError as fault:
            self._say(f"that could not be written down: {fault}")
            return False
        return True

    def _start(self, slot: str, trial_fd: int | None = None) -> int:
        python = str(self._slots / slot / "bin" / "python")
        launcher = os.getpid()
        child = os.fork()
        if child:
            return child
        try:
            os.setpgid(0, 0)
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != launcher:
                os._exit(1)
            environment = dict(os.environ)
            environment.pop(TRIAL_FD, None)
            if environment.get(_STARTED_BY_SYSTEMD) == str(launcher):
                environment[_STARTED_BY_SYSTEMD] = str(os.getpid())  # it is started again with us
            if trial_fd is not None:
                os.set_inheritable(trial_fd, True)
                environment[TRIAL_FD] = str(trial_fd)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            os.execve(python, [python, "-I", "-m", "ringfence.edge", *self._arguments], environment)  # noqa: S606 - a verified slot
        except OSError as fault:
            os.write(2, f"ringfence-launcher: slot {slot} can't be started: {fault}\n".encode())
        finally:
            os._exit(127)

    def _ended(self, child: int, within_s: float) -> int | None:
        """Wait for a signal; pass a stop on, and return the child's status where it has ended."""
        found = signal.sigtimedwait(_SIGNALS, within_s)
        if found is not None and found.si_signo != signal.SIGCHLD:
            self._is_stopping = True
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
        pid, status = os.waitpid(child, os.WNOHANG)
        self._gone = child if pid else 0
        return _status(status) if pid else None

    def _stop(self, child: int) -> int:
        """End a child that may have ended already, and return its status."""
        if self._gone == child:
            return 1
        end = time.monotonic() + _STOP_WITHIN_S
        os.kill(child, signal.SIGTERM)
        while time.monotonic() < end:
            if (status := self._ended(child, 0.2)) is not None:
                return status
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        return _status(os.waitpid(child, 0)[1])

    def _tftp_addresses(self) -> list[tuple[str, int]]:
        told = [value for name, value in zip(self._arguments, self._arguments[1:], strict=False) if name == "--listen"]
        told += [each.partition("=")[2] for each in self._arguments if each.startswith("--listen=")]
        found = []
        for text in told:
            host, _, port = text.rpartition(":")
            host = host.strip("[]")
            found.append(({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)))  # noqa: S104 - not listened on
        return found

    def _say(self, text: str) -> None:
        print(f"ringfence-launcher: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the service manager's log


def _status(waited: int) -> int:
    code = os.waitstatus_to_exitcode(waited)
    return code if code >= 0 else 128 - code


def _answers(address: tuple[str, int]) -> bool:
    """Return whether TFTP answers a question there, with a file or with an error."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_PROBE_WITHIN_S)
        try:
            asking.sendto(_PROBE, address)
            answer = asking.recv(600)
        except OSError:
            return False
    return len(answer) >= 4 and answer[0] == 0 and answer[1] in _ANSWERS  # noqa: PLR2004 - RFC 1350's shortest


if __name__ == "__main__":
    sys.exit(SlotLauncher(Path(__file__).resolve().parent, sys.argv[1:]).run())
