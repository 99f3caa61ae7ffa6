"""Debian's own clients fetch from the server: each client, each of its options, several sizes, both port modes."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.tftp_servers import EngineInThread, ServerUnderTest, SupervisedWorker

pytestmark = pytest.mark.slow

SIZES = (0, 1, 511, 512, 513, 5000, 40_000)
LONG = 300_000


def content_of(size_bytes: int) -> bytes:
    return bytes(index * 31 % 256 for index in range(size_bytes))


FILES = {f"f{size}": content_of(size) for size in (*SIZES, LONG)}


@pytest.fixture(scope="module", params=["plain", "single port"])
def server(request: pytest.FixtureRequest) -> Iterator[ServerUnderTest]:
    with SupervisedWorker(FILES) if request.param == "plain" else EngineInThread(FILES, single_port=True) as served:
        yield served


@pytest.fixture
def port(server: ServerUnderTest) -> int:
    return server.address[1]


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=120)


def has_busybox_tftp() -> bool:
    try:
        shown = run("busybox", "--list")
    except FileNotFoundError:
        return False
    return "tftp" in shown.stdout.split()


TFTP_HPA_OPTIONS: tuple[tuple[str, ...], ...] = ((), ("-4", "-v"), ("-l",), ("-R", "20400:20463"))


@pytest.mark.needs("tftp")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", TFTP_HPA_OPTIONS, ids=" ".join)
def test_tftp_hpa_fetches_octets(port: int, size: int, options: tuple[str, ...], tmp_path: Path) -> None:
    target = tmp_path / "got"
    shown = run("tftp", *options, "-m", "binary", "127.0.0.1", str(port), "-c", "get", f"f{size}", str(target))
    assert shown.returncode == 0, shown
    assert target.read_bytes() == content_of(size)


@pytest.mark.needs("tftp")
@pytest.mark.parametrize("size", [0, 512, 5000])
def test_tftp_hpa_fetches_netascii(port: int, size: int, tmp_path: Path) -> None:
    target = tmp_path / "got"
    shown = run("tftp", "-m", "ascii", "127.0.0.1", str(port), "-c", "get", f"f{size}", str(target))
    assert shown.returncode == 0, shown
    # Its own conversion writes a bare CR for CR NUL and LF for CR LF, as ours does.
    assert target.read_bytes() == content_of(size)


@pytest.mark.needs("tftp")
def test_tftp_hpa_shows_our_refusal(port: int, tmp_path: Path) -> None:
    shown = run("tftp", "-m", "binary", "127.0.0.1", str(port), "-c", "get", "nothing", str(tmp_path / "got"))
    assert "File not found" in shown.stdout + shown.stderr


CURL_OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("--tftp-no-options",),
    *(("--tftp-blksize", size) for size in ("8", "1428", "8192", "65464")),
)
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
        timeout=120,
    )
    assert shown.stderr == b""
    assert shown.stdout == content_of(size)


@pytest.mark.needs("curl")
def test_curl_sees_a_missing_file_as_its_error_68(port: int) -> None:
    assert run("curl", "-sS", "--max-time", "20", f"tftp://127.0.0.1:{port}/nothing").returncode == 68


@pytest.mark.needs("curl")
def test_curl_sees_a_refused_upload_as_its_error_69(port: int, tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"evil")
    shown = run("curl", "-sS", "--max-time", "20", "-T", str(tmp_path / "new"), f"tftp://127.0.0.1:{port}/f1")
    assert shown.returncode == 69


# busybox writes its request into a block: smaller ones than this hold no name.
BUSYBOX_OPTIONS: tuple[tuple[str, ...], ...] = ((), *(("-b", size) for size in ("64", "1428", "8192", "65464")))


@pytest.mark.needs("busybox")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("options", BUSYBOX_OPTIONS, ids=" ".join)
def test_busybox_fetches(port: int, size: int, options: tuple[str, ...], tmp_path: Path) -> None:
    if not has_busybox_tftp():
        pytest.skip("this busybox was built without its tftp applet")
    target = tmp_path / "got"
    shown = run("busybox", "tftp", "-g", "-r", f"f{size}", "-l", str(target), *options, "127.0.0.1", str(port))
    assert shown.returncode == 0, shown
    assert target.read_bytes() == content_of(size)


ATFTP_OPTIONS: tuple[tuple[str, ...], ...] = (
    (),
    ("blksize 8",),
    ("blksize 1428",),
    ("blksize 65464",),
    ("tsize 0",),
    ("timeout 2",),
    ("windowsize 1",),
    ("windowsize 8",),
    ("windowsize 64",),
    ("multicast",),
    ("blksize 1428", "tsize 0", "timeout 3", "windowsize 16"),
)


ATFTP_CASES = [
    (size, options) for size in (*SIZES, LONG) for options in ATFTP_OPTIONS if size < LONG or options != ("blksize 8",)
]


@pytest.mark.needs("atftp")
@pytest.mark.parametrize(("size", "options"), ATFTP_CASES)
def test_atftp_fetches(port: int, size: int, options: tuple[str, ...], tmp_path: Path) -> None:
    target = tmp_path / "got"
    words = [word for option in options for word in ("--option", option)]
    shown = run("atftp", *words, "-g", "-r", f"f{size}", "-l", str(target), "127.0.0.1", str(port))
    assert shown.returncode == 0, shown
    assert target.read_bytes() == content_of(size)


@pytest.mark.needs("atftp")
def test_atftp_takes_up_every_option_that_it_asked_for(port: int, tmp_path: Path) -> None:
    options = ("blksize 1428", "tsize 0", "timeout 3", "windowsize 4")
    words = [word for option in options for word in ("--option", option)]
    shown = run("atftp", "--trace", *words, "-g", "-r", "f5000", "-l", str(tmp_path / "got"), "127.0.0.1", str(port))
    oack = next(line for line in (shown.stdout + shown.stderr).splitlines() if line.startswith("received OACK"))
    assert sorted(oack.partition("<")[2].strip("\b, >").split(", ")) == [
        "blksize: 1428",
        "timeout: 3",
        "tsize: 5000",
        "windowsize: 4",
    ]


@pytest.mark.needs("atftp")
def test_atftp_shows_our_refusal(port: int, tmp_path: Path) -> None:
    shown = run("atftp", "--verbose", "-g", "-r", "nothing", "-l", str(tmp_path / "got"), "127.0.0.1", str(port))
    assert shown.returncode != 0
    assert "File not found" in shown.stdout + shown.stderr
