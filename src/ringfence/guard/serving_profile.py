"""Whom a process serves, and all that follows from it for the guard and for what is sent."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ringfence.guard.levels import FileKind, Level
from ringfence.guard.policy import EDGE_LEVELS, GATEWAY_LEVELS, LISTENER_LEVELS, UNPROVEN_LEVELS


class ServingProfile(StrEnum):
    """Whom it is for.

    ``LAN``: an edge, for phones on its own network. ``INTERNET``: a gateway, for phones anywhere. ``LISTENER``: the
    hub, for phones that show a certificate over TLS; ``UNPROVEN``: the same, for those that can't.
    """

    LAN = "lan"
    INTERNET = "internet"
    LISTENER = "listener"
    UNPROVEN = "unproven"

    @property
    def levels(self) -> Mapping[FileKind, Level]:
        """What files need where the site says nothing."""
        return _LEVELS[self]

    @property
    def only_tightens(self) -> bool:
        """Whether a site's rules can only ask for more: what an edge's wire proves, the internet does not."""
        return self in {ServingProfile.INTERNET, ServingProfile.LISTENER}

    @property
    def takes_levels(self) -> bool:
        """Whether a site's levels count: a phone without a certificate is let in by name, below what they ask for."""
        return self is not ServingProfile.UNPROVEN

    @property
    def takes_networks(self) -> bool:
        """Whether a site's networks count: they are those of its own wires, and a phone by HTTPS may be anywhere."""
        return self in {ServingProfile.LAN, ServingProfile.INTERNET}

    @property
    def needs_permission(self) -> bool:
        """Whether a site must allow this way of serving."""
        return self is ServingProfile.INTERNET

    @property
    def has_windows(self) -> bool:
        """Whether a window that a person opened replaces evidence."""
        return self is ServingProfile.INTERNET

    @property
    def gives_stubs(self) -> bool:
        """Whether a file without secrets goes out where the phone's own may not."""
        return self is ServingProfile.INTERNET

    @property
    def takes_credentials(self) -> bool:
        """Whether a phone's credential stands in for its place: not where everybody on the way reads what it gets."""
        return self is ServingProfile.LAN

    @property
    def counts_strikes(self) -> bool:
        """Whether asking for phones that one is not counts as guessing, and over TCP toward a ban."""
        return self is ServingProfile.INTERNET

    @property
    def may_be_forged_to(self) -> bool:
        """Whether acknowledgements and requests may come from anybody in anybody's name."""
        return self is ServingProfile.INTERNET

    @property
    def has_one_port(self) -> bool:
        """Whether all of TFTP goes over one port, for phones behind a NAT."""
        return self is ServingProfile.INTERNET


_LEVELS: Mapping[ServingProfile, Mapping[FileKind, Level]] = MappingProxyType(
    {
        ServingProfile.LAN: EDGE_LEVELS,
        ServingProfile.INTERNET: GATEWAY_LEVELS,
        ServingProfile.LISTENER: LISTENER_LEVELS,
        ServingProfile.UNPROVEN: UNPROVEN_LEVELS,
    }
)
