"""HTTP on a loop of its own thread, with a real listening socket, and whatever admission a test gives it."""

import http.client
import socket
import threading
import time
from collections.abc import Callable

from ringfence.server.access.admission import Admission
from ringfence.server.events import WorkerEvent
from ringfence.server.files.catalogue import NOTHING_OFFERED
from ringfence.server.http.front import HttpFront
from ringfence.server.io import sockets
from ringfence.server.io.loop import Loop
from ringfence.server.limits.settings import HttpLimits, Limits


def wait_until(is_so: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


class Front:
    """The front on a loop of its own thread; ``prepare`` gives admission what there is to serve, and by which rules."""

    def __init__(
        self, prepare: Callable[[Admission], None], limits: HttpLimits | None = None, *, refusals: int = 10_000
    ) -> None:
        self.events: list[WorkerEvent] = []
        self.loop = Loop()
        self.admission = Admission(
            self.loop, site="Home", on_event=self.events.append, limits=Limits(refusal_burst=refusals)
        )
        self.front = HttpFront(self.loop, self.admission, limits=limits or HttpLimits())
        prepare(self.admission)
        (self.site,) = self.admission._evaluation.sites
        self.listener = sockets.listen_tcp("127.0.0.1", 0)
        self.address = self.listener.getsockname()
        self.front.listen(self.listener)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.loop.turn(0.01)

    def connect(self) -> http.client.HTTPConnection:
        host, port = self.address
        return http.client.HTTPConnection(host, port, timeout=60)

    def say(self, data: bytes) -> bytes:
        """Send bytes and return all that comes until the end."""
        with socket.create_connection(self.address, timeout=60) as peer:
            peer.sendall(data)
            peer.shutdown(socket.SHUT_WR)
            heard = b""
            try:
                while more := peer.recv(65536):
                    heard += more
            except ConnectionResetError:
                pass
            return heard

    def wait_until(self, is_so: Callable[[], object]) -> None:
        wait_until(is_so)

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self.front.close()
        self.admission.adopt(NOTHING_OFFERED, self.site)
        self.loop.close()
        self.listener.close()
