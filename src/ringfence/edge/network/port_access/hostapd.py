"""hostapd at the phone's port: what it is told at its start, and the few questions that it is asked later.

It speaks EAPOL and keeps each phone's state; whose key is right says ``checker``. It loads no TLS and holds no key.
"""

import contextlib
import os
import re
import select
import socket
import time
from pathlib import Path

from ringfence.edge.network.plan import colons
from ringfence.secret import Secret

REAUTHENTICATE_S = 3600
"""How often a phone shows its key again while it stays: a CA that was removed, or a certificate's end, counts then."""
_ANSWERS_IN_S = 0.5
_LONGEST_ANSWER = 4096
_FLAGS = re.compile(r"^flags=(\S*)$", re.MULTILINE)


def configuration(port: str, radius_port: int, secret: Secret, control: Path) -> str:
    """Return hostapd's configuration, which holds a secret: the file is root's alone.

    Args:
        port: The phone's interface: the bridge's port, not the bridge.
        radius_port: Where the checker of keys is, on the loopback.
        secret: What both know.
        control: The folder of its control socket.
    """
    return "\n".join([
        "driver=wired",
        f"interface={port}",
        f"ctrl_interface={control}",
        "logger_syslog=0",
        "logger_stdout=0",
        "ieee8021x=1",
        "eapol_version=2",
        "use_pae_group_addr=1",
        f"eap_reauth_period={REAUTHENTICATE_S}",
        "own_ip_addr=127.0.0.1",
        "nas_identifier=ringfence",
        "auth_server_addr=127.0.0.1",
        f"auth_server_port={radius_port}",
        f"auth_server_shared_secret={secret.reveal()}",
        "",
    ])  # fmt: skip


class HostapdControl:
    """Asks hostapd by its control socket (``hostapd_cli`` does the same)."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def is_authorised(self, mac: str) -> bool | None:
        """Return whether a phone has shown its key and stayed since; None if hostapd does not know it, or is gone."""
        said = self._ask(f"STA {colons(mac)}")
        if not said.startswith(colons(mac)):
            return None
        flags = _FLAGS.search(said)
        return flags is not None and "[AUTHORIZED]" in flags[1]

    def begin(self, mac: str) -> bool:
        """Have a phone asked for its key, again if it has shown it before; return whether hostapd took that."""
        return any(self._ask(f"{word} {colons(mac)}").startswith("OK") for word in ("EAPOL_REAUTH", "NEW_STA"))

    def _ask(self, words: str) -> str:
        """Return hostapd's answer; empty if it has none in time."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
            asking.settimeout(_ANSWERS_IN_S)
            until = time.monotonic() + _ANSWERS_IN_S
            with contextlib.suppress(OSError):
                asking.bind("")  # a name of the kernel's choice, which needs no file
                asking.connect(str(self._path))
                asking.send(words.encode())
                while select.select([asking], [], [], max(0.0, until - time.monotonic()))[0]:
                    said = asking.recv(_LONGEST_ANSWER).decode(errors="replace")
                    if not said.startswith("<"):  # that would be an event
                        return said
        return ""


def control_socket(folder: Path, port: str) -> Path:
    """Return where hostapd listens, in its folder."""
    return folder / os.fsdecode(port)
