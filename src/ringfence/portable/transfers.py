"""TFTP for one home on a plain selector: the machines of ``ringfence.tftp``, a few transfers at a time.

It runs wherever Python does: no epoll, no signal, no option of a socket that a system lacks. Bounds: transfers at
once, in all and for a source; requests that a source may make; requests that are taken in one turn.
"""

import contextlib
import random
import selectors
import socket
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from ringfence.portable.bundle import OpenBundle
from ringfence.portable.desk import Desk, FileGiven, FileWithheld
from ringfence.portable.errors import CannotServe
from ringfence.portable.manifest import BundledFile, BundledPhone
from ringfence.portable.network import HardwareTable
from ringfence.tftp.effects import Effect, Failed, Finished, Send, SendBurst
from ringfence.tftp.errors import MalformedPacket
from ringfence.tftp.options import ServerLimits, negotiate
from ringfence.tftp.packets import ILLEGAL_OPERATION, NO_WRITING, NOT_FOUND, STOPPING, ReadRequest, WriteRequest
from ringfence.tftp.packets import from_bytes as packet_of
from ringfence.tftp.packets import to_bytes as datagram_of
from ringfence.tftp.sending import Sender

TFTP_PORT = 69
MOST_TRANSFERS = 32
MOST_OF_SOURCE = 4
MOST_SOURCES = 256
REQUESTS_BURST, REQUESTS_PER_S = 32.0, 8.0
REQUESTS_PER_TURN = 16
LARGEST_DATAGRAM = 2048
WAITS_FOR_HARDWARE_S = 3.0
"""How long a phone's own file waits for the system to find out whose the address is; phones ask again meanwhile."""
_LIMITS = ServerLimits(largest_block_size=1428, largest_window=16)
_MODES = frozenset({"octet", "netascii"})
_ADDRESS_IN_USE = {48, 98, 10048}
_NO_SUCH_ADDRESS = {49, 99, 10049}
_TURN_S = 0.5

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class TransferBegan:
    """A transfer began."""

    source: str
    file: BundledFile
    phone: BundledPhone | None


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """A transfer ended; ``is_whole``: the phone has all of it."""

    source: str
    file: BundledFile
    phone: BundledPhone | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class RequestDeclined:
    """A request got nothing, for a reason that a person should read."""

    source: str
    name: str
    why: FileWithheld


Happening = TransferBegan | TransferEnded | RequestDeclined


@dataclass(slots=True)
class _HomeTransfer:
    sender: Sender
    channel: socket.socket
    peer: Peer
    given: FileGiven


class Transfers:
    """Serves a bundle's files by TFTP. ``turn`` does what is due; ``tell`` hears what happens."""

    def __init__(
        self, bundle: OpenBundle, desk: Desk, neighbours: HardwareTable, tell: Callable[[Happening], None]
    ) -> None:
        self._bundle, self._desk, self._neighbours, self._tell = bundle, desk, neighbours, tell
        self._selector = selectors.DefaultSelector()
        self._listener: socket.socket | None = None
        self._by_peer: dict[Peer, _HomeTransfer] = {}
        self._budgets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._waiting: OrderedDict[str, float] = OrderedDict()

    def listen(self, address: str, port: int) -> int:
        """Take requests at an address and port; return the port.

        Raises:
            CannotServe: The system does not allow it.
        """
        listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listener.bind((address, port))
        except OSError as fault:
            listener.close()
            if isinstance(fault, PermissionError):
                raise CannotServe("port-forbidden", port=port) from None
            if fault.errno in _NO_SUCH_ADDRESS:
                raise CannotServe("no-such-address", address=address) from None
            raise CannotServe("port-busy", port=port) from None
        listener.setblocking(False)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, None)
        return int(listener.getsockname()[1])

    @property
    def count(self) -> int:
        """How many transfers are under way."""
        return len(self._by_peer)

    def swap(self, bundle: OpenBundle) -> None:
        """Serve another bundle from now on; to be called while no transfer is under way."""
        self._bundle = bundle
        self._desk.take(bundle.manifest)

    def turn(self, clock: Callable[[], float], longest_s: float = _TURN_S) -> None:
        """Wait until something is to be done, ``longest_s`` at most, and do it.

        Args:
            clock: Seconds that only go up.
            longest_s: How long to wait at most.
        """
        now = clock()
        due = min((each.sender.wake_at for each in self._by_peer.values()), default=now + longest_s)
        for key, _ in self._selector.select(max(0.0, min(due - now, longest_s))):
            if key.data is None:
                self._on_requests(clock())
            else:
                self._on_datagrams(key.data, clock)
        now = clock()
        for transfer in list(self._by_peer.values()):
            if now >= transfer.sender.wake_at:
                self._carry_out(transfer, transfer.sender.handle_timeout(now))

    def close(self) -> None:
        """End every transfer, and listen no more."""
        for transfer in list(self._by_peer.values()):
            self._send(transfer.channel, datagram_of(STOPPING))
            self._end(transfer, is_whole=False)
        if self._listener is not None:
            self._listener.close()
        self._selector.close()

    def _on_requests(self, now: float) -> None:
        listener = self._listener
        if listener is None:
            return
        for _ in range(REQUESTS_PER_TURN):
            try:
                data, peer = listener.recvfrom(LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # Windows tells so that an answer of ours found nobody
            if peer in self._by_peer or not self._take_budget(peer[0], now):
                continue  # a repeated request is answered by what the transfer repeats
            answer = self._on_request(data, peer, now)
            if answer is not None:
                with contextlib.suppress(OSError):
                    listener.sendto(answer, peer)

    def _on_request(self, data: bytes, peer: Peer, now: float) -> bytes | None:
        """Return what is answered at once; None where nothing is, or a transfer began."""
        try:
            packet = packet_of(data)
        except MalformedPacket:
            return None
        except ValueError:
            return None
        if isinstance(packet, WriteRequest):
            return datagram_of(NO_WRITING)
        if not isinstance(packet, ReadRequest):
            return None
        if packet.mode not in _MODES:
            return datagram_of(ILLEGAL_OPERATION)
        hardware = self._neighbours.hardware(peer[0], now)
        if hardware is None and self._desk.asks_for_own(packet.filename) and self._waits_for_hardware(peer[0], now):
            return None
        decision = self._desk.judge(packet.filename, peer[0], hardware)
        match decision:
            case FileGiven():
                self._begin(packet, peer, decision, now)
                return None
            case FileWithheld():
                if decision.told:
                    self._tell(RequestDeclined(peer[0], packet.filename, decision))
                return None if decision.is_silent else datagram_of(NOT_FOUND)

    def _waits_for_hardware(self, source: str, now: float) -> bool:
        """Return whether the system is still finding out whose an address is; this computer's own is nobody's."""
        if source.startswith("127."):
            return False
        began = self._waiting.get(source)
        if began is None:
            self._waiting[source] = now
            if len(self._waiting) > MOST_SOURCES:
                self._waiting.popitem(last=False)
            self._neighbours.provoke(source)
            return True
        return now < began + WAITS_FOR_HARDWARE_S

    def _begin(self, request: ReadRequest, peer: Peer, given: FileGiven, now: float) -> None:
        of_source = sum(each.peer[0] == peer[0] for each in self._by_peer.values())
        if len(self._by_peer) >= MOST_TRANSFERS or of_source >= MOST_OF_SOURCE:
            return  # phones ask again
        channel = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            channel.setblocking(False)
            if self._listener is not None:
                channel.bind((self._listener.getsockname()[0], 0))
            channel.connect(peer)
        except OSError:
            channel.close()
            return
        bundle, file = self._bundle, given.file
        terms = negotiate(request.options, mode=request.mode, size_bytes=file.length, limits=_LIMITS)
        sender = Sender(
            peer, lambda offset, size: bundle.read(file, offset, size), file.length, mode=request.mode, terms=terms,
            jitter=random.random(),  # noqa: S311 - spreads repetitions
        )  # fmt: skip
        transfer = _HomeTransfer(sender, channel, peer, given)
        self._by_peer[peer] = transfer
        self._selector.register(channel, selectors.EVENT_READ, transfer)
        self._tell(TransferBegan(peer[0], file, given.to))
        self._carry_out(transfer, sender.begin(now))

    def _on_datagrams(self, transfer: _HomeTransfer, clock: Callable[[], float]) -> None:
        for _ in range(REQUESTS_PER_TURN):
            if self._by_peer.get(transfer.peer) is not transfer:
                return
            try:
                data = transfer.channel.recv(LARGEST_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                self._end(transfer, is_whole=False)  # nobody is at that port any more
                return
            self._carry_out(transfer, transfer.sender.receive_datagram(data, transfer.peer, clock()))

    def _carry_out(self, transfer: _HomeTransfer, effects: tuple[Effect, ...]) -> None:
        for effect in effects:
            match effect:
                case Send():
                    self._send(transfer.channel, effect.data)
                case SendBurst():
                    for datagram in effect.datagrams():
                        self._send(transfer.channel, datagram)
                case Finished() | Failed():
                    self._end(transfer, is_whole=isinstance(effect, Finished))
                case _:
                    pass  # when it is due is asked of the sender itself

    @staticmethod
    def _send(channel: socket.socket, datagram: bytes) -> None:
        with contextlib.suppress(OSError):
            channel.send(datagram)  # what is lost is repeated

    def _end(self, transfer: _HomeTransfer, *, is_whole: bool) -> None:
        self._selector.unregister(transfer.channel)
        transfer.channel.close()
        del self._by_peer[transfer.peer]
        self._tell(TransferEnded(transfer.peer[0], transfer.given.file, transfer.given.to, is_whole))

    def _take_budget(self, source: str, now: float) -> bool:
        left, since = self._budgets.pop(source, (REQUESTS_BURST, now))
        left = min(REQUESTS_BURST, left + (now - since) * REQUESTS_PER_S)
        self._budgets[source] = (left - 1 if left >= 1 else left, now)
        if len(self._budgets) > MOST_SOURCES:
            self._budgets.popitem(last=False)
        return left >= 1
