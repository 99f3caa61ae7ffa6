"""What can be wrong with who somebody is."""

from ringfence.errors import BadInput, NotPermitted


class BadToken(BadInput):
    """A text that is no enrolment token: cut short, mistyped, or something else."""


class ExpiredToken(NotPermitted):
    """An enrolment token whose time has run out."""


class BadRequestForCertificate(BadInput):
    """A certificate signing request that is broken, or signed by another key than it names."""


class BadCertificate(NotPermitted):
    """A certificate that is broken or does not name an edge."""


class WrongAuthority(NotPermitted):
    """The hub shows another CA than the token names."""
