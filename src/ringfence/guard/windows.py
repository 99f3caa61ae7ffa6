"""Provisioning windows: a person allows one phone to take its file once, within minutes, without evidence of its MAC.

Invariants:

- A window is for one phone. It ends by itself, or with the first complete transfer of that phone's own file.
- It belongs to the first address that asks, for PROVES_WITHIN_S. An acknowledgement over TFTP keeps it for as long
  again; a TCP connection, whose other end certainly exists, keeps it permanently. A forged source address can block it
  for seconds, so a window that is kept only over TFTP is not reported to the hub, which would make it permanent.
- An address that lost it gets nothing more, not even the rest of a file that it had begun to fetch.
- While it belongs to one address, all others are refused and reported.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ringfence.guard.evidence import Grant

PROVES_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Window:
    """One window; ``id`` is the hub's. Times are Unix seconds.

    ``bound_to`` is the address that it belongs to: for good where ``asked_at`` is 0, otherwise for seconds from then.
    """

    id: str
    mac: str
    who: str
    until: float
    bound_to: str = ""
    asked_at: float = 0.0
    used: bool = False

    def holder(self, at: float) -> str:
        """Return the address that it belongs to now; empty if it is free."""
        is_kept = not self.asked_at or at - self.asked_at < PROVES_WITHIN_S
        return self.bound_to if is_kept else ""


class Windows:
    """The windows that are open here."""

    def __init__(self) -> None:
        self._windows: dict[str, Window] = {}

    def replace(self, windows: Iterable[Window]) -> None:
        """Take over what the hub says is open; what became of those that were known stays as it is."""
        self._windows = {window.id: _merged(window, self._windows.get(window.id)) for window in windows}

    def grant_for(self, mac: str, at: float) -> Grant | None:
        """Return what the open window for a phone grants, if there is one."""
        window = self._open(mac, at)
        return None if window is None else Grant(window.who, window.until, window.holder(at))

    def on_asked(self, mac: str, host: str, at: float) -> None:
        """Let the phone's window, if it is free, belong to an address that asks: for as long as proof may take."""
        window = self._open(mac, at)
        if window is not None and not window.holder(at):
            self._windows[window.id] = replace(window, bound_to=host, asked_at=at)

    def on_round_trip(self, mac: str, host: str, at: float, *, for_certain: bool = False) -> Window | None:
        """Let an address that answered keep the phone's window; return it where that is news: where it is for good."""
        window = self._open(mac, at)
        if window is None or window.holder(at) not in {"", host} or (window.bound_to == host and not window.asked_at):
            return None
        kept = self._windows[window.id] = replace(window, bound_to=host, asked_at=0.0 if for_certain else at)
        return kept if for_certain else None

    def on_taken(self, mac: str, host: str, at: float) -> Window | None:
        """Close the phone's window, for the address that it belongs to has the whole file; return it."""
        window = self._open(mac, at)
        if window is None or window.holder(at) not in {"", host}:
            return None
        closed = self._windows[window.id] = replace(window, bound_to=host, asked_at=0.0, used=True)
        return closed

    def was_last(self, mac: str, host: str) -> bool:
        """Return whether a window for the phone, open or over, belonged to that address last."""
        return any(each.mac == mac and each.bound_to == host for each in self._windows.values())

    def _open(self, mac: str, at: float) -> Window | None:
        return next(
            (each for each in self._windows.values() if each.mac == mac and not each.used and at < each.until), None
        )


def _merged(told: Window, known: Window | None) -> Window:
    """Return a window as the hub tells of it, with what happened here since."""
    if known is None or told.bound_to:
        return replace(told, used=told.used or (known is not None and known.used))
    return replace(
        told,
        bound_to=known.bound_to,
        asked_at=known.asked_at,
        used=told.used or known.used,
    )
