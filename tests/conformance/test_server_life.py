"""A server's life: what is replaced, cut, stormed and stopped while transfers run, and names that try to lead out."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from conformance.transcripts import content_of, shown
from ringfence.content.release import TargetKind
from ringfence.server.events import TransferFailed, TransferFinished
from ringfence.server.files.catalogue import Offer
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from support.many_phones import fetch_many
from support.tftp_servers import (
    NOT_FOUND,
    SupervisedWorker,
    ack,
    fresh_host,
    rrq,
)

MEGABYTE = content_of(1_000_000)


def open_offer(name: str, path: Path, length: int | None = None) -> Offer:
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    return Offer(name, fd, path.stat().st_size if length is None else length, TargetKind.SHARED)


@pytest.fixture
def worker() -> Iterator[SupervisedWorker]:
    with SupervisedWorker({"megabyte": MEGABYTE, "f600": content_of(600)}) as served:
        yield served


@pytest.mark.slow
@pytest.mark.clause(79)
@pytest.mark.parametrize("block_size", [1428, 8192])
def test_200_parallel_requests_for_a_megabyte_all_complete(worker: SupervisedWorker, block_size: int) -> None:
    options = RequestedOptions(block_size=block_size, transfer_size=True)
    fetched = fetch_many(worker.address, ["megabyte"] * 200, options, hosts=[fresh_host() for _ in range(200)])
    assert [content == MEGABYTE for content in fetched] == [True] * 200
    worker.wait_for(lambda: len(worker.told(TransferFinished)) >= 200)


@pytest.mark.clause(80)
def test_a_transfer_keeps_the_bytes_of_a_file_that_is_replaced(worker: SupervisedWorker, tmp_path: Path) -> None:
    path, old, new = tmp_path / "file", content_of(2000), b"new" * 500
    path.write_bytes(old)
    worker.serve({"file": open_offer("file", path)})
    phone = worker.phone()
    answer = phone.ask(rrq("file"))
    (tmp_path / "other").write_bytes(new)
    (tmp_path / "other").rename(path)
    worker.serve({"file": open_offer("file", path)})
    received = answer.data[4:]
    for number in (1, 2, 3):
        received += phone.ask(ack(number), answer.address).data[4:]
    assert received == old
    assert fetch(worker.address, "file") == new


@pytest.mark.clause(81)
def test_a_file_that_is_cut_meanwhile_ends_with_error_0(worker: SupervisedWorker, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content_of(50_000))
    worker.serve({"file": open_offer("file", path)})
    phone = worker.phone()
    answer = phone.ask(rrq("file"))
    os.truncate(path, 1000)
    number = 0
    while shown(answer.data).startswith("DATA"):
        number += 1
        answer = phone.ask(ack(number), answer.address)
    assert shown(answer.data) == "ERROR 0"
    worker.wait_for(lambda: worker.told(TransferFailed, phone))
    assert worker.told(TransferFailed, phone)[0].reason == "the file could not be read"


@pytest.mark.clause(82)
@pytest.mark.parametrize("kind", ["folder", "pipe", "device", "socket"])
def test_what_is_no_file_is_an_error_even_where_it_was_offered(
    worker: SupervisedWorker, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    unix = socket.socket(socket.AF_UNIX)
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "socket":
            unix.bind(str(path))
        case _:
            path = Path("/dev/zero")
    with unix:
        for name in (str(path), kind, f"{kind}/", "/dev/zero", "/proc/self/mem", "/dev/stdin"):
            assert shown(worker.phone().ask(rrq(name)).data) == "ERROR 1"
        offered = (
            Offer(kind, unix.detach(), 5000, TargetKind.SHARED) if kind == "socket" else open_offer(kind, path, 5000)
        )
        worker.serve({kind: offered, "f600": content_of(600)})
    answer = worker.phone().ask(rrq(kind))
    if kind == "device":
        assert answer.data == b"\0\3\0\1" + bytes(512)  # a device that gives octets is given; nothing blocks
    else:
        assert shown(answer.data) == "ERROR 0"
    assert fetch(worker.address, "f600") == content_of(600)


TRICKS = [
    "..", ".", "/", "//", "\\", "../f600", "a/../f600", "f600/..", "a//f600",
    "../../../../etc/passwd", "..\\..\\etc\\passwd", "/etc/passwd", "C:\\boot.ini", "\\\\host\\share\\f",
    "%2e%2e%2ff600", "%2e%2e/etc/passwd", "..%2f..%2fetc%2fpasswd", "%c0%ae%c0%ae/etc/passwd", "..;/etc/passwd",
    "....//etc/passwd", "..//..//etc/passwd", "file:///etc/passwd", "f600 ", "f600.", " f600", "f600\t", "F600",
    "f600%00.cnf", "f600:$DATA", "f60[0]", "f60?", "*", "~/f600", "~root/f600", "$HOME/f600", "`id`", "f600;id",
    "f600|id", "f600\nf600", "f600\r", "\x00", "f600\u2215", "\uff0e\uff0e/etc/passwd", "/proc/self/fd/5",
]  # fmt: skip


@pytest.mark.clause(83, 84)
@pytest.mark.parametrize("name", TRICKS, ids=repr)
def test_no_spelling_leads_to_anything_but_the_served_names(server: SupervisedWorker, name: str) -> None:
    answer = server.phone().ask(rrq(name))
    assert answer.data in {NOT_FOUND, b"\0\5\0\4Illegal TFTP operation\0"}


@pytest.mark.clause(84)
@pytest.mark.parametrize("name", ["/f600", "./f600", "//.//f600", ".\\f600", "f600/.", "f600//"])
def test_parts_of_a_name_that_say_nothing_are_dropped(server: SupervisedWorker, name: str) -> None:
    assert server.phone().ask(rrq(name)).data == b"\0\3\0\1" + content_of(600)[:512]


@pytest.mark.clause(83)
def test_a_link_out_of_the_served_names_is_not_followed(worker: SupervisedWorker, tmp_path: Path) -> None:
    served, beside = tmp_path / "served", tmp_path / "served-private"
    served.mkdir()
    beside.mkdir()
    (beside / "secret").write_bytes(b"secret")
    (served / "link").symlink_to(beside / "secret")
    (served / "file").write_bytes(b"file")
    worker.serve({"file": open_offer("file", served / "file")})
    for name in ("link", str(served / "link"), "../served-private/secret", str(beside / "secret"), "file/../link"):
        assert worker.phone().ask(rrq(name)).data == NOT_FOUND
    assert worker.phone().ask(rrq("file")).data == b"\0\3\0\1file"


@pytest.mark.slow
@pytest.mark.needs("root")  # nobody else may look into a process that can't be dumped
@pytest.mark.clause(85)
def test_descriptors_and_memory_are_back_after_storms(worker: SupervisedWorker) -> None:
    def storm() -> None:
        hosts = [fresh_host() for _ in range(50)]
        fetch_many(worker.address, ["megabyte"] * 50, RequestedOptions(8192, window_size=4), hosts=hosts)
        for number in range(600):  # half-open ones, refused ones, broken ones
            phone = worker.phone()
            phone.say(rrq("f600") if number % 3 else rrq(f"nothing{number}") if number % 2 else b"\0\1broken")
            phone.close()
        worker.settle()

    for _ in range(3):  # what is kept of sources, within its bounds, is full then
        storm()
    worker.wait_for(lambda: len(worker.told(TransferFailed)) >= 1200, 120)
    base_fds, base_kib = worker.process_fds(), worker.resident_kib()
    for _ in range(3):
        storm()
    worker.wait_for(lambda: len(worker.told(TransferFailed)) >= 2400, 120)
    worker.wait_for(lambda: worker.process_fds() == base_fds)
    worker.wait_for(lambda: worker.resident_kib() - base_kib < 2048, 120)


@pytest.mark.slow
@pytest.mark.clause(86)
def test_new_content_ends_no_transfer(worker: SupervisedWorker) -> None:
    names = [f"g{index}" for index in range(20)]
    releases = [{name: bytes([release]) * 200_000 for name in names} for release in range(1, 16)]
    worker.serve(releases[0])
    stop = threading.Event()

    def renew() -> None:
        for files in releases[1:]:
            if stop.wait(0.02):
                return
            worker.serve(files)

    renewing = threading.Thread(target=renew)
    renewing.start()
    try:
        fetched = fetch_many(
            worker.address, names * 5, RequestedOptions(1428), hosts=[fresh_host() for _ in range(100)]
        )
    finally:
        stop.set()
        renewing.join()
    assert {len(content) for content in fetched} == {200_000}
    assert all(len(set(content)) == 1 for content in fetched)
    assert worker.told(TransferFailed) == []


@pytest.mark.clause(87)
def test_a_stop_tells_running_transfers_by_error_0() -> None:
    with SupervisedWorker({"f2000": content_of(2000)}) as served:
        phones = [served.phone() for _ in range(5)]
        for phone in phones:
            assert shown(phone.ask(rrq("f2000")).data) == "DATA 1 512"
        served.stop()
        for phone in phones:
            last = phone.hear()
            assert last is not None
            assert shown(last.data) == "ERROR 0"
