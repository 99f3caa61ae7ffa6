"""Phones that come to CAPF or TVS through the calling edge."""

import threading
from collections import Counter

from starlette.requests import Request
from starlette.responses import Response

from ringfence.hub.device.callers import DeviceCaller, check_not_held, hub_of
from ringfence.hub.device.phone_conversation import PhoneConversation
from ringfence.hub.errors import EdgeBusy, NothingHere
from ringfence.hub.phone_services.messages import PhoneService
from ringfence.hub.phone_services.services import IDLE_S, PhoneServices
from ringfence.phones.mac import Mac
from ringfence.printable import printable
from ringfence.wire.phone_services import MOST_AT_ONCE


class PhonesOfEdges:
    """The phones that are connected, by the edges that they came through."""

    def __init__(self) -> None:
        self.services = PhoneServices()
        self._lock = threading.Lock()
        self._count: Counter[str] = Counter()
        self._looks: threading.Timer | None = None

    def begin(self, edge_id: str) -> None:
        """Take a place for an edge's phone.

        Raises:
            EdgeBusy: It has none left.
        """
        with self._lock:
            if self._count[edge_id] >= MOST_AT_ONCE:
                raise EdgeBusy(f"{MOST_AT_ONCE} phones of this edge are connected", to_do="Phones will try again.")
            self._count[edge_id] += 1

    def over(self, edge_id: str) -> None:
        """Give a place back; when no phone comes any more, the process for them ends."""
        with self._lock:
            self._count[edge_id] -= 1
            if self._count[edge_id] <= 0:
                del self._count[edge_id]
            if self._looks is None or not self._looks.is_alive():
                self._looks = threading.Timer(IDLE_S + 1, self.services.end_idle)
                self._looks.daemon = True
                self._looks.start()

    def end(self) -> None:
        """End all that phones are connected to."""
        with self._lock:
            if self._looks is not None:
                self._looks.cancel()
        self.services.end()


def converse(request: Request, caller: DeviceCaller, _body: bytes) -> Response:
    """Begin with a phone that has connected at the calling edge."""
    word, mac = request.path_params["service"], request.query_params.get("mac", "")
    if word not in frozenset(PhoneService):
        raise NothingHere("there is nothing at this path", where=printable(word, 40))
    check_not_held(caller)
    phones: PhonesOfEdges = request.app.state.phone_services
    phones.begin(caller.edge_id)
    try:
        line = phones.services.connect(hub_of(request), caller.site_id, PhoneService(word), Mac.parse(mac))
    except BaseException:
        phones.over(caller.edge_id)
        raise
    return PhoneConversation(line, lambda: phones.over(caller.edge_id))
