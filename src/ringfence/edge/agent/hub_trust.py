"""Which server an edge trusts as its hub: one with a certificate of the single CA that its token named."""

import ssl
import warnings
from pathlib import Path

import urllib3

from ringfence.edge.agent.clock import HubClock
from ringfence.edge.agent.https_hub_client import HttpHubClient
from ringfence.identity.certificates import NO_CHECK_TIME, fingerprint, read_certificate, to_pem
from ringfence.identity.errors import BadCertificate, WrongAuthority


def verified_context(
    authority_pem: str, key_file: Path | None = None, certificate: Path | None = None
) -> ssl.SSLContext:
    """Return a TLS context that trusts one CA, and presents the edge's certificate if there is one.

    Raises:
        BadCertificate: The CA's certificate is invalid, or key and certificate are missing or do not match.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=authority_pem)
        if certificate is not None:
            context.load_cert_chain(certificate, key_file)
    except (OSError, ValueError) as fault:  # ssl.SSLError is an OSError
        raise BadCertificate(
            f"the edge's key, its certificate or the hub's CA can't be used: {fault}",
            where=str(certificate.parent) if certificate is not None else "",
            to_do="Restore the files, or enrol again.",
        ) from fault
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    return context


def fetch_authority(hub_url: str, expected_fingerprint: str, proxy: str = "") -> str:
    """Return the hub's CA certificate in PEM if it is the one that a token names.

    This connection is trusted with nothing: no secret is sent on it, and its answer counts only by its fingerprint.
    What else the server sends is discarded, as every certificate in the returned text will be trusted.

    Args:
        hub_url: The device listener's ``https://host:port``.
        expected_fingerprint: The SHA-256 of the CA certificate, in hexadecimal.
        proxy: What was set for this edge; empty for what the environment says.

    Raises:
        WrongAuthority: What answers there shows another CA.
        HubUnreachable: Nothing answers there.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    client = HttpHubClient([hub_url], context, HubClock(), proxy)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", urllib3.exceptions.InsecureRequestWarning)  # the fingerprint is the check
            pem = client.authority()
    finally:
        client.close()
    certificate = read_certificate(pem)
    found = fingerprint(certificate)
    if found != expected_fingerprint:
        raise WrongAuthority(
            f"the server at {hub_url} is not the hub that created this token: its CA is {found[:16]}…, "
            f"the token names {expected_fingerprint[:16]}…",
            to_do="Check the hub's address; if it is right, somebody intercepts the connection. Nothing secret was "
            "sent.",
        )
    return to_pem(certificate)
