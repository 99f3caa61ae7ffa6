"""What can be wrong with an archive."""

from ringfence.errors import BadInput, EnvironmentFault


class BadArchive(BadInput):
    """An archive is damaged, cut off, far too large, or holds what can't be taken."""


class NoRoomToUnpack(EnvironmentFault):
    """The disk has no room for what an archive holds."""
