"""One session of CAPF in the process that talks to phones: it shows what the phone says, and does as it is ordered."""

import contextlib
from collections.abc import Awaitable, Callable, Mapping

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from ringfence.hub.phone_services.conversation import ANSWER_S, KEY_S, PhoneGone, PhoneStream
from ringfence.hub.phone_services.local_certificates import LscIssuer
from ringfence.hub.phone_services.messages import (
    DeleteCertificate,
    DeviceShown,
    EndSession,
    FetchCertificate,
    FromServices,
    InstallLsc,
    LscMade,
    OrderDone,
    StoreLsc,
    ToServices,
)
from ringfence.phones.errors import BadTrustFrame, CertificateRefused
from ringfence.phones.trust import capf
from ringfence.phones.trust.capf import (
    CapfAuthType,
    CapfCertificateType,
    CapfCommand,
    CapfElement,
    CapfFrame,
    CapfKeyType,
    CapfReason,
)
from ringfence.phones.trust.refusals import CertificateRefusal, refused
from ringfence.secret import Secret

Ask = Callable[[FromServices], Awaitable[ToServices]]
"""Tells the hub something, and returns what it orders."""
_LONGEST_NAME, _LONGEST_PASSWORD = 32, 32
_MOST_IN_PROGRESS = 20
_LARGEST_KEY_BYTES = 1024


class CapfSession:
    """Talks to one phone.

    Args:
        number: The connection's, in messages.
        session: The number that this session's frames bear.
        stream: The phone.
        ask: The hub.
        issuer: What issues certificates.
    """

    def __init__(self, number: int, session: int, stream: PhoneStream, ask: Ask, issuer: LscIssuer) -> None:
        self._number, self._session = number, session
        self._stream, self._ask, self._issuer = stream, ask, issuer

    async def run(self) -> None:
        """Go through the session.

        Raises:
            CertificateRefused: It came to nothing; the phone was told that it is over.
            BadTrustFrame: The phone does not speak CAPF.
            PhoneGone: It does not answer.
        """
        try:
            await self._send(
                CapfCommand.AUTH_REQUEST,
                {CapfElement.VERSION: bytes([capf.VERSION]), CapfElement.AUTH_TYPE: bytes([CapfAuthType.NONE])},
            )
            shown = self._shown(await self._receive(CapfCommand.AUTH_RESPONSE))
            await self._obey(await self._ask(shown), shown.device_name)
        except (CertificateRefused, BadTrustFrame):
            with contextlib.suppress(PhoneGone):
                await self._end(CapfReason.INVALID_ELEMENT)
            raise

    async def _obey(self, order: ToServices, device_name: str) -> None:
        match order:
            case InstallLsc():
                await self._install(order, device_name)
            case FetchCertificate():
                await self._send(CapfCommand.FETCH_CERTIFICATE_REQUEST)
                answer = await self._receive(CapfCommand.FETCH_CERTIFICATE_RESPONSE)
                self._require_done(answer)
                await self._finish(OrderDone(self._number, answer.certificate() or b""))
            case DeleteCertificate():
                await self._send(CapfCommand.DELETE_CERTIFICATE_REQUEST)
                self._require_done(await self._receive(CapfCommand.DELETE_CERTIFICATE_RESPONSE))
                await self._finish(OrderDone(self._number))
            case EndSession(_, reason):
                await self._end(CapfReason(reason))
            case _:
                raise PhoneGone("the hub has no order")

    async def _install(self, order: InstallLsc, device_name: str) -> None:
        kind, bits = bytes([CapfKeyType.RSA]), order.key_bits.to_bytes(2)
        await self._send(
            CapfCommand.KEY_GENERATE_REQUEST, {CapfElement.KEY_TYPE: kind, CapfElement.KEY_SIZE: bits}
        )  # fmt: skip
        answer = await self._receive(CapfCommand.KEY_GENERATE_RESPONSE, KEY_S)
        certificate = self._issuer.issue(
            self._key_made(answer, order.key_bits), device_name, int(order.serial, 16), order.begins_at, order.ends_at
        )
        if not isinstance(await self._ask(LscMade(self._number, certificate)), StoreLsc):
            await self._end(CapfReason.INVALID_ELEMENT)
            return
        kept_as = CapfCertificateType.LSC
        await self._send(
            CapfCommand.STORE_CERTIFICATE_REQUEST,
            {
                CapfElement.CERTIFICATE_TYPE: bytes([kept_as]),
                CapfElement.CERTIFICATE: capf.certificate_element(certificate, kept_as),
            },
        )
        self._require_done(await self._receive(CapfCommand.STORE_CERTIFICATE_RESPONSE))
        await self._finish(OrderDone(self._number, certificate))

    def _key_made(self, answer: CapfFrame, bits: int) -> rsa.RSAPublicKey:
        der = answer.elements.get(CapfElement.PUBLIC_KEY)
        if der is None:
            raise refused(CertificateRefusal.PHONE_REFUSES, f"reason {answer.number(CapfElement.REASON)}")
        try:
            key = load_der_public_key(der) if len(der) <= _LARGEST_KEY_BYTES else None
        except (ValueError, UnsupportedAlgorithm):
            key = None
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size != bits:
            raise refused(CertificateRefusal.WRONG_KEY)
        return key

    async def _finish(self, done: OrderDone) -> None:
        """Tell the hub, then the phone: what the phone has, the hub knows."""
        order = await self._ask(done)
        await self._end(CapfReason(order.reason) if isinstance(order, EndSession) else CapfReason.INVALID_ELEMENT)

    def _require_done(self, answer: CapfFrame) -> None:
        reason = answer.number(CapfElement.REASON)
        if reason != CapfReason.UPDATE_CERTIFICATE:
            raise refused(CertificateRefusal.PHONE_REFUSES, f"reason {reason}")

    def _shown(self, answer: CapfFrame) -> DeviceShown:
        if answer.number(CapfElement.VERSION) != capf.VERSION:
            raise refused(CertificateRefusal.NOT_CAPF, f"version {answer.number(CapfElement.VERSION)}")
        return DeviceShown(
            self._number,
            answer.text(CapfElement.DEVICE_NAME, _LONGEST_NAME) or "",
            answer.certificate() or b"",
            answer.elements.get(CapfElement.SIGNED_DATA, b""),
            answer.elements.get(CapfElement.SHA2_SIGNED_DATA, b""),
            answer.elements.get(CapfElement.SUDI_DATA, b""),
            Secret(answer.text(CapfElement.PASSWORD, _LONGEST_PASSWORD) or ""),
        )

    async def _end(self, reason: CapfReason) -> None:
        await self._send(CapfCommand.END_SESSION, {CapfElement.REASON: bytes([reason])})

    async def _send(self, command: CapfCommand, elements: Mapping[CapfElement, bytes] | None = None) -> None:
        await self._stream.send(CapfFrame(command, self._session, elements or {}).to_bytes())

    async def _receive(self, expected: CapfCommand, within_s: float = ANSWER_S) -> CapfFrame:
        """Return the phone's next frame; while it says that it is at work, it is waited for again."""
        for _time in range(_MOST_IN_PROGRESS):
            frame = CapfFrame.from_bytes(await self._stream.receive(capf.HEADER_BYTES, capf.body_bytes, within_s))
            if frame.session != self._session:
                raise refused(CertificateRefusal.NOT_CAPF, "another session's number")
            if frame.command is expected:
                return frame
            if frame.command is not CapfCommand.REQUEST_IN_PROGRESS:
                raise refused(CertificateRefusal.NOT_CAPF, f"{frame.command.name} instead of {expected.name}")
        raise PhoneGone("it is at work for ever")
