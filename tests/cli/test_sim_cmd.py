"""``ringfence sim``; what phones and attacks do is in tests/sim and tests/server."""

import json
from collections.abc import Iterator

import pytest

from cli.conftest import PhoneThere
from support.command_line import CommandLine
from support.running_hub import RunningHub
from support.small_tftp import SmallTftp
from support.tftp_servers import SupervisedWorker


@pytest.fixture
def server(ringfence: CommandLine, hub: RunningHub, phone: PhoneThere) -> Iterator[str]:
    """A server with the phone's file."""
    ringfence("publish", phone.site)
    (file,) = ringfence.ask("release", "show", phone.site)["files"]
    with SmallTftp({file["name"]: hub.hub.blobs.get(file["digest"])}) as served:
        yield f"127.0.0.1:{served.port}"


def test_a_phone_boots_once(stranger: CommandLine, phone: PhoneThere, server: str) -> None:
    how = ["--family", "9971", "--server", server, "--source", "127.0.0.1", "--no-http", "--once"]
    steps = [json.loads(line) for line in stranger("sim", "phone", "--mac", phone.mac, *how, "--json").splitlines()]
    assert "holds" in {step["event"] for step in steps}
    assert phone.file in stranger("sim", "phone", "--mac", phone.mac, *how)
    stranger.refused(3, "sim", "phone", "--mac", "no-address", *how)
    stranger.refused(4, "sim", "phone", "--mac", phone.mac, "--family", "nothing", *how[2:])
    assert stranger.run("sim", "phone", "--mac", "00:1B:54:FF:00:12", *how).status == 4


def test_a_fleet_boots(stranger: CommandLine, phone: PhoneThere, server: str) -> None:
    fleet = ["sim", "fleet", "--server", server, "--first-mac", phone.mac]
    assert stranger.ask(*fleet, "--phones", "1")["phones"] == 1
    ended = stranger.run(*fleet, "--phones", "2")
    assert (ended.status, "1 of 2" in ended.err) == (9, True)
    assert stranger.run("sim", "fleet", "--phones", "0", "--server", server).status == 2


@pytest.mark.xdist_group("attacks on loopback")
def test_ones_own_server_is_attacked(stranger: CommandLine) -> None:
    with SupervisedWorker({"f": b"x" * 5000}) as served:
        aim = ["--server", f"127.0.0.1:{served.address[1]}", "--file", "f"]
        (verdict,) = stranger.ask("sim", "attack", "paths", *aim)
        assert (verdict["attack"], verdict["outcome"]) == ("paths", "holds")
        stranger.refused(3, "sim", "attack", "nothing", *aim)
        stranger.refused(4, "sim", "attack", "paths", *aim[:2], "--file", "nothing")
    stranger.refused(3, "sim", "attack", "paths", "--server", "192.0.2.1", "--file", "f")
