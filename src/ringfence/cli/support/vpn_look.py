"""A look at a running VPN head end, as a phone would see it: its certificate, a phone's cipher, its answer at /svc."""

import hashlib
import socket
import ssl
import warnings
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse

from ringfence.phones.vpn.head_end import host_and_port
from ringfence.phones.vpn.sign_in import LOGIN_COOKIE, USER_AGENT, cookies

_TIMEOUT_S = 10.0
_OLD_CIPHER = "AES256-SHA:@SECLEVEL=0"
_ANY_CIPHER = "ALL:@SECLEVEL=0"
_MOST_COOKIES = 32


@dataclass(frozen=True, slots=True)
class SeenHeadEnd:
    """What was seen at one address of a head end.

    Args:
        address: Where it was looked.
        problem: Why nothing was seen; empty if something was.
        fingerprint: The SHA-256 of its certificate.
        agreed: TLS version and cipher, as it likes best.
        takes_old: Whether it takes what older phones speak: AES-256-CBC with SHA-1 and a key by RSA.
        knows_phones: Whether it answers at /svc as phones want it.
    """

    address: str
    problem: str = ""
    fingerprint: str = ""
    agreed: str = ""
    takes_old: bool = False
    knows_phones: bool = False


def look(address: str) -> SeenHeadEnd:
    """Return what is seen at an address."""
    host, port = host_and_port(address)
    try:
        with _connected(host, port, _ANY_CIPHER) as tls:
            der = tls.getpeercert(binary_form=True) or b""
            agreed = f"{tls.version()}, {(tls.cipher() or ('?',))[0]}"
            knows = _answers_phones(tls, host)
    except (OSError, ValueError) as fault:
        return SeenHeadEnd(address, problem=getattr(fault, "strerror", None) or str(fault) or type(fault).__name__)
    return SeenHeadEnd(address, "", hashlib.sha256(der).hexdigest(), agreed, _takes_old(host, port), knows)


def _takes_old(host: str, port: int) -> bool:
    try:
        with _connected(host, port, _OLD_CIPHER):
            return True
    except (OSError, ValueError):
        return False


def _connected(host: str, port: int, ciphers: str) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # what it shows is what is asked about
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # older phones speak TLS 1.0 alone
        context.minimum_version = ssl.TLSVersion.TLSv1
        if ciphers == _OLD_CIPHER:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    plain = socket.create_connection((host, port), timeout=_TIMEOUT_S)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _answers_phones(tls: ssl.SSLSocket, host: str) -> bool:
    """Return whether it says at /svc that a phone is to sign in; one that wants a certificate first says nothing."""
    try:
        tls.sendall(f"GET /svc HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\n\r\n".encode())
        answer = HTTPResponse(tls)
        answer.begin()
        found = cookies((answer.headers.get_all("Set-Cookie") or [])[:_MOST_COOKIES])
        return bool(found.get(LOGIN_COOKIE))
    except (OSError, HTTPException, ValueError):
        return False
