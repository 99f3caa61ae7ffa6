"""Debian's own clients fetch from a supervised worker."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.content.release import TargetKind
from ringfence.server.catalogue import Offer
from ringfence.server.supervisor import WorkerSupervisor

SIZES = (0, 1, 511, 512, 513, 5000, 40_000)


def content_of(size_bytes: int) -> bytes:
    return bytes(index * 31 % 256 for index in range(size_bytes))


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    supervisor = WorkerSupervisor(listen=[("127.0.0.1", 0)], site="Home", on_event=lambda _event: None)
    supervisor.start()
    fds = [os.memfd_create("offer") for _ in SIZES]
    for fd, size in zip(fds, SIZES, strict=True):
        os.write(fd, content_of(size))
    supervisor.offer(1, [Offer(f"f{size}", fd, size, TargetKind.SHARED) for fd, size in zip(fds, SIZES, strict=True)])
    yield supervisor.addresses[0][1]
    supervisor.stop()
    for fd in fds:
        os.close(fd)


def has_busybox_tftp() -> bool:
    try:
        shown = subprocess.run(["busybox", "--list"], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return False
    return "tftp" in shown.stdout.split()


@pytest.mark.needs("tftp")
@pytest.mark.parametrize("size", SIZES)
def test_tftp_hpa_fetches_octets(port: int, size: int, tmp_path: Path) -> None:
    target = tmp_path / "got"
    subprocess.run(
        ["tftp", "-m", "binary", "127.0.0.1", str(port), "-c", "get", f"f{size}", str(target)], check=True, timeout=20
    )
    assert target.read_bytes() == content_of(size)


@pytest.mark.needs("tftp")
def test_tftp_hpa_fetches_netascii(port: int, tmp_path: Path) -> None:
    target = tmp_path / "got"
    subprocess.run(
        ["tftp", "-m", "ascii", "127.0.0.1", str(port), "-c", "get", "f5000", str(target)], check=True, timeout=20
    )
    # Its own conversion writes a bare CR for CR NUL and LF for CR LF, as ours does.
    assert target.read_bytes() == content_of(5000)


@pytest.mark.needs("tftp")
def test_tftp_hpa_shows_our_refusal(port: int, tmp_path: Path) -> None:
    target = tmp_path / "got"
    shown = subprocess.run(
        ["tftp", "-m", "binary", "127.0.0.1", str(port), "-c", "get", "nothing", str(target)],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert "File not found" in shown.stdout + shown.stderr


CURL_OPTIONS: tuple[tuple[str, ...], ...] = ((), ("--tftp-no-options",), ("--tftp-blksize", "1428"))
# curl takes the size 0 of an empty file, right by RFC 2349, for a broken OACK: it gets that file without options only.
CURL_CASES = [
    (size, options) for size in SIZES for options in CURL_OPTIONS if size or options == ("--tftp-no-options",)
]


@pytest.mark.needs("curl")
@pytest.mark.parametrize(("size", "options"), CURL_CASES)
def test_curl_fetches(port: int, size: int, options: tuple[str, ...]) -> None:
    shown = subprocess.run(
        ["curl", "-sS", "--max-time", "20", *options, f"tftp://127.0.0.1:{port}/f{size}"],
        capture_output=True,
        check=False,
        timeout=30,
    )
    assert shown.stderr == b""
    assert shown.stdout == content_of(size)


@pytest.mark.needs("curl")
def test_curl_sees_a_missing_file_as_its_error_68(port: int) -> None:
    shown = subprocess.run(
        ["curl", "-sS", "--max-time", "20", f"tftp://127.0.0.1:{port}/nothing"], capture_output=True, check=False
    )
    assert shown.returncode == 68


@pytest.mark.needs("busybox")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", [[], ["-b", "1428"]], ids=" ".join)
def test_busybox_fetches(port: int, size: int, options: list[str], tmp_path: Path) -> None:
    if not has_busybox_tftp():
        pytest.skip("this busybox was built without its tftp applet")
    target = tmp_path / "got"
    subprocess.run(
        ["busybox", "tftp", "-g", "-r", f"f{size}", "-l", str(target), *options, "127.0.0.1", str(port)],
        check=True,
        capture_output=True,
        timeout=20,
    )
    assert target.read_bytes() == content_of(size)
