"""How much a worker handles at a time; separate from the engine, so that the parent need not load that."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Limits:
    """Counts are of what is in progress at a time; a budget has a burst, and a number that refills per second.

    A source is one address, a network its /24 (IPv4) or /64 (IPv6). A source may be a whole building behind a router,
    so what is one source's share counts only when something is scarce.
    """

    sessions_per_source: int = 32
    """TFTP transfers that one source is sure of; beyond them it has to leave room for others."""
    sessions: int = 10_000
    """TFTP transfers in all."""
    request_burst: int = 256
    requests_per_s: float = 32
    """Requests of one source; one that becomes a transfer is given back."""
    refusal_burst: int = 64
    refusals_per_s: float = 2
    """Refusals that one source is told. Beyond them it hears nothing: 2^24 guessed names would take 97 days."""
    spare_burst: int = 4000
    spare_per_s: float = 500
    """Requests for files that are no phone's own, of all sources together, besides what each of them may."""
    unproven_burst: int = 1024
    unproven_per_s: float = 16
    """Datagrams to a network where nobody has answered yet; given back as soon as somebody does. One source may have
    half of them; beyond that its transfers that nobody has answered are counted by ``sessions_per_source``."""
    slowest_bytes_per_s: float = 1000
    """A transfer that takes longer than its size at this rate, and ``grace_s``, is ended."""
    grace_s: float = 120
    options_enabled: bool = True
    """Off: every request is answered as by RFC 1350 alone."""
    rollover: int = 0
    """The block number after 65535: 0, as nearly all clients expect, or 1."""


DEFAULT_LIMITS = Limits()


def is_scarce(taken: int, most: int) -> bool:
    """Return whether so many of ``most`` are taken that each source has to be content with its share."""
    return 2 * taken >= most


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """How much a worker takes on over HTTP; counts and sources as above. Beyond each the connection is closed."""

    connections_per_source: int = 32
    """Of which one source is sure; beyond them it has to leave room for others."""
    connections: int = 1024
    longest_head_bytes: int = 8192
    """A request's line and headers."""
    head_s: float = 10
    """From the connection, or the first byte of a later request, until the request's head is whole."""
    idle_s: float = 15
    """Without a further request on a connection."""
    stalled_s: float = 60
    """Without a byte that the peer took."""
    slowest_bytes_per_s: float = 1000
    """A transfer that takes longer than its size at this rate, and ``grace_s``, is ended."""
    grace_s: float = 120


DEFAULT_HTTP_LIMITS = HttpLimits()


@dataclass(frozen=True, slots=True)
class SourceShares:
    """What people may set of what one address costs; 0 is the default.

    They count when something is scarce, but for refusals: how many of these an address is told bounds how fast it can
    guess which phones there are.
    """

    transfers: int = 0
    """TFTP transfers at a time, of which it is sure."""
    connections: int = 0
    """HTTP connections at a time, of which it is sure."""
    requests: int = 0
    """Requests for phones' own files each second, and REQUESTS_AT_ONCE times as many at once."""
    refusals: int = 0
    """Refusals each second, and REFUSALS_AT_ONCE times as many at once."""

    def in_limits(self, limits: Limits) -> Limits:
        """Return a worker's limits with these."""
        return replace(
            limits,
            sessions_per_source=self.transfers or limits.sessions_per_source,
            requests_per_s=self.requests or limits.requests_per_s,
            request_burst=self.requests * REQUESTS_AT_ONCE or limits.request_burst,
            refusals_per_s=self.refusals or limits.refusals_per_s,
            refusal_burst=self.refusals * REFUSALS_AT_ONCE or limits.refusal_burst,
        )

    def in_http_limits(self, limits: HttpLimits) -> HttpLimits:
        """Return a worker's limits over HTTP with these."""
        return replace(limits, connections_per_source=self.connections or limits.connections_per_source)


REQUESTS_AT_ONCE = DEFAULT_LIMITS.request_burst // int(DEFAULT_LIMITS.requests_per_s)
REFUSALS_AT_ONCE = DEFAULT_LIMITS.refusal_burst // int(DEFAULT_LIMITS.refusals_per_s)
MOST_OF_A_SHARE = 10_000
DEFAULT_SHARES = SourceShares()


@dataclass(frozen=True, slots=True)
class PortRange:
    """The UDP ports that transfers use, for firewalls that must know them; both ends included."""

    first: int
    last: int
