"""How often a box asks its hub whether its tunnel's next key is known, and what it does once that is so."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from ringfence.edge.agent import box as module
from ringfence.edge.agent.box import ASK_AT_LEAST_EVERY_S, ASK_S, TELL_ANYWAY_S, Box
from ringfence.edge.agent.hub_client import HubClient
from ringfence.edge.network.handle import NetworkHelper
from ringfence.edge.network.messages import PortStanding, UseTunnelKey
from ringfence.wire.network_messages import BoxAnswer, BoxStanding

NEXT = "B" * 43 + "="


class Hub:
    """Takes what a box tells, and knows its next key or not."""

    def __init__(self) -> None:
        self.told: list[BoxStanding] = []
        self.knows = False

    def tell_box(self, standing: BoxStanding) -> BoxAnswer:
        self.told.append(standing)
        return BoxAnswer(next_key_known=self.knows)


class Helper:
    """Keeps the orders that it gets."""

    def __init__(self) -> None:
        self.orders: list[Any] = []

    def order(self, order: Any) -> None:  # noqa: ANN401 - whichever comes
        self.orders.append(order)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    clock = SimpleNamespace(now=1000.0, time=lambda: 1.0)
    clock.monotonic = lambda: clock.now
    monkeypatch.setattr(module, "time", clock)
    return clock


def test_it_is_asked_ever_more_rarely_and_the_key_is_used_once_it_is_known(clock: SimpleNamespace) -> None:
    hub, helper = Hub(), Helper()
    box = Box(cast("NetworkHelper", helper), lambda _level, _text: None)
    client = cast("HubClient", hub)

    def live(seconds: float) -> int:
        """Tell every second; return how often the hub heard of it."""
        before, end = len(hub.told), clock.now + seconds
        while clock.now < end:
            box.tell(client)
            clock.now += 1.0
        return len(hub.told) - before

    box._take_standing(PortStanding(public_key="A" * 43 + "="))
    assert live(TELL_ANYWAY_S) == 1
    box._take_standing(PortStanding(public_key="A" * 43 + "=", next_public_key=NEXT))
    assert 3 <= live(10 * ASK_S) <= 5
    assert live(86_400) <= 86_400 / ASK_AT_LEAST_EVERY_S + 10
    assert helper.orders == []
    hub.knows = True
    live(ASK_AT_LEAST_EVERY_S + 1)
    assert helper.orders[0] == UseTunnelKey(NEXT)
    box._take_standing(PortStanding(public_key=NEXT))
    assert live(TELL_ANYWAY_S) == 1
    box._take_standing(PortStanding(public_key=NEXT, next_public_key="A" * 43 + "="))
    assert 3 <= live(10 * ASK_S) <= 5, "the next change begins anew"
