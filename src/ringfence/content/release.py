"""Releases: everything that one site's phones may fetch, numbered, immutable."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from ringfence.content.digests import Digest


class TargetKind(StrEnum):
    """What a file is to the guard: each kind has its own level."""

    CONFIGURATION = "configuration"
    """One phone's own settings, with its secrets."""
    SHARED = "shared"
    """For every phone of the site: dial plans, tones, wallpapers."""
    FIRMWARE = "firmware"
    """The maker's own files, the same for everybody."""


ReloadMethod = Literal["sip-notify", "check-sync", "check-sync;reboot=false", "web", "web-when-idle"]
"""How a phone is told.

By a SIP NOTIFY, whose event is ``service-control`` for enterprise phones (``sip-notify``) and ``check-sync`` for the
others, with the parameter that some need; or by keys pressed through its web interface, at once or when nobody uses it.
"""
MINUTES_A_DAY = 1440
STUBS = "stub/"
"""The prefix of the name of a stub: a phone's own file without secrets."""
BY_HTTPS = "https/"
"""The prefix of the name of a phone's own file that goes out over HTTPS alone; nobody can ask for it by that name."""


@dataclass(frozen=True, slots=True)
class Reload:
    """How and when the edge asks the phone that owns a file to fetch it again."""

    method: ReloadMethod
    port: int
    """The port on which the phone listens: for SIP over UDP, or its web interface's."""
    minute: int | None = None
    """The minute of the day, in UTC, at which it is asked; None: at once."""


@dataclass(frozen=True, slots=True)
class Target:
    """One file of a release.

    ``owner`` is the bare upper-case MAC address of the only phone that may have it, or None if every phone of the
    site may. ``secret``: it contains a secret, if it is one phone's own file. ``sealed``: only that phone can read it.
    """

    name: str
    digest: Digest
    length: int
    kind: TargetKind
    owner: str | None = None
    reload: Reload | None = None
    secret: bool = True
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Release:
    """The files of one site under one number, in the order of their names."""

    site: str
    number: int
    targets: tuple[Target, ...]

    def __post_init__(self) -> None:
        names = [target.name for target in self.targets]
        if names != sorted(set(names)):
            raise ValueError("a release's targets must be sorted by name, each name once")
        if self.number < 1:
            raise ValueError("release numbers start at 1")
