"""What can go wrong with VPN head ends."""

from ringfence.errors import BadInput, Conflict, NotFound


class UnknownHeadEnd(NotFound):
    """No VPN head end has this name."""


class UnknownVpnCertificate(NotFound):
    """A head end has no such certificate."""


class HeadEndTaken(Conflict):
    """There is a head end with this name already."""


class HeadEndInUse(Conflict):
    """Settings name a head end, or phones' files do."""


class BadHeadEnd(BadInput):
    """What is said of a head end can't be so."""


class BadVpnCertificate(BadInput):
    """Phones could not use a head end with this certificate."""


class VpnCertificateTaken(Conflict):
    """A head end has this certificate already, or another one waits for its turn."""


class NothingAnnounced(Conflict):
    """No certificate waits to be used."""


class VpnPhonesMissing(Conflict):
    """Phones are not known to have a file that names the certificate."""


class NoVpnCertificate(Conflict):
    """A head end has no certificate yet."""


class HeadEndForgotten(Conflict):
    """An older release does not name the certificate that the head end shows."""
