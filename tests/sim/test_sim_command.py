"""``ringfence sim phone``: its arguments, its steps, and how it ends."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ringfence.cli.support.errors import BadArgument
from ringfence.cli.support.tftp_arguments import read_options, read_server
from ringfence.phones.errors import ConfigurationRejected
from ringfence.phones.mac import Mac
from ringfence.phones.rendering.render_input import LineAccount, PhoneToRender
from ringfence.phones.rendering.renderer import Renderer
from ringfence.phones.settings.types import Value
from ringfence.secret import Secret
from ringfence.server.errors import FetchFailed
from ringfence.sim.errors import ConfigurationMissing
from ringfence.tftp.options import NO_OPTIONS, RequestedOptions
from stack import free_port
from support.small_tftp import SmallTftp
from support.trusted_files import TrustedFiles


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ("192.0.2.1", 69)),
        ("192.0.2.1:6969", ("192.0.2.1", 6969)),
        ("edge.example", ("edge.example", 69)),
        ("[::1]:6969", ("::1", 6969)),
        ("[::1]", ("::1", 69)),
        ("fd00::1", ("fd00::1", 69)),
    ],
)
def test_a_server_is_a_host_with_or_without_a_port(text: str, address: tuple[str, int]) -> None:
    assert read_server(text) == address


@pytest.mark.parametrize("text", ["", ":69", "host:", "host:0", "host:65536", "host:tftp"])
def test_what_is_no_server_is_refused(text: str) -> None:
    with pytest.raises(BadArgument, match="HOST:PORT"):
        read_server(text)


def test_tftp_options_are_asked_for_by_their_names() -> None:
    assert read_options([]) == NO_OPTIONS
    assert read_options(["blksize=1428", "tsize", "timeout=2"]) == RequestedOptions(1428, True, 2)
    for wrong in ("multicast=1", "windowsize", "blksize", "timeout=soon"):
        with pytest.raises(BadArgument, match="Known: blksize"):
            read_options([wrong])


NAME = "SEP001122334455.cnf.xml"


def configuration(label: str, port: int) -> bytes:
    line = LineAccount(1, label, "anna", "Anna Berg", "anna", Secret("s3cr3tOfAnna"))
    settings: dict[str, Value] = {"sip_server": "192.0.2.10", "sip_listen_port": port}
    return Renderer().render(PhoneToRender(Mac("001122334455"), "9971", "", settings, (line,)))[0].data


def ringfence(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ringfence.cli.main", "sim", "phone", "--mac", "0011.2233.4455", *arguments]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "status", "says"),
    [
        ({NAME: configuration("Anna", free_port())}, 0, ""),
        ({NAME: b"<device>"}, 8, "a phone would discard this configuration"),
        ({}, 4, f"the server does not serve {NAME} to this phone"),
    ],
)
def test_booting_once_ends_with_what_came_of_it(files: dict[str, bytes], status: int, says: str) -> None:
    with SmallTftp(files) as server:
        command = ringfence("--family", "9971", "--server", f"127.0.0.1:{server.port}", "--once", "--json")
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == status
    assert says in ended.stderr
    assert ended.stderr.count("\n") == (1 if status else 0)
    events = [json.loads(row) for row in ended.stdout.splitlines()]
    assert events[0]["event"] == "boots"
    assert ("holds" in {event["event"] for event in events}) is (status == 0)
    ports = [port for port, _datagram in server.requests]
    assert len(set(ports)) == len(ports)
    plain = b"\0\1CTLSEP001122334455.tlv\0octet\0"
    assert server.requests[0][1] == plain


def boot_with_memory(server: SmallTftp, *arguments: str) -> tuple[int, list[dict[str, object]], str]:
    command = ringfence("--family", "9971", "--server", f"127.0.0.1:{server.port}", "--once", "--json", *arguments)
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return ended.returncode, [json.loads(row) for row in ended.stdout.splitlines()], ended.stderr


@pytest.mark.slow
def test_a_phone_with_a_memory_believes_its_first_list_and_keeps_it(tmp_path: Path) -> None:
    ours = TrustedFiles()
    body = configuration("Anna", free_port())
    files = {"ITLSEP001122334455.tlv": ours.list(), f"{NAME}.sgn": ours.signed(body, NAME), NAME: body}
    flash = ("--memory", str(tmp_path / "flash"))
    with SmallTftp(files) as server:
        status, events, _said = boot_with_memory(server, *flash)
        assert status == 0
        assert [event["name"] for event in events if event["event"] == "list-taken"] == ["ITLSEP001122334455.tlv"]
        server.files[f"{NAME}.sgn"] = body
        status, events, said = boot_with_memory(server, *flash)
        assert status == 8
        assert "field 60 says" in said
        assert [event["event"] for event in events if "list" in str(event["event"])] == []
        assert [event["name"] for event in events if event["event"] == "file-distrusted"] == [NAME]


@pytest.mark.slow
def test_a_phone_of_a_former_call_manager_refuses_our_list(tmp_path: Path) -> None:
    ours = TrustedFiles()
    body = configuration("Anna", free_port())
    files = {"ITLSEP001122334455.tlv": ours.list(), f"{NAME}.sgn": ours.signed(body, NAME), NAME: body}
    with SmallTftp(files) as server:
        status, events, said = boot_with_memory(server, "--memory", str(tmp_path / "flash"), "--ex-cucm", "--sha1-only")
    assert status == 8
    assert "its list has no TFTP certificate with the number" in said
    assert [event["name"] for event in events if event["event"] == "list-refused"] == ["ITLSEP001122334455.tlv"]


def test_what_is_for_phones_with_lists_needs_a_memory(tmp_path: Path) -> None:
    for words in (("--ex-cucm",), ("--sha1-only",), ("--mic", str(tmp_path / "mic.pem"))):
        with SmallTftp({}) as server:
            status, _events, said = boot_with_memory(server, *words)
        assert status == BadArgument.exit_code
        assert "Name the folder for what the phone keeps with --memory" in said


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_phone_that_runs_prints_each_step_as_it_comes_and_ends_with_a_signal(number: signal.Signals) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with SmallTftp({NAME: configuration("Anna", port)}) as server:
        command = ringfence("--family", "9971", "--server", f"127.0.0.1:{server.port}", "--source", "127.0.0.1")
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as phone:
            assert phone.stdout is not None
            rows: list[str] = []
            while not rows or "listens" not in rows[-1]:
                rows.append(phone.stdout.readline())
                assert rows[-1]
            phone.send_signal(number)
            assert phone.wait(120) == 0
    assert any("holds   lines 1: Anna (anna)" in row for row in rows)


def test_a_silent_server_is_the_environments_fault() -> None:
    assert (FetchFailed.exit_code, ConfigurationMissing.exit_code, ConfigurationRejected.exit_code) == (7, 4, 8)
