"""Taking a box's fence away, for whoever is root at the machine: never while an edge keeps the port."""

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

from ringfence.edge.errors import HelperUnfit, PortRefused
from ringfence.edge.network import programs
from ringfence.edge.network.fence import FAMILY, TABLE, port_of, uplink_of
from ringfence.edge.network.interfaces import TUNNEL, Interfaces
from ringfence.edge.network.linux_port import LinuxPort
from ringfence.edge.network.port_access.linux_gate import LinuxGate
from ringfence.edge.network.run_folder import held


@dataclass(frozen=True, slots=True)
class ClearedPort:
    """Whether there was a fence, and the phone's port that was taken down; empty if nobody knows which it was."""

    had_fence: bool
    port: str


def clear(folder: Path) -> ClearedPort:
    """Take the phone's port down, then the tunnel and the fence away.

    Raises:
        HelperUnfit: This is not root, or an edge keeps the port.
        ProgramMissing: nft or ip is not installed.
        PortRefused: The machine did not do it; what is left is still fenced.
    """
    if os.geteuid() != 0:
        raise HelperUnfit("the fence is root's", to_do="Run this command as root.")
    nft = programs.find("nft")
    try:
        programs.run(nft, "list", "table", FAMILY, TABLE)
    except PortRefused:
        return ClearedPort(False, "")
    with held(folder, wait_s=0.0):
        fence = folder / "fence.nft"
        port = port_of(fence.read_text()) if fence.exists() else ""
        uplink = uplink_of(fence.read_text()) if fence.exists() else ""
        if port:
            linux = LinuxPort(Interfaces(port, uplink), folder)
            linux.put_calls_first(0)
            linux.serve(None)
            linux.keep_time(None)
            with contextlib.suppress(PortRefused):
                LinuxGate(port, folder).clear()
            if linux.is_there():
                linux.shut()
        with contextlib.suppress(PortRefused):  # there is none, or it ended with its wireguard-go
            programs.run(programs.find("ip"), "link", "delete", "dev", TUNNEL)
        programs.run(nft, "delete", "table", FAMILY, TABLE)
        for each in folder.glob("fence*.nft"):
            each.unlink()
    return ClearedPort(True, port)
