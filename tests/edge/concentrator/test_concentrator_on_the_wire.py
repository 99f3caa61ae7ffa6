"""Real tunnels from two boxes to two concentrators beside a PBX: who reaches whom, and what a loss costs."""

from collections.abc import Iterator

import pytest

from support.tunnel_network import NEIGHBOUR, PBX, SILENCE_S, SOON_S, TunnelNetwork, passes

pytestmark = [
    pytest.mark.needs("netns"), pytest.mark.needs("nft"), pytest.mark.needs("wireguard"), pytest.mark.slow,
]  # fmt: skip
SIP, RTP, SSH = 5060, 10000, 22


@pytest.fixture
def network() -> Iterator[TunnelNetwork]:
    with TunnelNetwork() as made:
        for concentrator in (made.east, made.west):
            concentrator.take(made.a.known(), made.b.known())
        for box in (made.a, made.b):
            box.take(made.east.end(), made.west.end())
        yield made


def calls(network: TunnelNetwork) -> bool:
    """Whether a call of box A's phone would do: to the PBX and back."""
    a, pbx = (network.a.namespace, network.a.phone), (network.pbx, PBX)
    return passes(a, pbx, SIP) and passes(pbx, a, SIP)


def test_phones_reach_the_pbx_and_it_reaches_them_and_nothing_else_does(network: TunnelNetwork) -> None:
    a, b = (network.a.namespace, network.a.phone), (network.b.namespace, network.b.phone)
    pbx, neighbour = (network.pbx, PBX), (network.pbx, NEIGHBOUR)
    inside = (network.east.namespace, network.east.inside)
    network.live_until(lambda: calls(network) and passes(b, pbx, RTP) and passes(pbx, b, RTP))
    cells = [
        ("the PBX's SIP", a, pbx, SIP, True),
        ("its media", a, pbx, RTP, True),
        ("the end of its media's ports", a, pbx, 20000, True),
        ("beyond them", a, pbx, 20001, False),
        ("another port of the PBX", a, pbx, SSH, False),
        ("another machine there", a, neighbour, SIP, False),
        ("the concentrator itself", a, inside, SIP, False),
        ("another box's phone", a, b, RTP, False),
        ("the PBX to a phone", pbx, a, 40000, True),
        ("another machine there to a phone", neighbour, a, 40000, False),
    ]
    for what, sender, receiver, port, gets_there in cells:
        assert passes(sender, receiver, port, wait_s=SOON_S if gets_there else SILENCE_S) is gets_there, what


def test_boxes_exchange_media_where_both_may_and_nothing_else(network: TunnelNetwork) -> None:
    a, b = (network.a.namespace, network.a.phone), (network.b.namespace, network.b.phone)
    network.live_until(lambda: calls(network))
    network.east.take(network.a.known(network.b.subnet), network.b.known(network.a.subnet))
    network.a.take(network.east.end(network.b.subnet))
    network.b.take(network.east.end(network.a.subnet))
    network.live_until(lambda: passes(a, b, RTP) and passes(b, a, RTP))
    assert not passes(a, b, SSH)


def test_a_box_that_is_no_longer_named_is_out_at_once(network: TunnelNetwork) -> None:
    network.live_until(lambda: network.a.keeper.used == "east" and calls(network))
    network.east.take(network.b.known())
    assert not passes((network.a.namespace, network.a.phone), (network.pbx, PBX), SIP)


def test_calls_go_through_another_concentrator_when_one_is_lost_and_back_again(network: TunnelNetwork) -> None:
    network.live_until(lambda: network.a.keeper.used == "east" and calls(network))
    network.plug(network.east, "down")
    took_s = network.live_until(lambda: network.a.keeper.used == "west" and calls(network))
    print(f"calls go through the other concentrator after {took_s:.1f} s")  # noqa: T201 - for people who look
    network.plug(network.east, "up")
    network.live_until(lambda: network.a.keeper.used == "east" and calls(network))


def test_a_box_that_moves_to_another_address_goes_on(network: TunnelNetwork) -> None:
    network.live_until(lambda: calls(network))
    network.readdress(network.a, "203.0.113.77/24")
    network.live_until(lambda: calls(network))


def test_a_box_changes_its_key_while_a_call_goes_on(network: TunnelNetwork) -> None:
    network.live_until(lambda: calls(network))
    network.change_key(network.a)
    network.live_until(lambda: calls(network))
