"""What can go wrong at the hub with phones' certificates, and with those that phones see."""

from ringfence.errors import BadInput, EnvironmentFault


class PhoneServicesUnfit(EnvironmentFault):
    """The process that talks to phones about certificates can't work."""


class UnfitServerCertificate(BadInput):
    """A certificate that phones can't be shown."""


class CertificateOrderFailed(EnvironmentFault):
    """A CA did not issue a certificate for phones: it is away, refuses, or answers what is no answer."""

    retry_after_s: float = 0.0
    """How long the CA asked to be left alone, in seconds."""


class ChallengeFailed(CertificateOrderFailed):
    """The CA could not see that a name is the hub's."""
