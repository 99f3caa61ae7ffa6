"""What can stop a virtual phone, or an attack."""

from ringfence.errors import (
    BadInput,
    ContentRefused,
    EnvironmentFault,
    NotFound,
    PeerFault,
)


class ConfigurationMissing(NotFound):
    """The server does not give the phone its configuration."""


class SipPortInUse(EnvironmentFault):
    """Another program has the port on which the phone should listen for SIP."""


class WebPortInUse(EnvironmentFault):
    """The phone can't have its web interface where it was asked for."""


class RegistrationFailed(PeerFault):
    """The SIP server does not let a line register, or does not answer."""


class NotOurs(BadInput):
    """The target of an attack is not this very machine."""


class NothingToFetch(NotFound):
    """The target of an attack does not give the file by which its service is measured."""


class GaveWay(PeerFault):
    """The server under attack gave way."""


class CapfSaid(PeerFault):
    """A CAPF says what a phone does not take."""


class TvsSaid(PeerFault):
    """A TVS says what a phone does not take."""


class MemoryUnusable(EnvironmentFault):
    """The folder that stands for a phone's memory can't be read or written."""


class NoTrustList(BadInput):
    """Phones of this family know no trust lists."""


class UnusableIdentity(BadInput):
    """A file that should hold a phone's certificate and its key does not."""


class FileDistrusted(ContentRefused):
    """The phone does not believe a file, by its trust list; it keeps what it held."""


class ServerDistrusted(ContentRefused):
    """The phone does not believe a server by HTTPS: its CA, or its name; it asks it for nothing."""


class NotVouchedFor(PeerFault):
    """Neither a phone's lists nor TVS vouch for a server."""
