"""A DHCP server of the attacker's own: it sends the phone to the attacker's TFTP server, which asks the edge."""

import contextlib
import os
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from attacks.attack_outcomes import Got
from attacks.home_lan import (
    ANNA,
    NEIGHBOUR,
    HomeLan,
    fetched,
)
from ringfence.errors import RingfenceError
from ringfence.sim.phone import VirtualPhone
from ringfence.tftp.errors import MalformedPacket
from ringfence.tftp.packets import (
    NOT_FOUND,
    ReadRequest,
    from_bytes,
    to_bytes,
)
from support.namespaces import entered

_SERVER = """start 192.0.2.200
end 192.0.2.210
interface lan
pidfile {folder}/udhcpd.pid
lease_file {folder}/udhcpd.leases
opt subnet 255.255.255.0
opt tftp {neighbour}
"""
_CLIENT = """#!/bin/sh
[ "$1" = bound ] && echo "$tftp" > {folder}/told
exit 0
"""


def relays_what_its_dhcp_sends_there(home: HomeLan, _over: threading.Event) -> Got:
    """Give the phone one's own address as its TFTP server's, and ask the edge for whatever the phone asks."""
    with tempfile.TemporaryDirectory() as folder:
        told = _told_by_dhcp(home, Path(folder))
    if told != NEIGHBOUR:
        raise AssertionError(f"the attacker's DHCP server did not win: {told}")
    got: Got = []
    done = threading.Event()
    with entered(home.neighbour), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((NEIGHBOUR, 69))
        server.settimeout(0.1)
        relay = threading.Thread(target=_relay, args=(server, got, done), name="relay")
        relay.start()  # it stays in this namespace
        try:
            with entered(home.phone), contextlib.suppress(RingfenceError):
                VirtualPhone(ANNA, "9971", (NEIGHBOUR, 69)).boot()
        finally:
            done.set()
            relay.join()
    home.did = f"the phone was told to ask {told}"
    return got


def _told_by_dhcp(home: HomeLan, folder: Path) -> str:
    """Return the TFTP server that a DHCP client at the phone's place is told."""
    configuration, script = folder / "udhcpd.conf", folder / "told.sh"
    configuration.write_text(_SERVER.format(folder=folder, neighbour=NEIGHBOUR))
    (folder / "udhcpd.leases").touch()
    script.write_text(_CLIENT.format(folder=folder))
    script.chmod(0o700)
    inside = ("ip", "netns", "exec")
    with subprocess.Popen(
        [*inside, home.neighbour, "busybox", "udhcpd", "-f", str(configuration)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            subprocess.run(
                [*inside, home.phone, "busybox", "udhcpc", "-f", "-n", "-q", "-i", "lan", "-O", "tftp", "-s", script],
                check=True,
                capture_output=True,
                timeout=120,
                env=os.environ,
            )
        finally:
            server.terminate()
    return (folder / "told").read_text().strip()


def _relay(server: socket.socket, got: Got, done: threading.Event) -> None:
    while not done.is_set():
        try:
            data, peer = server.recvfrom(2048)
            request = from_bytes(data)
        except (TimeoutError, MalformedPacket):
            continue
        if isinstance(request, ReadRequest):
            got += fetched(request.filename)
            server.sendto(to_bytes(NOT_FOUND), peer)
