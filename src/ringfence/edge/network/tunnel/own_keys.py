"""The private keys of one end of a tunnel: the one that it is known by and, while it changes that, the next one.

They are made here, in a folder of root's that outlives a restart of the machine, and never leave it. A key changes in
three steps, and each may be the last for a while: the next one is made and told, the other ends say that they know it,
and it takes the other one's place. In between both are known, so that calls go on.
"""

import contextlib
import os
import time
from pathlib import Path

from ringfence.edge.errors import PortRefused, TunnelRefused
from ringfence.edge.network import programs
from ringfence.identity.errors import BadTunnelKey
from ringfence.identity.tunnel_keys import check_private_key
from ringfence.secret import Secret

LIVES_S = 90 * 86_400.0
"""How old a key gets. WireGuard makes new session keys every two minutes; this bounds what a stolen one is good for."""
_CURRENT, _NEXT = "tunnel.key", "tunnel-next.key"
_CLOCKS_DIFFER_S = 86_400.0


class OwnKeys:
    """The keys in one folder; the first is made where there is none.

    Args:
        folder: Root's own.

    Raises:
        TunnelRefused: The key can't be kept, or is damaged.
        ProgramMissing: There is no ``wg``, which makes keys: no library is loaded for that.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wg = programs.find("wg")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.chmod(0o700)
        except OSError as fault:
            raise _not_kept(folder, fault) from fault
        kept = self._read(_CURRENT)
        self.private_key = kept if kept is not None else self._make(_CURRENT)
        self.public_key = self._public_key_of(self.private_key)
        self._next = self._read_next()
        self.next_public_key = self._public_key_of(self._next) if self._next is not None else ""
        """The key that is to take the other one's place; empty if none is."""

    def prepare(self, retired_key: str, now: float | None = None) -> bool:
        """Make the next key if it is time, and none is made yet; return whether one is there.

        Args:
            retired_key: The public key that the hub wants changed; empty if it wants none.
            now: Unix seconds; None if nobody knows what time it is.

        Raises:
            TunnelRefused: It can't be kept.
        """
        if self._next is None and (self.public_key == retired_key or (now is not None and self._is_old(now))):
            self._next = self._make(_NEXT)
            self.next_public_key = self._public_key_of(self._next)
        return self._next is not None

    def change(self, next_public_key: str) -> bool:
        """Put the next key in the other one's place if it is this one; return whether it was. TunnelRefused."""
        if self._next is None or self.next_public_key != next_public_key:
            return False
        path = self._folder / _CURRENT
        try:
            os.utime(self._folder / _NEXT)  # its age counts from now on
            (self._folder / _NEXT).replace(path)
        except OSError as fault:
            raise _not_kept(path, fault) from fault
        self.private_key, self.public_key = self._next, next_public_key
        self._next, self.next_public_key = None, ""
        return True

    def _is_old(self, now: float) -> bool:
        """Return whether the key is old, or from a time that has not come yet: its clock was wrong then."""
        try:
            made_at = (self._folder / _CURRENT).stat().st_mtime
        except OSError:
            return False
        return not -_CLOCKS_DIFFER_S <= now - made_at <= LIVES_S

    def _read(self, name: str) -> Secret | None:
        path = self._folder / name
        try:
            key = Secret(path.read_text(encoding="ascii").strip())
            check_private_key(key)
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise _not_kept(path, fault) from fault
        except (BadTunnelKey, UnicodeDecodeError) as fault:
            raise TunnelRefused("the tunnel's key is damaged", where=str(path), to_do="Remove the file.") from fault
        return key

    def _read_next(self) -> Secret | None:
        """Return the next key; one that is damaged was never used, and is made anew."""
        try:
            return self._read(_NEXT)
        except TunnelRefused:
            with contextlib.suppress(OSError):
                (self._folder / _NEXT).unlink()
            return None

    def _make(self, name: str) -> Secret:
        made, path = Secret(self._run("genkey")), self._folder / name
        new = path.with_name(name + ".new")
        try:
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            try:
                os.write(descriptor, made.reveal().encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            new.replace(path)
        except OSError as fault:
            raise _not_kept(path, fault) from fault
        return made

    def _public_key_of(self, key: Secret) -> str:
        return self._run("pubkey", key.reveal())

    def _run(self, word: str, text: str = "") -> str:
        try:
            return programs.run(self._wg, word, text=text).decode("ascii", "replace").strip()
        except PortRefused as fault:
            raise TunnelRefused("the tunnel's key can't be made", where=fault.what) from fault


def known_now(*, is_known: bool) -> float | None:
    """Return the time in Unix seconds; None if it is not known."""
    return time.time() if is_known else None


def _not_kept(path: Path, fault: OSError) -> TunnelRefused:
    return TunnelRefused("the tunnel's key can't be kept", where=f"{path}: {fault.strerror}")
