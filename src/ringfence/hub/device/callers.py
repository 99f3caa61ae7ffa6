"""The caller: the edge whose certificate the handshake verified, looked up before any of the body is read.

The handshake leaves the time to us: a certificate that has ended may be renewed for a while, and nothing else.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy.orm import Session
from starlette.requests import Request

from ringfence.hub import within
from ringfence.hub.core import Hub
from ringfence.hub.errors import EdgeRefused
from ringfence.hub.fleet import concentrators, edge_certificates, edges, organisations
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.fleet.guard import edge_networks
from ringfence.hub.store.models import EdgeRow
from ringfence.identity.certificates import issuer_id, key_fingerprint, read_concentrator, validity
from ringfence.identity.errors import BadCertificate

TLS_EXTENSION = "tls"
CLIENT_CERTIFICATE = "client_certificate_der"
"""The key in ``scope["extensions"]["tls"]`` of the verified client certificate, in DER; absent if none was shown."""

_HUB = "hub"
"""The key in ``scope["state"]`` of the hub as the caller's organisation has it."""


@dataclass(frozen=True, slots=True)
class DeviceCaller:
    """The calling edge, as it was when its request began; everything is empty for a route that takes anybody."""

    edge_id: str = ""
    site_id: str = ""
    fingerprint: str = ""
    """SHA-256 of the certificate that it showed."""
    peer: str = ""
    """The address that it calls from."""
    issuer: str = ""
    """The key identifier of the CA that issued that certificate."""
    held: str = ""
    """Why it gets nothing that is secret, in words; empty if it may have everything."""
    concentrator_id: str = ""
    """The calling concentrator, which is no edge."""

    @property
    def holder_id(self) -> str:
        """Whoever it is: the edge or the concentrator."""
        return self.edge_id or self.concentrator_id


Recognition = Callable[[Request], DeviceCaller]
"""Returns who calls, or raises EdgeRefused; it runs in the thread pool."""


def anybody(_request: Request) -> DeviceCaller:
    """Accept any caller."""
    return DeviceCaller()


def enrolled_edge(request: Request) -> DeviceCaller:
    """Accept an enrolled edge that is not revoked, with a certificate that has not ended; note where it stands.

    Raises:
        EdgeRefused: The caller shows no certificate, one of an edge that this hub does not know, one that has ended, or
            that of a revoked edge.
    """
    return _recognise(request, _must_be_let_in)


def edge_to_renew(request: Request) -> DeviceCaller:
    """Accept as ``enrolled_edge`` does, and within the grace also a certificate that has ended.

    Raises:
        EdgeRefused: As ``enrolled_edge``; or a certificate that has ended can't be renewed any more.
    """
    hub = hub_of(request)

    def check(session: Session, edge: EdgeRow, shown: Certificate, now: float) -> None:
        edges.check_let_in(edge)
        edge_certificates.check_renewable(session, edge, shown, now, hub.config.certificate_grace_days * 86_400)

    return _recognise(request, check)


def enrolled_edge_or_one_to_wipe(request: Request) -> DeviceCaller:
    """Accept an enrolled edge, also a revoked one that has yet to be told to delete what it holds.

    Raises:
        EdgeRefused: As ``enrolled_edge`` does.
    """

    def check(session: Session, edge: EdgeRow, shown: Certificate, now: float) -> None:
        if not edge.wipe:
            _must_be_let_in(session, edge, shown, now)

    return _recognise(request, check)


def enrolled_concentrator(request: Request) -> DeviceCaller:
    """Accept a concentrator that was not removed, with a certificate that has not ended.

    Raises:
        EdgeRefused: The caller shows no concentrator's certificate, or that of one that this hub does not know, or one
            that has ended.
    """
    return _recognise_concentrator(request, 0.0)


def concentrator_to_renew(request: Request) -> DeviceCaller:
    """Accept as ``enrolled_concentrator`` does, and within the grace also a certificate that has ended."""
    return _recognise_concentrator(request, hub_of(request).config.certificate_grace_days * 86_400)


def check_not_held(caller: DeviceCaller) -> None:
    """Raise EdgeRefused for a caller that is held back, in the network that it calls from."""
    if caller.held:
        raise EdgeRefused("edge-moved", caller.held)


def presented_fingerprint(request: Request) -> str | None:
    """Return the SHA-256 of the client certificate that this connection's handshake verified, or None."""
    der = _shown_der(request)
    return hashlib.sha256(der).hexdigest() if der else None


def peer_of(request: Request) -> str:
    """Return the address that a request came from."""
    return request.client.host if request.client else ""


def hub_of(request: Request) -> Hub:
    """Return the hub that serves this request, as the organisation of its caller has it once that is known."""
    hub: Hub = request.scope.get("state", {}).get(_HUB) or request.app.state.hub
    return hub


def enter(request: Request, organisation_id: str) -> Hub:
    """Return the hub as an organisation has it; from now on the request has this one."""
    hub = within.organisation(hub_of(request), organisation_id)
    request.scope.setdefault("state", {})[_HUB] = hub
    return hub


_Check = Callable[[Session, EdgeRow, Certificate, float], None]


def _must_be_let_in(_session: Session, edge: EdgeRow, shown: Certificate, now: float) -> None:
    edges.check_let_in(edge)
    edge_certificates.check_valid(shown, now)


def _recognise(request: Request, check: _Check) -> DeviceCaller:
    hub, shown, peer = hub_of(request), _shown(request), peer_of(request)
    now = hub.clock()
    if shown is None:
        raise EdgeRefused(
            "certificate-missing", "this request needs an edge's certificate", to_do="Enrol the edge first."
        )
    with within.everywhere(hub).database.reading() as session:
        hub = enter(request, organisations.of_edge(session, shown.identity.edge_id, shown.identity.site_id))
    try:
        with hub.database.reading() as session:
            edge = edge_certificates.holder(session, shown)
            check(session, edge, shown, now)
            is_news = edge_certificates.is_use_news(session, shown, peer, now) or edge_networks.is_news(
                session, edge, peer, now
            )
            held = edge_networks.why_held(session, edge, peer)
    except EdgeRefused as refused:
        if refused.kind == "certificate-unknown":
            _note_unknown(hub, shown, peer)
        raise
    if is_news and edge.revoked_at is None:
        with hub.change(edge.id) as change:
            edge = edges.let_in(change.session, edge.id)
            edge_certificates.note_use(change, edge, shown, peer)
            edge_networks.note(change, edge, peer)
            held = edge_networks.why_held(change.session, edge, peer)
    return DeviceCaller(edge.id, edge.site_id, shown.fingerprint, peer, shown.issuer, held)


def _recognise_concentrator(request: Request, grace_s: float) -> DeviceCaller:
    hub, der = hub_of(request), _shown_der(request)
    try:
        certificate = x509.load_der_x509_certificate(der or b"")
        identity = read_concentrator(certificate)
    except (ValueError, BadCertificate):
        raise EdgeRefused(
            "certificate-missing", "this request needs a concentrator's certificate",
            to_do="Enrol it: ringfence tunnel token NAME.",
        ) from None  # fmt: skip
    if validity(certificate)[1] + grace_s < hub.clock():
        raise EdgeRefused("certificate-expired", "this concentrator's certificate has expired", to_do="Enrol it again.")
    key = key_fingerprint(certificate.public_key())
    hub = enter(request, identity.organisation_id)
    with hub.database.reading() as session:
        row = concentrators.let_in(session, identity.concentrator_id, key)
    return DeviceCaller(fingerprint=key, peer=peer_of(request), issuer=issuer_id(certificate), concentrator_id=row.id)


def _note_unknown(hub: Hub, shown: Certificate, peer: str) -> None:
    with hub.database.reading() as session:
        if not edge_certificates.is_unknown_news(session, shown, hub.clock()):
            return
    with hub.change("hub") as change:
        edge_certificates.note_unknown(change, shown, peer)


def _shown(request: Request) -> Certificate | None:
    """Return the certificate that the handshake verified; None also for one that names no edge."""
    der = _shown_der(request)
    try:
        return Certificate.of(x509.load_der_x509_certificate(der)) if der else None
    except (ValueError, BadCertificate):
        return None


def _shown_der(request: Request) -> bytes | None:
    der: bytes | None = request.scope.get("extensions", {}).get(TLS_EXTENSION, {}).get(CLIENT_CERTIFICATE)
    return der
