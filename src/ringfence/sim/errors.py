"""What can stop a virtual phone."""

from ringfence.errors import EnvironmentFault, NotFound


class ConfigurationMissing(NotFound):
    """The server does not give the phone its configuration."""


class SipPortInUse(EnvironmentFault):
    """Another program has the port on which the phone should listen for SIP."""
