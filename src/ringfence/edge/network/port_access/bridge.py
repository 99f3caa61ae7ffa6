"""The phone's port behind a bridge of ours, which lets in only the MAC addresses that it is told (bridge(8), "locked").

The bridge has one port, learns nothing, and floods nothing to an unknown address. Who is let in stands in its
forwarding table, and is out of it as soon as the link is lost: the kernel sees to that.
"""

import json
from collections.abc import Collection

from ringfence.edge.errors import PortRefused
from ringfence.edge.network import programs
from ringfence.edge.network.interfaces import BRIDGE
from ringfence.edge.network.plan import colons
from ringfence.edge.network.port_access.gate import LinkState

FAMILY, TABLE = "bridge", "ringfence_gate"
MOST_SEEN = 64
_NEVER = "4000000000"
"""Hundredths of a second until the kernel forgets whom we let in: 463 days."""


class LockedBridge:
    """The bridge of one port; state is the kernel's. ProgramMissing if ``ip``, ``bridge`` or ``nft`` is missing."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._ip, self._bridge, self._nft = (programs.find(name) for name in ("ip", "bridge", "nft"))

    def is_there(self) -> bool:
        """Return whether the bridge is there and keeps the port locked. PortRefused."""
        told = self._links()
        return any(each.get("master") == BRIDGE and each.get("locked") for each in told)

    def make(self) -> None:
        """Put the port, which is down, behind a bridge that is down too.

        Raises:
            PortRefused: The kernel has no bridge that can be locked and watched; the port is as it was.
        """
        self.remove()
        try:
            programs.run(
                self._ip, "link", "add", BRIDGE, "type", "bridge", "stp_state", "0", "forward_delay", "0",
                "mcast_snooping", "0", "ageing_time", _NEVER,
            )  # fmt: skip
            programs.run(self._ip, "link", "set", "dev", self._port, "master", BRIDGE)
            programs.run(
                self._bridge, "link", "set", "dev", self._port, "learning", "off", "flood", "off", "locked", "on"
            )
            self.watch(())  # without nftables for bridges nobody would be seen who waits to be let in
        except PortRefused as fault:
            self.remove()
            raise _no_lock(fault.what) from fault
        if not self.is_there():
            self.remove()
            raise _no_lock("Linux does it since 5.18")

    def remove(self) -> None:
        """Take the bridge away, if there is one. PortRefused."""
        for words in (("link", "set", "dev", self._port, "nomaster"), ("link", "delete", "dev", BRIDGE)):
            try:
                programs.run(self._ip, *words)
            except PortRefused as fault:
                if "Cannot find device" not in fault.what:
                    raise

    def watch(self, phones: Collection[str]) -> None:
        """Note from now on who sends at the port. PortRefused."""
        programs.run(self._nft, "--file", "-", text=watch_text(self._port, phones))

    def watch_no_more(self) -> None:
        """Note nobody. PortRefused."""
        programs.run(self._nft, "--file", "-", text=f"table {FAMILY} {TABLE}\ndelete table {FAMILY} {TABLE}\n")

    def seen(self) -> frozenset[str]:
        """Return who sent at the port in the last minutes, let in or not. PortRefused."""
        told = json.loads(programs.run(self._nft, "--json", "list", "table", FAMILY, TABLE))
        found = set()
        for entry in told["nftables"]:
            of = entry.get("set", {})
            for element in of.get("elem", ()) if of.get("name") in {"seen", "others"} else ():
                text = element["elem"]["val"] if isinstance(element, dict) else element
                found.add(text.replace(":", "").upper())
        return frozenset(found)

    def inside(self) -> frozenset[str]:
        """Return who is let in. PortRefused."""
        told = json.loads(programs.run(self._bridge, "-json", "fdb", "show", "brport", self._port) or b"[]")
        return frozenset(
            each["mac"].replace(":", "").upper()
            for each in told
            if each.get("master") == BRIDGE and each.get("state") != "permanent"
        )

    def let_in(self, macs: Collection[str]) -> None:
        """Let in these too. PortRefused."""
        for mac in sorted(macs):
            programs.run(self._bridge, "fdb", "replace", colons(mac), "dev", self._port, "master", "dynamic")

    def put_out(self, macs: Collection[str]) -> None:
        """Let in these no more; whom the kernel has put out meanwhile is out. PortRefused."""
        for mac in sorted(macs):
            try:
                programs.run(self._bridge, "fdb", "del", colons(mac), "dev", self._port, "master")
            except PortRefused:
                if mac in self.inside():
                    raise

    def link(self) -> LinkState:
        """Return the port's link. PortRefused."""
        told = json.loads(programs.run(self._ip, "-json", "-s", "-s", "link", "show", "dev", self._port))[0]
        counters = told.get("stats64") or told.get("stats") or {}
        return LinkState("LOWER_UP" in told["flags"], int(counters.get("tx", {}).get("carrier_changes", 0)))

    def _links(self) -> list[dict[str, object]]:
        try:
            told = json.loads(programs.run(self._bridge, "-d", "-json", "link", "show", "dev", self._port) or b"[]")
        except PortRefused as fault:
            if "Cannot find device" in fault.what or "does not exist" in fault.what:
                return []
            raise
        return [each for each in told if isinstance(each, dict)]


def _no_lock(why: str) -> PortRefused:
    return PortRefused(f"the port can't be locked by a bridge, as 802.1X needs it: {why}")


def watch_text(port: str, phones: Collection[str]) -> str:
    """Return what ``nft -f`` takes to note who sends at the port: the site's phones apart from others.

    Whoever was seen stays so when phones come and go. Strangers can fill the set of strangers, and nothing else.
    """
    table = f"{FAMILY} {TABLE}"
    kept = [f"size {MOST_SEEN}", "flags dynamic,timeout", "timeout 10m"]
    ours = ", ".join(map(colons, sorted(phones)))
    return "\n".join([
        f"table {table} {{",
        "    set phones {",
        "        type ether_addr",
        "    }",
        *(line for name in ("seen", "others") for line in (
            f"    set {name} {{", "        type ether_addr", *(f"        {each}" for each in kept), "    }",
        )),
        "    chain arriving {",
        "        type filter hook prerouting priority -300; policy accept;",
        "    }",
        "}",
        f"flush table {table}",
        f"flush set {table} phones",
        *([f"add element {table} phones {{ {ours} }}"] if ours else []),
        f"table {table} {{",
        "    chain arriving {",
        f'        iifname "{port}" ether saddr @phones update @seen {{ ether saddr }}',
        f'        iifname "{port}" ether saddr != @phones update @others {{ ether saddr }}',
        "    }",
        "}",
        "",
    ])  # fmt: skip
