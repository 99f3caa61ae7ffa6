"""``make bench``: a phone box's figures, in network namespaces (root): how soon, how fast, at what cost.

Hub, box, wireguard-go and concentrator are the real ones; homes and the internet are wires inside this machine.
BOX="--rounds 5 --seconds 3" is quicker. Compare figures of one machine only: times end with whoever else is busy here.
"""

import argparse
import contextlib
import os
import resource
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent.parent / "demo"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from box_memory import Row, memory, processes

from ringfence.edge.concentrator.fence import FencedBox
from ringfence.edge.concentrator.keeper import ConcentratorBox
from ringfence.edge.network.tunnel.wireguard import Peer, WireGuard
from ringfence.errors import RingfenceError
from ringfence.hub.data.folder import DataFolder
from ringfence.server.tftp.client import fetch
from ringfence.wire.phone_services import CAPF, PORTS
from stack import wait_for
from support.boxes_in_hand import BoxInHand
from support.namespaces import entered
from support.running_hub import Clock, RunningHub
from support.tunnel_network import REACH, TunnelNetwork
from world.keys import new_private_key, public_key_of
from world.machines import ip
from world.pbx import ADDRESS as PBX
from world.world import World, built_world, missing

SIP, MEDIA = 5060, 12_000
G711_BYTES, G711_EVERY_S = 172, 0.02
"""RTP with 20 ms of G.711 (RFC 3551), and how often it comes."""
_CHUNK_BYTES = 256 * 1024
_TICKS = os.sysconf("SC_CLK_TCK")
_MS = 1000


def percentile(values: Sequence[float], percent: int) -> float:
    """Return what so many of a hundred values do not exceed."""
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] if len(values) > 1 else values[0]


def memory_with_relay(world: World) -> list[Row]:
    """Return the box's memory once a phone has come to CAPF or TVS, which takes one more process."""
    box = world.anna.box.namespace
    before = processes(box).keys()
    with entered(world.anna.phone.namespace), socket.create_connection((world.anna.server, PORTS[CAPF])):
        wait_for("the relay", lambda: processes(box).keys() - before)
        counted = next(row for row in memory(processes(box)) if row.is_met is not None)
    return [Row("the same, once a phone came to CAPF or TVS", counted.figure)]


def power_on(world: World, rounds: int) -> list[Row]:
    """Time from the phone's link to the first byte of its configuration."""
    home, taken = world.anna, list[float]()
    name = f"SEP{home.mac.bare}.cnf.xml"
    for _ in range(rounds):
        ip("-n", home.phone.namespace, "link", "set", "eth0", "down")
        ip("-n", home.phone.namespace, "address", "flush", "dev", "eth0")
        began = time.monotonic()
        ip("-n", home.phone.namespace, "link", "set", "eth0", "up")
        home.power_on()
        with entered(home.phone.namespace):
            wait_for("its file", lambda: _first_bytes(home.server, name), pause_s=0.0)
        taken.append(time.monotonic() - began)
    worst = max(taken)
    figure = f"{statistics.median(taken):.2f} s, at most {worst:.2f} s"
    return [Row(f"power-on of the port → configuration, {rounds} times", figure, "≤ 1.5 s", worst <= 1.5)]


def _first_bytes(server: str, name: str) -> bytes:
    try:
        return fetch((server, 69), name, timeout_s=1.0, retries=1)
    except RingfenceError:
        return b""


class Stream:
    """Packets from one machine to another at a rate, with what came and when; ends with the block."""

    def __init__(
        self, source: tuple[str, str], target: tuple[str, str], port: int, every_s: float, count: int = 1
    ) -> None:
        with entered(target[0]):
            self._hearing = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._hearing.bind((target[1], port))
        with entered(source[0]):
            self._asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._asking.bind((source[1], 0))
        self._hearing.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._hearing.settimeout(0.2)
        self._to, self._every_s = (target[1], port), every_s / count
        self._over = threading.Event()
        self.sent = 0
        self.came: list[tuple[float, float]] = []
        """When each packet came, and how long it took; in seconds."""

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=each) for each in (self._send, self._hear)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._hearing.close()
        self._asking.close()

    def _send(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            data = time.monotonic_ns().to_bytes(8).ljust(G711_BYTES, b"a")
            with contextlib.suppress(OSError):  # while there is no way there
                self._asking.sendto(data, self._to)
            self.sent += 1
            due += self._every_s
            if (pause_s := due - time.monotonic()) > 0:
                time.sleep(pause_s)

    def _hear(self) -> None:
        while not self._over.is_set():
            try:
                data = self._hearing.recv(2048)
            except TimeoutError:
                continue
            now = time.monotonic_ns()
            self.came.append((now / 1e9, (now - int.from_bytes(data[:8])) / 1e9))


def revoking(world: World, folder: Path, rounds: int) -> list[Row]:
    """Time from the order to revoke a box to the last packet of it that comes to the PBX."""
    with entered(world.hub.namespace):
        running = RunningHub(DataFolder(world.hub_folder), None, world.secret, Clock())  # type: ignore[arg-type]  # another process has it
    link = WireGuard(f"rfb{os.getpid() % 10**6}")
    taken = []
    try:
        for number in range(rounds):
            with entered(world.hub.namespace):
                site, key = running.site(f"Round {number}"), new_private_key()
                running.do("PATCH", f"/sites/{site}/network", {"reach": [f"udp:{SIP}@{PBX}/32"]})
                (folder / site).mkdir()
                box = BoxInHand(running, site, folder / site)
                told = {"public_key": public_key_of(key)}
                wait_for("a concentrator", lambda: box.told(**told).concentrators)  # noqa: B023
                rules = box.told(**told)
            (end,) = rules.concentrators
            phone = str(IPv4Network(rules.subnet).network_address + 2)
            with entered(world.stranger.namespace):
                link.open(key)
                link.give_addresses([f"{phone}/32"], mtu=rules.mtu)
                host, _, port = end.endpoint.rpartition(":")
                link.put([Peer(end.public_key, end.networks, (host, int(port)), 1)])
                link.route(end.networks)
            with Stream((world.stranger.namespace, phone), (world.pbx.machine.namespace, PBX), SIP, 0.002) as stream:
                wait_for("its packets", lambda: stream.came)
                with entered(world.hub.namespace):
                    ordered = time.monotonic()
                    running.do("POST", f"/edges/{box.id}/revoke", {"wipe": False, "keeps_serving": False})
                wait_for("silence", lambda: time.monotonic() - stream.came[-1][0] > 1.0)
                taken.append(max(0.0, stream.came[-1][0] - ordered))
            with entered(world.stranger.namespace):
                link.close()
    finally:
        with entered(world.stranger.namespace):
            link.close()
    worst = percentile(taken, 99)
    figure = f"{_MS * statistics.median(taken):.0f} ms, p99 {_MS * worst:.0f} ms"
    return [Row(f"order to revoke → last packet, {rounds} times", figure, "p99 < 1 s", worst < 1.0)]


def _cpu_s(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


def _tunnels(world: World) -> dict[str, int]:
    """Return the processes of wireguard-go: the box's and the concentrator's."""
    places = {"box": world.anna.box.namespace, "concentrator": world.concentrator.namespace}
    return {
        what: next(pid for pid, command in processes(place).items() if command.startswith("/usr/bin/wireguard-go"))
        for what, place in places.items()
    }


def throughput(world: World, seconds: float) -> list[Row]:
    """TCP through the tunnel, phone to PBX and back, as fast as it goes."""
    rows = []
    phone = (world.anna.phone.namespace, world.anna.phones_address)
    with entered(world.pbx.machine.namespace), socket.create_server((PBX, SIP)) as server:
        for what, sends in (("phone → PBX", True), ("PBX → phone", False)):
            with entered(phone[0]):
                mine = socket.create_connection((PBX, SIP), timeout=60)
            theirs, _ = server.accept()
            sender, receiver = (mine, theirs) if sends else (theirs, mine)
            with mine, theirs:
                thread = threading.Thread(target=_pour, args=(sender,))
                thread.start()
                until, got = (began := time.monotonic()) + seconds, 0
                into = bytearray(_CHUNK_BYTES)
                while time.monotonic() < until:
                    got += receiver.recv_into(into)
                took_s = time.monotonic() - began
                receiver.shutdown(socket.SHUT_RDWR)
                thread.join()
            rows.append(Row(f"throughput of the tunnel, {what}", f"{8e-6 * got / took_s:,.0f} Mbit/s"))
    return rows


def _pour(sender: socket.socket) -> None:
    data = bytes(_CHUNK_BYTES)
    try:
        while True:
            sender.sendall(data)
    except OSError:
        return


def calls(world: World, count: int, seconds: float) -> list[Row]:
    """Processor time of wireguard-go for G.711 calls, and how long packets take."""
    phone = (world.anna.phone.namespace, world.anna.phones_address)
    pbx = (world.pbx.machine.namespace, PBX)
    tunnels = _tunnels(world)
    with (
        Stream(phone, pbx, MEDIA, G711_EVERY_S, count) as there,
        Stream(pbx, phone, MEDIA, G711_EVERY_S, count) as back,
    ):
        wait_for("the calls", lambda: there.came and back.came)
        before, began = {what: _cpu_s(pid) for what, pid in tunnels.items()}, time.monotonic()
        moved = len(there.came) + len(back.came)
        time.sleep(seconds)  # the time that is measured
        took_s = time.monotonic() - began
        moved = len(there.came) + len(back.came) - moved
        spent = {what: (_cpu_s(pid) - before[what]) / took_s for what, pid in tunnels.items()}
    at_once = moved / took_s * G711_EVERY_S / 2
    rows = []
    for what, share in spent.items():
        each = share / at_once
        rows.append(
            Row(
                f"processor time of a call, {what}'s wireguard-go, at {at_once:.0f} calls",
                f"{100 * each:.3f} % of a core",
            )
        )
        rows.append(
            Row(f"calls at once that a core carries, {what}", f"{1 / each:,.0f}" if each else "too many to say")
        )
    return rows


def delay(world: World, seconds: float) -> list[Row]:
    """How long a call's packets take through the tunnel, and past it, over as many wires."""
    figures = {}
    phone = (world.anna.phone.namespace, world.anna.phones_address)
    for what, source, target in (
        ("through the tunnel", phone, (world.pbx.machine.namespace, PBX)),
        ("without one", (world.anna.box.namespace, "192.168.1.5"), (world.stranger.namespace, "203.0.113.66")),
    ):
        with Stream(source, target, MEDIA, G711_EVERY_S) as stream:
            wait_for("the call", lambda: stream.came)
            time.sleep(seconds)  # the time that is measured
        taken = [took for _, took in stream.came]
        figures[what] = (statistics.median(taken), percentile(taken, 99))
    rows = [
        Row(f"one-way delay {what}, p50 and p99", f"{_MS * half:.2f} and {_MS * most:.2f} ms")
        for what, (half, most) in figures.items()
    ]
    added = figures["through the tunnel"][1] - figures["without one"][1]
    return [*rows, Row("one-way delay that the tunnel adds, p99", f"{_MS * added:.2f} ms", "< 2 ms", added < 0.002)]


@dataclass
class Change:
    """What one change cost."""

    took_s: float
    cpu_s: float


def peers(count: int, changes: int) -> tuple[Change, float]:
    """Change one of many boxes at a concentrator; return what it cost, and the processor time of a second of rest."""
    nets = list(IPv4Network("10.20.0.0/16").subnets(new_prefix=29))
    boxes = [
        ConcentratorBox(f"edge-{at}", public_key_of(new_private_key()), FencedBox(nets[at], REACH))
        for at in range(count)
    ]
    spare = ConcentratorBox("edge-new", public_key_of(new_private_key()), FencedBox(nets[count], REACH))
    with TunnelNetwork() as network:
        east = network.east
        east.take(*boxes)
        listed = processes(east.namespace)
        pid = next(pid for pid, command in listed.items() if "wireguard-go" in command)
        costs = []
        for _ in range(changes):
            for wanted in ([*boxes, spare], boxes):
                cpu_s, began = _spent(pid), time.monotonic()
                east.take(*wanted)
                costs.append(Change(time.monotonic() - began, _spent(pid) - cpu_s))
        cpu_s = _spent(pid)
        for _ in range(4 * changes):
            with entered(east.namespace):
                east.keeper.on_time()
        rest_s = (_spent(pid) - cpu_s) / changes
    return Change(statistics.median(c.took_s for c in costs), statistics.median(c.cpu_s for c in costs)), rest_s


def _spent(pid: int) -> float:
    """Return the processor time of this process, of the programs that it has run, and of another one."""
    own, children = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime + _cpu_s(pid)


def concentrator(changes: int) -> list[Row]:
    """What a change of one box costs a concentrator with few boxes, and with many."""
    rows = []
    for count in (10, 1000):
        change, rest_s = peers(count, changes)
        figure = f"{_MS * change.took_s:.0f} ms, {_MS * change.cpu_s:.0f} ms of processor time"
        rows.append(Row(f"concentrator with {count:,} boxes: one in or out", figure, "< 1 s", change.took_s < 1.0))
        rows.append(Row("the same, nothing happens: processor time a second (four looks)", f"{_MS * rest_s:.0f} ms"))
    return rows


def main() -> int:
    """Measure, and print the table; return 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description="Measure a phone box.", allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--changes", type=int, default=10)
    options = parser.parse_args()
    if lacks := missing():
        sys.stderr.write(f"A phone box is not measured: {lacks}.\n")
        return 0
    rows: list[Row] = []
    console = Console(stderr=True)
    with ExitStack() as stack, console.status("a world …") as status:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        world = stack.enter_context(built_world())
        world.begin(with_pbx=False)
        for home in world.homes:
            home.power_on()
        phone = (world.anna.phone.namespace, world.anna.phones_address)
        with Stream(phone, (world.pbx.machine.namespace, PBX), MEDIA, G711_EVERY_S) as first:
            wait_for("the tunnel", lambda: first.came)
        works: tuple[tuple[str, Callable[[], list[Row]]], ...] = (
            ("memory", lambda: memory(processes(world.anna.box.namespace))),
            ("memory with a phone at CAPF", lambda: memory_with_relay(world)),
            ("power-on", lambda: power_on(world, options.rounds)),
            ("throughput", lambda: throughput(world, options.seconds / 4)),
            ("calls", lambda: calls(world, options.calls, options.seconds)),
            ("delay", lambda: delay(world, options.seconds)),
            ("revoking", lambda: revoking(world, folder, options.rounds)),
        )
        for what, work in works:
            status.update(f"{what} …")
            rows += work()
    with console.status("concentrators …"):
        rows += concentrator(options.changes)
    table = Table(title="A phone box", box=None, header_style="bold", title_justify="left")
    for heading in ("MEASURED", "FIGURE", "GOAL"):
        table.add_column(heading)
    for row in rows:
        table.add_row(row.what, row.figure, row.goal + {None: "", True: " ✓", False: " missed"}[row.is_met])
    Console().print(table)
    return int(any(row.is_met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
