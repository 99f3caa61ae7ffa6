"""``ringfence sim attack``: what it prints, and how it ends."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from support.naive_tftp import NaiveTftp
from support.tftp_servers import SupervisedWorker

CONTENT = bytes(index * 31 % 253 for index in range(5000))

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("attacks on loopback")]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with SupervisedWorker({"f": CONTENT}) as served:
        yield f"127.0.0.1:{served.address[1]}"


def sim(*arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = [sys.executable, "-m", "ringfence.cli.main", "sim", *arguments]
    return subprocess.run(command, capture_output=True, timeout=120, check=False)


def test_an_attack_says_what_it_did_and_that_the_server_holds(server: str) -> None:
    ended = sim("attack", "paths", "--server", server, "--file", "f")
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.decode().splitlines()
    assert lines[0] == "paths: holds"
    assert "File not found" in lines[2]
    assert lines[-1].endswith("error_texts 2")


def test_scripts_get_the_verdict_and_its_figures(server: str) -> None:
    ended = sim("attack", "writing", "--server", server, "--file", "f", "--json")
    assert ended.returncode == 0, ended.stderr
    (verdict,) = json.loads(ended.stdout)
    assert (verdict["attack"], verdict["outcome"]) == ("writing", "holds")
    assert verdict["figures"]["accepted"] == 0
    assert {"did", "answered", "because"} <= verdict.keys()


def test_a_server_that_gives_way_is_exit_status_9() -> None:
    with NaiveTftp() as naive:
        ended = sim("attack", "writing", "--server", f"127.0.0.1:{naive.address[1]}", "--file", "f", "--json")
        assert ended.returncode == 9
        assert json.loads(ended.stdout)[0]["outcome"] == "gave way"
    assert ended.stderr.decode().startswith("ringfence: the server gave way to writing (127.0.0.1:")


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (
            ("paths", "--server", "192.0.2.1", "--file", "f"),
            3,
            "does not belong to this machine, so it is not attacked",
        ),
        (("paths", "--server", "tftp.example", "--file", "f"), 3, "attacks need a target's IPv4 address"),
        (("slowloris", "--server", "127.0.0.1", "--file", "f"), 3, "Known: paths, writing,"),
        (("log", "--server", "127.0.0.1", "--file", "f", "--log", "/nonexistent"), 3, "there is no such log"),
    ],
)
def test_what_is_refused_is_told_with_what_to_do(arguments: tuple[str, ...], status: int, says: str) -> None:
    ended = sim("attack", *arguments)
    assert (ended.returncode, ended.stdout) == (status, b"")
    assert says in ended.stderr.decode()
    assert ended.stderr.count(b"\n") == 1


def test_a_file_that_is_not_given_is_exit_status_4(server: str) -> None:
    ended = sim("attack", "paths", "--server", server, "--file", "nothing")
    assert ended.returncode == 4
    assert "Name a file that it has with --file." in ended.stderr.decode()
