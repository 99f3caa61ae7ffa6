"""The caller: the edge whose certificate the handshake verified, looked up before any of the body is read."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from ringfence.hub.core import Hub
from ringfence.hub.fleet import edges

TLS_EXTENSION = "tls"
CLIENT_CERTIFICATE = "client_certificate_der"
"""The key in ``scope["extensions"]["tls"]`` of the verified client certificate, in DER; absent if none was shown."""


@dataclass(frozen=True, slots=True)
class DeviceCaller:
    """The calling edge, as it was when its request began; everything is empty for a route that takes anybody."""

    edge_id: str = ""
    site_id: str = ""
    fingerprint: str = ""
    """SHA-256 of the certificate that it showed."""


Recognition = Callable[[Request], DeviceCaller]
"""Returns who calls, or raises EdgeRefused; it runs in the thread pool."""


def anybody(_request: Request) -> DeviceCaller:
    """Accept any caller."""
    return DeviceCaller()


def enrolled_edge(request: Request) -> DeviceCaller:
    """Accept an enrolled edge that is not revoked.

    Raises:
        EdgeRefused: The caller shows no certificate, one that this hub does not know, or that of a revoked edge.
    """
    presented = presented_fingerprint(request)
    with hub_of(request).database.reading() as session:
        edge = edges.recognise(session, presented)
        return DeviceCaller(edge.id, edge.site_id, presented or "")


def enrolled_edge_or_one_to_wipe(request: Request) -> DeviceCaller:
    """Accept an enrolled edge, also a revoked one that has yet to be told to delete what it holds.

    Raises:
        EdgeRefused: As ``enrolled_edge`` does.
    """
    presented = presented_fingerprint(request)
    with hub_of(request).database.reading() as session:
        edge = edges.known(session, presented)
        if not edge.wipe:
            edges.check_let_in(edge)
        return DeviceCaller(edge.id, edge.site_id, presented or "")


def presented_fingerprint(request: Request) -> str | None:
    """Return the SHA-256 of the client certificate that this connection's handshake verified, or None."""
    tls = request.scope.get("extensions", {}).get(TLS_EXTENSION, {})
    der = tls.get(CLIENT_CERTIFICATE)
    return hashlib.sha256(der).hexdigest() if der else None


def hub_of(request: Request) -> Hub:
    """Return the hub that serves this request."""
    hub: Hub = request.app.state.hub
    return hub
