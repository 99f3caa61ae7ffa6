"""A load generator for TFTP servers: many lock-step sessions from one process, and how many blocks a second came.

It does as little as a client can: no options, no retransmission but a repeated request, no look at the bytes but their
count. So what it measures is the server, as long as it has a processor of its own.
"""

import argparse
import select
import socket
import statistics
import sys
import time
from dataclasses import dataclass

REPEAT_AFTER_S = 1.0
BLOCK_BYTES = 512
LONGEST_DATAGRAM_BYTES = 65536
LONGEST_SILENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Rates:
    """What ``run`` measured. ``repeats`` counts requests and ACKs that had to be sent again."""

    clients: int
    transfers: int
    blocks: int
    duration_s: float
    blocks_per_s: float
    megabytes_per_s: float
    transfer_p50_s: float
    transfer_p99_s: float
    repeats: int


class _Client:
    """One session after another, each from a port of its own."""

    __slots__ = ("began_at", "blocks", "endpoint", "expected", "last", "peer", "received_at", "slot")

    def __init__(self, request: bytes, server: tuple[str, int], source_host: str | None, slot: int) -> None:
        self.slot = slot
        self.endpoint = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        if source_host is not None:
            self.endpoint.bind((source_host, 0))
        self.began_at = self.received_at = time.monotonic()
        self.blocks = 0
        self.expected = b"\0\x03\0\x01"
        self.last = request
        self.peer = server
        self.endpoint.sendto(request, server)

    def step(self) -> bool:
        """Take what came; True once the last block is acknowledged."""
        data, address = self.endpoint.recvfrom(LONGEST_DATAGRAM_BYTES)
        head = data[:4]
        if head != self.expected:
            if head[:2] == b"\0\x05":
                raise RuntimeError(f"the server refused the file: {data[4:-1]!r}")
            return False
        self.blocks += 1
        self.peer = address
        self.last = b"\0\x04" + head[2:]
        self.expected = b"\0\x03" + ((int.from_bytes(head[2:], "big") + 1) & 0xFFFF).to_bytes(2, "big")
        self.endpoint.sendto(self.last, address)
        return len(data) < BLOCK_BYTES + len(head)

    def repeat(self) -> None:
        """Send the request or the last ACK again."""
        self.endpoint.sendto(self.last, self.peer)


class _Load:
    """``clients`` sessions at a time until ``transfers`` are done."""

    def __init__(self, server: tuple[str, int], name: str, clients: int, transfers: int) -> None:
        self._server = server
        self._request = b"\0\x01" + name.encode() + b"\0octet\0"
        self._transfers = transfers
        self._epoll = select.epoll()
        self._sessions: dict[int, _Client] = {}
        self._begun = 0
        self.repeats = 0
        self.blocks = 0
        self.durations: list[float] = []
        for slot in range(min(clients, transfers)):
            self._begin(slot)

    def run(self) -> None:
        checked_at = heard_at = time.monotonic()
        while self._sessions:
            ready = self._epoll.poll(REPEAT_AFTER_S)
            now = time.monotonic()
            if ready:
                heard_at = now
            elif now - heard_at > LONGEST_SILENCE_S:
                raise RuntimeError(f"the server has said nothing for {LONGEST_SILENCE_S:g} s")
            for fd, _ in ready:
                client = self._sessions[fd]
                client.received_at = now
                if client.step():
                    self._end(client, now)
            if now - checked_at > REPEAT_AFTER_S:
                checked_at = now
                self._repeat_late_ones(now)
        self._epoll.close()

    def _begin(self, slot: int) -> None:
        source_host = None
        if self._server[0].startswith("127."):
            source_host = f"127.1.{slot // 250}.{slot % 250 + 1}"
        client = _Client(self._request, self._server, source_host, slot)
        self._sessions[client.endpoint.fileno()] = client
        self._epoll.register(client.endpoint.fileno(), select.EPOLLIN)
        self._begun += 1

    def _end(self, client: _Client, now: float) -> None:
        self.durations.append(now - client.began_at)
        self.blocks += client.blocks
        del self._sessions[client.endpoint.fileno()]
        client.endpoint.close()
        if self._begun < self._transfers:
            self._begin(client.slot)

    def _repeat_late_ones(self, now: float) -> None:
        for client in self._sessions.values():
            if now - client.received_at > REPEAT_AFTER_S:
                client.repeat()
                client.received_at = now
                self.repeats += 1


def run(server: tuple[str, int], name: str, clients: int, transfers: int) -> Rates:
    """Fetch ``name`` ``transfers`` times in all with ``clients`` sessions at a time, and return the rates.

    Towards a loopback address each client has a source address of its own (127.1.x.y), as phones have; else the
    server's limit for one source would be measured. RuntimeError for a refusal or a server that falls silent.
    """
    began_at = time.monotonic()
    load = _Load(server, name, clients, transfers)
    load.run()
    duration_s = time.monotonic() - began_at
    durations = sorted(load.durations)
    return Rates(
        clients=clients,
        transfers=transfers,
        blocks=load.blocks,
        duration_s=duration_s,
        blocks_per_s=load.blocks / duration_s,
        megabytes_per_s=load.blocks * BLOCK_BYTES / duration_s / 1e6,
        transfer_p50_s=statistics.median(durations),
        transfer_p99_s=durations[min(len(durations) - 1, int(len(durations) * 0.99))],
        repeats=load.repeats,
    )


def main(arguments: list[str] | None = None) -> int:
    """Measure one server from the command line."""
    parser = argparse.ArgumentParser(description="Measure a TFTP server in lock-step blocks a second.")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("name", help="a file that the server has; a megabyte or more measures best")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--transfers", type=int, default=100)
    asked = parser.parse_args(arguments)
    print(f"{'clients':>8} {'transfers':>10} {'blocks/s':>10} {'MB/s':>7} {'p50 s':>8} {'p99 s':>8} {'repeats':>8}")
    for clients in asked.clients:
        rates = run((asked.host, asked.port), asked.name, clients, asked.transfers)
        print(
            f"{clients:>8} {rates.transfers:>10} {rates.blocks_per_s:>10.0f} {rates.megabytes_per_s:>7.1f} "
            f"{rates.transfer_p50_s:>8.3f} {rates.transfer_p99_s:>8.3f} {rates.repeats:>8}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
