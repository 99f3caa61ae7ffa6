"""What can be wrong with a message between hub and edge."""

from ringfence.errors import PeerFault


class BadMessage(PeerFault):
    """A message lacks a field, or a field has another type than its version of the API says."""
