"""`ringfence serve` as a process of its machine: what a service manager gives it, and what it gives up."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.server.errors import FileRefused
from ringfence.server.tftp.client import fetch
from support.standalone_server import OWN, SOON_S, StandaloneServer, phones_folder
from support.tftp_servers import (
    Phone,
    rrq,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return phones_folder(tmp_path / "tftp")


@pytest.fixture
def server(folder: Path) -> Iterator[StandaloneServer]:
    with StandaloneServer(folder) as running:
        yield running


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
