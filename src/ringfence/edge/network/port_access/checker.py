"""Checks phones' keys, ``python -I -m ringfence.edge.network.port_access.checker CHANNEL RADIUS``: TLS for old phones.

hostapd passes on what phones say (RADIUS on the loopback). This process takes TLS 1.0 and certificates in SHA-1, as
phones of 2008 have no better; so it holds nothing else: it is nobody, without a capability and without a file, and all
that it can tell is that a key was shown or not. It ends with the helper.

A key counts if one of the CAs that the rules name issued the certificate, it is valid today, its name is a phone's with
a MAC address, that is the address of who is at the port, and a phone of the site has it.
"""

import os
import re
import select
import socket
import ssl
import sys
import warnings
from dataclasses import dataclass

from cachetools import TTLCache

from ringfence.edge.network.port_access import eap, radius
from ringfence.edge.network.port_access.messages import (
    CheckerFailed,
    CheckerReady,
    CheckKeys,
    KeyFault,
    KeyRefused,
    KeyShown,
    TakePhones,
    read_for_checker,
    tell,
)
from ringfence.errors import RingfenceError
from ringfence.server.confinement.steps import Confinement, confine

MOST_SESSIONS, SESSION_S = 64, 60.0
LONGEST_TOLD = 80
_MAC = re.compile(r"[0-9A-F]{12}")
_PHONE_NAME = re.compile(r"(?:CP-[0-9A-Z-]{1,24}-)?SEP([0-9A-F]{12})")
"""Common names in the certificates of Cisco's phones, the maker's and those that a CUCM installs (PHONES.md)."""
_FOREIGN = frozenset({2, 7, 18, 19, 20, 21, 24})
"""7 is a CA that has the name of one of the site's, and another key."""
_NOT_YET, _EXPIRED = 9, 10
"""OpenSSL's numbers (X509_V_ERR_…)."""
_OLD_PHONES = "DEFAULT@SECLEVEL=0"


@dataclass(slots=True)
class _PeerSession:
    mac: str
    eap: eap.EapTlsSession
    asked: tuple[int, bytes] = (0, b"")
    answered: bytes = b""


class KeyChecker:
    """Answers hostapd's requests; ``answer`` returns what is sent back, and what the helper is told."""

    def __init__(self, orders: CheckKeys) -> None:
        self._context = server_context(orders)
        self._secret = orders.secret.reveal().encode()
        self._offer = orders.offer
        self._phones = frozenset(orders.phones)
        self._sessions: TTLCache[bytes, _PeerSession] = TTLCache(MOST_SESSIONS, SESSION_S)

    def take(self, orders: TakePhones) -> None:
        """Know these phones from now on."""
        self._phones = frozenset(orders.phones)

    def answer(self, data: bytes) -> tuple[bytes, KeyShown | KeyRefused | None]:
        """Answer one datagram; an empty answer means none."""
        request = radius.read_request(data, self._secret)
        if request is None or _MAC.fullmatch(request.mac) is None:
            return b"", None
        state, session = request.state, self._sessions.get(request.state)
        if session is None:
            if state:  # its session has ended: the phone begins anew
                return radius.answer(radius.RadiusKind.REJECT, request, self._secret, b"\4\0\0\4"), None
            state = os.urandom(16)
            session = _PeerSession(request.mac, eap.EapTlsSession(self._context, self._offer))
        elif session.mac != request.mac:
            return b"", None
        asked = (request.identifier, request.authenticator)
        if asked == session.asked:
            return session.answered, None  # hostapd had no answer in time
        said: KeyShown | KeyRefused | None = None
        match session.eap.receive(request.eap):
            case eap.EapAsked(packet):
                answered = radius.answer(radius.RadiusKind.CHALLENGE, request, self._secret, packet, state)
                self._sessions[state] = session
            case eap.EapFailed(packet) as failed:
                said = KeyRefused(request.mac, _fault(failed.verify_code), failed.why[:LONGEST_TOLD])
                answered = self._reject(request, packet, state)
            case eap.EapPassed(packet, names):
                said = self._judge(request.mac, names)
                if isinstance(said, KeyRefused):
                    answered = self._reject(request, bytes([eap.Code.FAILURE]) + packet[1:], state)
                else:
                    answered = radius.answer(radius.RadiusKind.ACCEPT, request, self._secret, packet)
                    self._sessions.pop(state, None)
        session.asked, session.answered = asked, answered
        return answered, said

    def _reject(self, request: radius.AccessRequest, packet: bytes, state: bytes) -> bytes:
        self._sessions.pop(state, None)
        return radius.answer(radius.RadiusKind.REJECT, request, self._secret, packet)

    def _judge(self, mac: str, names: tuple[str, ...]) -> KeyShown | KeyRefused:
        """Say whose key it is that somebody at ``mac`` has proved."""
        found = _PHONE_NAME.fullmatch(names[0]) if len(names) == 1 else None
        if found is None:
            told = "".join(char for char in ", ".join(names) if char.isprintable())
            return KeyRefused(mac, KeyFault.NO_NAME, told[:LONGEST_TOLD])
        if found[1] != mac:
            return KeyRefused(mac, KeyFault.OTHER_PHONE, found[0])
        if mac not in self._phones:
            return KeyRefused(mac, KeyFault.NO_PHONE, found[0])
        return KeyShown(mac, found[0])


def server_context(orders: CheckKeys) -> ssl.SSLContext:
    """Return TLS as old phones speak it, which asks for a certificate of one of the CAs.

    Raises:
        ssl.SSLError: A certificate or the key can't be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(_OLD_PHONES)
    # TLS 1.3 in EAP is another protocol (RFC 9190), which no phone speaks.
    with warnings.catch_warnings():  # Python warns of what old phones speak
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags = ssl.VERIFY_X509_PARTIAL_CHAIN  # an issuing CA counts without the one above it
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    if orders.authorities:
        context.load_verify_locations(cadata="\n".join(orders.authorities))
    own = os.memfd_create("own", os.MFD_CLOEXEC)  # ssl reads a key from a file alone
    try:
        os.write(own, orders.key.reveal().encode() + b"\n" + orders.certificate.encode())
        context.load_cert_chain(f"/proc/self/fd/{own}")
    finally:
        os.close(own)
    return context


def _fault(verify_code: int) -> KeyFault:
    if verify_code in _FOREIGN:
        return KeyFault.FOREIGN
    return {_NOT_YET: KeyFault.NOT_YET, _EXPIRED: KeyFault.EXPIRED}.get(verify_code, KeyFault.OTHER)


def main(arguments: list[str]) -> int:
    """Check keys until the helper is gone; return the exit status."""
    channel, at_hostapd = (socket.socket(fileno=int(word)) for word in arguments)
    try:
        orders = read_for_checker(channel)
        if not isinstance(orders, CheckKeys):
            return 1
        checker = KeyChecker(orders)
        confine(Confinement(keep_root=True))
    except (RingfenceError, OSError, ValueError) as fault:
        tell(channel, CheckerFailed(str(fault)[:300]))
        return 1
    tell(channel, CheckerReady())
    while True:
        ready, _, _ = select.select([channel, at_hostapd], [], [])
        if channel in ready:
            order = read_for_checker(channel)
            if order is None:
                return 0
            if isinstance(order, TakePhones):
                checker.take(order)
        if at_hostapd in ready:
            data, sender = at_hostapd.recvfrom(radius.LARGEST_BYTES + 1)
            answered, said = checker.answer(data)
            if said is not None:
                tell(channel, said)  # before the phone hears of it
            if answered:
                at_hostapd.sendto(answered, sender)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
