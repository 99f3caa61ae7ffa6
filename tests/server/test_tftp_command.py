"""``ringfence tftp get``: what it writes and prints, and how it ends."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tftp_servers import SupervisedWorker

CONTENT = bytes(index * 31 % 253 for index in range(50_000))
COMMAND = [sys.executable, "-m", "ringfence.cli.main", "tftp", "get"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with SupervisedWorker({"f": CONTENT, "loads/g": b"g", "text": b"a\nb\r"}) as served:
        yield f"tftp://127.0.0.1:{served.address[1]}"


@pytest.fixture
def refusing() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        yield server


def get(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([*COMMAND, *arguments], cwd=folder, capture_output=True, timeout=120, check=False)


def test_a_file_comes_under_its_own_name_and_its_figures_are_told(server: str, tmp_path: Path) -> None:
    ended = get(tmp_path, f"{server}/f")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"f: 50,000 bytes in 0.")
    assert ended.stdout.endswith(b" kB/s), blocks of 512 bytes.\n")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert get(tmp_path, f"{server}/loads/g").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"f", "g"}
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_standard_output_gets_the_bytes_alone(server: str, tmp_path: Path) -> None:
    assert get(tmp_path, f"{server}/f", "-o", "-").stdout == CONTENT
    assert get(tmp_path, f"{server}/text;mode=netascii", "-o", "-").stdout == b"a\nb\r"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "block_size", "window_size"),
    [
        (("--fast",), 1428, 16),
        (("--option", "blksize=1000", "--option", "windowsize=4", "--option", "tsize"), 1000, 4),
        (("--fast", "--option", "windowsize=2"), 1428, 2),
    ],
)
def test_options_are_asked_for(
    server: str, tmp_path: Path, arguments: tuple[str, ...], block_size: int, window_size: int
) -> None:
    ended = get(tmp_path, f"{server}/f", "--json", *arguments)
    told = json.loads(ended.stdout)
    assert (told["block_size"], told["window_size"], told["size_bytes"]) == (block_size, window_size, len(CONTENT))
    assert (tmp_path / told["file"]).read_bytes() == CONTENT


def test_a_file_that_exists_is_replaced_by_force_alone(server: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"mine")
    ended = get(tmp_path, f"{server}/f")
    assert ended.returncode == 5
    assert b"--force" in ended.stderr
    assert (tmp_path / "f").read_bytes() == b"mine"
    assert get(tmp_path, f"{server}/nothing", "-o", "f", "--force").returncode == 4
    assert (tmp_path / "f").read_bytes() == b"mine"
    assert get(tmp_path, f"{server}/f", "--force").returncode == 0
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("http://127.0.0.1/f",), 3, "this is not a TFTP URI"),
        (("SERVER/f", "--option", "multicast="), 3, "this TFTP option can't be requested"),
        (("SERVER/f", "--json", "-o", "-"), 3, "Name a file with -o."),
        (("SERVER/loads/",), 3, "there is no file name to write to"),
        (("SERVER/nothing",), 4, "File not found (TFTP error 1)"),
        (("tftp://no-such-host.invalid/f",), 7, "the server can't be asked"),
        (("SERVER/f", "-o", "no/such/folder/f"), 7, "can't write: No such file or directory"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_status(
    server: str, tmp_path: Path, arguments: tuple[str, ...], status: int, says: str
) -> None:
    ended = get(tmp_path, *(argument.replace("SERVER", server) for argument in arguments))
    assert ended.returncode == status
    assert says in ended.stderr.decode()
    assert ended.stderr.count(b"\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("code", "status"), [(0, 9), (1, 4), (2, 6), (3, 9), (4, 9), (7, 6), (8, 9), (99, 9)])
def test_each_error_of_the_server_has_its_status(
    refusing: socket.socket, tmp_path: Path, code: int, status: int
) -> None:
    uri = f"tftp://127.0.0.1:{refusing.getsockname()[1]}/f"
    with subprocess.Popen([*COMMAND, uri], cwd=tmp_path, stderr=subprocess.PIPE) as asking:
        refusing.settimeout(60)
        _, address = refusing.recvfrom(600)
        refusing.sendto(b"\0\5" + code.to_bytes(2, "big") + b"because\0", address)
        _, told = asking.communicate(timeout=120)
    assert asking.returncode == status
    assert f"because (TFTP error {code})".encode() in told


def test_silence_is_status_7_and_soon(refusing: socket.socket, tmp_path: Path) -> None:
    uri = f"tftp://127.0.0.1:{refusing.getsockname()[1]}/f"
    ended = get(tmp_path, uri, "--timeout", "0.05", "--retries", "2")
    assert (ended.returncode, list(tmp_path.iterdir())) == (7, [])
    assert b"the server does not answer" in ended.stderr


@pytest.fixture
def ctrl_c_is_heard() -> Iterator[None]:
    """Let programs that are started hear it, even where who started the tests ignores it (a shell's ``&``)."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_is_heard")
def test_ctrl_c_leaves_no_part_behind(refusing: socket.socket, tmp_path: Path) -> None:
    uri = f"tftp://127.0.0.1:{refusing.getsockname()[1]}/f"
    with subprocess.Popen([*COMMAND, uri], cwd=tmp_path, stderr=subprocess.PIPE) as asking:
        refusing.settimeout(60)
        _, address = refusing.recvfrom(600)
        refusing.sendto(b"\0\3\0\1" + bytes(512), address)
        refusing.recvfrom(600)
        assert [path.suffix for path in tmp_path.iterdir()] == [".part"]
        asking.send_signal(signal.SIGINT)
        _, told = asking.communicate(timeout=120)
    assert (asking.returncode, told, list(tmp_path.iterdir())) == (130, b"", [])


def test_a_terminal_sees_how_far_it_is(refusing: socket.socket, tmp_path: Path) -> None:
    uri = f"tftp://127.0.0.1:{refusing.getsockname()[1]}/firmware"
    ours, theirs = pty.openpty()
    command = [*COMMAND, uri, "--option", "tsize", "-o", "f"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=theirs, env={**os.environ, "TERM": "xterm"}) as asking:
        os.close(theirs)
        refusing.settimeout(60)
        _, address = refusing.recvfrom(600)
        refusing.sendto(b"\0\6tsize\x001000\0", address)
        assert refusing.recvfrom(600)[0] == b"\0\4\0\0"
        refusing.sendto(b"\0\3\0\1" + bytes(512), address)
        assert refusing.recvfrom(600)[0] == b"\0\4\0\1"
        shown, until = b"", time.monotonic() + 20
        while b"0.5/1.0 kB" not in shown and time.monotonic() < until:
            shown += os.read(ours, 4096)
        refusing.sendto(b"\0\3\0\2" + bytes(488), address)
        assert asking.wait(120) == 0
    os.close(ours)
    assert b"firmware" in shown
    assert (tmp_path / "f").stat().st_size == 1000
