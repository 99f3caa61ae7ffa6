"""``ringfence tunnel``: concentrators, as the hub knows them."""

import pytest

from ringfence.identity.tokens import TunnelToken
from support.command_line import CommandLine


@pytest.fixture
def name(ringfence: CommandLine) -> str:
    """The name of a concentrator that has not enrolled."""
    made = ringfence.ask("tunnel", "token", "Berlin, cellar", "--network", "192.0.2.0/24")
    assert TunnelToken.from_text(made["token"]).site == "Berlin, cellar"
    return str(made["concentrator"]["name"])


def test_a_concentrator_is_listed_shown_allowed_and_removed(ringfence: CommandLine, name: str) -> None:
    assert "Berlin, cellar" in ringfence("tunnel", "list")
    shown = ringfence("tunnel", "show", name)
    assert "place" in shown
    assert "not enrolled" in shown
    assert "Networks       192.0.2.0/24\n" in shown
    told = ringfence("tunnel", "allow", name, "198.51.100.7", "192.0.2.0/25", "--position", "7")
    assert told == "To Berlin, cellar, place 7, is routed: 198.51.100.7/32, 192.0.2.0/25.\n"
    assert ringfence.ask("tunnel", "allow", name, "none")["networks"] == []
    assert ringfence("tunnel", "token", name).count("RFT1") == 1
    assert "has told no key" in ringfence.refused(5, "tunnel", "rotate-key", name)
    ringfence.refused(3, "tunnel", "remove", name)
    assert ringfence("tunnel", "remove", name, "--yes") == "Concentrator Berlin, cellar removed.\n"
    ringfence.refused(4, "tunnel", "show", name)


@pytest.mark.parametrize(
    "words", [("allow",), ("allow", "everywhere"), ("allow", "0.0.0.0/0"), ("allow", "--position", "0")]
)
def test_what_can_not_be_routed_is_refused(ringfence: CommandLine, name: str, words: tuple[str, ...]) -> None:
    before = ringfence.ask("tunnel", "show", name)
    ringfence.refused(3, "tunnel", words[0], name, *words[1:])
    ringfence.refused(4, "tunnel", words[0], "nowhere", "192.0.2.1")
    assert ringfence.ask("tunnel", "show", name) == before
    ringfence("tunnel", "remove", name, "--yes")
