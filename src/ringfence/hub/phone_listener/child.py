"""The process that listens to phones: ``python -m ringfence.hub.phone_listener.child``, one for each address.

It does TLS with anybody on the internet, and reads their HTTP. All that it holds is the listener's key, the CAs of
phones, its listening socket, and the descriptors of those files that the hub gives for single answers. Before the first
connection it is confined: no file, no other process, no capability, limited memory, a short list of system calls. It
has no list of phones and decides nothing (``messages.py``). It ends with the hub.
"""

import asyncio
import encodings.idna  # noqa: F401 - read when it is first used, and there are no files then
import os
import resource
import signal
import socket
import ssl
from itertools import count

from cachetools import FIFOCache

from ringfence.errors import RingfenceError
from ringfence.hub.phone_listener import tls
from ringfence.hub.phone_listener.admitted import MOST_OPEN, ConnectionPlaces
from ringfence.hub.phone_listener.conversation import FileToSend, PhoneConnection, PhoneLeft
from ringfence.hub.phone_listener.messages import (
    CHANNEL,
    AddAuthority,
    DeliverFile,
    DenyFile,
    FileAsked,
    FromListener,
    HandshakeFailed,
    ListenerReady,
    ListenerUnfit,
    ListenToPhones,
    RetireListener,
)
from ringfence.hub.source_address import one_caller
from ringfence.printable import printable
from ringfence.server.confinement import capabilities
from ringfence.server.confinement.allowed_calls import LISTENER
from ringfence.server.confinement.steps import Confined, confine, seal
from ringfence.server.errors import ConfinementFailed

MOST_DESCRIPTORS = 2 * MOST_OPEN
WAITS_S = 120.0
"""How long a connection waits for its turn."""
RETIRES_S = 120.0
TOLD_AGAIN_S = 60.0
_MOST_FAILED = 1024
_NO_ROOM_S = 0.1
_LONGEST_REASON = 80
_FOREIGN = frozenset({2, 18, 19, 20, 21})
"""OpenSSL's numbers (x509_vfy.h) for a certificate whose issuer is not known, or that is its own."""


class PhoneListenerChild:
    """Talks to phones, and to the hub about them."""

    def __init__(self, channel: socket.socket, listening: socket.socket, context: ssl.SSLContext) -> None:
        self._channel, self._listening, self._context = channel, listening, context
        self._answers: dict[int, asyncio.Future[FileToSend | DenyFile]] = {}
        self._places = ConnectionPlaces()
        self._tasks: set[asyncio.Task[None]] = set()
        self._numbers = count(1)
        self._sending = asyncio.Lock()
        self._failed: FIFOCache[str, float] = FIFOCache(_MOST_FAILED)
        self._over = asyncio.Event()
        self._is_retired = False

    async def run(self) -> None:
        """Work until the hub is gone, or another process listens."""
        loop = asyncio.get_running_loop()
        self._channel.setblocking(False)
        self._listening.setblocking(False)
        loop.add_reader(self._channel.fileno(), self._obey)
        self._listen()
        await self._over.wait()

    def _obey(self) -> None:
        try:
            order, descriptor = CHANNEL.receive_order(self._channel)
        except BlockingIOError:
            return
        except (OSError, RingfenceError):
            order, descriptor = None, None
        match order:
            case DeliverFile() if descriptor is not None:
                self._resolve(order.number, FileToSend(order, descriptor))
            case DenyFile():
                self._resolve(order.number, order)
            case RetireListener() if not self._is_retired:
                self._stop_listening()
                self._retiring = asyncio.create_task(self._retire())
            case _:
                self._over.set()

    def _resolve(self, number: int, answer: FileToSend | DenyFile) -> None:
        waiting = self._answers.pop(number, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)
        elif isinstance(answer, FileToSend):
            os.close(answer.descriptor)

    async def _retire(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=RETIRES_S)
        self._over.set()

    def _listen(self) -> None:
        """Accept from now on. Whoever is accepted is talked with: no order of the hub can come between the two."""
        if not self._is_retired:
            asyncio.get_running_loop().add_reader(self._listening.fileno(), self._accept)

    def _stop_listening(self) -> None:
        self._is_retired = True
        asyncio.get_running_loop().remove_reader(self._listening.fileno())
        self._listening.close()

    def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            line, peer = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another process was quicker, or whoever came has gone
            return
        except OSError:  # no descriptor is left
            loop.remove_reader(self._listening.fileno())
            loop.call_later(_NO_ROOM_S, self._listen)
            return
        line.setblocking(False)
        task = asyncio.create_task(self._talk(line, str(peer[0]), int(peer[1])))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._places.take(one_caller(str(peer[0])), task)

    async def _talk(self, line: socket.socket, host: str, port: int) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - it is one, which mypy can't know
        number, is_begun = 0, False

        def new_number() -> int:
            nonlocal number
            number = next(self._numbers)
            return number

        try:
            async with asyncio.timeout(WAITS_S):
                place = await self._places.begin(one_caller(host))
            try:
                is_begun = True  # from now on the line is closed by the loop's transport, when nobody uses it any more
                await PhoneConnection(line, self._context, host, port, new_number, self._ask, self._tell).run()
            finally:
                self._places.end(place)
        except ssl.SSLError as fault:
            await self._tell_failure(host, fault)
        except (PhoneLeft, TimeoutError, OSError):
            pass  # whoever does not go on has lost nothing but his connection
        finally:
            self._places.leave(one_caller(host), task)
            if (waiting := self._answers.pop(number, None)) is not None:
                waiting.cancel()
            if not is_begun:
                line.close()

    async def _tell_failure(self, host: str, fault: ssl.SSLError) -> None:
        """Tell of a handshake that failed, once in a while of each address."""
        now, caller = asyncio.get_running_loop().time(), one_caller(host)
        if now - self._failed.get(caller, -TOLD_AGAIN_S) < TOLD_AGAIN_S:
            return
        self._failed[caller] = now
        is_foreign = isinstance(fault, ssl.SSLCertVerificationError) and fault.verify_code in _FOREIGN
        said = getattr(fault, "verify_message", "") or fault.reason or "no TLS"
        await self._tell(HandshakeFailed(host, printable(str(said), _LONGEST_REASON), is_foreign))

    async def _ask(self, asked: FileAsked) -> FileToSend | DenyFile:
        waiting: asyncio.Future[FileToSend | DenyFile] = asyncio.get_running_loop().create_future()
        self._answers[asked.number] = waiting
        try:
            await self._tell(asked)
            return await waiting
        except asyncio.CancelledError:
            if waiting.done() and not waiting.cancelled() and isinstance(late := waiting.result(), FileToSend):
                os.close(late.descriptor)
            raise

    async def _tell(self, message: FromListener) -> None:
        try:
            async with self._sending:
                await asyncio.get_running_loop().sock_sendall(self._channel, CHANNEL.to_bytes(message))
        except (OSError, ValueError):  # a hub that takes nothing is gone
            self._over.set()


def _give_up_rights(parent: int) -> Confined:
    confined = confine()
    _, hardest = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(MOST_DESCRIPTORS, hardest) if hardest != resource.RLIM_INFINITY else MOST_DESCRIPTORS
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    capabilities.end_with_parent(signal.SIGKILL)
    if os.getppid() != parent:
        raise ConfinementFailed("the hub has ended")  # before its end could end this process
    return seal(confined, LISTENER)


async def _serve(channel: socket.socket, listening: socket.socket, context: ssl.SSLContext, parent: int) -> None:
    child = PhoneListenerChild(channel, listening, context)
    confined = _give_up_rights(parent)  # the loop is there: it makes its own descriptors first
    CHANNEL.send(channel, ListenerReady(confined.in_words()))
    await child.run()


def main() -> None:
    """Work for the process at the other end of standard input."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the hub, which then closes its end
    parent = os.getppid()
    channel = socket.socket(fileno=0)
    authorities: list[str] = []
    order, descriptor = CHANNEL.receive_order(channel)
    while isinstance(order, AddAuthority):
        authorities.append(order.pem)
        order, descriptor = CHANNEL.receive_order(channel)
    if not isinstance(order, ListenToPhones) or descriptor is None:
        return
    try:
        context = tls.listener_context(order.certificate, order.key, authorities, is_for_old=order.is_for_old)
        asyncio.run(_serve(channel, socket.socket(fileno=descriptor), context, parent))
    except (RingfenceError, OSError, ValueError) as fault:
        CHANNEL.send(channel, ListenerUnfit(str(fault)[:300]))


if __name__ == "__main__":
    main()
