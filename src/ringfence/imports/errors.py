"""What can be wrong with what somebody imports."""

from ringfence.errors import BadInput


class NothingToImport(BadInput):
    """A folder or file holds nothing of what it is imported as, or the hub takes none of it."""


class BundleIncomplete(BadInput):
    """Files that the loads of a bundle name are not there, or two of them have one name."""
