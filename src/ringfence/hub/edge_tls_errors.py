"""What can go wrong with edges' keys for phones by HTTPS."""

from ringfence.errors import BadInput, Conflict, NotFound


class TooManyEdgeTlsKeys(Conflict):
    """A site's edges have more keys than its phones' list takes."""


class EdgeHasNoTlsKey(NotFound):
    """An edge has no key for phones by HTTPS."""


class TransportUnfit(BadInput):
    """A phone's configuration can't go by HTTPS and be encrypted."""
