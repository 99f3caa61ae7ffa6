"""What the two sides of a site's metadata share: who signs it and who checks it (``signing``, ``trust``)."""

from dataclasses import dataclass

SITE_FIELD = "x-ringfence"
HUB_FIELD = "hub"
"""Where a root's site field has the hub's endpoints."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The newest version of each role that a site's repository holds; 0 if it holds none yet."""

    targets: int = 0
    snapshot: int = 0
    timestamp: int = 0
