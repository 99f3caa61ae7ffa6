"""The process of CAPF and TVS: ``python -m ringfence.hub.phone_services.child``, one for each organisation in need.

It speaks TLS 1.0 with strangers; so all that it holds is that organisation's CAPF and TVS keys. It has a socket pair
to the hub as its standard input, and the phones' connections that come over that. Before the first of them it is
confined: no file, no network, no other process, no capability, limited memory, a short list of system calls. It decides
nothing (``messages.py``). It ends with the hub.
"""

import asyncio
import encodings.idna  # noqa: F401 - read when it is first used, and there are no files then
import os
import resource
import signal
import socket
import ssl
from collections.abc import Mapping

from ringfence.errors import RingfenceError
from ringfence.hub.phone_services import tls
from ringfence.hub.phone_services.capf_session import CapfSession
from ringfence.hub.phone_services.conversation import ANSWER_S, CONNECTION_S, PhoneGone, PhoneStream
from ringfence.hub.phone_services.local_certificates import LscIssuer
from ringfence.hub.phone_services.messages import (
    CHANNEL,
    CertificateAsked,
    ConnectionOver,
    FromServices,
    OpenConnection,
    PhoneService,
    ServicesReady,
    ServicesUnfit,
    SessionFailed,
    ToServices,
    UseKeys,
    Verified,
)
from ringfence.phones.errors import BadTrustFrame, CertificateRefused
from ringfence.phones.trust import tvs
from ringfence.phones.trust.refusals import CertificateRefusal
from ringfence.phones.trust.roles import TrustRole
from ringfence.phones.trust.tvs import TvsStatus, VerifyRequest, VerifyResponse
from ringfence.printable import printable
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.allowed_calls import CONVERSATION
from ringfence.server.confinement.steps import Confined, confine, seal
from ringfence.server.errors import ConfinementFailed

MOST_CONNECTIONS = 64
_MOST_DESCRIPTORS = 256
_LONGEST_DETAIL = 120


class PhoneServicesChild:
    """Talks to the phones of one organisation, and to the hub about them."""

    def __init__(self, channel: socket.socket, keys: UseKeys) -> None:
        self._channel = channel
        self._contexts: Mapping[PhoneService, ssl.SSLContext] = {
            PhoneService.CAPF: tls.server_context(keys.capf_certificate, keys.capf_key),
            PhoneService.TVS: tls.server_context(keys.tvs_certificate, keys.tvs_key),
        }
        self._issuer = LscIssuer(keys.capf_certificate, keys.capf_key)
        self._orders: dict[int, asyncio.Queue[ToServices]] = {}
        self._at_work: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    async def run(self) -> None:
        """Work until the hub is gone."""
        self._channel.setblocking(False)
        asyncio.get_running_loop().add_reader(self._channel.fileno(), self._obey)
        await self._over.wait()

    def _obey(self) -> None:
        try:
            order, descriptor = CHANNEL.receive_order(self._channel)
        except BlockingIOError:
            return
        except (OSError, RingfenceError):
            order, descriptor = None, None
        match order:
            case OpenConnection() if descriptor is not None:
                self._open(order, socket.socket(fileno=descriptor))
            case None | UseKeys() | OpenConnection():
                self._over.set()
            case _:
                if (waiting := self._orders.get(order.number)) is not None:
                    waiting.put_nowait(order)

    def _open(self, opened: OpenConnection, line: socket.socket) -> None:
        if len(self._orders) >= MOST_CONNECTIONS:
            line.close()
            self._tell(ConnectionOver(opened.number))
            return
        self._orders[opened.number] = asyncio.Queue()
        task = asyncio.create_task(self._talk(opened, line))
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _talk(self, opened: OpenConnection, line: socket.socket) -> None:
        number, stream = opened.number, None
        line.setblocking(False)
        try:
            async with asyncio.timeout(CONNECTION_S):
                stream = await PhoneStream.accept(line, self._contexts[opened.service])
                if opened.service is PhoneService.CAPF:
                    await CapfSession(number, opened.session, stream, self._ask, self._issuer).run()
                else:
                    await self._verify(number, stream)
        except CertificateRefused as fault:
            self._fail(number, fault.refusal, fault.where)
        except BadTrustFrame as fault:
            self._fail(number, CertificateRefusal.NOT_CAPF, fault.what)
        except (PhoneGone, TimeoutError) as fault:
            self._fail(number, CertificateRefusal.HANGS, str(fault))
        finally:
            if stream is not None:
                stream.close()
            else:
                line.close()
            self._orders.pop(number, None)
            self._tell(ConnectionOver(number))

    async def _verify(self, number: int, stream: PhoneStream) -> None:
        """Answer one question of TVS. Nothing is answered to what is none."""
        asked = VerifyRequest.from_bytes(await stream.receive(tvs.HEADER_BYTES, tvs.body_bytes, ANSWER_S))
        said = await self._ask(CertificateAsked(number, asked.device_name, asked.certificate))
        if not isinstance(said, Verified):
            return
        answer = (
            VerifyResponse(asked.session, TvsStatus.VALID, tuple(map(TrustRole, said.roles)), said.ttl_s)
            if said.roles
            else VerifyResponse(asked.session, TvsStatus.INVALID)
        )
        await stream.send(answer.to_bytes())

    async def _ask(self, message: FromServices) -> ToServices:
        number = getattr(message, "number", 0)
        self._tell(message)
        try:
            async with asyncio.timeout(ANSWER_S):
                return await self._orders[number].get()
        except TimeoutError:
            raise PhoneGone("the hub does not answer") from None

    def _fail(self, number: int, refusal: str, detail: str) -> None:
        self._tell(SessionFailed(number, refusal, printable(detail, _LONGEST_DETAIL)))

    def _tell(self, message: FromServices) -> None:
        try:
            CHANNEL.send(self._channel, message)
        except (OSError, ValueError):  # a hub that takes nothing more is gone, or as good as that
            self._over.set()


def _give_up_rights(parent: int) -> Confined:
    confined = confine()
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_DESCRIPTORS, _MOST_DESCRIPTORS))
    capabilities.end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        raise ConfinementFailed("the hub has ended")  # before its end could end this process
    return seal(confined, CONVERSATION)


async def _serve(channel: socket.socket, keys: UseKeys, parent: int) -> None:
    child = PhoneServicesChild(channel, keys)
    confined = _give_up_rights(parent)  # the loop is there: it makes its own descriptors first
    CHANNEL.send(channel, ServicesReady(confined.in_words()))
    await child.run()


def main() -> None:
    """Work for the process at the other end of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub, which then closes its end
    parent = os.getppid()
    channel = socket.socket(fileno=0)
    keys, _descriptor = CHANNEL.receive_order(channel)
    if not isinstance(keys, UseKeys):
        return
    try:
        asyncio.run(_serve(channel, keys, parent))
    except (RingfenceError, OSError, ValueError) as fault:
        CHANNEL.send(channel, ServicesUnfit(str(fault)[:300]))


if __name__ == "__main__":
    main()
