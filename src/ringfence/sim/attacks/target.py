"""What an attack may target, and how well other clients are served meanwhile."""

import ipaddress
import itertools
import socket
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.server.tftp.client import fetch
from ringfence.sim.errors import NothingToFetch, NotOurs

BOOTS = 15
"""Fetches of which a median is taken."""
LONGEST_SLOWDOWN = 2.0
"""How much longer somebody else's boot may take while the server is under attack."""
LONGEST_BOOT_S = 3.0
"""Beyond this one has starved, whatever the median says; a lost request costs a phone one second."""
SHORTEST_BOOT_S = 0.02
"""Below this a ratio says nothing: on two processors others use, too, a calm boot of 10 ms takes 20 at times."""
PATIENCE_S = (1.0, 3.0)
"""How long to wait before measuring again where all seems slow after an attack: unrest passes, damage does not."""
LARGEST_DATAGRAM_BYTES = 65_536
_ATTACKERS = "127.66"
_OTHERS = "127.99"


def check_is_ours(host: str) -> None:
    """Raise NotOurs unless ``host`` is an IPv4 address of this machine, as seen from this network namespace."""
    to_do = "Run it on the server's own machine, at 127.0.0.1 or an address of its interfaces."
    try:
        address = ipaddress.IPv4Address(host)
    except ValueError:
        raise NotOurs("attacks need a target's IPv4 address", where=host, to_do=to_do) from None
    if address.is_loopback:
        return
    # Who is sent to at an address of one's own is oneself: there the kernel's choice of the source is that address.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 9))
            is_ours = probe.getsockname()[0] == host
        except OSError:
            is_ours = False
    if not is_ours or address.is_unspecified or address.is_multicast:
        raise NotOurs("this address does not belong to this machine, so it is not attacked", where=host, to_do=to_do)


@dataclass
class AttackTarget:
    """The server under attack. ``name`` is a file that it serves to anybody; otherwise raises NothingToFetch."""

    server: tuple[str, int]
    name: str
    content: bytes = field(init=False, repr=False)
    _hosts: "itertools.count[int]" = field(default_factory=itertools.count, init=False, repr=False)

    def __post_init__(self) -> None:
        check_is_ours(self.server[0])
        try:
            self.content = self.fetch()
        except (FileRefused, FetchFailed) as fault:
            raise NothingToFetch(
                f"the server does not serve {self.name}: {fault.what}",
                where=f"{self.server[0]}:{self.server[1]}",
                to_do="Name a file that it has with --file.",
            ) from fault

    def fetch(self) -> bytes:
        """Fetch the file as one of the others on the network, plainly."""
        return fetch(self.server, self.name, source_host=self._fresh(_OTHERS), timeout_s=1.0, retries=6)

    def boot_s(self) -> float:
        """Return how long another client's fetch takes; infinite if it fails or brings other bytes."""
        began_at = time.monotonic()
        try:
            is_right = self.fetch() == self.content
        except (FileRefused, FetchFailed):
            is_right = False
        return time.monotonic() - began_at if is_right else float("inf")

    def boots_s(self, count: int = BOOTS) -> list[float]:
        """Return how long several of them take, one after the other."""
        return [self.boot_s() for _ in range(count)]

    def attacker(self) -> str:
        """Return an address to attack from that was not used before."""
        return self._fresh(_ATTACKERS)

    def socket(self, host: str | None = None) -> socket.socket:
        """Return a UDP socket of an attacker, which does not wait."""
        endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        endpoint.bind((host or self.attacker(), 0))
        return endpoint

    def request(self, name: str | bytes | None = None, *, options: bytes = b"", opcode: bytes = b"\0\1") -> bytes:
        """Return a request for the file, or for another one."""
        asked = self.name if name is None else name
        written = asked.encode("utf-8", "surrogateescape") if isinstance(asked, str) else asked
        return opcode + written + b"\0octet\0" + options

    def _fresh(self, network: str) -> str:
        number = next(self._hosts)
        return f"{network}.{number // 250 % 250}.{number % 250 + 1}"


@dataclass(frozen=True, slots=True)
class Fairness:
    """How others were served: medians of their boots before, during and after an attack, and the longest one during it.

    A shared machine has slow minutes by itself. So the boots during an attack are compared with the slower of the two
    quiet periods around it, and the boots after it with those before it: damage by the attack is no excuse.
    """

    before_s: float
    during_s: float
    after_s: float
    longest_s: float

    @property
    def ratio(self) -> float:
        """How many times as long their boots took as without an attack."""
        return _times(self.during_s, max(self.before_s, self.after_s))

    @property
    def is_over(self) -> bool:
        """Whether all is as it was before."""
        return _times(self.after_s, self.before_s) <= LONGEST_SLOWDOWN

    @property
    def holds(self) -> bool:
        """Whether they were served, at most twice as slowly in the middle, none of them starved, and it is over."""
        longest_s = max(LONGEST_BOOT_S, LONGEST_SLOWDOWN * max(self.before_s, self.after_s))
        return self.ratio <= LONGEST_SLOWDOWN and self.longest_s <= longest_s and self.is_over

    @property
    def sentence(self) -> str:
        """Return it as a sentence for people."""
        if self.during_s == float("inf"):
            return "Other clients were no longer served."
        said = (
            f"Others' boots took {self.ratio:.2f} times as long as without an attack ({1000 * self.during_s:.1f} ms, "
            f"the longest {1000 * self.longest_s:.0f} ms)."
        )
        return said if self.is_over else f"{said} They still take {1000 * self.after_s:.1f} ms after the attack."

    def figures(self) -> dict[str, float]:
        """Return them for scripts."""
        return {
            "boot_before_ms": round(1000 * self.before_s, 2),
            "boot_during_ms": round(1000 * self.during_s, 2),
            "boot_after_ms": round(1000 * self.after_s, 2),
            "longest_boot_ms": round(1000 * self.longest_s, 2),
            "boot_ratio": round(self.ratio, 2),
        }


def _times(one_s: float, other_s: float) -> float:
    return max(one_s, SHORTEST_BOOT_S) / max(other_s, SHORTEST_BOOT_S)


def fairness(
    before: list[float],
    during: list[float],
    calm: Callable[[], list[float]],
    *,
    patience_s: tuple[float, ...] = PATIENCE_S,
) -> Fairness:
    """Compare boots before and during an attack that has ended with those that ``calm`` measures now."""
    for pause_s in (*patience_s, None):
        found = Fairness(statistics.median(before), statistics.median(during), statistics.median(calm()), max(during))
        if found.is_over or pause_s is None:
            break
        time.sleep(pause_s)
    return found


def heard(endpoint: socket.socket, within_s: float = 0.0) -> tuple[bytes, tuple[str, int]] | None:
    """Return the next datagram with its sender, or None if none comes in time."""
    endpoint.settimeout(within_s)
    try:
        data, address = endpoint.recvfrom(LARGEST_DATAGRAM_BYTES)
    except (TimeoutError, BlockingIOError):
        return None
    except ConnectionRefusedError:
        return None
    return data, address


def answer(endpoint: socket.socket, data: bytes, to: tuple[str, int], within_s: float = 1.0) -> bytes | None:
    """Send ``data`` and return what comes back, or None for silence."""
    endpoint.sendto(data, to)
    found = heard(endpoint, within_s)
    return None if found is None else found[0]


def is_served(packet: bytes | None) -> bool:
    """Whether an answer is the beginning of a file: DATA or OACK."""
    return packet is not None and packet[:2] in {b"\0\3", b"\0\6"}
