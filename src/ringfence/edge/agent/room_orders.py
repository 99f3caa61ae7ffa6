"""The hub's orders to phones, as a part of the state: each is carried out once, and none that is old."""

from collections.abc import Callable, Sequence

from ringfence.edge.agent.clock import HubClock
from ringfence.wire import codec
from ringfence.wire.messages import RoomOrder, RoomOrders, StatePart

MOST = 1000


class RoomOrdersPart:
    """The state's part with orders; used by one thread at a time. ``send`` gets those that are new and not too old."""

    name = StatePart.ROOM_ORDERS

    def __init__(self, clock: HubClock, send: Callable[[Sequence[RoomOrder]], None]) -> None:
        self._clock = clock
        self._send = send
        self._seen: frozenset[str] = frozenset()

    def keep(self, told: bytes) -> None:
        """Take over which orders are known: what is stored was carried out before it was.

        Raises:
            BadMessage: They are not RoomOrders.
        """
        self._seen = frozenset(order.number for order in codec.from_json(RoomOrders, told).orders[:MOST])

    def take(self, told: bytes) -> bool:
        """Carry out what is new; return whether there is anything new.

        Raises:
            BadMessage: As ``keep``.
        """
        before = self._seen
        self.keep(told)
        orders = codec.from_json(RoomOrders, told).orders[:MOST]
        news = [order for order in orders if order.number not in before]
        if due := [order for order in news if order.until > self._clock.now()]:
            self._send(due)
        return bool(news) or self._seen != before

    def apply(self) -> None:
        """Do nothing: an order is carried out when it comes."""

    def on_time(self) -> None:
        """Do nothing: an order that is too old is never carried out."""
