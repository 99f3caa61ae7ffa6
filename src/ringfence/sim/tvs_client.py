"""A phone's side of TVS: it asks about a certificate that is not in its list, and remembers the answer for a while."""

import socket
import ssl
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from ringfence.phones.trust import tvs
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus, VerifyRequest, VerifyResponse
from ringfence.sim.errors import TvsSaid

_ANSWER_S = 60.0
_SESSION = 1001
"""The number that the known client sends."""


def ask(line: socket.socket, context: ssl.SSLContext, device_name: str, certificate: bytes) -> VerifyResponse:
    """Ask about a certificate in DER over a connection to a TVS, and end it.

    Raises:
        TvsSaid: The answer is another question's.
        BadTrustFrame: It is none.
        OSError, EOFError: The connection fails, or ends.
    """
    line.settimeout(_ANSWER_S)
    with context.wrap_socket(line) as secured:
        secured.sendall(VerifyRequest(_SESSION, device_name, certificate).to_bytes())
        answer = VerifyResponse.from_bytes(_frame(secured))
    if answer.session != _SESSION:
        raise TvsSaid("TVS answers another question")
    return answer


@dataclass(slots=True)
class TvsMemory:
    """What a phone remembers of TVS's answers, each for as long as it counts."""

    _known: dict[bytes, tuple[float, frozenset[TrustRole]]] = field(default_factory=dict)

    def remember(self, certificate: x509.Certificate, answer: VerifyResponse, now: float) -> None:
        """Keep an answer; that a certificate is not trusted is asked again the next time."""
        if answer.status is TvsStatus.VALID:
            self._known[certificate.fingerprint(hashes.SHA256())] = (now + answer.ttl_s, frozenset(answer.roles))

    def roles(self, certificate: x509.Certificate, now: float) -> frozenset[TrustRole] | None:
        """Return what a certificate is trusted for; None if TVS has to be asked."""
        until, roles = self._known.get(certificate.fingerprint(hashes.SHA256()), (0.0, frozenset()))
        return roles if now < until else None


def der_of(certificate: x509.Certificate) -> bytes:
    """Return a certificate as a phone sends it."""
    return certificate.public_bytes(Encoding.DER)


def _frame(line: ssl.SSLSocket) -> bytes:
    header = _exactly(line, tvs.HEADER_BYTES)
    return header + _exactly(line, tvs.body_bytes(header))


def _exactly(line: ssl.SSLSocket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = line.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data
