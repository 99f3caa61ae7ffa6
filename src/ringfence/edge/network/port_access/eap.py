"""One peer's way through EAP-TLS (RFC 3748, RFC 5216), without sockets and clocks.

Invariants:

- The only way to success is a whole TLS handshake in which the peer proved a key of a certificate that TLS verified.
- Fragments, rounds and refusals (NAK) have a largest number; whatever does not fit ends in failure.
- A handshake that resumes an earlier one counts for what that one proved, with the same context alone.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

FRAGMENT_BYTES = 1000
"""Of TLS in one packet of ours: with its headers it fits into every Ethernet frame."""
LARGEST_FLIGHT_BYTES = 64 * 1024
SMALLEST_PACKET_BYTES, LARGEST_PACKET_BYTES = 5, 4096
MOST_ROUNDS = 120
MOST_NAKS = 3
_LENGTH_INCLUDED, _MORE_FRAGMENTS, _START = 0x80, 0x40, 0x20


class Code(IntEnum):
    """What an EAP packet is (RFC 3748, section 4)."""

    REQUEST = 1
    RESPONSE = 2
    SUCCESS = 3
    FAILURE = 4


class Method(IntEnum):
    """Types of EAP that are told apart (RFC 3748, section 5)."""

    IDENTITY = 1
    NAK = 3
    TLS = 13


@dataclass(frozen=True, slots=True)
class EapAsked:
    """The peer is asked on, with this packet."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class EapPassed:
    """The peer holds the key of this certificate; ``subject`` is as ``ssl`` tells it."""

    packet: bytes
    common_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EapFailed:
    """The peer did not do it; ``why`` in words, ``verify_code`` is OpenSSL's for a certificate that it refuses."""

    packet: bytes
    why: str
    verify_code: int = 0


Step = EapAsked | EapPassed | EapFailed


class EapTlsSession:
    """The server's side for one peer; ``receive`` takes one packet and returns what comes next.

    Args:
        context: A TLS server's, which asks for the peer's certificate.
        first_offer: The method that is offered first; a peer may refuse it and name TLS.
    """

    def __init__(self, context: ssl.SSLContext, first_offer: int = Method.TLS) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._offer = first_offer
        self._has_begun = self._is_done = False
        self._fault: ssl.SSLError | None = None
        self._identifier = 0
        self._to_send = self._received = b""
        self._is_first_fragment = False
        self._rounds = self._naks = 0

    def receive(self, packet: bytes) -> Step:
        """Take one packet of the peer; total, raises nothing."""
        self._rounds += 1
        if not SMALLEST_PACKET_BYTES <= len(packet) <= LARGEST_PACKET_BYTES or int.from_bytes(packet[2:4]) != len(
            packet
        ):
            return self._failed("it sends what is not EAP")
        code, identifier, method, data = packet[0], packet[1], packet[4], packet[5:]
        if code != Code.RESPONSE or self._rounds > MOST_ROUNDS:
            return self._failed("it sends what does not belong to EAP-TLS")
        if method == Method.IDENTITY and not self._has_begun:
            self._identifier = identifier
            return self._begin()
        if not self._has_begun or identifier != self._identifier:
            return self._failed("it sends what does not belong to EAP-TLS")
        match method:
            case Method.NAK:
                return self._on_nak(data)
            case Method.TLS if data and self._offer == Method.TLS:
                return self._on_tls(data[0], data[1:])
            case _:
                return self._failed("it sends what does not belong to EAP-TLS")

    def _begin(self) -> EapAsked:
        self._has_begun = True
        return self._request(bytes([_START]))

    def _on_nak(self, methods: bytes) -> Step:
        self._naks += 1
        if Method.TLS not in methods or self._naks > MOST_NAKS or self._received or self._to_send:
            return self._failed("it does not take EAP-TLS")
        self._offer = Method.TLS
        return self._begin()

    def _on_tls(self, flags: int, data: bytes) -> Step:
        if self._to_send:  # this acknowledges a fragment of ours
            return self._failed("it answers before all is sent") if data else self._next_fragment()
        if flags & _LENGTH_INCLUDED:
            data = data[4:]
        if len(self._received) + len(data) > LARGEST_FLIGHT_BYTES:
            return self._failed("it sends more than a handshake has")
        self._received += data
        if flags & _MORE_FRAGMENTS:
            return self._request(b"\0")
        flight, self._received = self._received, b""
        if self._fault is not None:
            return self._failed_by(self._fault)
        if self._is_done:
            return self._finish()
        self._incoming.write(flight)
        return self._shake_hands()

    def _shake_hands(self) -> Step:
        try:
            self._tls.do_handshake()
            self._is_done = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as fault:
            self._fault = fault  # the alert goes out first, and the peer's answer to it ends the session
        self._to_send = self._outgoing.read()
        if not self._to_send:
            return self._failed_by(self._fault) if self._fault is not None else self._finish()
        self._is_first_fragment = len(self._to_send) > FRAGMENT_BYTES
        return self._next_fragment()

    def _next_fragment(self) -> EapAsked:
        part, total = self._to_send[:FRAGMENT_BYTES], len(self._to_send)
        self._to_send = self._to_send[FRAGMENT_BYTES:]
        flags = _MORE_FRAGMENTS if self._to_send else 0
        if not self._is_first_fragment:
            return self._request(bytes([flags]) + part)
        self._is_first_fragment = False
        return self._request(bytes([flags | _LENGTH_INCLUDED]) + total.to_bytes(4) + part)

    def _finish(self) -> Step:
        if not self._is_done:
            return self._failed("it ends the handshake")
        return EapPassed(self._ended(Code.SUCCESS), _common_names(self._tls.getpeercert() or {}))

    def _request(self, data: bytes) -> EapAsked:
        self._identifier = (self._identifier + 1) & 0xFF
        head = bytes([Code.REQUEST, self._identifier])
        return EapAsked(head + (len(data) + 5).to_bytes(2) + bytes([self._offer]) + data)

    def _ended(self, code: Code) -> bytes:
        return bytes([code, self._identifier, 0, 4])

    def _failed(self, why: str) -> EapFailed:
        return EapFailed(self._ended(Code.FAILURE), why)

    def _failed_by(self, fault: ssl.SSLError) -> EapFailed:
        if isinstance(fault, ssl.SSLCertVerificationError):
            return EapFailed(self._ended(Code.FAILURE), fault.verify_message, fault.verify_code)
        reason = (fault.reason or "no reason given").replace("_", " ").lower()[:80]
        return EapFailed(self._ended(Code.FAILURE), f"TLS fails: {reason}")


def _common_names(certificate: Mapping[str, object]) -> tuple[str, ...]:
    """Return all common names of a certificate's holder; the shapes are those of ``ssl.SSLObject.getpeercert``."""
    subject = certificate.get("subject")
    if not isinstance(subject, tuple):
        return ()
    return tuple(str(pair[1]) for part in subject for pair in part if pair[0] == "commonName")
