"""MAC addresses as people write them and as phones put them into file names."""

import re
from dataclasses import dataclass
from typing import Self

from ringfence.phones.errors import BadMac

_BARE = re.compile(r"[0-9A-F]{12}")
_NOTATIONS = (
    re.compile(r"[0-9A-F]{12}"),
    re.compile(r"[0-9A-F]{2}([:\- .])(?:[0-9A-F]{2}\1){4}[0-9A-F]{2}"),  # 00:11:22:33:44:55 and its kin
    re.compile(r"[0-9A-F]{4}([.:\- ])[0-9A-F]{4}\1[0-9A-F]{4}"),  # 0011.2233.4455, as Cisco's own tools print it
    re.compile(r"[0-9A-F]{6}[:\- .][0-9A-F]{6}"),  # 001122-334455, as some switches print it
)
_SEPARATORS = str.maketrans("", "", ":-. ")
_GROUP_BIT = 0x01
_EXAMPLE = "Write it like 00:11:22:33:44:55; it is on the label under the phone."


@dataclass(frozen=True, slots=True, order=True)
class Mac:
    """One phone's MAC address: ``bare`` is twelve upper-case hexadecimal digits, as file names carry it."""

    bare: str

    def __post_init__(self) -> None:
        if _BARE.fullmatch(self.bare) is None:
            raise ValueError("Mac takes twelve upper-case hexadecimal digits; Mac.parse takes any notation")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the address that ``text`` names in any usual notation, with or without a leading ``SEP``.

        Raises:
            BadMac: It is not an address, or one that no phone has: all zeros, broadcast, multicast.
        """
        form = text.strip().upper().removeprefix("SEP")
        if not any(notation.fullmatch(form) for notation in _NOTATIONS):
            raise BadMac("this is not a MAC address", where=repr(text[:40]), to_do=_EXAMPLE)
        bare = form.translate(_SEPARATORS)
        if bare == "0" * 12:
            raise BadMac("the all-zero MAC address belongs to no phone", where=repr(text), to_do=_EXAMPLE)
        if bare == "F" * 12:
            raise BadMac("the broadcast address belongs to no phone", where=repr(text), to_do=_EXAMPLE)
        if int(bare[:2], 16) & _GROUP_BIT:
            raise BadMac("a multicast address belongs to no phone", where=repr(text), to_do=_EXAMPLE)
        return cls(bare)

    def __str__(self) -> str:
        return ":".join(self.bare[at : at + 2] for at in range(0, 12, 2))
