"""Many transfers at a time from one thread: our receiving machine, as often as one likes."""

import selectors
import socket
import time
from collections.abc import Sequence

from ringfence.tftp.effects import (
    Deliver,
    Effects,
    Failed,
    Finished,
    Send,
    WakeAt,
)
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions
from ringfence.tftp.receiving import Receiver

LONGEST_S = 60.0


class _Fetch:
    """One receiving machine at its socket."""

    def __init__(self, server: tuple[str, int], name: str, options: RequestedOptions, host: str) -> None:
        self.endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.endpoint.bind((host, 0))
        self.machine = Receiver(server, name, options=options)
        self.content = bytearray()
        self.is_over = False
        self.wake_at = 0.0

    def carry_out(self, effects: Effects) -> None:
        for effect in effects:
            match effect:
                case Send(data, to) if isinstance(to, tuple):
                    self.endpoint.sendto(data, to)
                case Deliver(data):
                    self.content += data
                case WakeAt(at):
                    self.wake_at = at
                case Finished():
                    self.is_over = True
                case Failed():
                    raise AssertionError(effect)
                case _:
                    raise AssertionError(effect)


def fetch_many(
    server: tuple[str, int],
    names: Sequence[str],
    options: RequestedOptions = NO_OPTIONS,
    *,
    hosts: Sequence[str],
) -> list[bytes]:
    """Fetch all ``names`` at the same time, each from the host of the same place; return what came."""
    until = time.monotonic() + LONGEST_S
    fetches = [_Fetch(server, name, options, host) for name, host in zip(names, hosts, strict=True)]
    left = len(fetches)
    with selectors.DefaultSelector() as selector:
        for one in fetches:
            selector.register(one.endpoint, selectors.EVENT_READ, one)
            one.carry_out(one.machine.begin(time.monotonic()))
        looked_at = time.monotonic()
        while left:
            ready = selector.select(0.05)
            now = time.monotonic()
            assert now < until, f"{left} of {len(fetches)} transfers are not through"
            for key, _mask in ready:
                one = key.data
                data, address = one.endpoint.recvfrom(65_536)
                one.carry_out(one.machine.receive_datagram(data, address, now))
                if one.is_over:
                    selector.unregister(one.endpoint)
                    one.endpoint.close()
                    left -= 1
            if now - looked_at > 0.1:
                looked_at = now
                for one in fetches:
                    if not one.is_over and one.wake_at <= now:
                        one.carry_out(one.machine.handle_timeout(now))
    return [bytes(one.content) for one in fetches]
