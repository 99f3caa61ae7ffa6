"""How much is known about the sender of a request, and the kinds of files that need it (DESIGN.md section 5)."""

from collections.abc import Mapping
from enum import IntEnum, StrEnum
from types import MappingProxyType


class Level(IntEnum):
    """How much is known about the sender of a request; each level includes the ones below it."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4
    L5 = 5

    @property
    def meaning(self) -> str:
        """What the level proves, in operators' words."""
        return _MEANINGS[self]


_MEANINGS: Mapping[Level, str] = MappingProxyType(
    {
        Level.L0: "nothing is known about the sender",
        Level.L1: "its address is in an allowed network, which can be forged",
        Level.L2: "it behaves like the phone that it claims to be, which can be imitated",
        Level.L3: "it is on this edge's own network segment with the MAC address that it asks for",
        Level.L4: "it holds the phone's own key",
        Level.L5: "only that phone can use the bytes",
    }
)


class FileKind(StrEnum):
    """What a file is to the guard: each kind has its own required level."""

    FIRMWARE = "firmware"
    """The maker's own files, the same for everybody."""
    SHARED = "shared"
    """For every phone of the site: dial plans, tones, wallpapers."""
    CONFIGURATION = "configuration"
    """One phone's own file, with no secret in it."""
    SECRET = "secret"  # noqa: S105 - a kind of file
    """One phone's own file that holds a secret, such as its SIP password."""

    @property
    def called(self) -> str:
        """The kind as a sentence names one file of it."""
        return _TITLES[self]


_TITLES: Mapping[FileKind, str] = MappingProxyType(
    {
        FileKind.FIRMWARE: "a firmware file",
        FileKind.SHARED: "a shared file",
        FileKind.CONFIGURATION: "a phone's configuration without secrets",
        FileKind.SECRET: "a phone's configuration",
    }
)
