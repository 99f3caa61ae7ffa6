"""What runs beside ocserv: it keeps the files of who may come in as the hub has them, and ends who may not any more.

Invariants:

- Files are replaced whole, before anybody is disconnected: who comes again at once meets the new ones.
- A hub that is away, or refuses, changes nothing: the last files stay.
- The hub names no file and no program: it gives texts for the few files of ocserv that there are.
"""

import json
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ringfence.cli.support.api import Json, PeoplesApi
from ringfence.cli.support.connection import segment
from ringfence.cli.support.pbx_files import write_pbx_file
from ringfence.errors import RingfenceError
from ringfence.phones.vpn.ocserv import AUTHORITIES, PASSWORDS, REVOKED, USERS
from ringfence.phones.vpn.users import mac_of

FOLLOWED = frozenset({AUTHORITIES, PASSWORDS, REVOKED, USERS})
"""The files that follow the fleet; no other is written, whatever the hub says."""
_RELOADED = frozenset({AUTHORITIES, REVOKED})
"""Files that ocserv reads when it starts, and when it is told."""
WAIT_S = 20
_TELL_EVERY_S = 300.0
_OCCTL_S = 20.0
_BACK_OFF_S = (1.0, 60.0)


class RunningOcserv(Protocol):
    """What is asked of ocserv."""

    def connected(self) -> Sequence[str]:
        """Return who is connected, by name."""
        ...

    def disconnect(self, user: str) -> None:
        """End all connections of a user."""
        ...

    def reload(self) -> None:
        """Have the lists of CAs and of revoked certificates read again."""
        ...


class OcservAwayError(Exception):
    """What ocserv's tool says where it does not answer: it is not running, or starts just now."""


@dataclass(frozen=True, slots=True)
class Occtl:
    """ocserv by its own tool ``occtl``."""

    socket: Path

    def connected(self) -> Sequence[str]:
        """Return who is connected, by name. OcservAwayError."""
        try:
            rows = json.loads(self._run("--json", "show", "users") or "[]")
        except ValueError:
            raise OcservAwayError("occtl answers what is no JSON") from None
        return [str(row["Username"]) for row in rows if isinstance(row, dict) and row.get("Username")]

    def disconnect(self, user: str) -> None:
        """End all connections of a user. OcservAwayError."""
        self._run("disconnect", "user", user)

    def reload(self) -> None:
        """Have the lists read again. OcservAwayError."""
        self._run("reload")

    def _run(self, *words: str) -> str:
        command = ["occtl", "--socket-file", str(self.socket), *words]
        try:
            done = subprocess.run(  # noqa: S603 - ocserv's own tool; a user's name is one word to it
                command, capture_output=True, text=True, timeout=_OCCTL_S, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise OcservAwayError(f"occtl: {fault}") from None
        if done.returncode:
            raise OcservAwayError(f"occtl {words[0]}: {(done.stderr or done.stdout).strip()[:200]}")
        return done.stdout


@dataclass
class VpnFollower:
    """Keeps one head end as the hub has it.

    Args:
        api: The hub.
        name: The head end's.
        folder: Where its files are.
        ocserv: What runs there.
        shown: Returns the SHA-256 of the certificate that it shows, or nothing where it shows none.
        say: Is told what happens.
        clock: Seconds that only go forward.
    """

    api: PeoplesApi
    name: str
    folder: Path
    ocserv: RunningOcserv
    shown: Callable[[], str]
    say: Callable[[str], None]
    clock: Callable[[], float]
    _version: str = ""
    _allowed: frozenset[str] | None = None
    _revoked: Mapping[str, int] = field(default_factory=dict)
    _told_at: float | None = None
    _reload_due: bool = False
    _to_end: set[str] = field(default_factory=set)

    def run(self, stopped: threading.Event) -> None:
        """Follow until stopped."""
        least, most = _BACK_OFF_S
        pause = least
        while not stopped.is_set():
            try:
                self.turn()
                pause = least
            except RingfenceError as fault:
                self.say(f"the hub can't be followed, and the files stay as they are: {fault}")
                self._end_who_may_not()
                stopped.wait(pause)
                pause = min(pause * 2, most)

    def turn(self, wait_s: int = WAIT_S) -> None:
        """Ask the hub once, and do what follows from the answer. RingfenceError where it can't be asked."""
        found = self.api.get(f"/vpn/{segment(self.name)}/users", since=self._version, wait_s=wait_s)
        if found["version"] != self._version:
            self._take(found)
        self._end_who_may_not()
        if self._told_at is None or self.clock() - self._told_at >= _TELL_EVERY_S:
            self._tell()

    def _take(self, found: Json) -> None:
        files = {name: text for name, text in found["files"].items() if name in FOLLOWED}
        changed = [name for name, text in sorted(files.items()) if self._differs(name, text)]
        for name in changed:
            write_pbx_file(self.folder, name, files[name])
        users, revoked = frozenset(map(str, found["users"])), dict(found["revoked"])
        if self._allowed is not None:
            self._to_end |= {user for user, count in revoked.items() if count > self._revoked.get(user, 0)}
        self._reload_due |= bool(_RELOADED & set(changed))
        self._allowed, self._revoked, self._version = users, revoked, str(found["version"])
        self.say(f"{len(users)} may come in; written: {', '.join(changed) or 'nothing'}")

    def _differs(self, name: str, text: str) -> bool:
        try:
            return (self.folder / name).read_text() != text
        except (OSError, ValueError):
            return True

    def _end_who_may_not(self) -> None:
        """Disconnect phones that may not be connected any more; others' connections are none of ours."""
        if self._allowed is None:
            return
        try:
            if self._reload_due:
                self.ocserv.reload()
                self._reload_due = False
            for user in sorted(set(self.ocserv.connected())):
                if user in self._to_end or (user not in self._allowed and mac_of(user)):
                    self.ocserv.disconnect(user)
                    self.say(f"{user} disconnected")
            self._to_end.clear()
        except OcservAwayError as fault:
            self.say(f"ocserv: {fault}")

    def _tell(self) -> None:
        fingerprint = self.shown()
        if fingerprint:
            body: Json = {"fingerprint": fingerprint, "follows": True}
            self.api.post(f"/vpn/{segment(self.name)}/shown", body)
        self._told_at = self.clock()
