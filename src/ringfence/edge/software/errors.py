"""What can be wrong with an edge's software."""

from ringfence.errors import BadInput, Conflict, ContentRefused


class SoftwareRefused(ContentRefused):
    """An archive of software that is not what was signed, not for this machine, or too old; what is installed stays."""


class NoSlots(BadInput):
    """The folder holds no slots of the edge's software."""


class SlotsBusy(Conflict):
    """The slots exist already, or a version is being tried."""
