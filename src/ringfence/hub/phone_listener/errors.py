"""What can go wrong with the listener for phones."""

from ringfence.errors import EnvironmentFault


class PhoneListenerUnfit(EnvironmentFault):
    """The process that listens to phones can't work."""
