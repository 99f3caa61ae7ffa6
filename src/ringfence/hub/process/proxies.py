"""Requests by way of a proxy that ends TLS: who calls, as its headers say, and nobody else's.

The proxy hands on the certificate that a caller showed it in ``Client-Cert`` (RFC 9440, section 2.2), and the caller's
address as the last one in ``X-Forwarded-For``. From any other address ``Client-Cert`` is refused, as is one beside a
certificate that the connection itself showed; ``X-Forwarded-For`` is only ignored there, as browsers' own networks add
it. The hub verifies the certificate anew, by its own CAs: a proxy that asks for none, or takes any, changes nothing.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID
from starlette.types import ASGIApp, Receive, Scope, Send

from ringfence.errors import NotPermitted, PeerFault
from ringfence.hub import logs
from ringfence.hub.core import Hub
from ringfence.hub.counted_refusals import CountedRefusals
from ringfence.hub.device.callers import CLIENT_CERTIFICATE, TLS_EXTENSION
from ringfence.hub.device.exchange import message
from ringfence.wire.messages import Problem

CLIENT_CERT = b"client-cert"
_CHAIN = b"client-cert-chain"
_FORWARDED_FOR = b"x-forwarded-for"
LARGEST_HEADER_BYTES = 8192
"""Four times what the largest certificate of an edge takes in base64."""

_ENCODED = re.compile(rb":([A-Za-z0-9+/=]+):")
"""A byte sequence (RFC 8941, section 3.3.5)."""

Networks = Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]


class ProxyRefused(PeerFault):
    """What a request says of a proxy can't be believed."""


class UntrustedProxy(NotPermitted):
    """A request names a client certificate, and comes from no proxy that hub.toml names."""


def networks(hub: Hub) -> Networks:
    """Return where hub.toml says that proxies are."""
    return [ipaddress.ip_network(each) for each in hub.config.trusted_proxies]


def is_within(address: str, proxies: Networks) -> bool:
    """Return whether an address is one of a proxy's."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return any((mapped or parsed) in each for each in proxies if each.version == (mapped or parsed).version)


class BehindProxies:
    """An application whose requests may come by way of a proxy.

    Args:
        app: The application.
        hub: The hub, which names the proxies and has the CAs of edges.
        takes_certificates: Whether callers are known by certificates here.
    """

    def __init__(self, app: ASGIApp, hub: Hub, *, takes_certificates: bool) -> None:
        self.app = app
        self._hub, self._takes_certificates = hub, takes_certificates
        self._proxies = networks(hub)
        self._refusals = CountedRefusals(logs.get("proxies"), "request refused")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or refuse it before anything of it is believed."""
        if scope["type"] == "http":
            try:
                self._resolve(scope)
            except (ProxyRefused, UntrustedProxy) as fault:
                self._refusals.note(fault.what, peer=_peer(scope))
                status = 403 if isinstance(fault, UntrustedProxy) else 400
                problem = Problem(what=fault.what, where=fault.where, to_do=fault.to_do, kind="proxy-refused")
                await message(problem, status)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _resolve(self, scope: Scope) -> None:
        """Put the caller of a request into its scope."""
        certificates = _values(scope, CLIENT_CERT)
        if not is_within(_peer(scope), self._proxies):
            if certificates and self._takes_certificates:
                raise UntrustedProxy(
                    "Client-Cert is taken only from addresses that trusted_proxies in hub.toml names",
                    to_do="Add the proxy's address there, or let it send no such header.",
                )
            return
        if self._takes_certificates:
            self._take_certificate(scope, certificates)
        self._take_address(scope)

    def _take_certificate(self, scope: Scope, certificates: Sequence[bytes]) -> None:
        of_connection = scope.setdefault("extensions", {}).setdefault(TLS_EXTENSION, {})
        if not certificates:
            return
        if CLIENT_CERTIFICATE in of_connection:
            raise ProxyRefused("the proxy shows a certificate of its own and hands on another one")
        if len(certificates) > 1 or len(certificates[0]) > LARGEST_HEADER_BYTES or _values(scope, _CHAIN):
            raise ProxyRefused("Client-Cert must be there once, with one certificate")
        of_connection[CLIENT_CERTIFICATE] = self._verified(certificates[0])

    def _verified(self, value: bytes) -> bytes:
        """Return the certificate of a header, in DER, which one of the hub's CAs has issued for a client."""
        encoded = _ENCODED.fullmatch(value.strip())
        try:
            der = base64.b64decode(encoded[1] if encoded is not None else b"", validate=True)
            certificate = x509.load_der_x509_certificate(der)
        except (ValueError, binascii.Error):
            raise ProxyRefused("what Client-Cert holds is no certificate (RFC 9440)") from None
        if not any(_is_issued_by(certificate, authority) for authority in self._authorities()):
            raise ProxyRefused("the certificate in Client-Cert is of another CA, or is for no client")
        return der

    def _authorities(self) -> list[x509.Certificate]:
        hub = self._hub
        return [each.certificate for each in (hub.authority, hub.next_authority) if each is not None]

    def _take_address(self, scope: Scope) -> None:
        named = _values(scope, _FORWARDED_FOR)
        if not named:
            return
        last = named[-1].rpartition(b",")[2].strip().decode("ascii", "replace")
        try:
            address = str(ipaddress.ip_address(last))
        except ValueError:
            raise ProxyRefused("the last address in X-Forwarded-For is none") from None
        scope["client"] = (address, 0)


def _is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether a CA has issued a certificate, for a client; whether it has ended is judged with the caller."""
    try:
        certificate.verify_directly_issued_by(authority)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return ExtendedKeyUsageOID.CLIENT_AUTH in usage


def _values(scope: Scope, wanted: bytes) -> list[bytes]:
    return [value for name, value in scope["headers"] if name.lower() == wanted]


def _peer(scope: Scope) -> str:
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else ""
