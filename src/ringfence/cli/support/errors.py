"""What can go wrong between the command line and the hub."""

from ringfence.errors import (
    BadInput,
    Conflict,
    EnvironmentFault,
    NotFound,
    NotPermitted,
    PeerFault,
    RingfenceError,
)


class NotLoggedIn(BadInput):
    """No hub is known to this user."""


class BadArgument(BadInput):
    """An argument that can't be used as it is."""


class NoRelease(NotFound):
    """Nothing was published for a site yet."""


class HubAway(EnvironmentFault):
    """The hub does not answer."""


class FileExists(Conflict):
    """The file that should be written is there already."""


class CanNotWrite(EnvironmentFault):
    """The machine does not take what should be written."""


class SecretsPutBack(PeerFault):
    """A phone did not take its new SIP secret and has its old one again."""


class NotServed(NotFound):
    """The server has no such file, or says so."""


class NotAllowed(NotPermitted):
    """The server does not allow the file to us."""


FAMILY_OF_STATUS: dict[int, type[RingfenceError]] = {
    401: NotPermitted,
    403: NotPermitted,
    404: NotFound,
    409: Conflict,
    422: BadInput,
    503: EnvironmentFault,
}
"""The error family, and so the exit code, of each status that the people's API answers with."""
