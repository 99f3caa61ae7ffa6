"""TLS of the listeners, and how it is known whose a connection is."""

import asyncio
import contextlib
import ssl

from cryptography import x509

from ringfence.hub.data.folder import DataFolder
from ringfence.hub.device.callers import CLIENT_CERTIFICATE, TLS_EXTENSION
from ringfence.hub.device.phone_conversation import BEGIN, CONVERSATION
from ringfence.hub.people.callers import ON_CALLER
from ringfence.hub.process.bounded_http import BoundedProtocol
from ringfence.identity.certificates import NO_CHECK_TIME, holder_id
from ringfence.identity.errors import BadCertificate


def people_context(folder: DataFolder) -> ssl.SSLContext:
    """Return the people's listener's context: TLS 1.2 or newer, no client certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    load_certificate(context, folder)
    return context


def device_context(folder: DataFolder) -> ssl.SSLContext:
    """Return the devices' listener's context: TLS 1.3, client certificates of our own CA.

    A certificate is optional in the handshake, because an edge that enrols has none. One that is shown must verify, or
    the handshake fails; and every route but two refuses a connection that showed none (device/app.py). Whether it has
    ended is judged with the caller (device/callers.py): an ended one may be renewed, and nothing else.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    context.verify_mode = ssl.CERT_OPTIONAL
    for authority in (folder.authority(), folder.next_authority()):
        if authority is not None:
            context.load_verify_locations(cadata=authority.pem)
    context.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)
    load_certificate(context, folder)
    return context


def load_certificate(context: ssl.SSLContext, folder: DataFolder) -> None:
    """Take the listeners' certificate from the folder; connections from now on get it."""
    context.load_cert_chain(folder.server_certificate, folder.server_key)


class ClientCertificateProtocol(BoundedProtocol):
    """HTTP that hands each request the client certificate of its connection, as the ASGI TLS extension names it.

    The certificate is read once, after the handshake has verified it; no header can forge it. An edge is one caller,
    whichever of its certificates it shows.
    """

    _certificate: bytes | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Keep what the handshake verified."""
        tls: ssl.SSLObject | None = transport.get_extra_info("ssl_object")
        self._certificate = tls.getpeercert(binary_form=True) if tls is not None else None
        super().connection_made(transport)
        if self._certificate is not None:
            with contextlib.suppress(ValueError, BadCertificate):  # as a stranger it gets its answer
                shown = x509.load_der_x509_certificate(self._certificate)
                self.counted.recognise(self.connection, holder_id(shown))

    def on_message_begin(self) -> None:
        """Put the certificate into the new request's scope."""
        super().on_message_begin()
        tls: dict[object, object] = {} if self._certificate is None else {CLIENT_CERTIFICATE: self._certificate}
        self.scope["extensions"] = {TLS_EXTENSION: tls, CONVERSATION: {BEGIN: self.begin_conversation}}


class TokenProtocol(BoundedProtocol):
    """HTTP whose connections are those of whoever a request's token names, from then on."""

    def on_message_begin(self) -> None:
        """Let the application say who calls."""
        super().on_message_begin()
        self.scope["state"][ON_CALLER] = self._on_caller

    def _on_caller(self, caller_id: str) -> None:
        self.counted.recognise(self.connection, caller_id)
