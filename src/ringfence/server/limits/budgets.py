"""How much each source may cost: budgets that refill, for a limited number of sources."""

import socket


class Budgets:
    """A budget for each key: ``burst`` at once, ``per_s`` more each second.

    At most MOST_KEYS are kept: refilled ones are dropped first, then the oldest. A dropped key starts again.
    """

    MOST_KEYS = 4096

    def __init__(self, burst: float, per_s: float) -> None:
        self._burst = burst
        self._per_s = per_s
        self._left: dict[str, tuple[float, float]] = {}

    def take(self, key: str, now: float) -> bool:
        """Take one from ``key``'s budget; return False, and take nothing, if none is left."""
        found = self._left.get(key)
        if found is None:
            if len(self._left) >= self.MOST_KEYS:
                self._make_room(now)
            left = self._burst
        else:
            left = min(self._burst, found[0] + (now - found[1]) * self._per_s)
        if left < 1:
            return False
        self._left[key] = (left - 1, now)
        return True

    def set(self, burst: float, per_s: float) -> None:
        """Go by another burst and rate from now on; what was taken stays taken."""
        more = burst - self._burst
        self._burst, self._per_s = burst, per_s
        self._left = {key: (left + more, at) for key, (left, at) in self._left.items()}

    def is_scarce(self, key: str, now: float) -> bool:
        """Return whether half of ``key``'s burst is taken."""
        found = self._left.get(key)
        return found is not None and 2 * (found[0] + (now - found[1]) * self._per_s) <= self._burst

    def give_back(self, key: str, count: int = 1) -> None:
        """Put ``count`` back that were taken and cost nothing after all."""
        found = self._left.get(key)
        if found is not None:
            self._left[key] = (found[0] + count, found[1])

    def forget_refilled(self, now: float) -> None:
        """Drop every key whose budget is full again: it is the same as a new one."""
        burst, per_s = self._burst, self._per_s
        self._left = {key: (left, at) for key, (left, at) in self._left.items() if left + (now - at) * per_s < burst}

    def _make_room(self, now: float) -> None:
        """Forget an eighth at least, or a flood of forged senders has all of them looked at for each newcomer."""
        self.forget_refilled(now)
        while len(self._left) > self.MOST_KEYS * 7 // 8:
            del self._left[next(iter(self._left))]


def network_of(host: str) -> str:
    """Return the network that a source belongs to: a /24 of IPv4, a /64 of IPv6."""
    if ":" not in host:
        return host.rpartition(".")[0]
    return socket.inet_pton(socket.AF_INET6, host.partition("%")[0])[:8].hex()
