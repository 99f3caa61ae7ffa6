"""A virtual phone's side of HTTPS at port 6971 of its TFTP server: its own configuration, and nothing else.

A phone with a list of signer version 1.1 asks there first, for ``NAME.sgn``, and takes the unsigned file as the answer
(PHONES.md section 2). It believes the server by its list or by TVS: names, dates and issuers say nothing to it.
"""

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

import h11

from ringfence.phones.trust.signed_file import SIGNED_SUFFIX
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import NotVouchedFor
from ringfence.sim.sip_over_tls import show

PORT = 6971
_WITHIN_S = 30.0
_LARGEST_BYTES = 4 * 1024 * 1024
_OK = 200
_PART_BYTES = 16 * 1024

Check = Callable[[bytes], None]
"""Checks a server's certificate in DER. NotVouchedFor."""


@dataclass(frozen=True, slots=True)
class HttpsServer:
    """Where a phone asks by HTTPS, and from where; ``identity`` is the certificate that it shows if it is asked."""

    address: tuple[str, int]
    source_host: str | None = None
    identity: PhoneIdentity | None = None


def get(server: HttpsServer, name: str, check: Check) -> bytes | None:
    """Return a phone's configuration, asked for with ``.sgn``; None if the server refuses it.

    Args:
        server: Where.
        name: The configuration's name.
        check: Checks the server's certificate before anything is asked.

    Raises:
        NotVouchedFor: The server is none that the phone believes.
        OSError: It can't be reached, speaks no TLS 1.2, or its answer is none.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # the list says whom it believes
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:@SECLEVEL=0")
    if server.identity is not None:
        show(context, server.identity)
    source = (server.source_host, 0) if server.source_host else None
    with (
        socket.create_connection(server.address, _WITHIN_S, source) as line,
        context.wrap_socket(line) as secured,
    ):
        shown = secured.getpeercert(binary_form=True)
        if shown is None:
            raise NotVouchedFor("the server at the port for HTTPS shows no certificate")
        check(shown)
        return _ask(secured, server.address[0], f"/{name}{SIGNED_SUFFIX}")


def _ask(secured: ssl.SSLSocket, host: str, target: str) -> bytes | None:
    http, body, status = h11.Connection(h11.CLIENT), b"", 0
    request = h11.Request(method="GET", target=target, headers=[("Host", host), ("Connection", "close")])
    secured.sendall((http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b""))
    try:
        while True:
            match http.next_event():
                case h11.NEED_DATA:
                    http.receive_data(secured.recv(_PART_BYTES))
                case h11.Response(status_code=int(code)):
                    status = code
                case h11.Data(data=part):
                    body += bytes(part)
                    if len(body) > _LARGEST_BYTES:
                        raise OSError("the answer is too long")
                case h11.EndOfMessage():
                    return body if status == _OK else None
                case _:
                    raise OSError("the server ended the connection")
    except h11.RemoteProtocolError as fault:
        raise OSError(f"the answer is no HTTP: {fault}") from None
