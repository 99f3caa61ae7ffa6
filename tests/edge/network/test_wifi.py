"""The home's Wi-Fi network as NetworkManager is told it: a profile beside the others, written once."""

import stat
from pathlib import Path

import pytest

from ringfence.edge.errors import WifiRefused
from ringfence.edge.network import programs, wifi
from ringfence.edge.network.wifi import WifiFrom, check, is_wireless, join, profile
from ringfence.secret import Secret
from ringfence.wire.network_messages import NetworkWifi

HOME = NetworkWifi("Ännas; Netz=1", Secret("pass word;=\\x#1"), "DE")
AS_NETWORKMANAGER_WRITES = """\
[connection]
id=ringfence-page
uuid=UUID
type=wifi
autoconnect-priority=20
interface-name=wlan0

[wifi]
mode=infrastructure
ssid=195;132;110;110;97;115;59;32;78;101;116;122;61;49;

[wifi-security]
key-mgmt=wpa-psk
psk=pass word;=\\\\x#1

[ipv4]
method=auto

[ipv6]
addr-gen-mode=default
method=auto
"""
"""What `nmcli --offline connection add type wifi` of NetworkManager 1.42 prints for HOME, but for its random UUID."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "net" / "wlan0" / "phy80211").mkdir(parents=True)
    (tmp_path / "net" / "eth0").mkdir()
    monkeypatch.setattr(wifi, "_KNOWN_BY", tmp_path / "net")
    monkeypatch.setattr(programs, "find", lambda name: f"/usr/bin/{name}")
    (tmp_path / "connections").mkdir()
    return tmp_path / "connections"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    told: list[tuple[str, ...]] = []

    def run(program: str, *arguments: str, text: str = "") -> bytes:
        told.append((program, *arguments, *([text] if text else [])))
        return b""

    monkeypatch.setattr(programs, "run", run)
    return told


def test_a_profile_is_what_networkmanager_itself_writes() -> None:
    lines = profile(WifiFrom.PAGE, "wlan0", HOME).splitlines()
    uuids = [line for line in lines if line.startswith("uuid=")]
    assert len(uuids) == 1
    assert [("uuid=UUID" if line in uuids else line) for line in lines] == AS_NETWORKMANAGER_WRITES.splitlines()
    of_hub = profile(WifiFrom.HUB, "wlan0", HOME)
    assert "autoconnect-priority=10\n" in of_hub
    assert uuids[0] not in of_hub


def test_a_space_at_the_beginning_is_a_part_of_the_passphrase() -> None:
    assert "\npsk=\\s eight\\\\.\n" in profile(WifiFrom.HUB, "w", NetworkWifi("x", Secret("  eight\\."), ""))


def test_a_network_is_kept_for_root_alone_loaded_and_tried_and_no_secret_is_an_argument(
    folder: Path, told: list[tuple[str, ...]]
) -> None:
    join(WifiFrom.PAGE, "wlan0", HOME, folder)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == profile(WifiFrom.PAGE, "wlan0", HOME)
    assert told == [
        ("/usr/bin/nmcli", "connection", "load", str(path)),
        ("/usr/bin/nmcli", "--wait", "0", "connection", "up", "ringfence-page"),
    ]
    join(WifiFrom.PAGE, "wlan0", HOME, folder)
    assert len(told) == 2, "what it knows is not tried again: an edge that starts anew cuts no connection"
    join(WifiFrom.HUB, "wlan0", HOME, folder)
    assert len(list(folder.iterdir())) == 2, "each has its own"


@pytest.mark.parametrize(
    ("ssid", "passphrase"),
    [("", "eight---"), ("x" * 33, "eight---"), ("ä" * 17, "eight---"), ("a\nb", "eight---"), ("x", "seven--"),
     ("x", "x" * 64), ("x", "passwörter"), ("x", "eight\n---"), ("\udc80", "eight---")],
)  # fmt: skip
def test_what_is_no_network_of_a_home_is_refused(
    folder: Path, told: list[tuple[str, ...]], ssid: str, passphrase: str
) -> None:
    with pytest.raises(WifiRefused):
        check(NetworkWifi(ssid, Secret(passphrase), "DE"))
    with pytest.raises(WifiRefused):
        join(WifiFrom.HUB, "wlan0", NetworkWifi(ssid, Secret(passphrase), "DE"), folder)
    assert (told, list(folder.iterdir())) == ([], [])


def test_a_cable_has_no_wifi_and_without_networkmanager_there_is_none_to_set(
    folder: Path, told: list[tuple[str, ...]]
) -> None:
    assert (is_wireless("wlan0"), is_wireless("eth0"), is_wireless("")) == (True, False, False)
    with pytest.raises(WifiRefused, match="is a cable"):
        join(WifiFrom.HUB, "eth0", HOME, folder)
    with pytest.raises(WifiRefused, match="NetworkManager"):
        join(WifiFrom.HUB, "wlan0", HOME, folder / "none")
    assert told == []
