"""Malformed packets: generated from TFTP's grammar, then damaged; the same seed generates the same packets."""

import random
from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T")

_OPCODES = (b"\0\0", b"\0\1", b"\0\2", b"\0\3", b"\0\4", b"\0\5", b"\0\6", b"\0\7", b"\1\0", b"\xff\xff", b"", b"\0")
_NAMES = (b"f", b"f600", b"SEP001122334455.cnf.xml", b"a/b", b"..", b"", b"caf\xe9", b"\xff\xfe", b"a" * 300, b"%n%s\n")
_MODES = (b"octet", b"netascii", b"OcTeT", b"mail", b"", b"\xe2\x82", b"octet\x01")
_OPTIONS = (
    b"blksize",
    b"tsize",
    b"timeout",
    b"windowsize",
    b"BLKSIZE",
    b"multicast",
    b"rollover",
    b"",
    b"\xc4\xb0",
    b"x" * 90,
)
_VALUES = (
    b"0", b"1", b"7", b"8", b"60", b"255", b"512", b"1428", b"65464", b"65535", b"65536", b"4294967296",
    b"18446744073709551616", b"9" * 400, b"-1", b"+8", b" 8", b"0x200", b"1e9", b"", b"\xd9\xa8", b"\xff", b"abc",
)  # fmt: skip
_NUMBERS = (0, 1, 2, 3, 4, 5, 8, 9, 63, 64, 65, 255, 256, 32767, 32768, 65533, 65534, 65535)
_GARBAGE = (b"\0", b"\0\0\0", b"\xff", b"\xc3\x28", b"\xf0\x9f\x92", b"\xed\xa0\x80", b"\r\n", b"\x1b[2J", b"%s" * 40)
_MOST_OPTIONS = 6
_LONGEST_PAYLOAD = 520
_LONGEST_REPETITION = 4


class PacketMaker:
    """Makes packets, about a third of them flawless. The same ``seed`` makes the same ones."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - to be repeatable is the point
        self._grammar: tuple[Callable[[], bytes], ...] = (
            self.request, self.request, self.request, self.acknowledgement, self.acknowledgement, self.data, self.error,
            self.option_acknowledgement,
        )  # fmt: skip
        self._damages: tuple[Callable[[bytes], bytes], ...] = (
            self._cut, self._cut, self._flip, self._insert, self._insert, self._repeat, self._reopcode, self._drop,
            self._swell,
        )  # fmt: skip

    def packet(self) -> bytes:
        """Return the next packet."""
        made = self._one_of(self._grammar)()
        damage_count = int(self._random() * 3.5)
        for _ in range(damage_count):
            made = self._one_of(self._damages)(made)
        return made

    def request(self) -> bytes:
        """Return a read or write request, well-formed but maybe senseless."""
        opcode = b"\0\2" if self._random() < 0.1 else b"\0\1"  # noqa: PLR2004 - one in ten
        return b"\0".join((opcode + self._one_of(_NAMES), self._one_of(_MODES), self._pairs()))

    def data(self) -> bytes:
        """Return a DATA packet."""
        return b"\0\3" + self._number() + b"d" * int(self._random() * _LONGEST_PAYLOAD)

    def acknowledgement(self) -> bytes:
        """Return an ACK."""
        return b"\0\4" + self._number()

    def error(self) -> bytes:
        """Return an ERROR packet."""
        return b"\0\5" + self._number() + self._one_of(_GARBAGE) + b"\0"

    def option_acknowledgement(self) -> bytes:
        """Return an OACK."""
        return b"\0\6" + self._pairs()

    def _pairs(self) -> bytes:
        return b"".join(
            b"%s\0%s\0" % (self._one_of(_OPTIONS), self._one_of(_VALUES))
            for _ in range(int(self._random() * _MOST_OPTIONS))
        )

    def _number(self) -> bytes:
        return self._one_of(_NUMBERS).to_bytes(2, "big")

    def _one_of(self, choices: tuple[_T, ...]) -> _T:
        return choices[int(self._random() * len(choices))]

    def _place(self, packet: bytes) -> int:
        return int(self._random() * (len(packet) + 1))

    def _cut(self, packet: bytes) -> bytes:
        return packet[: self._place(packet)]

    def _flip(self, packet: bytes) -> bytes:
        at = self._place(packet)
        return packet[:at] + bytes((int(self._random() * 256),)) + packet[at + 1 :]

    def _insert(self, packet: bytes) -> bytes:
        at = self._place(packet)
        return packet[:at] + self._one_of(_GARBAGE) + packet[at:]

    def _repeat(self, packet: bytes) -> bytes:
        at = self._place(packet)
        return packet[:at] + packet[at:] * int(self._random() * _LONGEST_REPETITION)

    def _reopcode(self, packet: bytes) -> bytes:
        return self._one_of(_OPCODES) + packet[2:]

    def _drop(self, packet: bytes) -> bytes:
        at = self._place(packet)
        return packet[:at] + packet[at + int(self._random() * 8) :]

    def _swell(self, packet: bytes) -> bytes:
        return packet.replace(b"\0", self._one_of(_VALUES) + b"\0", 1)
