"""What can be wrong with what the wire tells."""

from ringfence.errors import PeerFault


class BadAnnouncement(PeerFault):
    """A frame that calls itself CDP or LLDP and can't be read as such; it tells nothing."""
