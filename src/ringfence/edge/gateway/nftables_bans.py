"""Temporary bans in this machine's firewall: two nftables sets whose elements expire by themselves.

Invariants:

- Only packets to phones' servers are dropped: UDP to the TFTP ports and TCP to the HTTP ports. A machine that is banned
  by mistake keeps everything else, including TFTP transfers in progress, which have their own ports.
- This machine's own addresses, the gateways of its default routes, and addresses of no host are never banned.
- A change is checked by ``nft --check`` and then made as one transaction: completely, or not at all.
- Everything is in our own table, which ``close`` removes; no other rules are touched.

A source address can be forged, so a ban may stop the requests of the machine that really has that address. Bans end by
themselves, in the kernel, even if the agent was killed.
"""

import json
import shutil
import struct
import subprocess
from collections.abc import Collection, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from ringfence.edge.errors import BansUnavailable, NeverBanned

TABLE = "ringfence"
MOST_BANNED = 4096
"""Addresses in each of the two sets; a ban beyond it is refused by the kernel."""
LONGEST_BAN_S = 7 * 24 * 3600
_NFT_TIMEOUT_S = 10.0
_FOLDERS = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/local/sbin:/usr/local/bin"
_NET = Path("/proc/thread-self/net")
_SETS = {4: "banned4", 6: "banned6"}

_Address = IPv4Address | IPv6Address


class BanSet:
    """The banned addresses; ``open`` creates one."""

    def __init__(self, nft: str) -> None:
        self._nft = nft

    @classmethod
    def open(cls, *, tftp_ports: Collection[int], http_ports: Collection[int] = ()) -> "BanSet":
        """Create the table, and replace one that an earlier agent left.

        Raises:
            BansUnavailable: There is no nft, or it may not change the firewall.
        """
        nft = shutil.which("nft", path=_FOLDERS)
        if nft is None:
            raise BansUnavailable("nft is not installed, so the firewall enforces no bans", to_do="Install nftables.")
        made = cls(nft)
        made._apply(_table(tftp_ports, http_ports))
        return made

    def ban(self, address: str, seconds: float) -> None:
        """Ban an address for this many seconds from now, at most LONGEST_BAN_S.

        Raises:
            NeverBanned: It is this machine's own address, its gateway to the internet, or not a host's.
            BansUnavailable: The firewall did not accept it.
            ValueError: The text is not an address.
        """
        host = _host(address)
        if (reason := _why_never(host)) is not None:
            raise NeverBanned(f"{host} is never banned: {reason}")
        lasts_s = min(max(1, round(seconds)), LONGEST_BAN_S)
        # Added first so that it can be removed, whether it was there or not: an element's time can't be changed.
        element = f"element inet {TABLE} {_SETS[host.version]} {{ {host}"
        self._apply(f"add {element} }}\ndelete {element} }}\nadd {element} timeout {lasts_s}s }}\n")

    def unban(self, address: str) -> None:
        """End the ban of an address, if it was banned.

        Raises:
            BansUnavailable: The firewall did not accept it.
            ValueError: The text is not an address.
        """
        host = _host(address)
        element = f"element inet {TABLE} {_SETS[host.version]} {{ {host} }}"
        self._apply(f"add {element}\ndelete {element}\n")

    def listed(self) -> Mapping[str, float]:
        """Return the banned addresses, each with the seconds that are left.

        Raises:
            BansUnavailable: The firewall can't be read.
        """
        found: dict[str, float] = {}
        for name in _SETS.values():
            answer = json.loads(self._run("--json", "list", "set", "inet", TABLE, name))
            for entry in answer["nftables"]:
                for element in entry.get("set", {}).get("elem", ()):
                    if isinstance(element, dict):  # with a time; without one there is only its address
                        found[element["elem"]["val"]] = float(element["elem"].get("expires", 0))
        return found

    def close(self) -> None:
        """Remove the table, and with it every ban.

        Raises:
            BansUnavailable: The firewall did not take it.
        """
        self._apply(f"add table inet {TABLE}\ndelete table inet {TABLE}\n")

    def _apply(self, text: str) -> None:
        self._run("--check", "--file", "-", text=text)
        self._run("--file", "-", text=text)

    def _run(self, *arguments: str, text: str = "") -> bytes:
        try:
            done = subprocess.run(  # noqa: S603 - nft from the system's folders, and arguments of our own
                [self._nft, *arguments],
                input=text.encode(),
                capture_output=True,
                timeout=_NFT_TIMEOUT_S,
                check=False,
                env={"PATH": _FOLDERS, "LC_ALL": "C"},
            )
        except (OSError, subprocess.TimeoutExpired) as fault:
            raise BansUnavailable(f"nft can't be run: {fault}") from fault
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip().partition("\n")[0] or f"status {done.returncode}"
            to_do = ""
            if "Operation not permitted" in said:
                to_do = "Start as root, or give the service the capability CAP_NET_ADMIN."
            raise BansUnavailable(f"the firewall rejected a change: {said}", to_do=to_do)
        return done.stdout


def _table(tftp_ports: Collection[int], http_ports: Collection[int]) -> str:
    rules = []
    for family, name in (("ip", _SETS[4]), ("ip6", _SETS[6])):
        for transport, ports in (("udp", tftp_ports), ("tcp", http_ports)):
            if ports:
                listed = ", ".join(str(int(port)) for port in sorted(ports))
                rules.append(f"{family} saddr @{name} {transport} dport {{ {listed} }} drop")
    sets = [
        f"set {name} {{ type {kind}; flags timeout; size {MOST_BANNED}; }}"
        for name, kind in ((_SETS[4], "ipv4_addr"), (_SETS[6], "ipv6_addr"))
    ]
    chain = "\n".join(("chain asking {", "type filter hook input priority 0; policy accept;", *rules, "}"))
    return "\n".join(
        (f"add table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{", *sets, chain, "}", "")
    )


def _host(text: str) -> _Address:
    """Return an address without its zone, and IPv4 as IPv4. ValueError."""
    address = ip_address(text.partition("%")[0])
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _why_never(host: _Address) -> str | None:
    if host.is_loopback:
        return "it is this machine itself"
    if host.is_multicast or host.is_unspecified or host == IPv4Address(0xFFFFFFFF):
        return "it is not the address of a host"
    if host in own_addresses():
        return "it is this machine's own"
    if host in gateways():
        return "it is the gateway to the internet"
    return None


def own_addresses() -> frozenset[_Address]:
    """Return the addresses of this machine's interfaces, as the kernel lists them."""
    found: set[_Address] = set()
    address = ""
    for line in _lines("fib_trie"):
        if "|--" in line:
            address = line.split()[-1]
        elif "/32 host LOCAL" in line:
            found.add(IPv4Address(address))
    for line in _lines("if_inet6"):
        found.add(IPv6Address(bytes.fromhex(line.split()[0])))
    return frozenset(found)


def gateways() -> frozenset[_Address]:
    """Return the gateways of the default routes, as the kernel lists them."""
    found: set[_Address] = set()
    for line in _lines("route")[1:]:
        _, destination, gateway, _, _, _, _, mask, *_ = line.split()
        if int(destination, 16) == int(mask, 16) == 0 != int(gateway, 16):
            found.add(IPv4Address(struct.pack("=I", int(gateway, 16))))
    for line in _lines("ipv6_route"):
        destination, length, _, _, gateway, *_ = line.split()
        if int(destination, 16) == int(length, 16) == 0 != int(gateway, 16):
            found.add(IPv6Address(bytes.fromhex(gateway)))
    return frozenset(found)


def _lines(name: str) -> list[str]:
    try:
        return (_NET / name).read_text().splitlines()
    except FileNotFoundError:
        return []  # a kernel without that family
