"""The filter for system calls, judged as the kernel judges it, for every architecture, whichever the tests run on."""

import errno
import re
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ringfence.server.confinement import seccomp
from ringfence.server.confinement.allowed_calls import FOLDER, WORKER
from ringfence.server.confinement.seccomp import (
    ALLOW,
    IN_ANY_WAY,
    KILL_PROCESS,
    REFUSE,
    Argument,
    Calls,
    Instruction,
    program_for,
)
from ringfence.server.confinement.syscalls import (
    _NUMBERS,
    AARCH64,
    ARCHITECTURES,
    ARM,
    HIGHEST_KNOWN,
    X86_64,
    Architecture,
    architecture_here,
    architecture_of,
)

REFUSED, UNKNOWN = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
INET, INET6, UNIX, NETLINK, PACKET = 2, 10, 1, 16, 17
STREAM, DGRAM, RAW, SEQPACKET = 1, 2, 3, 5
TCP_FASTOPEN, EXECUTABLE = 0x20000000, 4


def verdict(program: Sequence[Instruction], audit: int, number: int, arguments: Sequence[int] = ()) -> int:
    """Return what the kernel would: <linux/filter.h>'s machine, as far as our filters use it."""
    words = {0: number & 0xFFFFFFFF, 4: audit}
    for index in range(6):
        words[16 + 8 * index] = (arguments[index] if index < len(arguments) else 0) & 0xFFFFFFFF
    accumulator = at = 0
    while True:
        operation, if_so, if_not, constant = program[at]
        assert if_so < 256
        assert if_not < 256
        at += 1
        match operation:
            case 0x20:
                accumulator = words[constant]
            case 0x54:
                accumulator &= constant
            case 0x15:
                at += if_so if accumulator == constant else if_not
            case 0x25:
                at += if_so if accumulator > constant else if_not
            case 0x06:
                return constant
            case _:
                raise AssertionError(operation)


class Judge:
    def __init__(self, calls: Calls, architecture: Architecture) -> None:
        self.architecture = architecture
        self.program = program_for(calls, architecture)

    def of(self, call: str, *arguments: int) -> int:
        number = self.architecture.number(call)
        assert number is not None
        return verdict(self.program, self.architecture.audit, number, arguments)


@pytest.fixture(params=ARCHITECTURES, ids=lambda one: one.name)
def worker(request: pytest.FixtureRequest) -> Judge:
    return Judge(WORKER, request.param)


@pytest.mark.parametrize("calls", [WORKER, FOLDER], ids=["worker", "folder"])
@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.name)
def test_what_is_on_no_list_is_refused_call_by_call(calls: Calls, architecture: Architecture) -> None:
    program = program_for(calls, architecture)
    listed = {architecture.number(call) for call in calls}
    for number in range(HIGHEST_KNOWN + 1):
        if number not in listed:
            assert verdict(program, architecture.audit, number) == REFUSED, number
    for number in (HIGHEST_KNOWN + 1, 1000, 0x40000000, 0x40000001, 0xF0002, 0xFFFFFFFF):  # x32's and ARM's own too
        assert verdict(program, architecture.audit, number) == UNKNOWN, number


@pytest.mark.parametrize("architecture", ARCHITECTURES, ids=lambda one: one.name)
def test_a_call_by_another_architectures_way_in_ends_the_process(architecture: Architecture) -> None:
    program = program_for(WORKER, architecture)
    others = {one.audit for one in ARCHITECTURES} - {architecture.audit} | {0x40000003, 0, 0xFFFFFFFF}  # i386's
    for audit in others:
        for number in (0, 1, 3, 11, 59, 221, 322):
            assert verdict(program, audit, number) == KILL_PROCESS


def test_a_worker_makes_udp_sockets_and_no_other(worker: Judge) -> None:
    for family in (INET, INET6):
        for flags in (0, socket.SOCK_NONBLOCK, socket.SOCK_CLOEXEC, socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC):
            for protocol in (0, socket.IPPROTO_UDP):
                assert worker.of("socket", family, DGRAM | flags, protocol) == ALLOW
    refused = [(family, kind, 0) for family in range(50) for kind in range(16)]
    refused = [one for one in refused if one not in {(INET, DGRAM, 0), (INET6, DGRAM, 0)}]
    refused += [(INET, DGRAM, protocol) for protocol in range(1, 300) if protocol != socket.IPPROTO_UDP]
    for arguments in refused:
        assert worker.of("socket", *arguments) == REFUSED, arguments
    # The kernel takes these arguments as ints: what is above their 32 bits makes nothing of what it is not.
    assert worker.of("socket", INET | 1 << 40, STREAM, 0) == REFUSED


def test_a_worker_gets_memory_for_data_and_none_for_code(worker: Judge) -> None:
    mmap = "mmap2" if worker.architecture is ARM else "mmap"
    for call in (mmap, "mprotect"):
        for protection in range(4):
            assert worker.of(call, 0, 4096, protection) == ALLOW
            assert worker.of(call, 0, 4096, protection | EXECUTABLE) == REFUSED


def test_a_worker_connects_no_tcp_by_sending(worker: Judge) -> None:
    calls = {"sendto": 3, "sendmsg": 2} | ({"send": 3} if worker.architecture is ARM else {})
    for call, flags_at in calls.items():
        before = [0] * flags_at
        assert worker.of(call, *before, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT) == ALLOW
        assert worker.of(call, *before, socket.MSG_NOSIGNAL | TCP_FASTOPEN) == REFUSED


def test_a_worker_sets_the_options_that_it_uses(worker: Judge) -> None:
    used = [
        (socket.IPPROTO_IP, 10), (socket.IPPROTO_TCP, socket.TCP_NODELAY), (17, 103), (socket.SOL_SOCKET, 26),
        (socket.SOL_SOCKET, 27), (socket.SOL_SOCKET, socket.SO_LINGER),
    ]  # fmt: skip
    for level in range(300):
        for option in range(110):
            is_used = (level, option) in used
            assert (worker.of("setsockopt", 3, level, option) == ALLOW) is is_used, (level, option)


def test_ways_of_one_call_are_alternatives_and_each_holds_as_a_whole() -> None:
    calls = {
        "fcntl": ((Argument(1, (1, 2)), Argument(2, (7,))), (Argument(1, (3,)), Argument(2, (8, 9), mask=0xF))),
        "read": IN_ANY_WAY,
    }
    judge = Judge(calls, X86_64)
    allowed = {(one, two) for one in range(5) for two in range(32) if judge.of("fcntl", 0, one, two) == ALLOW}
    assert allowed == {(1, 7), (2, 7), (3, 8), (3, 9), (3, 24), (3, 25)}
    assert judge.of("read") == ALLOW
    assert judge.of("write") == REFUSED


def test_a_32_bit_system_on_a_64_bit_kernel_has_the_32_bit_numbers() -> None:
    assert architecture_of("aarch64", 4) is ARM
    assert architecture_of("armv7l", 4) is ARM
    assert architecture_of("aarch64", 8) is AARCH64
    assert architecture_of("x86_64", 8) is X86_64
    assert architecture_of("x86_64", 4) is None
    assert architecture_of("armv7b", 4) is None
    assert architecture_of("riscv64", 8) is None


@pytest.mark.parametrize("column", range(3))
def test_no_number_stands_for_two_calls(column: int) -> None:
    numbers = [row[column] for row in _NUMBERS.values() if row[column] is not None]
    assert len(numbers) == len(set(numbers))
    assert all(0 <= number <= HIGHEST_KNOWN for number in numbers if number is not None)


@pytest.mark.needs("compiler")
def test_the_numbers_are_those_of_the_kernels_headers_here() -> None:
    here = architecture_here()
    assert here is not None
    names = {"llseek": "_llseek"}
    source = "#include <sys/syscall.h>\n" + "".join(f'"{call}" __NR_{names.get(call, call)}\n' for call in _NUMBERS)
    shown = subprocess.run(["cc", "-E", "-P", "-"], input=source, capture_output=True, text=True, check=True).stdout
    found = {call: int(number) for call, number in re.findall(r'"(\w+)" \(?(?:0 \+ )?(\d+)', shown)}
    ours = {call: number for call in _NUMBERS if (number := here.number(call)) is not None}
    assert {call: found[call] for call in ours if call in found} == {call: ours[call] for call in ours if call in found}
    assert len(ours.keys() & found.keys()) > 50


@pytest.mark.needs("compiler")
def test_the_numbers_for_64_bit_arm_are_those_of_the_generic_header() -> None:
    header = Path("/usr/include/asm-generic/unistd.h").read_text()
    found = {call: int(number) for call, number in re.findall(r"#define __NR(?:3264)?_(\w+) (\d+)", header)}
    names = {"newfstatat": "fstatat"}
    for call in _NUMBERS:
        number = AARCH64.number(call)
        if number is not None:
            assert found[names.get(call, call)] == number, call


def test_where_there_is_no_table_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "architecture_here", lambda: None)
    assert seccomp.restrict(WORKER) is False
    assert Path("/proc/self/status").read_text().count("Seccomp:\t0") == 1
