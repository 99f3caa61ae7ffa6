"""What can be wrong with what the guard is given."""

from ringfence.errors import BadInput, PeerFault


class BadAnnouncement(PeerFault):
    """A frame that calls itself CDP or LLDP and can't be read as such; it tells nothing."""


class BadRecord(BadInput):
    """A text is not a record of a decision."""


class BadRules(PeerFault):
    """A site's rules are in a form that is not known here; the ones before them stay in force."""
