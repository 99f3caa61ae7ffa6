"""Where concentrators are: by address at once, by name once DNS has said so."""

import pytest

from ringfence.edge.agent.concentrator_addresses import AGAIN_S, ConcentratorAddresses, address_of
from ringfence.wire.network_messages import NetworkConcentrator, NetworkRules

KEY = "A" * 43 + "="
BY_NAME = NetworkConcentrator("c1", "east.example.org:51820", KEY, (), address="10.1.0.1")
BY_ADDRESS = NetworkConcentrator("c2", "[2001:db8::1]:51820", KEY, (), "", "192.0.2.2:51821", "10.1.0.2")


def test_a_name_is_left_out_until_it_leads_somewhere_and_followed_when_it_moves() -> None:
    dns: dict[str, str] = {}
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return dns.get(name, "")

    rules = NetworkRules(1, concentrators=(BY_NAME, BY_ADDRESS))
    addresses = ConcentratorAddresses(ask)
    assert [each.endpoint for each in addresses.applied(rules).concentrators] == ["[2001:db8::1]:51820"]
    assert not addresses.look_up(rules, 0.0)
    alone = NetworkRules(1, concentrators=(BY_NAME,))
    assert (addresses.unknown(rules), addresses.unknown(alone)) == ([], ["east.example.org"])
    assert ConcentratorAddresses(ask).unknown(alone) == [], "it was not asked for yet"
    dns["east.example.org"] = "192.0.2.7"
    assert addresses.look_up(rules, 2.0)
    assert addresses.unknown(alone) == []
    first, second = addresses.applied(rules).concentrators
    assert (first.endpoint, second.next_endpoint) == ("192.0.2.7:51820", "192.0.2.2:51821")
    dns["east.example.org"] = "192.0.2.8"
    assert not addresses.look_up(rules, 4.0)
    assert addresses.look_up(rules, 2.0 + AGAIN_S)
    dns.clear()
    assert not addresses.look_up(rules, 4.0 + 2 * AGAIN_S), "the last answer counts"
    assert set(asked) == {"east.example.org"}
    assert (
        addresses.applied(NetworkRules(1, concentrators=(NetworkConcentrator("c", "x", KEY, ()),))).concentrators == ()
    )


def test_dns_is_asked_by_the_machines_own_means(monkeypatch: pytest.MonkeyPatch) -> None:
    assert address_of("127.0.0.1") == "127.0.0.1"
    assert address_of("x" * 300) == ""

    def none(*_words: object, **_more: object) -> list[object]:
        raise OSError("no DNS")

    monkeypatch.setattr("socket.getaddrinfo", none)
    assert address_of("east.example.org") == ""
