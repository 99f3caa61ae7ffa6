"""`ringfence serve` as a real process: what it serves, to whom, and what it says."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ringfence.server.errors import FileRefused
from ringfence.server.limits.settings import DEFAULT_HTTP_LIMITS, DEFAULT_LIMITS
from ringfence.server.standalone.options import read_options
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from support.standalone_server import MAC, OWN, SOON_S, StandaloneServer, phones_folder
from support.tftp_servers import (
    NOT_FOUND,
    Phone,
    ack,
    rrq,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return phones_folder(tmp_path / "tftp")


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
        ["curl", "-sS", "--max-time", "20", f"tftp://{host}:{port}/big"], capture_output=True, check=True, timeout=120
    )
    assert shown.stdout == (folder / "big").read_bytes()


@pytest.mark.needs("tftp")
def test_tftp_hpa_fetches(server: StandaloneServer, folder: Path, tmp_path: Path) -> None:
    host, port = server.address
    command = ["tftp", "-m", "binary", host, str(port), "-c", "get", "big", str(tmp_path / "got")]
    subprocess.run(command, check=True, timeout=120)
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


def test_the_limits_of_one_address_are_options() -> None:
    flags = ("transfers=300", "connections=301", "requests=64", "refusals=20")
    given = [f"--{flag.replace('=', '-per-address=')}" for flag in flags]
    shares = read_options([*given, "/srv/tftp"]).shares
    limits, http_limits = shares.in_limits(DEFAULT_LIMITS), shares.in_http_limits(DEFAULT_HTTP_LIMITS)
    assert (limits.sessions_per_source, http_limits.connections_per_source) == (300, 301)
    assert (limits.requests_per_s, limits.request_burst) == (64, 512)
    assert (limits.refusals_per_s, limits.refusal_burst) == (20, 640)
    assert read_options(["/srv/tftp"]).shares.in_limits(DEFAULT_LIMITS) == DEFAULT_LIMITS
