"""``ringfence guard policy``."""

import pytest

from support.command_line import CommandLine


def test_a_policy_is_shown_and_set_in_parts(ringfence: CommandLine, site: str) -> None:
    before = ringfence.ask("guard", "policy", site)
    changed = ringfence.ask("guard", "policy", site, "--need", "secret=L3", "--first-contact", "hold")
    needs = {row["kind"]: row["level"] for row in changed["needs"]}
    assert (needs["secret"], changed["first_contact"]) == ("L3", "hold")
    assert (changed["gateway"], changed["networks"]) == (before["gateway"], before["networks"])
    more = ["--network", "192.0.2.0/24", "--gateway", "windows", "--edge-moves", "alert", "--learned-days", "3"]
    assert "192.0.2.0/24" in ringfence("guard", "policy", site, *more)
    assert ringfence.ask("guard", "policy", site, "--network", "any")["networks"] == []
    shares = ["--per-address", "transfers=300,refusals=20", "--per-address", "requests=64"]
    assert "transfers 300" in ringfence("guard", "policy", site, *shares)
    left = ringfence.ask("guard", "policy", site, "--per-address", "transfers=default")["per_address"]
    assert left == {"refusals": 20, "requests": 64}


@pytest.mark.parametrize(
    "words",
    [
        ("--need", "secret"), ("--need", "secret=L9"), ("--need", "nothing=L1"), ("--network", "everywhere"),
        ("--first-contact", "never"), ("--gateway", "on"), ("--edge-moves", "shout"), ("--learned-days", "-1"),
        ("--per-address", "refusals"), ("--per-address", "refusals=-1"), ("--per-address", "refusals=10001"),
        ("--per-address", "wishes=3"), ("--per-address", "refusals=99999999999999999999"),
    ],
)  # fmt: skip
def test_what_no_policy_says_is_refused(ringfence: CommandLine, site: str, words: tuple[str, ...]) -> None:
    before = ringfence.ask("guard", "policy", site)
    ringfence.refused(3, "guard", "policy", site, *words)
    assert ringfence.ask("guard", "policy", site) == before
    ringfence.refused(4, "guard", "policy", "nowhere", *words[:0])
