"""The home's Wi-Fi network, told to NetworkManager as a connection beside those that there are.

One that does not work takes nothing away: NetworkManager goes on to the next that does, in the order of their
priorities. What somebody set at the box itself comes before what the hub told, as they stand beside the router; both
come before what the machine was set up with. A connection that is no longer asked for stays for that reason.

Sources: nm-settings-keyfile(5) for the file, NetworkManager's own keyfile for how it is written
(``nmcli --offline connection add type wifi …``, version 1.42).
"""

import contextlib
import os
import uuid
from enum import StrEnum
from pathlib import Path

from ringfence.edge.errors import PortRefused, WifiRefused
from ringfence.edge.network import programs
from ringfence.wire.network_messages import NetworkWifi

FOLDER = Path("/etc/NetworkManager/system-connections")
SHORTEST_PASSPHRASE, LONGEST_PASSPHRASE = 8, 63
"""Of WPA2 (IEEE 802.11, annex J.4)."""
LONGEST_SSID_BYTES = 32
_IDS = uuid.UUID("6f1b6a52-6a1b-4f5c-9a42-0d8f6a5f5246")
_KNOWN_BY = Path("/sys/class/net")


class WifiFrom(StrEnum):
    """Who asks for a network."""

    HUB = "hub"
    PAGE = "page"
    """The box's own page, and so somebody who is there."""


_PRIORITIES = {WifiFrom.HUB: 10, WifiFrom.PAGE: 20}


def check(wifi: NetworkWifi) -> None:
    """Raise WifiRefused for what is no Wi-Fi network of a home."""
    if not 1 <= len(wifi.ssid.encode("utf-8", "surrogateescape")) <= LONGEST_SSID_BYTES or not wifi.ssid.isprintable():
        raise WifiRefused(f"a Wi-Fi network's name has 1 to {LONGEST_SSID_BYTES} bytes")
    said = wifi.passphrase.reveal()
    if not (SHORTEST_PASSPHRASE <= len(said) <= LONGEST_PASSPHRASE and said.isascii() and said.isprintable()):
        raise WifiRefused(f"a Wi-Fi passphrase has {SHORTEST_PASSPHRASE} to {LONGEST_PASSPHRASE} characters of ASCII")


def is_wireless(interface: str) -> bool:
    """Return whether an interface is a radio."""
    return bool(interface) and (_KNOWN_BY / interface / "phy80211").exists()


def profile(who: WifiFrom, interface: str, wifi: NetworkWifi) -> str:
    """Return a connection as NetworkManager keeps it; it holds the passphrase.

    Args:
        who: Who asks for it.
        interface: The radio.
        wifi: The network, after ``check``.
    """
    ssid = "".join(f"{byte};" for byte in wifi.ssid.encode())  # as bytes, so that no letter means anything else
    psk = wifi.passphrase.reveal().replace("\\", "\\\\")
    psk = psk.replace(" ", "\\s", 1) if psk.startswith(" ") else psk
    return f"""\
[connection]
id=ringfence-{who}
uuid={uuid.uuid5(_IDS, who)}
type=wifi
autoconnect-priority={_PRIORITIES[who]}
interface-name={interface}

[wifi]
mode=infrastructure
ssid={ssid}

[wifi-security]
key-mgmt=wpa-psk
psk={psk}

[ipv4]
method=auto

[ipv6]
addr-gen-mode=default
method=auto
"""


def join(who: WifiFrom, interface: str, wifi: NetworkWifi, folder: Path = FOLDER) -> None:
    """Have NetworkManager know a network, and try it now unless it knew exactly this one.

    Raises:
        WifiRefused: The interface is no radio, this is no network, or NetworkManager does not take it.
    """
    check(wifi)
    if not is_wireless(interface):
        raise WifiRefused("the box's uplink is a cable, so there is no Wi-Fi to set", where=interface)
    if not folder.is_dir():
        raise WifiRefused("Wi-Fi can be set only where NetworkManager keeps it", where=str(folder))
    path, text = folder / f"ringfence-{who}.nmconnection", profile(who, interface, wifi)
    try:
        nmcli = programs.find("nmcli")
        with contextlib.suppress(FileNotFoundError):
            if path.read_text() == text:
                return
        _write(path, text)
        programs.run(nmcli, "connection", "load", str(path))
        with contextlib.suppress(PortRefused):  # out of reach just now: NetworkManager tries it again by itself
            programs.run(nmcli, "--wait", "0", "connection", "up", f"ringfence-{who}")
    except PortRefused as fault:
        raise WifiRefused("NetworkManager does not take the Wi-Fi network", where=fault.what) from fault
    except OSError as fault:
        raise WifiRefused("the Wi-Fi network can't be kept", where=f"{path}: {fault.strerror}") from fault


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    new.replace(path)
