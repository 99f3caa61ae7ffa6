"""What a concentrator, the other end of boxes' tunnels, gets from the hub and tells it (device API, version 1).

It enrols as an edge does, with a token and a certificate of its own kind. Its peers come as a whole when it connects,
and then as what has changed since a version: a change costs what it changed. As in all messages, a new field has a
default.
"""

from dataclasses import dataclass, field

from msgspec import Struct

from ringfence.secret import Secret
from ringfence.wire.bounds import Whole
from ringfence.wire.network_messages import NetworkReach

MOST_PEERS = 1000
"""How many peers one answer has at most."""


@dataclass(frozen=True, slots=True)
class TunnelEnrolRequest:
    """A concentrator presents its one-time token and asks for a certificate."""

    token_secret: Secret
    csr_pem: str
    version: str
    hostname: str = ""


@dataclass(frozen=True, slots=True)
class TunnelEnrolResponse:
    """What a concentrator is from now on; ``address`` is its own inside its tunnel, and no box's."""

    concentrator_id: str
    name: str
    certificate_pem: str
    hub_time: float
    address: str = ""


@dataclass(frozen=True, slots=True)
class TunnelPeer:
    """A box: its keys, the subnet that is its alone, what its phones may reach, and whose media goes to them directly.

    ``next_public_key`` is the one that it changes to; both are good until it has. It is empty unless it changes.
    """

    edge: str
    public_key: str
    subnet: str
    next_public_key: str = ""
    reach: tuple[NetworkReach, ...] = ()
    direct_media: tuple[str, ...] = ()


class TunnelPeers(Struct, frozen=True):
    """The peers, or what has changed of them since the version that was asked for, in parts.

    With ``is_whole``, who is not among all parts is no peer. ``gone`` are boxes that are peers no more, by edge. Where
    ``after`` is not empty, the next part is asked for with it; what counts as read is the first part's ``version``. A
    version means something in its ``epoch`` alone: a hub that was restored has another one.
    """

    version: Whole
    epoch: str
    is_whole: bool
    peers: tuple[TunnelPeer, ...] = ()
    gone: tuple[str, ...] = ()
    after: str = ""
    retired_key: str = ""
    """The concentrator's own public key that is to be changed; empty if none is."""


@dataclass(frozen=True, slots=True)
class TunnelStanding:
    """What a concentrator tells when it connects, whenever that changes, and now and then; always complete.

    ``endpoint`` is where boxes find it (``host:port``), ``public_key`` its tunnel's and ``next_public_key`` the one
    that it changes to (base64), ``handshakes`` when each box, by edge, shook hands with it last, in Unix seconds.
    ``peers_version`` and ``peers_epoch`` name the peers that it has let in (``TunnelPeers``). ``endpoints_digest``
    names where it knows the hub to be (``HubEndpoints.digest``), ``hub_url`` the address at which it reaches it.
    """

    at: float
    endpoint: str
    public_key: str
    next_public_key: str = ""
    handshakes: dict[str, float] = field(default_factory=dict)
    peers_version: Whole = 0
    peers_epoch: str = ""
    endpoints_digest: str = ""
    hub_url: str = ""


@dataclass(frozen=True, slots=True)
class TunnelAnswer:
    """What the hub says to a concentrator's standing.

    ``next_key_known``: every box that is connected knows the next public key. ``hub_urls`` and ``hub_authorities``
    (PEM) say where the hub is from now on, and by which CAs it is known (``HubEndpoints``); none where the concentrator
    knows that already.
    """

    next_key_known: bool = False
    hub_urls: tuple[str, ...] = ()
    hub_authorities: tuple[str, ...] = ()
