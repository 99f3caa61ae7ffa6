"""Attacks on a box: from the phone's PC port, from the home's router, from beside the PBX, from another box; and theft.

Each tells how many of the attacker's packets, or bytes of secrets, got where they must not.
"""

import contextlib
import os
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from attacks.attacked_box import AUDIO, MARK, SIP, AttackedBox, attacked_box
from ringfence.edge.network.tunnel.wireguard import Peer, WireGuard
from ringfence.secret import Secret
from ringfence.sim.attacks.forging import forged
from stack import wait_for
from support.namespaces import entered
from support.tunnel_network import passes
from world.homes import COMPUTERS_MAC, ROUTER, UPLINK
from world.keys import new_private_key
from world.machines import ip
from world.pbx import ADDRESS as PBX
from world.world import CONCENTRATOR, HUB, NEIGHBOUR, POOL, STRANGER

_IPV4, _IPV6 = b"\x08\x00", b"\x86\xdd"
_FLOOD = 20_000


@dataclass(frozen=True, slots=True)
class BoxEntry:
    """One attack. ``attack`` returns what got through, and what the attacker notes."""

    name: str
    attack: Callable[[AttackedBox], tuple[list[bytes], str]]
    leaks: str = ""
    """Why nothing can tell the attacker from whom he claims to be: it is stated. Empty: nothing may get through."""
    slows: str = ""


@dataclass(frozen=True, slots=True)
class BoxOutcome:
    """What came of an attack."""

    name: str
    got: list[bytes]
    did: str

    @property
    def leaked_bytes(self) -> int:
        """How much got through."""
        return sum(map(len, self.got))

    def figures(self) -> dict[str, object]:
        """Return it for scripts."""
        return {"attack": self.name, "secret_bytes": self.leaked_bytes, "did": self.did}


def carry_out_on_box(entry: BoxEntry) -> BoxOutcome:
    """Attack a box in a world of its own."""
    with attacked_box() as place:
        return carry_out_in(place, entry)


def carry_out_in(place: AttackedBox, entry: BoxEntry) -> BoxOutcome:
    """Attack a box in a world that is there; its phones call before it."""
    place.must_call()
    got, did = entry.attack(place)
    return BoxOutcome(entry.name, got, did)


def _frame(place: AttackedBox, kind: bytes, packet: bytes, mac: bytes) -> bytes:
    return place.hardware_address(place.world.anna.box, "port") + mac + kind + packet


def sits_at_the_pc_port(place: AttackedBox) -> tuple[list[bytes], str]:
    """Send whatever a computer can, as itself and with the phone's IP address, by IPv4 and IPv6."""
    world, home = place.world, place.world.anna
    mac = bytes.fromhex(COMPUTERS_MAC.replace(":", ""))
    sources = (home.phones_address, f"{home.server[:-1]}4", "192.168.1.77")
    targets = (home.server, PBX, ROUTER, HUB, STRANGER, world.ben.phones_address)
    sent = 0
    with place.marks(
        (world.pbx.machine, "lan"), (home.router, "lan"), (world.stranger, "wan"), (world.ben.phone, "eth0")
    ) as got:
        with (
            entered(home.computer.namespace),
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire,
        ):
            wire.bind(("eth0", 0))
            for source in sources:
                for target in targets:
                    for port in (22, 53, 69, 123, SIP, AUDIO):
                        packet = _with_checksum(forged((source, port), (target, port), MARK))
                        wire.send(_frame(place, _IPV4, packet, mac))
                        sent += 1
            header = b"\x60" + bytes(3) + len(MARK).to_bytes(2) + b"\x3b\x40"
            wire.send(_frame(place, _IPV6, header + bytes(15) + b"\x01" + bytes(15) + b"\x02" + MARK, mac))
        told = home.ask_for_address(home.computer, tries=2)
    place.must_call()
    return [*got, *(str(told).encode() for _ in range(bool(told)))], f"{sent + 1} packets, and asked for an address"


def copies_the_phones_mac_address(place: AttackedBox) -> tuple[list[bytes], str]:
    """Send to the PBX as the phone, by its MAC address and its IP address."""
    home = place.world.anna
    with (
        place.marks((place.world.pbx.machine, "lan"), comes=True) as got,
        entered(home.computer.namespace),
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire,
    ):
        wire.bind(("eth0", 0))
        packet = _with_checksum(forged((home.phones_address, SIP), (PBX, SIP), MARK))
        wire.send(_frame(place, _IPV4, packet, bytes.fromhex(home.mac.bare)))
    place.must_call()
    return got, "one packet"


def takes_all_addresses(place: AttackedBox) -> tuple[list[bytes], str]:
    """Ask for addresses in the names of many machines; the phone must get its own all the same."""
    home = place.world.anna
    asked = 200
    with entered(home.computer.namespace), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as wire:
        wire.bind(("eth0", 0))
        for number in range(asked):
            mac = b"\x02\x99" + number.to_bytes(4)
            body = b"\x01\x01\x06\x00" + os.urandom(4) + bytes(20) + mac + bytes(10 + 64 + 128) + b"\x63\x82\x53\x63"
            body += b"\x35\x01\x01\xff"
            packet = _with_checksum(forged(("0.0.0.0", 68), ("255.255.255.255", 67), body))  # noqa: S104 - who has none yet
            wire.send(b"\xff" * 6 + mac + _IPV4 + packet)
    leases = (home.run_folder / "leases").read_text().splitlines()
    strangers = [line.encode() for line in leases if home.mac.bare.lower() not in line.replace(":", "").lower()]
    before = home.phones_address
    home.power_on()
    assert home.phones_address == before
    return strangers, f"{asked} machines asked"


def _with_checksum(packet: bytes) -> bytes:
    """Return an IPv4 packet with its total length and the header's checksum, which no kernel adds on a raw wire."""
    head = packet[:2] + len(packet).to_bytes(2) + packet[4:10] + bytes(2) + packet[12:20]
    total = sum(int.from_bytes(head[at : at + 2]) for at in range(0, 20, 2))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + (~total & 0xFFFF).to_bytes(2) + head[12:] + packet[20:]


def is_a_router_that_plays_the_hub(place: AttackedBox) -> tuple[list[bytes], str]:
    """Lead the box to an impostor, who has a certificate in the hub's name of an authority of his own."""
    home = place.world.anna
    heard: list[bytes] = []
    with tempfile.TemporaryDirectory() as folder, impostor(place, Path(folder), heard) as visits:
        lies = f"iifname lan ip daddr {HUB} tcp dport 8444 dnat to {STRANGER}:8444;"
        rule = f"table ip lies {{ chain to {{ type nat hook prerouting priority dstnat; {lies}\n}}\n}}\n"
        home.router.must("nft", "-f", "-", text=rule)
        home.move(home.address)  # its connections are forgotten
        wait_for("the box to be led astray", lambda: visits, patience_s=120)
        held = home.boot()
        assert held is not None  # what it has verified goes on being served
        home.router.must("nft", "delete", "table", "ip", "lies")
    home.move(home.address)
    place.must_call()
    return heard, f"{len(visits)} visits, of which none got past the certificate"


@contextlib.contextmanager
def impostor(place: AttackedBox, folder: Path, heard: list[bytes]) -> Iterator[list[str]]:
    """Serve as the hub with a certificate of one's own; give who came, and note what was said inside TLS."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={HUB}", "-addext",
         f"subjectAltName=IP:{HUB}", "-keyout", folder / "key.pem", "-out", folder / "certificate.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    visits: list[str] = []
    with entered(place.world.stranger.namespace):
        server = socket.create_server((STRANGER, 8444))
    server.settimeout(0.2)
    over = threading.Event()

    def serve() -> None:
        while not over.is_set():
            with contextlib.suppress(OSError):
                connection, (host, _port) = server.accept()
                with connection:
                    connection.settimeout(10)
                    try:
                        with context.wrap_socket(connection, server_side=True) as inside:
                            heard.append(inside.recv(4096))
                    finally:
                        visits.append(host)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield visits
    finally:
        over.set()
        thread.join()
        server.close()


def is_a_router_that_is_the_pbx(place: AttackedBox) -> tuple[list[bytes], str]:
    """Give the box the PBX's own network as the home's, and a route to it by DHCP: what the phone says goes there?"""
    home = place.world.anna
    namespace = home.box.namespace
    ip("-n", home.router.namespace, "address", "add", f"{PBX}/24", "dev", "lan")
    with place.marks((home.router, "lan")) as got:
        ip("-n", namespace, "route", "replace", f"{PBX}/32", "via", ROUTER, "dev", UPLINK)
        place.forge(home.phone, home.phones_address, PBX, SIP)
        ip("-n", namespace, "address", "add", "172.16.5.77/24", "dev", UPLINK)
        wait_for("the collision to be told", lambda: "is the home's" in str(home.standing()))
        place.forge(home.phone, home.phones_address, PBX, SIP)
    ip("-n", home.router.namespace, "address", "delete", f"{PBX}/24", "dev", "lan")
    ip("-n", namespace, "address", "delete", "172.16.5.77/24", "dev", UPLINK)
    ip("-n", namespace, "route", "replace", f"{PBX}/32", "dev", "rf-tunnel", "proto", "static")
    place.must_call()
    return got, "no call meanwhile: a router can always cut the line"


def looks_around_from_the_home(place: AttackedBox) -> tuple[list[bytes], str]:
    """Knock at the box from the home, and send to the phone past it, in anybody's name."""
    home = place.world.anna
    ip("-n", home.router.namespace, "route", "replace", POOL, "via", "192.168.1.5")
    with place.marks((home.phone, "eth0")) as got:
        for source in (ROUTER, PBX, home.server, CONCENTRATOR, STRANGER):
            for port in (69, SIP, AUDIO, 6970):
                place.forge(home.router, source, home.phones_address, port)
    with entered(home.router.namespace):
        for port in (22, 53, 69, 80, 443, 2445, 3804, 6970, 6971, 8444):
            with contextlib.suppress(OSError), socket.create_connection(("192.168.1.5", port), timeout=0.2):
                got.append(f"port {port} is open".encode())
    ip("-n", home.router.namespace, "route", "delete", POOL)
    return got, "20 packets, ten ports"


def sits_beside_the_pbx(place: AttackedBox) -> tuple[list[bytes], str]:
    """Send to phones from the PBX's network, from one's own address and from another phone's."""
    world, home = place.world, place.world.anna
    ip("-n", world.neighbour.namespace, "route", "replace", POOL, "via", "172.16.5.1")
    with place.marks((home.phone, "eth0"), (home.box, "rf-tunnel")) as got:
        for source in (NEIGHBOUR, "172.16.5.2", world.ben.phones_address, home.server, CONCENTRATOR):
            for port in (69, SIP, AUDIO):
                place.forge(world.neighbour, source, home.phones_address, port)
    return got, "15 packets, and none in the PBX's own name"


def is_beside_the_pbx_and_forges_its_address(place: AttackedBox) -> tuple[list[bytes], str]:
    """Send to a phone in the PBX's name, on the PBX's own wire."""
    world, home = place.world, place.world.anna
    ip("-n", world.neighbour.namespace, "route", "replace", POOL, "via", "172.16.5.1")
    with place.marks((home.phone, "eth0"), comes=True) as got:
        place.forge(world.neighbour, PBX, home.phones_address, SIP)
    return got, "one packet"


def is_on_the_internet(place: AttackedBox) -> tuple[list[bytes], str]:
    """Flood the concentrator's port with what looks like handshakes, and try a key that nobody knows."""
    world = place.world
    link = WireGuard(f"rfx{os.getpid() % 10**6}")
    with (
        place.marks((world.pbx.machine, "lan")) as got,
        entered(world.stranger.namespace),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking,
    ):
        for _ in range(_FLOOD):
            asking.sendto(b"\x01\0\0\0" + os.urandom(144), (CONCENTRATOR, 51_820))
        try:
            link.open(new_private_key())
            link.give_addresses([f"{world.anna.phones_address}/32"], mtu=1420)
            key = world.concentrator.must("wg", "show", "rf-tunnel", "public-key").strip()
            link.put([Peer(key, (f"{PBX}/32",), (CONCENTRATOR, 51_820), 1)])
            link.route([f"{PBX}/32"])
            place.forge(world.stranger, world.anna.phones_address, PBX, SIP)
        finally:
            link.close()
    place.must_call()
    return got, f"{_FLOOD:,} handshakes, and one key"


def is_a_rogue_box(place: AttackedBox) -> tuple[list[bytes], str]:
    """Take Ben's box over, its fence down, and send as another box's phone, as the PBX, and to what is not its own."""
    world, ben = place.world, place.world.ben
    anna = world.anna
    ben.box.must("nft", "flush", "ruleset")
    sends = [
        *((source, PBX) for source in (anna.phones_address, anna.server, PBX, "172.16.5.1", STRANGER)),
        (PBX, anna.phones_address),
        (anna.server, anna.phones_address),
    ]
    ip("-n", ben.box.namespace, "route", "replace", anna.phones_address, "dev", "rf-tunnel")
    with place.marks((world.pbx.machine, "lan"), (anna.phone, "eth0"), (world.hub, "lan")) as got:
        for source, target in sends:
            for port in (SIP, AUDIO, 69):
                place.forge(ben.box, source, target, port)
        for target, port in ((PBX, 22), ("172.16.5.2", 8443), (NEIGHBOUR, SIP), (anna.phones_address, 69)):
            ip("-n", ben.box.namespace, "route", "replace", target, "dev", "rf-tunnel")
            place.forge(ben.box, ben.phones_address, target, port)
    wait_for("the fence to be put up again", lambda: "chain" in ben.box.run("nft", "list", "ruleset").stdout)
    place.must_call()
    with place.marks((world.pbx.machine, "lan"), comes=True) as own:
        place.forge(ben.box, ben.phones_address, PBX, SIP)
    assert own  # what is its own gets through: it was the tunnel's other end that stopped the rest
    return got, f"{3 * len(sends) + 4} packets"


def is_a_thief_with_a_copy(place: AttackedBox) -> tuple[list[bytes], str]:
    """Carry Ben's keys away; once his box is revoked, call with them elsewhere, and read what its disk still has."""
    world, ben = place.world, place.world.ben
    held = ben.boot()
    assert held is not None
    password = held.lines[0].password.reveal().encode()
    key = Secret((ben.key_folder / "tunnel.key").read_text().strip())
    stolen, phone = (world.stranger.namespace, ben.phones_address), ben.phones_address
    public = world.concentrator.must("wg", "show", "rf-tunnel", "public-key").strip()
    with world.people() as api:
        api.post(f"/edges/{world.edge_of(ben)}/revoke", {"wipe": True, "keeps_serving": False})
    wait_for("its end", lambda: ben.edge.poll() is not None)
    link = WireGuard(f"rft{os.getpid() % 10**6}")
    got = []
    try:
        with entered(world.stranger.namespace):
            link.open(key)
            link.give_addresses([f"{phone}/32"], mtu=1420)
            link.put([Peer(public, (f"{PBX}/32",), (CONCENTRATOR, 51_820), 1)])
            link.route([f"{PBX}/32"])
        if any(passes(stolen, place.pbx, SIP) for _ in range(10)):
            got.append(b"its tunnel is open")
    finally:
        with entered(world.stranger.namespace):
            link.close()
    files = [path.read_bytes() for path in ben.edge_folder.rglob("*") if path.is_file()]
    got += [password for data in files if password in data]
    return got, "10 packets by its key, and every file of its folder"


BOX: tuple[BoxEntry, ...] = (
    BoxEntry("a computer at the phone's PC port", sits_at_the_pc_port),
    BoxEntry("… that asks for every address", takes_all_addresses),
    BoxEntry(
        "… that copies the phone's MAC address", copies_the_phones_mac_address,
        leaks="without 802.1X the port knows the phone by that alone",
    ),
    BoxEntry("a router that leads the box to another hub", is_a_router_that_plays_the_hub),
    BoxEntry("a router that says that the PBX is at home", is_a_router_that_is_the_pbx),
    BoxEntry("a router, or who sits in the home, knocks at box and phone", looks_around_from_the_home),
    BoxEntry("a neighbour of the PBX", sits_beside_the_pbx),
    BoxEntry(
        "… who forges the PBX's own address", is_beside_the_pbx_and_forges_its_address,
        leaks="on the PBX's own wire nothing tells them apart",
    ),
    BoxEntry("the internet, at the concentrator's port", is_on_the_internet),
    BoxEntry("another box gone bad, in everybody's name", is_a_rogue_box),
    BoxEntry("a thief with the keys of a box that is revoked", is_a_thief_with_a_copy),
)  # fmt: skip
"""The thief comes last: his box is gone then."""
