"""What needs a wire: two machines in namespaces of the test's own."""

import itertools
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from conformance.transcripts import content_of, shown
from ringfence.server.events import TransferFailed
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from support.namespaces import Wire, entered
from support.tftp_servers import (
    SOON_S,
    Phone,
    SupervisedWorker,
    ack,
    rrq,
)

pytestmark = [pytest.mark.needs("root"), pytest.mark.needs("netns"), pytest.mark.slow]

EVERYWHERE, EVERYWHERE6 = "0.0.0.0", "::"  # noqa: S104 - a namespace of the test's own
SERVER, SERVER_TOO, CLIENT = "10.77.0.1", "10.77.0.2", "10.77.0.9"
SERVER6, SERVER6_TOO, CLIENT6 = "fd77::1", "fd77::2", "fd77::9"
PORT = 69
FILES = {"f600": content_of(600), "f2000": content_of(2000), "f100000": content_of(100_000)}


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    server = [f"{SERVER}/24", f"{SERVER_TOO}/24", f"{SERVER6}/64", f"{SERVER6_TOO}/64"]
    with Wire(server, [f"{CLIENT}/24", f"{CLIENT6}/64"]) as made:
        yield made


@pytest.fixture(scope="module")
def served(wire: Wire) -> Iterator[SupervisedWorker]:
    with entered(wire.server):
        worker = SupervisedWorker(FILES, listen=[(EVERYWHERE, PORT), (EVERYWHERE6, PORT)])
        worker.start()
    yield worker
    worker.stop()


def settle(host: str = SERVER) -> None:
    """Return once the server has dealt with everything that came before; to be called where the client is."""
    assert fetch((host, PORT), "f600") == FILES["f600"]


@pytest.fixture
def make_phone(served: SupervisedWorker) -> Iterator[Callable[[str, str], Phone]]:
    assert served.supervisor.worker_pid is not None
    made: list[Phone] = []

    def make(server: str, host: str) -> Phone:
        made.append(Phone((server, PORT), host))
        return made[-1]

    yield make
    for phone in made:
        phone.close()


MakePhone = Callable[[str, str], Phone]


@pytest.mark.clause(35)
@pytest.mark.parametrize(
    ("asked", "client"), [(SERVER, CLIENT), (SERVER_TOO, CLIENT), (SERVER6, CLIENT6), (SERVER6_TOO, CLIENT6)]
)
def test_each_address_of_a_server_answers_for_itself(
    wire: Wire, make_phone: MakePhone, asked: str, client: str
) -> None:
    with entered(wire.client):
        for name in ("f600", "nothing"):
            phone = make_phone(asked, client)
            answer = phone.ask(rrq(name))
            assert answer.address[0] == asked
            assert answer.port != PORT
            phone.say(b"\0\5\0\0enough\0", answer.address)


@pytest.mark.clause(33)
@pytest.mark.parametrize("target", ["255.255.255.255", "10.77.0.255", "224.0.0.1"])
def test_a_request_to_everybody_is_ignored(wire: Wire, make_phone: MakePhone, target: str) -> None:
    with entered(wire.client):
        phone = make_phone(SERVER, CLIENT)
        phone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        phone.socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"wire")
        for words in (rrq("f600"), rrq("nothing"), b"\0\1"):
            phone.say(words, (target, PORT))
        settle()
        assert phone.hear(0) is None
        assert phone.ask(rrq("f600")).data[:4] == b"\0\3\0\1"


@pytest.mark.clause(33)
def test_a_request_to_all_ipv6_nodes_is_ignored(wire: Wire, make_phone: MakePhone) -> None:
    with entered(wire.client):
        phone = make_phone(SERVER6, CLIENT6)
        phone.socket.sendto(rrq("f600"), ("ff02::1", PORT, 0, socket.if_nametoindex("wire")))
        settle(SERVER6)
        assert phone.hear(0) is None


def icmp_unreachable(transfer: tuple[str, int], client: tuple[str, int]) -> bytes:
    """Return an ICMP port unreachable as the client's machine would send it about a datagram of the transfer."""
    udp = struct.pack("!HHHH", transfer[1], client[1], 8, 0)
    hosts = socket.inet_aton(transfer[0]) + socket.inet_aton(client[0])
    body = bytes(4) + struct.pack("!BBHHHBBH", 0x45, 0, 28, 0, 0, 64, 17, 0) + hosts + udp
    total = 0x0303 + sum(int.from_bytes(body[at : at + 2], "big") for at in range(0, len(body), 2))
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBH", 3, 3, 0xFFFF ^ ((total & 0xFFFF) + (total >> 16))) + body


@pytest.mark.clause(36)
def test_forged_unreachables_end_no_transfer_whose_client_still_acknowledges(
    wire: Wire, served: SupervisedWorker, make_phone: MakePhone
) -> None:
    with entered(wire.client):
        phone = make_phone(SERVER, CLIENT)
        first = phone.ask(rrq("f2000"))
        forged = icmp_unreachable(first.address, phone.address)
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            for block in itertools.count(1):
                raw.sendto(forged, (SERVER, 0))
                answer = phone.ask(ack(block), first.address)
                assert answer.data[:4] == b"\0\3" + (block + 1).to_bytes(2, "big")
                if len(answer.data) < 516:
                    break
            assert served.told(TransferFailed, phone) == []
            # Twice for the same block with no ACK between: that is believed, well before the tries run out.
            other = make_phone(SERVER, CLIENT)
            second = other.ask(rrq("f2000"))
            forged = icmp_unreachable(second.address, other.address)
            for _ in range(2):
                raw.sendto(forged, (SERVER, 0))
                settle()
        served.wait_for(lambda: served.told(TransferFailed, other))
        assert "closed its port" in served.told(TransferFailed, other)[0].reason


@pytest.mark.clause(56)
@pytest.mark.parametrize("block_size", [1468, 1469, 8192, 65_464])
@pytest.mark.parametrize(("server", "client"), [(SERVER, CLIENT), (SERVER6, CLIENT6)])
def test_blocks_larger_than_the_mtu_of_the_path_arrive(
    wire: Wire, served: SupervisedWorker, server: str, client: str, block_size: int
) -> None:
    assert served.supervisor.worker_pid is not None
    with entered(wire.client):
        for window_size in (None, 4):
            options = RequestedOptions(block_size=block_size, window_size=window_size)
            assert fetch((server, PORT), "f100000", options=options, source_host=client) == FILES["f100000"]


@pytest.mark.clause(56)
def test_datagrams_may_be_cut_on_the_way() -> None:
    with Wire([f"{SERVER}/24"], [f"{CLIENT}/24"], mtu=600) as narrow:
        with entered(narrow.server):
            worker = SupervisedWorker(FILES, listen=[(SERVER, PORT)])
            worker.start()
        try:
            with entered(narrow.client), socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
                raw.settimeout(SOON_S)
                phone = Phone((SERVER, PORT), CLIENT)
                oack = phone.ask(rrq("f2000", blksize=1428))
                assert shown(phone.ask(ack(0), oack.address).data) == "DATA 1 1428"
                phone.close()
                for _ in range(2):
                    header = raw.recv(2000)
                    assert not header[6] & 0x40  # the flag "don't fragment"
                options = RequestedOptions(block_size=1428, window_size=16)
                assert fetch((SERVER, PORT), "f100000", options=options) == FILES["f100000"]
        finally:
            worker.stop()
