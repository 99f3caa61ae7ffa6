"""A phone's VPN client, as far as it signs in: it goes by the file that the phone took, and by nothing else.

Invariant: nothing is sent to a head end whose certificate the file does not name.
"""

import base64
import hashlib
import http.client
import socket
import ssl
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ringfence.identity.certificates import to_pem
from ringfence.phones.document import parse
from ringfence.phones.vpn.sign_in import SignInState, SvcRequest, VpnSignIn
from ringfence.secret import Secret
from ringfence.sim.capf_client import PhoneIdentity

_CIPHERS = "ALL:@SECLEVEL=0"
_PORT = 443
_MOST_TURNS = 4


@dataclass(frozen=True, slots=True)
class VpnProfile:
    """What a phone's file says of its VPN (``vpnGroup``)."""

    urls: tuple[str, ...]
    pins: frozenset[str]
    checks_host: bool
    by_certificate: bool

    @classmethod
    def of(cls, file: bytes) -> "VpnProfile | None":
        """Return what a configuration says; None where it names no head end."""
        group = parse(file).root.find("vpnGroup")
        if group is None:
            return None
        urls = [element.text or "" for element in group.findall("addresses/*")]
        pins = [element.text or "" for element in group.findall("credentials/*") if element.tag != "hashAlg"]
        said = {name: group.findtext(name, "") for name in ("enableHostIDCheck", "authMethod")}
        return cls(
            tuple(filter(None, urls)), frozenset(filter(None, pins)), said["enableHostIDCheck"] == "1",
            said["authMethod"] == "2",
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class VpnEnded:
    """What came of signing in."""

    is_in: bool
    said: str
    gave: bool = False
    """Whether the head end was given anything but a handshake."""


def sign_in(
    profile: VpnProfile, user: str = "", password: Secret | None = None, identity: PhoneIdentity | None = None, *,
    timeout_s: float = 30.0,
) -> VpnEnded:  # fmt: skip
    """Sign in at the first head end that answers; return what came of it."""
    ended = VpnEnded(is_in=False, said="its file names no head end")
    for url in profile.urls:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORT
        try:
            with _connected(host, port, identity, timeout_s) as tls:
                ended = _checked_and_signed_in(tls, host, profile, user, password)
        except (OSError, http.client.HTTPException, ValueError) as fault:
            ended = VpnEnded(is_in=False, said=f"{host}: {fault}")
            continue
        break
    return ended


def _checked_and_signed_in(
    tls: ssl.SSLSocket, host: str, profile: VpnProfile, user: str, password: Secret | None
) -> VpnEnded:
    der = tls.getpeercert(binary_form=True) or b""
    pin = base64.b64encode(hashlib.sha1(der, usedforsecurity=False).digest()).decode()
    if pin not in profile.pins:
        return VpnEnded(is_in=False, said="the head end's certificate is not one of those in the file")
    if profile.checks_host and host not in _names(der):
        return VpnEnded(is_in=False, said=f"the head end's certificate does not name {host}")
    machine = VpnSignIn(host, user, None if profile.by_certificate else password)
    for _turn in range(_MOST_TURNS):
        request = machine.poll()
        if request is None:
            return VpnEnded(is_in=False, said=machine.why, gave=True)
        is_in = machine.state is SignInState.IN
        answer = _asked(tls, request)
        if is_in:
            return VpnEnded(is_in=answer.status == http.client.OK, said=f"{answer.status} {answer.reason}", gave=True)
        machine.on_answer(answer.status, answer.headers.get_all("Set-Cookie") or [])
    return VpnEnded(is_in=False, said="it never ends", gave=True)


def _asked(tls: ssl.SSLSocket, request: SvcRequest) -> http.client.HTTPResponse:
    head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    tls.sendall(f"{request.method} {request.path} HTTP/1.1\r\n{head}\r\n{request.body}".encode())
    answer = http.client.HTTPResponse(tls, method=request.method)
    answer.begin()
    if request.method != "CONNECT":
        answer.read()
    return answer


@contextmanager
def _connected(host: str, port: int, identity: PhoneIdentity | None, timeout_s: float) -> Iterator[ssl.SSLSocket]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # its file says which certificates count
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # as older phones
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers(_CIPHERS)
    if identity is not None:
        _show(context, identity)
    with (
        socket.create_connection((host, port), timeout=timeout_s) as plain,
        context.wrap_socket(plain, server_hostname=host) as tls,
    ):
        yield tls


def _show(context: ssl.SSLContext, identity: PhoneIdentity) -> None:
    pem = identity.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "phone.pem"
        path.write_bytes(pem + to_pem(identity.certificate).encode())
        context.load_cert_chain(path)


def _names(der: bytes) -> set[str]:
    try:
        names = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (ValueError, x509.ExtensionNotFound):
        return set()
    hosts = names.value.get_values_for_type(x509.DNSName)
    return {*map(str.lower, hosts), *map(str, names.value.get_values_for_type(x509.IPAddress))}
