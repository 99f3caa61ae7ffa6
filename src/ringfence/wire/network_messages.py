"""What a box goes by at its phone's port and in its tunnel, and what it tells of both (device API, version 1).

A box is an edge with a port of its own for the phone. Its rules are a part of its state (``StatePart.NETWORK``): always
complete, and the last ones hold while the hub is away. As in all messages, a new field has a default.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from msgspec import Struct

from ringfence.secret import Secret
from ringfence.wire.bounds import Whole


class PortAccess(StrEnum):
    """Whether the phone's port asks for 802.1X."""

    OFF = "off"
    TRY = "try"
    """A phone that can't is let in all the same, at a lower level."""
    REQUIRE = "require"


class Protocol(StrEnum):
    """What the fence tells apart above IP."""

    UDP = "udp"
    TCP = "tcp"


@dataclass(frozen=True, slots=True)
class NetworkReach:
    """What phones may reach through the tunnel: an address or network in CIDR form, and a range of ports."""

    network: str
    protocol: str
    first_port: Whole
    last_port: Whole


@dataclass(frozen=True, slots=True)
class NetworkName:
    """A name that the box answers on the phone's port, and its addresses. The box knows its own names by itself."""

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NetworkConcentrator:
    """A tunnel's other end: where it is (``host:port``), its public key (base64), and what is routed to it (CIDR).

    ``address`` is its own inside the tunnel, at which it answers whoever asks whether it is there. While it changes
    its key, it is at ``next_endpoint`` by ``next_public_key`` too; both are empty otherwise.
    """

    id: str
    endpoint: str
    public_key: str
    networks: tuple[str, ...]
    next_public_key: str = ""
    next_endpoint: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class NetworkWifi:
    """The Wi-Fi network by which a box reaches the home's router; ``country`` is its two letters."""

    ssid: str
    passphrase: Secret
    country: str


class NetworkRules(Struct, frozen=True):
    """What one box does at its phone's port. ``version`` grows with every change.

    ``subnet`` is the box's own, in CIDR form: its first address is the box, the others are for phones. Without one the
    port stays shut. ``phones`` are the site's, as bare MAC addresses; with ``known_only`` nothing else gets an address.
    ``guests`` lets other devices out to the internet, and nowhere else, from ``guest_subnet``. ``concentrators`` come
    in the order in which they are tried. ``authorities`` (PEM) issued the certificates that 802.1X accepts.
    """

    version: Whole
    subnet: str = ""
    mtu: Whole = 1420
    phones: tuple[str, ...] = ()
    known_only: bool = True
    guests: bool = False
    guest_subnet: str = ""
    ntp_servers: tuple[str, ...] = ()
    domain: str = ""
    names: tuple[NetworkName, ...] = ()
    reach: tuple[NetworkReach, ...] = ()
    direct_media: tuple[str, ...] = ()
    """Subnets of other boxes that this one's phones may exchange media with."""
    concentrators: tuple[NetworkConcentrator, ...] = ()
    port_access: str = PortAccess.OFF
    authorities: tuple[str, ...] = ()
    wifi: NetworkWifi | None = None
    retired_key: str = ""
    """The public key of the box's tunnel that is to be changed; empty if none is."""
    uplink_kbit: Whole = 0
    """What the home's line takes from it, in kbit/s, so that calls go first on it; 0 if nobody has said."""


class BoxProblem(StrEnum):
    """What keeps a box from doing its work at the phone's port, for programs."""

    NO_SUBNET = "no-subnet"
    COLLISION = "collision"
    PROGRAM_MISSING = "program-missing"
    FENCE_REFUSED = "fence-refused"
    OTHER_DHCP_SERVER = "other-dhcp-server"
    UNKNOWN_DEVICE = "unknown-device"
    SEVERAL_PHONES = "several-phones"
    KERNEL_LACKS = "kernel-lacks"
    KEY_REFUSED = "key-refused"
    NO_KEY = "no-key"
    NO_CONCENTRATOR = "no-concentrator"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class BoxFinding:
    """A problem at a box: what kind (``BoxProblem``, or a newer box's word), and a sentence for people."""

    kind: str
    sentence: str


class AdmittedBy(StrEnum):
    """By what a phone is let in at a port that asks for 802.1X."""

    KEY = "key"
    FALLBACK = "without-key"
    """It has shown none, and the site only tries 802.1X."""


@dataclass(frozen=True, slots=True)
class PortEntry:
    """A phone that is let in at a port that asks for 802.1X: by what (``AdmittedBy``), and since when.

    ``certificate`` is the name in the certificate whose key it has shown.
    """

    mac: str
    by: str
    since: float
    certificate: str = ""


def entry_in_words(entry: PortEntry) -> str:
    """Return whom a port lets in and why, without a full stop."""
    who = ":".join(entry.mac[at : at + 2] for at in range(0, 12, 2))
    match entry.by:
        case AdmittedBy.KEY:
            return f"{who} is let in by 802.1X: it has proved the key of its certificate, {entry.certificate}"
        case AdmittedBy.FALLBACK:
            return f"{who} is let in without 802.1X: it has shown no key that counts"
        case _:
            return f"{who} is let in: {entry.by}"


@dataclass(frozen=True, slots=True)
class BoxTunnel:
    """How a box's tunnel to one concentrator is: its last handshake (0: none yet) and the bytes of both ways."""

    concentrator: str
    handshake_at: float = 0.0
    sent_bytes: Whole = 0
    received_bytes: Whole = 0
    is_used: bool = False


@dataclass(frozen=True, slots=True)
class BoxStanding:
    """What a box tells when it connects, whenever that changes, and now and then; always complete.

    ``public_key`` is its tunnel's, base64, and ``next_public_key`` the one that it changes to. ``uplink_networks`` are
    those that its other interfaces are in: its subnet must collide with none of them. ``rules_version`` is what it goes
    by, ``links`` which interfaces have a link, ``devices`` the MAC addresses that were seen at the phone's port.
    """

    at: float
    rules_version: Whole = 0
    subnet: str = ""
    public_key: str = ""
    next_public_key: str = ""
    uplink_networks: tuple[str, ...] = field(default=())
    links: dict[str, bool] = field(default_factory=dict)
    devices: tuple[str, ...] = field(default=())
    findings: tuple[BoxFinding, ...] = field(default=())
    tunnels: tuple[BoxTunnel, ...] = field(default=())
    entries: tuple[PortEntry, ...] = field(default=())
    """Who is let in by 802.1X or without; empty where the port does not ask for it."""


@dataclass(frozen=True, slots=True)
class BoxAnswer:
    """What the hub says to a box's standing.

    ``next_key_known``: every concentrator that is connected knows the next public key, so that the box may use it.
    """

    next_key_known: bool = False
