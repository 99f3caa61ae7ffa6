"""``ringfence network``."""

import pytest

from support.command_line import CommandLine


def test_a_network_is_shown_and_set_in_parts(ringfence: CommandLine, site: str) -> None:
    assert "Reach          nothing, as follows from the phones' SIP servers" in ringfence("network", "show", site)
    said = ["--mtu", "1400", "--ntp-server", "192.0.2.1", "--ntp-server", "ntp.example.org", "--domain", "example.org"]
    said += ["--uplink-kbit", "2000"]
    said += ["--name", "pbx.example.org=192.0.2.10,192.0.2.11", "--reach", "udp:5060@192.0.2.10", "--guests"]
    said += ["--any-phone", "--port-access", "try", "--box", "--prefix", "28", "--direct-media", site]
    assert "Time           192.0.2.1, ntp.example.org\n" in ringfence("network", "set", site, *said)
    assert "Line           2000 kbit/s, calls first\n" in ringfence("network", "show", site)
    found = ringfence.ask("network", "show", site)
    assert (found["mtu"], found["prefix"], found["box"], found["guests"], found["known_only"]) == (
        1400, 28, True, True, False,
    )  # fmt: skip
    assert found["names"] == {"pbx.example.org": ["192.0.2.10", "192.0.2.11"]}
    assert (found["reach"], found["direct_media"]) == (["udp:5060-5060@192.0.2.10/32"], [site])
    none = ["--ntp-server", "none", "--name", "none", "--reach", "none", "--direct-media", "none", "--domain", "none"]
    found = ringfence.ask("network", "set", site, *none, "--no-box")
    assert (found["ntp_servers"], found["names"], found["reach"], found["domain"]) == ([], {}, [], "")
    assert found["reach_by_default"] is False
    assert ringfence.ask("network", "set", site, "--reach", "default")["reach_by_default"] is True


def test_a_wi_fi_passphrase_is_read_and_never_shown(ringfence: CommandLine, site: str) -> None:
    said = ["network", "set", site, "--wifi", "Home", "--wifi-country", "DE", "--wifi-passphrase"]
    out = ringfence(*said, stdin="Known-Secret-8417\n")
    assert "Wi-Fi          Home, DE\n" in out
    assert "8417" not in out + ringfence("network", "show", site, "--json")
    assert ringfence.ask("network", "set", site, "--wifi", "none")["wifi"] is None


@pytest.mark.parametrize(
    "words",
    [
        (), ("--mtu", "9000"), ("--prefix", "30"), ("--ntp-server", "?"), ("--name", "pbx"), ("--name", "pbx="),
        ("--reach", "everything"), ("--direct-media", "nowhere"), ("--port-access", "maybe"),
        ("--wifi-country", "DE"), ("--wifi", "Home"),
    ],
)  # fmt: skip
def test_what_no_network_is_is_refused(ringfence: CommandLine, site: str, words: tuple[str, ...]) -> None:
    before = ringfence.ask("network", "show", site)
    ringfence.refused(4 if "nowhere" in words else 3, "network", "set", site, *words)
    assert ringfence.ask("network", "show", site) == before
