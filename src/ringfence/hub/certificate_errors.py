"""What can go wrong at the hub with phones' certificates."""

from ringfence.errors import EnvironmentFault


class PhoneServicesUnfit(EnvironmentFault):
    """The process that talks to phones about certificates can't work."""
