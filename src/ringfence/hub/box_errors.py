"""What goes wrong with boxes, their networks, concentrators and what guards their phones' ports."""

from ringfence.errors import BadInput, Conflict, NotFound


class BadNetwork(BadInput):
    """Something of a box's network that means nothing."""


class SubnetsUsedUp(Conflict):
    """No subnet is left for a box."""


class SubnetTaken(Conflict):
    """Somebody else has this subnet, or had it a short while ago."""


class UnknownBox(NotFound):
    """No edge that is a box has this id."""


class NoTunnelKey(Conflict):
    """The end of a tunnel has no key that could be changed."""


class UnknownConcentrator(NotFound):
    """No concentrator has this id or name."""


class UnknownPortAuthority(NotFound):
    """No CA for 802.1X has this id."""


class PortAuthorityTaken(Conflict):
    """A CA is there already."""
