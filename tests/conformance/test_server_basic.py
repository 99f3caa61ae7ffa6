"""RFC 1350 and RFC 1123 on the running server: a worker in its own process, and phones that say one thing at a time."""

import socket
from ipaddress import ip_network

import pytest

from conformance.conftest import NAME
from conformance.transcripts import content_of
from ringfence.guard.policy import Policy
from ringfence.server.errors import ListenRefused
from ringfence.server.events import RequestRefused, TransferFailed, TransferFinished
from ringfence.server.limits.settings import Limits
from ringfence.server.tftp.client import fetch
from ringfence.tftp.options import RequestedOptions
from support.tftp_servers import (
    NOT_FOUND,
    EngineInThread,
    Heard,
    Phone,
    SupervisedWorker,
    ack,
    rrq,
)

ACCESS_VIOLATION = b"\0\5\0\2Access violation\0"
ILLEGAL = b"\0\5\0\4Illegal TFTP operation\0"


def data(block: int, octets: bytes) -> bytes:
    return b"\0\3" + block.to_bytes(2, "big") + octets


@pytest.mark.clause(1)
@pytest.mark.parametrize("mode", ["octet", "OCTET", "OcTeT"])
def test_the_mode_is_taken_in_any_case(server: SupervisedWorker, mode: str) -> None:
    assert server.phone().ask(rrq("f1", mode)).data == data(1, content_of(1))


@pytest.mark.clause(2)
def test_each_answer_comes_from_a_port_of_its_own(server: SupervisedWorker) -> None:
    ports = {server.phone().ask(rrq(name)).port for name in ("f600", "f600", "nothing", "f600")}
    assert len(ports) == 4
    assert server.address[1] not in ports


@pytest.mark.clause(2)
def test_in_single_port_mode_every_answer_comes_from_the_one_port() -> None:
    with EngineInThread({"f600": content_of(600)}, single_port=True) as single:
        phone = single.phone()
        assert phone.ask(rrq("nothing")) == Heard(NOT_FOUND, single.address)
        assert phone.ask(rrq("f600")) == Heard(data(1, content_of(600)[:512]), single.address)
        assert phone.ask(ack(1)) == Heard(data(2, content_of(600)[512:]), single.address)


@pytest.mark.clause(3, 4, 5, 6)
@pytest.mark.parametrize("size", [0, 1, 511, 512, 513, 1024, 2000])
def test_blocks_of_512_octets_from_1_to_a_shorter_one(server: SupervisedWorker, size: int) -> None:
    phone, content = server.phone(), content_of(size)
    answer = phone.ask(rrq(f"f{size}"))
    for number in range(1, size // 512 + 2):
        assert answer.data == data(number, content[512 * (number - 1) : 512 * number])
        if number <= size // 512:
            answer = phone.ask(ack(number), answer.address)
    assert server.told(TransferFinished, phone) == []
    phone.say(ack(size // 512 + 1), answer.address)
    server.wait_for(lambda: server.told(TransferFinished, phone))


@pytest.mark.slow
@pytest.mark.clause(7, 8, 11)
def test_a_lost_ack_in_the_midst_and_a_lost_last_one_are_mended_by_the_timer(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f600"))
    for number in (1, 2):
        again = phone.hear()
        assert again is not None
        assert again.data[:4] == data(number, b"")
        if number == 1:
            phone.ask(ack(1), first.address)
    phone.say(ack(2), first.address)
    server.wait_for(lambda: server.told(TransferFinished, phone))


@pytest.mark.clause(9)
def test_an_ack_from_the_future_moves_nothing(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    for number in (2, 3, 65535):
        assert server.hears_nothing(phone, ack(number), first.address)
    assert phone.ask(ack(1), first.address).data[:4] == data(2, b"")


@pytest.mark.clause(10)
def test_a_doubled_ack_brings_each_block_once(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    heard = [first.data]
    for number in (1, 2, 3):
        for _ in range(6):
            phone.say(ack(number), first.address)
        for _ in range(6):  # a transfer takes one datagram at a look
            server.settle()
        heard += phone.hear_all()
    assert [int.from_bytes(one[2:4], "big") for one in heard] == [1, 2, 3, 4]


@pytest.mark.slow
@pytest.mark.clause(12)
def test_who_never_answers_is_given_up_after_three_datagrams_and_that_is_told(server: SupervisedWorker) -> None:
    phone = server.phone()
    phone.say(rrq("f2000"))
    server.wait_for(lambda: server.told(TransferFailed, phone), 120)
    assert len(phone.hear_all()) == 3
    (failed,) = server.told(TransferFailed, phone)
    assert (failed.name, failed.reason) == ("f2000", "the phone never acknowledged anything")


@pytest.mark.clause(13, 14)
@pytest.mark.parametrize("kind", ["another host", "another port", "another host, same port"])
@pytest.mark.parametrize("words", [ack(1), b"\0\5\0\0bye\0", b"\0\3\0\1x", b"", rrq("f600")], ids=repr)
def test_a_stranger_changes_nothing_and_is_told_that_nobody_is_there(
    server: SupervisedWorker, kind: str, words: bytes
) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        if kind == "another port":
            stranger.bind((phone.address[0], 0))
        elif kind == "another host, same port":
            stranger.bind(("127.77.0.1", phone.address[1]))
        stranger.connect(first.address)  # so that this socket is told of an unreachable port
        stranger.settimeout(60)
        stranger.send(words)
        with pytest.raises(ConnectionRefusedError):
            stranger.recv(600)
    assert phone.ask(ack(1), first.address).data == data(2, content_of(2000)[512:1024])


@pytest.mark.clause(13, 14)
def test_in_single_port_mode_a_stranger_changes_nothing() -> None:
    with EngineInThread({"f2000": content_of(2000)}, single_port=True) as single:
        phone = single.phone()
        phone.ask(rrq("f2000"))
        for stranger in (single.phone(phone.address[0]), single.phone()):
            assert single.hears_nothing(stranger, ack(1))
        assert phone.ask(ack(1)).data == data(2, content_of(2000)[512:1024])


@pytest.mark.clause(15, 16)
def test_an_error_of_the_client_ends_it_in_silence(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    assert server.hears_nothing(phone, b"\0\5\0\3Disk full\0", first.address)
    server.wait_for(lambda: server.told(TransferFailed, phone))
    (failed,) = server.told(TransferFailed, phone)
    assert failed.reason == "the phone ended it: Disk full (TFTP error 3)"
    assert server.hears_nothing(phone, b"\0\5\0\3Disk full\0")  # nor is one at the request port answered


@pytest.mark.clause(17, 18)
def test_a_missing_file_is_error_1_from_a_fresh_port(server: SupervisedWorker) -> None:
    answer = server.phone().ask(rrq("nothing"))
    assert answer.data == b"\0\5\0\1File not found\0"
    assert answer.port != server.address[1]


@pytest.mark.clause(19)
@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../etc/passwd", "SEPAABBCCDDEEFF.cnf.xml", "nothing", "a\nb", "x" * 300]
)
def test_forbidden_and_missing_are_answered_alike(server: SupervisedWorker, name: str) -> None:
    assert server.phone().ask(rrq(name)).data == NOT_FOUND


@pytest.mark.clause(20)
@pytest.mark.parametrize("name", [NAME, "new", "../../tmp/new"])
def test_writing_is_error_2_and_changes_no_file(server: SupervisedWorker, name: str) -> None:
    phone = server.phone()
    answer = phone.ask(b"\0\2" + rrq(name, tsize=5)[2:])
    assert answer.data == ACCESS_VIOLATION
    assert server.hears_nothing(phone, data(1, b"evil"), server.address)
    assert fetch(server.address, NAME) == content_of(600)


@pytest.mark.clause(21)
@pytest.mark.parametrize("opcode", [0, 7, 8, 255, 256, 65535])
def test_an_unknown_opcode_is_met_by_silence(server: SupervisedWorker, opcode: int) -> None:
    assert server.hears_nothing(server.phone(), opcode.to_bytes(2, "big") + rrq("f600")[2:])


@pytest.mark.clause(22)
@pytest.mark.parametrize("words", [data(1, b"x"), ack(0), ack(1), b"\0\5\0\1no\0", b"\0\6tsize\x000\0"], ids=repr)
def test_packets_of_no_transfer_are_dropped_and_leave_nothing(server: SupervisedWorker, words: bytes) -> None:
    phone = server.phone()
    assert server.hears_nothing(phone, words)
    assert server.told(TransferFailed, phone) == []
    assert phone.ask(rrq("f1")).data == data(1, content_of(1))


@pytest.mark.clause(23)
@pytest.mark.parametrize(
    "words",
    [b"\0\1", b"\0\1\0", b"\0\1f600", b"\0\1f600\0", b"\0\1f600\0octet", b"\0\1\0octet\0", b"\0\1f600\0\0"],
    ids=repr,
)
def test_a_broken_request_is_error_4(server: SupervisedWorker, words: bytes) -> None:
    assert server.phone().ask(words).data == ILLEGAL


@pytest.mark.clause(23)
@pytest.mark.parametrize("words", [b"", b"\0"], ids=repr)
def test_an_empty_packet_and_one_of_one_octet_are_met_by_silence(server: SupervisedWorker, words: bytes) -> None:
    assert server.hears_nothing(server.phone(), words)


@pytest.mark.clause(24)
@pytest.mark.parametrize("mode", ["mail", "binary", "octet2", "%s", "\x1b"])
def test_an_unknown_mode_is_error_4(server: SupervisedWorker, mode: str) -> None:
    assert server.phone().ask(rrq("f600", mode)).data == ILLEGAL


@pytest.mark.clause(25)
def test_netascii_is_converted_over_block_borders(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("text", "netascii"))
    second = phone.ask(ack(1), first.address)
    third = phone.ask(ack(2), first.address)
    assert first.data[4:] + second.data[4:] + third.data[4:] == b"a" * 511 + b"\r\n" + b"b" * 509 + b"\r\0c"


@pytest.mark.slow
@pytest.mark.clause(26)
@pytest.mark.parametrize("rollover", [0, 1])
def test_a_file_of_more_than_65535_blocks_arrives(rollover: int) -> None:
    content = content_of(8 * 65_600)
    options = RequestedOptions(block_size=8, window_size=64)
    with SupervisedWorker({"long": content}, limits=Limits(rollover=rollover)) as served:
        assert fetch(served.address, "long", options=options, rollover=rollover) == content


@pytest.mark.clause(27)
def test_the_request_again_makes_no_second_transfer(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    for _ in range(3):
        assert server.hears_nothing(phone, rrq("f2000"))
    assert phone.ask(ack(1), first.address).data[:4] == data(2, b"")
    for _ in range(3):
        assert server.hears_nothing(phone, rrq("f2000"))


@pytest.mark.clause(28)
def test_after_the_end_the_same_port_may_ask_again(server: SupervisedWorker) -> None:
    phone = server.phone()
    for name, words in (("f1", ack(1)), ("f600", b"\0\5\0\0enough\0"), ("f511", ack(1))):
        answer = phone.ask(rrq(name))
        assert answer.data == data(1, content_of(int(name[1:]))[:512])
        assert server.hears_nothing(phone, words, answer.address)


@pytest.mark.clause(29)
def test_another_file_from_the_same_port_makes_no_second_stream(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    second = phone.ask(rrq("f1024"))
    assert second.data == data(1, content_of(1024)[:512])
    assert second.address != first.address
    assert server.hears_nothing(phone, ack(1), first.address), "the old session has ended"
    assert server.hears_nothing(phone, rrq("f1024")), "the same request again is no further one"
    assert phone.ask(ack(1), second.address).data == data(2, content_of(1024)[512:1024])


@pytest.mark.clause(29)
def test_a_client_that_ends_with_an_error_and_asks_again_is_answered_at_once(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    phone.ask(ack(1), first.address)
    for _ in range(20):
        phone.say(b"\0\5\0\0never mind\0", first.address)
        first = phone.ask(rrq("f2000"))
        assert first.data == data(1, content_of(2000)[:512])


@pytest.mark.clause(30)
def test_a_late_ack_after_the_end_begins_nothing(server: SupervisedWorker) -> None:
    phone = server.phone()
    answer = phone.ask(rrq("f1"))
    for _ in range(3):
        assert server.hears_nothing(phone, ack(1), answer.address)
    assert server.hears_nothing(phone, ack(1))
    server.wait_for(lambda: server.told(TransferFinished, phone))
    assert len(server.told(TransferFinished, phone)) == 1


@pytest.mark.clause(31)
def test_a_short_ack_is_ignored_and_a_long_one_taken(server: SupervisedWorker) -> None:
    phone = server.phone()
    first = phone.ask(rrq("f2000"))
    for words in (b"\0", b"\0\4", b"\0\4\0"):
        assert server.hears_nothing(phone, words, first.address)
    assert phone.ask(ack(1) + b"x" * 600, first.address).data[:4] == data(2, b"")


@pytest.mark.clause(32)
@pytest.mark.parametrize(
    "name",
    [b"caf\xe9", "Büro".encode(), b"\xff\xfe\xfd", b"a" * 255, b"a" * 256, b"a" * 503, b"%n%s", b"\x1b]0;x\x07"],
    ids=repr,
)
def test_odd_names_are_not_found(server: SupervisedWorker, name: bytes) -> None:
    assert server.phone().ask(rrq(name)).data == NOT_FOUND


@pytest.mark.clause(34)
def test_who_may_ask_is_configurable() -> None:
    policy = Policy(networks=(ip_network("127.30.0.0/24"), ip_network("127.0.0.1/32")))
    with EngineInThread({"f1": b"x"}, policy=policy) as fenced:
        assert fenced.phone("127.30.0.9").ask(rrq("f1")).data == data(1, b"x")
        outside = fenced.phone("127.30.1.9")
        assert outside.ask(rrq("f1")).data == NOT_FOUND
        (refused,) = fenced.told(RequestRefused, outside)
        assert "outside the networks that site Home allows" in refused.reason


@pytest.mark.clause(35)
@pytest.mark.parametrize("name", ["f600", "nothing"])
def test_the_answer_leaves_from_the_address_that_was_asked(name: str) -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - what is shown here is about that address
    with SupervisedWorker({"f600": content_of(600)}, listen=[(everywhere, 0)]) as served:
        port = served.address[1]
        for host in ("127.0.0.1", "127.0.0.2", "127.9.9.9"):
            phone = served.phone("127.0.0.1")
            assert phone.ask(rrq(name), (host, port)).address[0] == host


@pytest.mark.slow
@pytest.mark.clause(36)
def test_a_closed_port_ends_that_transfer_before_its_tries_run_out_and_nothing_else(server: SupervisedWorker) -> None:
    phone = Phone(server.address)
    phone.ask(rrq("f2000"))
    phone.close()
    server.wait_for(lambda: server.told(TransferFailed, phone))
    (failed,) = server.told(TransferFailed, phone)
    assert "closed its port" in failed.reason
    assert fetch(server.address, "f2000") == content_of(2000)


@pytest.mark.clause(37)
def test_an_ipv4_client_beside_an_ipv6_listener_has_an_ipv4_address_in_acls_and_events() -> None:
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        served = SupervisedWorker({"f1": b"x"}, listen=[("127.0.0.1", port), ("::", port)])
    except ListenRefused:
        pytest.skip("this machine has no IPv6")
    with served:
        assert fetch(("127.0.0.1", port), "f1") == b"x"
        assert fetch(("::1", port), "f1") == b"x"
        served.wait_for(lambda: {"127.0.0.1", "::1"} <= {one.peer_host for one in served.told(TransferFinished)})
        assert not any("ffff" in one.peer_host for one in served.told(TransferFinished))
