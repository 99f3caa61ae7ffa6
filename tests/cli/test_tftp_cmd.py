"""``ringfence tftp``; its progress and its figures are in tests/server/test_tftp_command.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.command_line import CommandLine
from support.small_tftp import SmallTftp


@pytest.fixture
def url() -> Iterator[str]:
    with SmallTftp({"f": b"content"}) as served:
        yield f"tftp://127.0.0.1:{served.port}"


def test_a_file_is_fetched(stranger: CommandLine, url: str, tmp_path: Path) -> None:
    target = tmp_path / "got"
    assert stranger.ask("tftp", "get", f"{url}/f", "-o", str(target))["file"] == str(target)
    assert target.read_bytes() == b"content"
    assert stranger("tftp", "get", f"{url}/f", "-o", "-") == "content"
    stranger.refused(5, "tftp", "get", f"{url}/f", "-o", str(target))
    assert "7 bytes" in stranger("tftp", "get", f"{url}/f", "-o", str(target), "--force")


def test_what_can_not_be_fetched_is_said(stranger: CommandLine, url: str, tmp_path: Path) -> None:
    target = str(tmp_path / "got")
    stranger.refused(4, "tftp", "get", f"{url}/nothing", "-o", target)
    stranger.refused(3, "tftp", "get", "http://127.0.0.1/f", "-o", target)
    stranger.refused(3, "tftp", "get", f"{url}/f", "-o", target, "--option", "colour=red")
    stranger.refused(7, "tftp", "get", f"{url}/f", "-o", str(tmp_path / "no" / "f"))
    stranger.refused(7, "tftp", "get", "tftp://127.0.0.1:9/f", "-o", target, "--timeout", "0.01", "--retries", "0")
    assert not (tmp_path / "got").exists()
