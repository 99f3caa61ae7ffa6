"""How a virtual SPA or Multiplatform phone fetches its profiles by HTTPS, as strictly as real ones do.

- Invariant: nothing is asked of a server whose certificate is of no CA that the phone knows, or is not for the name in
  the rule. An SPA phone looks at the subject's common name, and whether the DNS gives that name the server's address.
- Invariant: an SPA phone speaks TLS 1.0, and names no server in its hello; a Multiplatform phone speaks TLS 1.2 or
  newer.
- Invariant: where a server answers that something has moved for good (301), the phone asks at the new place from then
  on, over boots, too; that place is HTTPS as well.

Source: PHONES.md sections 8, 8b and 13 (rules, certificates, 301), section 3 (how phones call themselves).
"""

import http.client
import json
import socket
import ssl
import tempfile
import urllib.parse
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from ringfence.phones.family import Model
from ringfence.phones.mac import Mac
from ringfence.server.errors import FetchFailed, FileRefused
from ringfence.sim.capf_client import PhoneIdentity
from ringfence.sim.errors import ServerDistrusted
from ringfence.sim.phone_memory import PhoneMemory
from ringfence.sim.trusting_phone import as_pem
from ringfence.tftp.options import RequestedOptions

HTTPS = "https://"
_OLD_TLS = "1.0"
_PORT = 443
_WITHIN_S = 20.0
_LARGEST_BYTES = 512 << 20
_MOST_MOVES, _MOST_KEPT = 4, 16
_OLD_CIPHERS = "ALL:!aNULL:!eNULL:@SECLEVEL=0"
_OF_TODAY, _OF_OLD = "Cisco-CP-{model}/12.0.5 ({mac})", "Cisco/{model}-7.6.2 ({mac})({serial})"


def addresses_of(name: str) -> tuple[str, ...]:
    """Return the addresses that the machine's DNS has for a name; none where there are none."""
    try:
        return tuple(str(found[4][0]) for found in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM))
    except OSError:
        return ()


@dataclass(slots=True)
class HttpsSide:
    """What of a phone speaks HTTPS.

    Args:
        mac: Its address.
        model: Its model, which says what TLS it speaks.
        authorities: The CAs that it knows, in PEM: an SPA phone's is its maker's.
        identity: The certificate that its maker gave it; None for a phone without one.
        rule: The profile rule that somebody typed at it, or a redirection service gave it; empty for its maker's.
        memory: What it keeps over boots.
        resolve: The DNS that it asks.
        serial: Its serial number.
    """

    mac: Mac
    model: Model
    authorities: str
    identity: PhoneIdentity | None = field(default=None, repr=False)
    rule: str = field(default="", repr=False)
    memory: PhoneMemory = field(default_factory=PhoneMemory)
    resolve: Callable[[str], tuple[str, ...]] = addresses_of
    serial: str = "CBT141400UK"
    over: str = "https"

    @property
    def is_old(self) -> bool:
        """Whether it speaks TLS 1.0 alone."""
        return self.model.tls_ceiling.value == _OLD_TLS

    def __call__(
        self, server: tuple[str, int], name: str, /, *, options: RequestedOptions, source_host: str | None
    ) -> bytes:
        """Return what a URL leads to.

        Raises:
            ServerDistrusted: The server's certificate does not count for this phone.
            FileRefused: The server gives nothing.
            FetchFailed: There is no connection, or no answer that a phone can follow.
        """
        del server, options
        for _move in range(_MOST_MOVES):
            url = self._moved().get(name, name)
            status, body, place = self._exchange(url, source_host)
            if status == http.client.OK:
                return body
            if status != http.client.MOVED_PERMANENTLY:
                raise FileRefused(status, str(status), where=_shown(url))
            if not place.startswith(HTTPS):
                raise FetchFailed("the server leads to a place without HTTPS", where=_shown(url))
            self._keep_moved(name, place)
        raise FetchFailed("the server leads on and on", where=_shown(name))

    def expand(self, rule: str) -> str:
        """Return a rule with what the phone puts in place of macros."""
        macros = {
            "$MAU": self.mac.bare, "$MA": self.mac.bare.lower(), "$PSN": self.model.psn, "$PN": self.model.name,
            "$SN": self.serial,
        }  # fmt: skip
        for macro, value in macros.items():
            rule = rule.replace(macro, value)
        return rule

    def _exchange(self, url: str, source_host: str | None) -> tuple[int, bytes, str]:
        parts = urllib.parse.urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORT
        source = (source_host, 0) if source_host else None
        addresses = self.resolve(host)
        if not addresses:
            raise FetchFailed(f"the DNS does not know {host}", where=_shown(url))
        connection = http.client.HTTPConnection(host, port, timeout=_WITHIN_S)
        try:
            line = socket.create_connection((addresses[0], port), _WITHIN_S, source)
            connection.sock = self._encrypted(line, host, addresses[0])
            connection.request("GET", parts.path or "/", headers={"User-Agent": self._agent, "Connection": "close"})
            answer = connection.getresponse()
            return answer.status, answer.read(_LARGEST_BYTES), answer.headers.get("Location", "")
        except ssl.SSLCertVerificationError as fault:
            raise ServerDistrusted(
                f"the phone does not believe the server: {fault.verify_message}", where=_shown(url)
            ) from None
        except (OSError, http.client.HTTPException) as fault:
            raise FetchFailed(f"no answer by HTTPS: {str(fault) or type(fault).__name__}", where=_shown(url)) from None
        finally:
            connection.close()

    def _encrypted(self, line: socket.socket, host: str, address: str) -> ssl.SSLSocket:
        context = self._context()
        tls = context.wrap_socket(line, server_hostname=None if self.is_old else host)
        if self.is_old:
            self._check_old(tls, host, address)
        return tls

    def _check_old(self, tls: ssl.SSLSocket, host: str, address: str) -> None:
        """Check what an SPA phone does: the name in the subject, and that it stands for the server's address."""
        shown = x509.load_der_x509_certificate(tls.getpeercert(binary_form=True) or b"")
        common = [str(each.value) for each in shown.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        name = common[0].partition("/")[0].lower() if common else ""
        if name != host.lower():
            tls.close()
            raise ServerDistrusted(f"the server's certificate is for {name or 'nobody'}, not for {host}")
        if address not in self.resolve(name):
            tls.close()
            raise ServerDistrusted(f"the DNS gives {name} another address than {address}")

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.is_old:
            context.check_hostname = False  # it has its own way: _check_old
            context.set_ciphers(_OLD_CIPHERS)
            with warnings.catch_warnings():  # Python warns of what old phones speak
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1
        else:
            context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.authorities:
            context.load_verify_locations(cadata=self.authorities)
        if self.identity is not None:
            with tempfile.NamedTemporaryFile(prefix="phone-", suffix=".pem") as file:  # its owner's alone
                Path(file.name).write_bytes(as_pem(self.identity))
                context.load_cert_chain(file.name)
        return context

    @property
    def _agent(self) -> str:
        form = _OF_OLD if self.is_old else _OF_TODAY
        return form.format(model=self.model.name, mac=self.mac.bare.lower(), serial=self.serial)

    def _moved(self) -> Mapping[str, str]:
        kept = self.memory.moved
        return {str(name): str(place) for name, place in json.loads(kept).items()} if kept else {}

    def _keep_moved(self, name: str, place: str) -> None:
        moved = {**self._moved(), name: place}
        if len(moved) <= _MOST_KEPT:
            self.memory.keep_moved(json.dumps(moved).encode())


def _shown(url: str) -> str:
    """Return a URL for people; its path may hold a key."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
