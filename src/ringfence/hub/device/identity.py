"""Enrolment and renewal: how an edge gets its certificates."""

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub import logs, within
from ringfence.hub.device.callers import DeviceCaller, check_not_held, enter, hub_of
from ringfence.hub.device.exchange import message
from ringfence.hub.errors import EdgeRefused
from ringfence.hub.fleet import box_numbering, edge_certificates, edges, enrolment_tokens
from ringfence.hub.fleet.edges import Certificate
from ringfence.hub.publishing import roots
from ringfence.hub.store.change import new_id
from ringfence.hub.store.models import SiteRow
from ringfence.identity.certificates import (
    EdgeIdentity,
    key_fingerprint,
    read_request,
    to_pem,
)
from ringfence.printable import printable
from ringfence.wire import codec
from ringfence.wire.messages import (
    EnrolRequest,
    EnrolResponse,
    RenewRequest,
    RenewResponse,
)

_log = logs.get("device")


def authority(request: Request, _caller: DeviceCaller, _body: bytes) -> Response:
    """Return the CA certificate to anybody: it is trusted only by its fingerprint."""
    return Response(hub_of(request).authority.pem, media_type="application/x-pem-file")


def enrol(request: Request, _caller: DeviceCaller, body: bytes) -> Response:
    """Exchange a one-time token for an edge's identity."""
    hub, asked = hub_of(request), codec.from_json(EnrolRequest, body)
    certificate_request = read_request(asked.csr_pem)  # before the token, so that a broken request does not use it up
    with within.everywhere(hub).database.reading() as session:
        hub = enter(request, enrolment_tokens.organisation_of(session, asked.token_secret))
    edge_id = new_id("edge")
    with hub.change(edge_id) as change:
        token = enrolment_tokens.redeem(change, asked.token_secret)
        site = change.session.get_one(SiteRow, token.site_id)
        issued = hub.issuer.issue_edge(certificate_request, EdgeIdentity(edge_id, site.id), change.now)
        host = (printable(asked.hostname, 255), printable(asked.edge_version, 40))
        edge = edges.admit(change, token, edge_id, Certificate.of(issued), host)
        edge_certificates.add(change, edge, Certificate.of(issued))
        box_numbering.number_new(change, edge, hub.config.box_pool_of(hub.organisation_id))
        root = roots.newest(change.session, site.id)
        response = EnrolResponse(edge_id, site.id, site.name, to_pem(issued), root.body.decode(), hub_time=change.now)
    _log.info("edge enrolled", edge=edge_id, site=response.site_id, hostname=host[0])
    return message(response)


def renew(request: Request, caller: DeviceCaller, body: bytes) -> Response:
    """Issue an enrolled edge's next certificate, for the key that it enrolled with."""
    hub, asked = hub_of(request), codec.from_json(RenewRequest, body)
    certificate_request = read_request(asked.csr_pem)
    with hub.change("") as change:
        edge = edges.let_in(change.session, caller.edge_id)
        check_not_held(caller)
        if key_fingerprint(certificate_request.public_key()) != edge.key_fingerprint:
            raise EdgeRefused(
                "certificate-unknown",
                "a certificate can be renewed only for the key that enrolled, but this request has another",
                to_do="To use a new key, enrol again with a new token.",
            )
        issued = hub.issuer.issue_edge(certificate_request, EdgeIdentity(edge.id, edge.site_id), change.now)
        edge_certificates.add(change, edge, Certificate.of(issued), caller.fingerprint)
        edge_id = edge.id
    _log.info("certificate renewed", edge=edge_id)
    return message(RenewResponse(to_pem(issued)))
