"""Enrolling a concentrator: a one-time token becomes an identity."""

import socket
from ipaddress import IPv4Address

from cryptography.hazmat.primitives.asymmetric import ec

from ringfence import __version__
from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.hub_trust import fetch_authority, verified_context
from ringfence.edge.concentrator.folder import ConcentratorEnrolment, ConcentratorFolder
from ringfence.edge.concentrator.hub_client import TunnelHubClient
from ringfence.identity.certificates import make_request, read_certificate, read_concentrator
from ringfence.identity.errors import BadCertificate
from ringfence.identity.tokens import TunnelToken
from ringfence.wire.messages import RenewRequest
from ringfence.wire.tunnel_messages import TunnelEnrolRequest


def enrol(folder: ConcentratorFolder, token_text: str) -> ConcentratorEnrolment:
    """Make this folder the concentrator that a token names. The key is created here.

    Raises:
        BadToken: The text is no token for a concentrator.
        AlreadyEnrolled: There is a concentrator in this folder.
        HelperUnfit, FolderBroken, DiskFault, DiskFull: The folder can't be used.
        WrongAuthority: The server that answers is not the hub that created the token.
        HubRefused: The token is wrong, used, expired or revoked.
        HubUnreachable: The hub does not answer.
        BadCertificate: The hub's answer is not what it should be.
    """
    token = TunnelToken.from_text(token_text)
    with folder.held():
        folder.refuse_if_enrolled()
        authority_pem = fetch_authority(token.hub_url, token.authority_fingerprint)
        key = ec.generate_private_key(ec.SECP256R1())
        hostname = socket.gethostname()
        client = TunnelHubClient([token.hub_url], verified_context(authority_pem), HubClock())
        try:
            request = TunnelEnrolRequest(token.secret, make_request(key, hostname), __version__, hostname)
            answer = client.enrol_tunnel(request)
        finally:
            client.close()
        certificate = read_certificate(answer.certificate_pem)
        named = read_concentrator(certificate).concentrator_id
        if certificate.public_key() != key.public_key() or named != answer.concentrator_id:
            raise BadCertificate("the hub's answer contains another one's certificate", to_do="Enrol again.")
        if not is_address(answer.address):
            raise BadCertificate("the hub gave no address for inside the tunnel", to_do="Update the hub, enrol again.")
        enrolment = ConcentratorEnrolment(
            token.hub_url, answer.concentrator_id, answer.name, answer.hub_time, answer.address
        )
        folder.save_enrolment(enrolment, key, answer.certificate_pem, authority_pem)
        return enrolment


def is_address(text: str) -> bool:
    """Return whether a text is an IPv4 address."""
    try:
        IPv4Address(text)
    except ValueError:
        return False
    return True


def renew(folder: ConcentratorFolder, client: TunnelHubClient) -> None:
    """Get the next certificate.

    Raises:
        BadCertificate: The hub's answer holds another one's; the old one stays in use.
        HubUnreachable, HubRefused: The hub gives none.
    """
    key, before = folder.key(), read_concentrator(folder.certificate())
    answer = client.renew(RenewRequest(make_request(key, before.concentrator_id)))
    certificate = read_certificate(answer.certificate_pem)
    if certificate.public_key() != key.public_key() or read_concentrator(certificate) != before:
        raise BadCertificate("the hub's answer contains another one's certificate", to_do="The old one stays in use.")
    folder.save_certificate(answer.certificate_pem)
