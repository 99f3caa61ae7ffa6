"""The certificates that phones see at the hub, for those who run it."""

from fastapi import APIRouter

from ringfence.hub.core import Hub
from ringfence.hub.fleet import listener_certificates, maker_requests
from ringfence.hub.fleet.listener_certificates import ListenerCertificate
from ringfence.hub.fleet.maker_requests import MakerSubject
from ringfence.hub.people.callers import TheCaller, TheProvidersHub
from ringfence.hub.people.pages import ThePage
from ringfence.hub.people.schemas import Items
from ringfence.hub.people.schemas.listener_certificates import (
    ListenerCertificateRequestView,
    ListenerCertificateView,
    NewListenerCertificateRequest,
    SignedListenerCertificate,
)
from ringfence.hub.store import pages

router = APIRouter(tags=["listener-certificates"])


@router.get("/listener-certificates")
def list_listener_certificates(
    hub: TheProvidersHub, _caller: TheCaller, page: ThePage
) -> Items[ListenerCertificateView]:
    """List what phones see, when it ends, and what is wrong with it."""
    return Items.of(pages.cut(_views(hub), page).each(lambda each: each))


@router.post("/listener-certificates/renew", status_code=204)
def renew_listener_certificate(hub: TheProvidersHub, caller: TheCaller) -> None:
    """Have the hub order a new certificate for phones at the CA in hub.toml, at once."""
    with hub.change(caller.name) as change:
        listener_certificates.renew(change, hub)


@router.get("/listener-certificates/request")
def show_listener_certificate_request(hub: TheProvidersHub, _caller: TheCaller) -> ListenerCertificateRequestView:
    """Show the request that is with the maker."""
    return ListenerCertificateRequestView(pem=maker_requests.pending(hub))


@router.post("/listener-certificates/request", status_code=201)
def request_listener_certificate(
    body: NewListenerCertificateRequest, hub: TheProvidersHub, caller: TheCaller
) -> ListenerCertificateRequestView:
    """Make a key, which stays here, and a request for the maker's CA, which old phones believe alone."""
    subject = MakerSubject(body.name, body.organisation, body.mail, body.unit, body.country, body.state, body.locality)
    with hub.change(caller.name) as change:
        made = maker_requests.request(change, hub, subject, bits=body.bits, again=body.again)
    return ListenerCertificateRequestView(pem=made)


@router.post("/listener-certificates/install")
def install_listener_certificate(
    body: SignedListenerCertificate, hub: TheProvidersHub, caller: TheCaller
) -> ListenerCertificateView:
    """Put a certificate that the maker has signed to work for old phones, within seconds."""
    with hub.change(caller.name) as change:
        maker_requests.install(change, hub, body.pem)
    return _view(listener_certificates.find_one(hub, hub.clock(), is_for_old=True))


def _views(hub: Hub) -> list[ListenerCertificateView]:
    return [_view(each) for each in listener_certificates.find(hub, hub.clock())]


def _view(found: ListenerCertificate) -> ListenerCertificateView:
    return ListenerCertificateView(
        listener="old-phones" if found.is_for_old else "phones", source=found.source.value, names=list(found.names),
        issuer=found.issuer, fingerprint=found.fingerprint, ends_at=found.ends_at, renewed_from=found.renewed_from,
        renewed_by=found.renewed_by, problem=found.problem,
    )  # fmt: skip
