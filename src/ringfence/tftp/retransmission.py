"""When to send again (RFC 1123 section 4.2.3.2: adaptive, exponential back-off; here also finite and jittered).

The estimate is RFC 6298's, with Karn's rule: an answer to something that was sent twice measures nothing.
"""

from dataclasses import dataclass

_GAIN = 1 / 8
_VARIANCE_GAIN = 1 / 4


@dataclass(frozen=True, slots=True)
class RetransmissionPolicy:
    """Times in seconds; the counts are of repetitions, not of datagrams."""

    first_timeout_s: float = 1.0
    shortest_timeout_s: float = 0.3
    longest_timeout_s: float = 8.0
    retries: int = 5
    unproven_retries: int = 2
    """Repetitions towards a peer that has not answered yet: its address may be forged."""


DEFAULT_POLICY = RetransmissionPolicy()


class RetransmissionTimer:
    """One transfer's timeout: follows the round trips, doubles at each timeout, starts over with the next block.

    ``jitter`` (0 … 1, random, chosen once by the caller) lengthens every timeout by up to a quarter, so that phones
    which lost packets together don't repeat together. ``fixed_timeout_s`` is RFC 2349's: the peer chose it.
    """

    __slots__ = ("_backed_off_s", "_fixed_s", "_policy", "_smoothed_s", "_stretch", "_variance_s", "timeout_s")

    def __init__(self, policy: RetransmissionPolicy, *, jitter: float, fixed_timeout_s: float | None) -> None:
        self._policy = policy
        self._fixed_s = fixed_timeout_s
        self._stretch = 1.0 + jitter / 4
        self._smoothed_s = -1.0
        self._variance_s = 0.0
        self._backed_off_s = policy.first_timeout_s
        self.timeout_s = fixed_timeout_s or policy.first_timeout_s * self._stretch

    def on_round_trip(self, elapsed_s: float) -> None:
        """Learn from an answer to a datagram that was sent once."""
        if self._smoothed_s < 0.0:
            self._smoothed_s = elapsed_s
            self._variance_s = elapsed_s / 2
        else:
            error = elapsed_s - self._smoothed_s
            self._smoothed_s += error * _GAIN
            self._variance_s += ((error if error >= 0.0 else -error) - self._variance_s) * _VARIANCE_GAIN
        if self._fixed_s is not None:
            return
        policy = self._policy
        estimate = self._smoothed_s + 4 * self._variance_s
        if estimate < policy.shortest_timeout_s:
            estimate = policy.shortest_timeout_s
        elif estimate > policy.longest_timeout_s:
            estimate = policy.longest_timeout_s
        self._backed_off_s = estimate
        self.timeout_s = estimate * self._stretch

    def on_timeout(self) -> None:
        """Back off: the next timeout of this datagram is twice as long, up to the policy's longest."""
        if self._fixed_s is None:
            self._backed_off_s = min(2 * self._backed_off_s, self._policy.longest_timeout_s)
            self.timeout_s = self._backed_off_s * self._stretch
