"""A TFTP server that does what a good one does not: proof that the attacks find something where there is something."""

import socket
import threading
from typing import Self


class NaiveTftp:
    """A server as one writes it in an afternoon: one transfer at a time, every name, and writing too."""

    def __init__(self) -> None:
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._listener.bind(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._stop.set()
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                data, peer = self._listener.recvfrom(2000)
            except TimeoutError:
                continue
            self._answer(data, peer)

    def _answer(self, data: bytes, peer: tuple[str, int]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as endpoint:
            endpoint.settimeout(0.02)
            if data.startswith(b"\0\2"):
                endpoint.sendto(b"\0\4\0\0", peer)
                return
            packets = [b"n" * 512, b"n" * 512, b"n" * 511]
            for number, packet in enumerate(packets, 1):
                for _ in range(6):
                    endpoint.sendto(b"\0\3" + number.to_bytes(2, "big") + packet, peer)
                    try:
                        endpoint.recvfrom(600)
                    except TimeoutError:
                        continue
                    break
                else:
                    return
