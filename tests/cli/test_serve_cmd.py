"""``ringfence serve``; what it serves is in tests/server/test_standalone.py."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.server.tftp.client import fetch
from stack import free_port
from support.command_line import CommandLine


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that everybody may enter: as root it is served as nobody."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        (Path(made) / "f").write_bytes(b"content")
        yield Path(made)


def test_a_folder_is_served(stranger: CommandLine, folder: Path) -> None:
    port = free_port()
    with stranger.started("serve", str(folder), "--listen", f"127.0.0.1:{port}") as running:
        assert running.stdout is not None
        said = next(line for line in running.stdout if "over TFTP" in line)
        assert str(port) in said
        assert fetch(("127.0.0.1", port), "f") == b"content"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (("--listen", "nowhere:x"), 3),
        (("--log-format", "xml"), 3),
        (("--user", "no-such-user"), 3),
        (("--refusals-per-address", "0"), 3),
        (("--transfers-per-address", "all"), 3),
        (("--requests-per-address", "10001"), 3),
        (("--connections-per-address", "9" * 5000), 3),
        (("--transfers-per-address", "300", "--refusals-per-address", "20"), 0),
        ((), 0),
    ],
)
def test_what_can_not_be_served_is_said(
    stranger: CommandLine, folder: Path, words: tuple[str, ...], status: int
) -> None:
    with stranger.started("serve", str(folder), "--dry-run", *words) as running:
        assert running.stdout is not None
        said = running.stdout.read()
        assert (running.wait(60), bool(said)) == (status, True), said


def test_the_dry_run_points_out_what_phones_trip_over(stranger: CommandLine, folder: Path) -> None:
    (folder / "SEP001122aabbcc.cnf.xml").write_text("<device/>")
    (folder / "SEP001122AABBCC.cnf.xml").write_text("<device>")
    (folder / "OS79XX.TXT").write_text("P003-08-12-00\n")
    with stranger.started("serve", str(folder), "--dry-run", "--listen", "127.0.0.1:0") as running:
        assert running.stdout is not None
        said = running.stdout.read()
    assert "SEP001122aabbcc.cnf.xml: phones ask for SEP001122AABBCC.cnf.xml" in said
    assert "SEP001122AABBCC.cnf.xml: not XML" in said
    assert "OS79XX.TXT: phones take the space or new line" in said


def test_a_folder_that_is_not_there_is_not_found(stranger: CommandLine, folder: Path) -> None:
    with stranger.started("serve", str(folder / "nothing")) as running:
        assert running.wait(60) == 4
