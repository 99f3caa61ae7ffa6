"""Errors of identities."""

from ringfence.errors import BadInput, NotPermitted


class BadToken(BadInput):
    """A text that is not an enrolment token: incomplete, mistyped, or something else."""


class BadActivationCode(BadInput):
    """A text that is not an activation code, or is mistyped."""


class ExpiredToken(NotPermitted):
    """An expired enrolment token."""


class BadRequestForCertificate(BadInput):
    """A certificate signing request that is broken, or signed by another key than it names."""


class BadCertificate(NotPermitted):
    """A certificate that is broken or does not name an edge."""


class WrongAuthority(NotPermitted):
    """The hub shows another CA than the token names."""


class BadTunnelKey(BadInput):
    """A text that is not a tunnel's key."""
