"""A transfer as a transcript: what a client says, and what the machine answers, in one notation.

``RRQ name octet blksize=8``, ``DATA 1 512`` (block and octets), ``ACK 1``, ``OACK blksize=8``, ``ERROR 5``; and
``finished`` or ``failed REASON`` for what is told of the end. Time only passes where the transcript says so.
"""

from collections.abc import Callable, Iterable

from ringfence.tftp.effects import (
    Address,
    Effect,
    Failed,
    Finished,
    Send,
    SendBurst,
)
from ringfence.tftp.options import ServerLimits, negotiate
from ringfence.tftp.packets import (
    Acknowledgement,
    Data,
    ErrorPacket,
    OptionAcknowledgement,
    ReadRequest,
    from_bytes,
    to_bytes,
)
from ringfence.tftp.retransmission import DEFAULT_POLICY, RetransmissionPolicy
from ringfence.tftp.sending import Sender, SendingState

PHONE = ("192.0.2.7", 50000)
OTHER_PORT = ("192.0.2.7", 50001)
OTHER_HOST = ("192.0.2.66", 50000)


def rrq(name: str = "f", mode: str = "octet", **options: str) -> bytes:
    """Return a read request; what can't be said so is written as bytes."""
    return to_bytes(ReadRequest(name, mode, tuple(options.items())))


def content_of(size_bytes: int) -> bytes:
    """Return octets of which no two neighbouring blocks are the same."""
    return bytes((index * 31 + index // 256) % 256 for index in range(size_bytes))


def said(text: str) -> bytes:
    """Return the packet that a transcript names; a client's words only."""
    match text.split():
        case ["ACK", number]:
            return to_bytes(Acknowledgement(int(number)))
        case ["ERROR", code]:
            return to_bytes(ErrorPacket(int(code), "the client says so"))
        case _:
            raise AssertionError(text)


def shown(datagram: bytes) -> str:
    """Return a packet of the server in the transcript's notation."""
    match from_bytes(datagram):
        case Data(block, payload):
            return f"DATA {block} {len(payload)}"
        case OptionAcknowledgement(options):
            return " ".join(["OACK", *(f"{name}={value}" for name, value in options)])
        case ErrorPacket(code):
            return f"ERROR {code}"
        case other:
            raise AssertionError(other)


class Talk:
    """One client and the sending machine, from the request on; the clock stands still between two calls."""

    def __init__(
        self,
        request: bytes,
        content: int | bytes,
        *,
        limits: ServerLimits | None = None,
        policy: RetransmissionPolicy = DEFAULT_POLICY,
        jitter: float = 0.0,
        rollover: int = 0,
        read: Callable[[int, int], bytes] | None = None,
    ) -> None:
        self.content = content_of(content) if isinstance(content, int) else content
        self.now = 0.0
        self.received: list[bytes] = []
        asked = from_bytes(request)
        assert isinstance(asked, ReadRequest)
        self.terms = negotiate(asked.options, mode=asked.mode, size_bytes=len(self.content), limits=limits)
        self.machine = Sender(
            PHONE,
            read or (lambda offset, size: self.content[offset : offset + size]),
            len(self.content),
            mode=asked.mode,
            terms=self.terms,
            policy=policy,
            jitter=jitter,
            rollover=rollover,
        )

    def begin(self) -> list[str]:
        """Let the machine answer the request."""
        return self._transcript(self.machine.begin(self.now))

    def hears(self, datagram: str | bytes, addr: Address = PHONE, *, after_s: float = 0.0) -> list[str]:
        """Say one thing to the machine, by the entrance that the server takes."""
        self.now += after_s
        data = said(datagram) if isinstance(datagram, str) else datagram
        if addr == PHONE:
            flight = self.machine.advance(data, self.now)
            if flight is not None:
                burst = SendBurst(flight, self.machine.datagram_bytes)
                self.machine.prepare()
                return self._transcript((burst,))
        return self._transcript(self.machine.receive_datagram(data, addr, self.now))

    def times_out(self) -> list[str]:
        """Let time pass until the machine's timer is due."""
        self.now = self.machine.wake_at
        return self._transcript(self.machine.handle_timeout(self.now))

    @property
    def waits_s(self) -> float:
        """How long the machine would wait from now on."""
        return self.machine.wake_at - self.now

    @property
    def is_over(self) -> bool:
        """Whether the machine has ended."""
        return self.machine.state is SendingState.OVER

    def run(self) -> bytes:
        """Acknowledge each window as a good client does; return the payloads of the blocks, which must be in order."""
        answers = self.begin()
        payloads, last = b"", 0
        while answers:
            for datagram in self.received:
                packet = from_bytes(datagram)
                if isinstance(packet, Data):
                    assert packet.block == (last + 1) % 65536 or (packet.block, last) == (1, 65535)
                    payloads, last = payloads + packet.payload, packet.block
            self.received = []
            answers = self.hears(f"ACK {last}")
            if answers == ["finished"]:
                return payloads
        raise AssertionError("the machine fell silent")

    def _transcript(self, effects: Iterable[Effect]) -> list[str]:
        lines: list[str] = []
        for effect in effects:
            match effect:
                case Send(data):
                    self.received.append(data)
                    lines.append(shown(data))
                case SendBurst():
                    self.received.extend(effect.datagrams())
                    lines.extend(shown(data) for data in effect.datagrams())
                case Finished():
                    lines.append("finished")
                case Failed(reason):
                    lines.append(f"failed {reason}")
                case _:
                    pass
        return lines
