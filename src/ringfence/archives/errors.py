"""What can be wrong with an archive."""

from ringfence.errors import BadInput


class BadArchive(BadInput):
    """An archive is damaged, cut off, far too large, or holds what can't be taken."""
