"""A TFTP server of thirty lines, lock-step and without options, that remembers what it was asked and from where."""

import contextlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Self

_BLOCK = 512


@dataclass
class SmallTftp:
    """Serves ``files`` on loopback; ``requests`` are (source port, datagram)."""

    files: dict[str, bytes]
    requests: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener.bind(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closer:
            closer.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while request := self._listener.recvfrom(65535):
            data, peer = request
            if not data:
                return
            self.requests.append((peer[1], data))
            name = data[2:].split(b"\0")[0].decode().lstrip("/")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as transfer, contextlib.suppress(TimeoutError):
                transfer.settimeout(2)
                transfer.connect(peer)
                self._answer(transfer, self.files.get(name))

    @staticmethod
    def _answer(transfer: socket.socket, content: bytes | None) -> None:
        if content is None:
            transfer.send(struct.pack("!HH", 5, 1) + b"File not found\0")
            return
        for block in range(len(content) // _BLOCK + 1):
            transfer.send(struct.pack("!HH", 3, block + 1) + content[block * _BLOCK : (block + 1) * _BLOCK])
            assert transfer.recv(4) == struct.pack("!HH", 4, block + 1)
