"""What can be wrong with content."""

from ringfence.errors import BadInput, ContentRefused


class BadName(BadInput):
    """A file name that no release may hold."""


class MetadataRefused(ContentRefused):
    """Signed metadata failed a check; nothing of it was used.

    The subclasses have the names that the TUF specification gives to attacks (section 1.5.2), so that a report can say
    which attack it looked like.
    """


class BadSignature(MetadataRefused):
    """Too few valid signatures by the keys that the trusted root names for the role."""


class Rollback(MetadataRefused):
    """Metadata older than what was trusted before."""


class OtherContent(MetadataRefused):
    """The version that was trusted before, with other content."""


class Frozen(MetadataRefused):
    """Expired metadata: somebody may be withholding newer metadata."""


class MixAndMatch(MetadataRefused):
    """Metadata of different releases put together."""


class WrongSite(MetadataRefused):
    """Valid metadata, but of another site."""


class EndlessData(MetadataRefused):
    """More bytes than the metadata or the limits allow."""


class Malformed(MetadataRefused):
    """Not metadata at all, or not in the form that releases have."""


class WrongDigest(ContentRefused):
    """A blob's bytes are not the ones that the metadata names."""
