"""The messages about an edge's key for phones that come by HTTPS: what the hub orders, and what the edge offers."""

from dataclasses import dataclass

from msgspec import Struct

MOST_AUTHORITIES = 32
PORT = 6971
"""Where phones ask for their configuration by HTTPS: their firmware knows no other port (PHONES.md section 2)."""


class EdgeTlsOrder(Struct, frozen=True):
    """Whether phones of the site are to come to this edge by HTTPS, and with which of its keys it meets them.

    ``fingerprint`` is its certificate's SHA-256, empty while the hub has none of it. ``renews``: another key is to be
    made beside that one. ``authorities`` are the CAs of phones' makers, in PEM.
    """

    wanted: bool = False
    fingerprint: str = ""
    renews: bool = False
    authorities: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()
    """The CAs of the organisation's CAPF, in PEM: their certificates are let in, and prove nothing here."""


@dataclass(frozen=True, slots=True)
class EdgeTlsOffer:
    """The certificate, in PEM, of a key that the edge has made; ``replaces`` all that it had before, which are lost."""

    certificate: str
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class EdgeTlsAnswer:
    """The hub knows the certificate with this fingerprint."""

    fingerprint: str
