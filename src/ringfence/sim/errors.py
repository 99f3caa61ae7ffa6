"""What can stop a virtual phone, or an attack."""

from ringfence.errors import (
    BadInput,
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
