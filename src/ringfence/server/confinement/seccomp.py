"""The kernel carries out the system calls on a list, and refuses this process all others (seccomp(2)).

Invariants:

- The architecture is checked first, because the same number is another call on another architecture. A call through
  another architecture's entry point (32-bit calls of a 64-bit process) ends the process: no C library makes one by
  mistake.
- A call that is not on the list fails with EPERM. A call that is newer than the lists fails with ENOSYS, which tells a
  newer C library to use an older call. Neither ends the process: a refusal reveals nothing, and phones must not lose
  their server because a library looks for a file that it does not need (a locale, the source line of a traceback).
- Arguments are checked if they are numbers. The kernel gives a filter no memory, so it never checks an address, a path
  or a message.
"""

import ctypes
import errno
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from ringfence.server.confinement.syscalls import HIGHEST_KNOWN, Architecture, architecture_here

_SET_MODE_FILTER = 1
_SPECULATE = 1 << 2  # SECCOMP_FILTER_FLAG_SPEC_ALLOW

# <linux/seccomp.h>, <linux/filter.h>, <linux/bpf_common.h>
KILL_PROCESS, REFUSE, ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_CALL, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_LOAD, _AND, _EQUAL, _GREATER, _RETURN = 0x20, 0x54, 0x15, 0x25, 0x06
_INSTRUCTION = struct.Struct("=HBBI")
_PROGRAM = struct.Struct("@HP")
_WHOLE = 0xFFFFFFFF

Instruction = tuple[int, int, int, int]
"""Operation, jump if true, jump if false, constant."""


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument's low 32 bits, those of ``mask``, are one of ``values``.

    Enough for all that is asked here: the kernel takes each of these arguments as an int, or knows no higher bit.
    """

    index: int
    values: tuple[int, ...]
    mask: int = _WHOLE


Ways = tuple[tuple[Argument, ...], ...]
"""In which ways a call is allowed; each with what must hold for its arguments."""
Calls = Mapping[str, Ways]
"""The calls of a list, the most frequent ones first, and in which ways they are allowed."""
IN_ANY_WAY: Ways = ((),)


def restrict(calls: Calls) -> bool:
    """Allow this thread only ``calls`` from now on. Needs no_new_privs.

    Return False, and change nothing, if this kernel has no such filters or there is no table for this architecture.
    """
    architecture = architecture_here()
    if architecture is None:
        return False
    program = b"".join(_INSTRUCTION.pack(*one) for one in program_for(calls, architecture))
    buffer = ctypes.create_string_buffer(program, len(program))
    argument = _PROGRAM.pack(len(program) // _INSTRUCTION.size, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    number = ctypes.c_long(architecture.number("seccomp") or -1)
    # Before Linux 5.16 a filter slows each branch down, against processes that must not read themselves: this one may.
    for flags in (_SPECULATE, 0):
        if libc.syscall(number, ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(flags), argument) == 0:
            return True
        if ctypes.get_errno() != errno.EINVAL:
            break
    return False


def program_for(calls: Calls, architecture: Architecture) -> list[Instruction]:
    """Return the filter for ``calls`` as classic BPF; calls that the architecture does not have are left out."""
    program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, architecture.audit),
        (_RETURN, 0, 0, KILL_PROCESS),
        (_LOAD, 0, 0, _CALL),
        (_GREATER, 0, 1, HIGHEST_KNOWN),
        (_RETURN, 0, 0, REFUSE | errno.ENOSYS),
    ]
    for call, ways in calls.items():
        number = architecture.number(call)
        if number is None:
            continue
        judged = _judge(ways)
        program += [(_EQUAL, 0, len(judged), number), *judged]
    return [*program, (_RETURN, 0, 0, REFUSE | errno.EPERM)]


def _judge(ways: Ways) -> list[Instruction]:
    """Return what decides on one call: it always ends with a verdict."""
    judged: list[Instruction] = []
    for way in ways:
        looked: list[Instruction] = []
        for argument in reversed(way):  # from the end, for each jumps over what follows it
            looked = _look(argument, len(looked) + 1) + looked
        judged += [*looked, (_RETURN, 0, 0, ALLOW)]
    return judged if () in ways else [*judged, (_RETURN, 0, 0, REFUSE | errno.EPERM)]


def _look(argument: Argument, to_the_next_way: int) -> list[Instruction]:
    load: list[Instruction] = [(_LOAD, 0, 0, _ARGUMENTS + 8 * argument.index)]
    if argument.mask != _WHOLE:
        load.append((_AND, 0, 0, argument.mask))
    last = len(argument.values) - 1
    compare = [
        (_EQUAL, last - index, 0 if index < last else to_the_next_way, value)
        for index, value in enumerate(argument.values)
    ]
    return [*load, *compare]
