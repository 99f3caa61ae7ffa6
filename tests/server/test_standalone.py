"""`ringfence serve` as a real process: what it serves, keeps, says, and gives up."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from support.standalone_server import SOON_S, StandaloneServer
from support.tftp_servers import (
    NOT_FOUND,
    Phone,
    ack,
    rrq,
)

MAC = "001122334455"
OWN = f"SEP{MAC}.cnf.xml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "tftp"
    made.mkdir()
    (made / OWN).write_bytes(b"<device/>")
    (made / "big").write_bytes(bytes(range(256)) * 8)  # four blocks, and an empty one that ends it
    return made


@pytest.fixture
def server(folder: Path) -> Iterator[StandaloneServer]:
    with StandaloneServer(folder) as running:
        yield running


@pytest.fixture
def phone(server: StandaloneServer) -> Iterator[Phone]:
    made = Phone(server.address, "127.0.0.1")
    yield made
    made.close()


def take_rest(phone: Phone, block: int, to: tuple[str, int]) -> bytes:
    """Acknowledge ``block`` and what follows, until a short block; return the payloads that followed."""
    taken = b""
    while True:
        heard = phone.ask(ack(block), to)
        block += 1
        assert heard.data[:4] == b"\0\3" + block.to_bytes(2, "big")
        taken += heard.data[4:]
        if len(heard.data) < 516:
            phone.say(ack(block), to)
            return taken


# -- files ----------------------------------------------------------------------------------------------------------


def test_it_serves_what_is_in_the_folder(server: StandaloneServer, folder: Path) -> None:
    assert fetch(server.address, OWN) == b"<device/>"
    assert (
        fetch(server.address, "/big", options=RequestedOptions(block_size=1428, window_size=4))
        == (folder / "big").read_bytes()
    )


def test_what_changes_is_served_at_once(server: StandaloneServer, folder: Path) -> None:
    with pytest.raises(FileRefused):
        fetch(server.address, "new/dialplan.xml")
    (folder / "new").mkdir()
    (folder / "new" / "dialplan.xml").write_bytes(b"one")
    assert fetch(server.address, "new/dialplan.xml") == b"one"
    (folder / "new" / "next").write_bytes(b"two")
    (folder / "new" / "next").rename(folder / "new" / "dialplan.xml")
    assert fetch(server.address, "new/dialplan.xml") == b"two"


def test_a_transfer_under_way_keeps_the_file_that_a_rename_replaced(
    server: StandaloneServer, folder: Path, phone: Phone
) -> None:
    old = (folder / "big").read_bytes()
    first = phone.ask(rrq("big"))
    (folder / "next").write_bytes(b"new")
    (folder / "next").rename(folder / "big")
    assert first.data[4:] + take_rest(phone, 1, first.address) == old
    assert fetch(server.address, "big") == b"new"


def test_a_file_that_is_cut_short_ends_its_transfer_with_an_error(
    server: StandaloneServer, folder: Path, phone: Phone
) -> None:
    (folder / "huge").write_bytes(b"x" * 2_000_000)
    heard = phone.ask(rrq("huge"))
    os.truncate(folder / "huge", 0)
    for block in range(1, 5000):
        heard = phone.ask(ack(block), heard.address)
        if heard.data.startswith(b"\0\5"):
            break
    assert heard.data.startswith(b"\0\5\0\0")
    server.wait_for_line(r"failed file=huge .* cause=read-failed")


def test_a_fifo_stops_nobody(server: StandaloneServer, folder: Path, phone: Phone) -> None:
    os.mkfifo(folder / "fifo")
    assert phone.ask(rrq("fifo")).data == NOT_FOUND
    assert fetch(server.address, OWN) == b"<device/>"
    server.wait_for_line(r'refused file=fifo .* reason="it is not a regular file"')


@pytest.mark.parametrize("name", ["../secret", "..\\secret", "link", "a/../../secret", "//../secret", "%2e%2e/secret"])
def test_what_lies_outside_gets_the_answer_of_a_missing_file(
    server: StandaloneServer, folder: Path, phone: Phone, name: str
) -> None:
    (folder.parent / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to("../secret")
    assert phone.ask(rrq(name)).data == NOT_FOUND
    server.wait_for_line("refused ")


def test_writing_is_refused_and_touches_nothing(server: StandaloneServer, folder: Path, phone: Phone) -> None:
    assert phone.ask(b"\0\2new\0octet\0").data.startswith(b"\0\5\0\2")
    assert not (folder / "new").exists()
    server.wait_for_line('refused file=new .* finding=write-refused reason="phones may not write files here"|refused')


@pytest.mark.needs("curl")
def test_curl_fetches(server: StandaloneServer, folder: Path) -> None:
    host, port = server.address
    shown = subprocess.run(
        ["curl", "-sS", "--max-time", "20", f"tftp://{host}:{port}/big"], capture_output=True, check=True, timeout=30
    )
    assert shown.stdout == (folder / "big").read_bytes()


@pytest.mark.needs("tftp")
def test_tftp_hpa_fetches(server: StandaloneServer, folder: Path, tmp_path: Path) -> None:
    host, port = server.address
    command = ["tftp", "-m", "binary", host, str(port), "-c", "get", "big", str(tmp_path / "got")]
    subprocess.run(command, check=True, timeout=20)
    assert (tmp_path / "got").read_bytes() == (folder / "big").read_bytes()


# -- signals --------------------------------------------------------------------------------------------------------


def test_sighup_disturbs_no_transfer(server: StandaloneServer, folder: Path, phone: Phone) -> None:
    first = phone.ask(rrq("big"))
    server.tell(signal.SIGHUP)
    server.wait_for_line("nothing to reload")
    assert first.data[4:] + take_rest(phone, 1, first.address) == (folder / "big").read_bytes()


def test_sigterm_lets_transfers_finish_and_takes_no_new_ones(
    server: StandaloneServer, folder: Path, phone: Phone
) -> None:
    first = phone.ask(rrq("big"))
    server.tell(signal.SIGTERM)
    server.wait_for_line("stopping; transfers in progress: 1")
    late = Phone(server.address, "127.0.0.1")
    late.say(rrq("big"))
    assert first.data[4:] + take_rest(phone, 1, first.address) == (folder / "big").read_bytes()
    assert server.process.wait(SOON_S) == 0
    assert late.hear(0) is None
    late.close()
    server.wait_for_line("stopped; transfers that were cut short: 0")
    assert server.find("sent file=big")


def test_in_single_port_mode_too_transfers_finish_after_sigterm(folder: Path) -> None:
    with StandaloneServer(folder, "--single-port") as server:
        phone, late = Phone(server.address), Phone(server.address)
        first = phone.ask(rrq("big"))
        assert first.address == server.address
        server.tell(signal.SIGTERM)
        server.wait_for_line("stopping; transfers in progress: 1")
        late.say(rrq("big"))
        assert first.data[4:] + take_rest(phone, 1, first.address) == (folder / "big").read_bytes()
        assert server.process.wait(SOON_S) == 0
        assert late.hear(0) is None
        phone.close()
        late.close()


def test_a_second_sigterm_ends_transfers_with_error_0(server: StandaloneServer, phone: Phone) -> None:
    phone.ask(rrq("big"))
    server.tell(signal.SIGTERM)
    server.wait_for_line("stopping; transfers in progress: 1")
    server.tell(signal.SIGTERM)
    assert server.process.wait(SOON_S) == 0
    heard = phone.hear()
    assert heard is not None
    assert heard.data.startswith(b"\0\5\0\0")
    server.wait_for_line("stopped; transfers that were cut short: 1")


# -- where and to whom ------------------------------------------------------------------------------------------------


def test_it_listens_on_several_addresses_of_both_families(folder: Path) -> None:
    with StandaloneServer(folder, listen=["127.0.0.1:0", "127.0.0.2:0", "[::1]:0"]) as server:
        assert [host for host, _ in server.addresses] == ["127.0.0.1", "127.0.0.2", "::1"]
        for address in server.addresses:
            assert fetch(address, OWN) == b"<device/>"


def test_transfers_use_the_ports_of_the_range_alone(folder: Path) -> None:
    with StandaloneServer(folder, "--port-range", "20310-20319") as server:
        phones = [Phone(server.address) for _ in range(10)]
        ports = sorted(phone.ask(rrq("big")).port for phone in phones)
        assert ports == list(range(20310, 20320))  # below those that the kernel gives out by itself
        for phone in phones:
            phone.close()


def test_only_allowed_networks_are_served(folder: Path) -> None:
    with StandaloneServer(folder, "--allow", "127.5.0.0/16", "--allow", "fd00::/8") as server:
        assert fetch(server.address, OWN, source_host="127.5.1.2") == b"<device/>"
        with pytest.raises(FileRefused):
            fetch(server.address, OWN, source_host="127.6.0.1")
        found = server.wait_for_line(r"refused file=SEP\w*\.cnf\.xml client=127\.6\.0\.1:\d+ finding=outside-networks")
        assert "its address is outside the allowed networks" in found.string


# -- what it says -----------------------------------------------------------------------------------------------------


def test_the_json_log_has_an_object_for_each_transfer_and_refusal(folder: Path) -> None:
    with StandaloneServer(folder, "--log-format", "json") as server:
        assert fetch(server.address, "big")
        phone = Phone(server.address, "127.0.0.1")
        phone.ask(rrq(f"CTLSEP{MAC}.tlv"))
        phone.ask(rrq("SEP001122334456.cnf.xml"))
        phone.ask(rrq('a\n"FAKE" \x1b[2J'))
        phone.say(rrq("big"))
        heard = phone.hear()
        assert heard is not None
        phone.say(b"\0\5\0\3disk full\0", heard.address)
        server.wait_for_line('"failed"')
        assert server.stop() == 0
        port = phone.address[1]
        phone.close()
    lines = [json.loads(line) for line in server.lines]
    assert all(isinstance(line["at"], float) for line in lines)
    sent = next(line for line in lines if line["event"] == "sent")
    assert {key: sent[key] for key in ("file", "protocol", "bytes", "retransmissions")} == {
        "file": "big",
        "protocol": "tftp",
        "bytes": 2048,
        "retransmissions": 0,
    }
    refused = [line for line in lines if line["event"] == "refused"]
    assert [line["finding"] for line in refused] == ["optional-file", "unknown-phone", "bad-name"]
    assert refused[0]["reason"] == "there is no such file; this is harmless, phones work without it"
    assert refused[0]["client"] == f"127.0.0.1:{port}"
    assert refused[2]["file"] == 'a\\x0a"FAKE" \\x1b[2J'
    failed = next(line for line in lines if line["event"] == "failed")
    assert failed["cause"] == "ended-by-peer"
    assert "disk full" in failed["reason"]


def test_the_text_log_keeps_a_line_for_each_event_whatever_the_name(server: StandaloneServer, phone: Phone) -> None:
    phone.ask(rrq('a\nFAKE" sent file=x'))
    found = server.wait_for_line("refused file=")
    assert r'file="a\\x0aFAKE\" sent file=x" client=' in found.string
    assert not any(line.startswith("FAKE") for line in server.lines)


def test_the_same_refusal_is_told_once(server: StandaloneServer, phone: Phone) -> None:
    for _ in range(20):
        phone.ask(rrq("missing"))
    fetch(server.address, OWN)
    server.wait_for_line("sent file=SEP")
    assert sum("file=missing" in line for line in server.lines) == 1


@pytest.mark.slow
def test_a_log_that_nobody_reads_stops_nothing(folder: Path) -> None:
    reader, writer = os.pipe()
    command = [sys.executable, "-I", "-m", "ringfence.server", str(folder), "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(command, stderr=writer)
    os.close(writer)
    try:
        with os.fdopen(reader, "rb", buffering=0) as stream:
            said = stream.read(4096).decode()
            host, port = said.partition("over TFTP on ")[2].partition(";")[0].split(":")
            for _ in range(1200):  # more lines than a pipe holds, and nobody reads them
                assert fetch((host, int(port)), OWN) == b"<device/>"
            process.terminate()
            assert process.wait(SOON_S) == 0
    finally:
        process.kill()
        process.wait()


# -- service managers -------------------------------------------------------------------------------------------------


def test_sockets_that_a_service_manager_bound_are_served(folder: Path) -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    metrics = socket.create_server(("127.0.0.1", 0))
    with (
        udp,
        metrics,
        StandaloneServer(
            folder,
            listen=(),
            fds=[udp.fileno(), metrics.fileno()],
            environment={"LISTEN_FDNAMES": "ringfence-serve.socket:metrics"},
        ) as server,
    ):
        assert server.addresses == [udp.getsockname()]
        assert fetch(udp.getsockname(), OWN) == b"<device/>"
        # 127.0.0.2 is asked over a socket for one address only: what counts is that it knows where it was asked.
        assert server.metrics_address == metrics.getsockname()


def test_an_inherited_socket_answers_from_the_address_that_was_asked(folder: Path) -> None:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("0.0.0.0", 0))  # noqa: S104 - the address that was asked is what this is about
    with udp, StandaloneServer(folder, listen=(), fds=[udp.fileno()]):
        phone = Phone(("127.0.0.7", udp.getsockname()[1]))
        assert phone.ask(rrq(OWN)).address[0] == "127.0.0.7"
        phone.close()


@pytest.mark.parametrize("mode", [(), ("--single-port",)])
def test_over_a_socket_for_both_families_an_ipv4_phone_is_an_ipv4_phone(folder: Path, mode: tuple[str, ...]) -> None:
    udp = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    udp.bind(("::", 0))
    port = udp.getsockname()[1]
    options = ("--allow", "127.0.0.0/8", "--allow", "::1", *mode)
    with udp, StandaloneServer(folder, *options, listen=(), fds=[udp.fileno()]) as server:
        assert fetch(("127.0.0.1", port), "big", source_host="127.0.0.3") == (folder / "big").read_bytes()
        assert fetch(("::1", port), OWN) == b"<device/>"
        server.wait_for_line(r"sent file=big client=127\.0\.0\.3:")
        server.wait_for_line(r"sent file=SEP\S* client=\[::1\]:")


def test_a_socket_of_no_use_is_named(folder: Path) -> None:
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other, pytest.raises(AssertionError, match="passed a socket that can't be used"):
        StandaloneServer(folder, listen=(), fds=[one.fileno()]).__enter__()


def test_sockets_for_another_process_are_left_alone(folder: Path) -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "2"}
    with StandaloneServer(folder, environment=environment) as server:
        assert fetch(server.address, OWN) == b"<device/>"


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_service_manager_is_told_when_it_is_ready_and_when_it_stops(
    folder: Path, tmp_path: Path, is_abstract: bool
) -> None:
    address = f"\0ringfence-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(SOON_S)
        with StandaloneServer(folder, environment={"NOTIFY_SOCKET": address.replace("\0", "@")}) as server:
            assert manager.recv(1000).splitlines()[0] == b"READY=1"
            assert fetch(server.address, OWN) == b"<device/>"
            assert server.stop() == 0
            assert manager.recv(1000) == b"STOPPING=1"


# -- what it gives up -------------------------------------------------------------------------------------------------


def status_of(pid: int) -> dict[str, list[str]]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {key: value.split() for key, _, value in (line.partition(":") for line in lines)}


@pytest.mark.needs("root")
def test_as_root_the_folder_is_its_root_directory_and_it_is_another_user(folder: Path) -> None:
    with StandaloneServer(folder, "--user", "nobody") as server:
        assert fetch(server.address, OWN) == b"<device/>"
        status = status_of(server.process.pid)
        assert status["Uid"] == status["Gid"] == ["65534"] * 4
        assert status["Groups"] == []
        for capabilities in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[capabilities][0], 16) == 0, capabilities
        assert status["NoNewPrivs"] == ["1"]
        assert status["Threads"] == ["1"]
        assert Path(f"/proc/{server.process.pid}/root").readlink() == folder
        assert server.find("with the folder as root directory, as user nobody")


@pytest.mark.needs("root")
def test_without_chroot_it_is_another_user_all_the_same(folder: Path) -> None:
    with StandaloneServer(folder, "--user", "nobody", "--no-chroot") as server:
        assert fetch(server.address, OWN) == b"<device/>"
        assert Path(f"/proc/{server.process.pid}/root").readlink() == Path("/")
        assert status_of(server.process.pid)["Uid"] == ["65534"] * 4


@pytest.mark.needs("root")
def test_a_file_that_its_user_may_not_read_is_refused_and_that_is_said(folder: Path) -> None:
    (folder / "private").write_bytes(b"x")
    (folder / "private").chmod(0o600)
    with StandaloneServer(folder, "--user", "nobody") as server:
        with pytest.raises(FileRefused):
            fetch(server.address, "private")
        server.wait_for_line('refused file=private .* reason="it exists, but this process may not read it"')


# The interpreter of a test environment may lie where other users can't go: so the libraries come first.
_AS_SOMEBODY = """
import os, sys
from ringfence.server.__main__ import main
import encodings.idna, locale
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def open_folder(folder: Path) -> Iterator[Path]:
    """The folder where every user can come to it."""
    with tempfile.TemporaryDirectory() as base:
        Path(base).chmod(0o755)
        yield Path(shutil.copytree(folder, Path(base) / "tftp"))


@pytest.mark.needs("root")
def test_without_root_it_says_so_in_one_line_and_serves_as_confined_as_it_can(open_folder: Path) -> None:
    folder = open_folder
    with StandaloneServer(folder, command=[sys.executable, "-c", _AS_SOMEBODY]) as server:
        assert fetch(server.address, OWN) == b"<device/>"
        assert server.find("not started as root, so without its own root directory, as user nobody; ")
        status = status_of(server.process.pid)
        assert status["NoNewPrivs"] == ["1"]
        assert int(status["CapEff"][0], 16) == 0
    for user in ("root", "daemon"):
        with pytest.raises(AssertionError, match="ringfence: "):
            StandaloneServer(folder, "--user", user, command=[sys.executable, "-c", _AS_SOMEBODY]).__enter__()


def test_the_kernel_keeps_it_inside_the_folder_where_it_can(tmp_path: Path) -> None:
    """Landlock, shown on the process that would be the server."""
    inside = tmp_path / "tftp"
    inside.mkdir()
    (inside / "a").write_bytes(b"inside")
    (tmp_path / "secret").write_bytes(b"secret")
    code = f"""
import os, socket
from ringfence.server.confinement.steps import Confinement, confine, nobody
fd = os.open({str(inside)!r}, os.O_PATH | os.O_DIRECTORY)
if not confine(Confinement(root_fd=fd, keep_root=True, may_grow_files=True, account=nobody())).has_landlock:
    print("no Landlock")
else:
    print(os.read(os.open("a", os.O_RDONLY, dir_fd=fd), 9).decode())
    for attempt in (
        lambda: os.open("../secret", os.O_RDONLY, dir_fd=fd),
        lambda: os.open("/etc/hostname", os.O_RDONLY),
        lambda: os.open("new", os.O_WRONLY | os.O_CREAT, dir_fd=fd),
    ):
        try:
            attempt()
            print("reached")
        except PermissionError:
            print("refused")
"""
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.split("\n")[:-1] in (["inside", "refused", "refused", "refused"], ["no Landlock"])


@pytest.mark.unmeasured
def test_the_serving_process_loads_nothing_heavy_and_stays_small(server: StandaloneServer) -> None:
    fetch(server.address, "big")
    code = "import ringfence.server.__main__, sys; print(*{name.partition('.')[0] for name in sys.modules})"
    shown = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    heavy = {"typer", "rich", "click", "pydantic", "jinja2", "lxml", "cryptography", "ssl", "urllib3", "asyncio"}
    assert set(shown.stdout.split()) & (heavy | {"_hashlib_", "http", "email", "logging", "prometheus_client"}) == set()
    assert int(status_of(server.process.pid)["VmRSS"][0]) < 25_000
