"""Enrolling: a one-time token becomes an identity."""

import socket
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence import __version__
from ringfence.content.trust import TrustedMetadata
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.https_hub_client import HttpHubClient
from ringfence.edge.agent.hub_trust import fetch_authority, verified_context
from ringfence.edge.errors import HubRefused
from ringfence.edge.storage.folder import Credentials, EdgeFolder, Enrolment
from ringfence.identity.certificates import (
    EdgeIdentity,
    make_request,
    read_certificate,
    read_identity,
    renewal_due,
)
from ringfence.identity.errors import BadCertificate
from ringfence.identity.tokens import EnrolmentToken
from ringfence.wire.messages import EnrolRequest, RenewRequest, RenewResponse


def enrol(folder: EdgeFolder, token_text: str, proxy: str = "") -> Enrolment:
    """Enrol this folder as an edge of the token's site.

    The key is created here; the certificate and the first trusted root come from the hub. Anything that an earlier edge
    left here, after a complete or partial wipe, is removed. No error leaves a half-enrolled folder. ``proxy`` is how
    this edge reaches the hub from now on; empty for what the environment says.

    Raises:
        BadToken: The text is not a token.
        AlreadyEnrolled: An edge lives in this folder.
        FolderBroken, FolderInUse, DiskFault, DiskFull: The folder can't be used.
        WrongAuthority: The server that answers is not the hub that created the token.
        HubRefused: The token is wrong, used, expired or revoked.
        HubUnreachable: The hub does not answer.
        BadCertificate, ContentRefused: The hub's answer is not what it should be.
    """
    token = EnrolmentToken.from_text(token_text)
    with folder.lock():
        folder.refuse_if_enrolled()
        authority_pem = fetch_authority(token.hub_url, token.authority_fingerprint, proxy)
        key = ec.generate_private_key(ec.SECP256R1())
        hostname = socket.gethostname()
        clock = HubClock()
        client = HttpHubClient([token.hub_url], verified_context(authority_pem), clock, proxy)
        try:
            answer = client.enrol(EnrolRequest(token.secret, make_request(key, hostname), __version__, hostname))
        except HubRefused as refused:
            raise HubRefused(
                refused.what,
                kind=refused.kind,
                where=f"site {token.site}",
                to_do=refused.to_do or "Ask for a new token: ringfence site token SITE.",
            ) from None
        finally:
            client.close()
        certificate = read_certificate(answer.certificate_pem)
        if certificate.public_key() != key.public_key() or read_identity(certificate) != EdgeIdentity(
            answer.edge_id, answer.site_id
        ):
            raise BadCertificate("the hub's answer contains another edge's certificate", to_do="Enrol again.")
        root = answer.root_metadata.encode()
        TrustedMetadata(answer.site_id, root)
        enrolment = Enrolment(token.hub_url, answer.edge_id, answer.site_id, answer.site_name, answer.hub_time, proxy)
        folder.wipe()
        folder.save_enrolment(enrolment, Credentials(key, certificate, authority_pem), answer.certificate_pem, root)
        return enrolment


def renew_when_due(
    folder: EdgeFolder, ask: Callable[[RenewRequest], RenewResponse], now: float, *, is_wanted: bool = False
) -> bool:
    """Renew the certificate once two thirds of its life are over, or if it ``is_wanted`` anyway.

    Args:
        folder: Where key and certificate are.
        ask: Asks the hub for the next certificate.
        now: The hub's time, in Unix seconds.
        is_wanted: Whether to renew it although it is not due.

    Returns:
        Whether there is a new certificate.

    Raises:
        BadCertificate: The hub's answer holds another edge's certificate; the old one stays in use.
        HubUnreachable, HubRefused: As ``ask``.
    """
    if not is_wanted and not renewal_due(folder.credentials().certificate, now):
        return False
    renew(folder, ask)
    return True


def renew(folder: EdgeFolder, ask: Callable[[RenewRequest], RenewResponse]) -> None:
    """Renew the certificate, whether or not it is due or has ended.

    Raises:
        BadCertificate: The hub's answer holds another edge's certificate; the old one stays in use.
        HubUnreachable, HubRefused: As ``ask``.
    """
    credentials = folder.credentials()
    identity = credentials.identity
    answer = ask(RenewRequest(make_request(credentials.key, identity.edge_id)))
    certificate = read_certificate(answer.certificate_pem)
    if certificate.public_key() != credentials.key.public_key() or read_identity(certificate) != identity:
        raise BadCertificate(
            "the hub's answer contains another edge's certificate", to_do="The old certificate stays in use."
        )
    folder.save_certificate(answer.certificate_pem)
